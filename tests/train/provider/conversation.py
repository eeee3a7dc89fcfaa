"""Rows, a client and the story of one job that tests of the stand-in provider share."""

from __future__ import annotations

import json
from typing import Any, Final

from openai import OpenAI

BASE: Final = "gpt-4o-mini-2024-07-18"


def chat_row(question: str, answer: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **more}


def rows(count: int) -> list[dict[str, Any]]:
    return [chat_row(f"question {at}", f"answer {at}") for at in range(count)]


def lines(some: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in some).encode()


def client_of(url: str, key: str) -> OpenAI:
    """The real client, which tries nothing again."""
    return OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30)


def upload(client: OpenAI, data: bytes, purpose: Any = "fine-tune", name: str = "train.jsonl") -> str:
    return client.files.create(file=(name, data), purpose=purpose).id


def job_of(client: OpenAI, training: str, **more: Any) -> Any:
    """A new job that tunes ``BASE`` for two epochs, unless it is told otherwise."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    return client.fine_tuning.jobs.create(model=BASE, training_file=training, **({"method": method} | more))


def followed(client: OpenAI, job: str, most: int = 20) -> Any:
    """The job when it has ended."""
    for _ in range(most):
        told = client.fine_tuning.jobs.retrieve(job)
        if told.status in ("succeeded", "failed", "cancelled"):
            return told
    raise AssertionError(f"{job} does not end")


def batch_lines(model: str, questions: list[str]) -> bytes:
    return lines(
        [
            {
                "custom_id": f"r{at}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": [{"role": "user", "content": question}]},
            }
            for at, question in enumerate(questions)
        ]
    )
