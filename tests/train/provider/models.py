"""Models of the stand-in provider: those that can be tuned, those that were, what they answer, and moderation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from tests.train.provider.asking import Answered, Asked, Refused
from tests.train.provider.store import START, Store

MODELS: Final[Mapping[str, Mapping[str, Any]]] = {
    "gpt-4o-mini-2024-07-18": {},
    "gpt-4o-2024-08-06": {},
    "gpt-4.1-mini-2025-04-14": {},
    "omni-moderation-latest": {},
}
"""Without a day on which they end: a test that needs one says so, and so none fails when that day has come."""
CATEGORIES: Final = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def known(store: Store, scenario: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All models, as the protocol describes them."""
    named = {**MODELS, **(scenario.get("models") or {})}
    base = {name: _model(name, "system", about) for name, about in named.items() if about is not None}
    tuned = [job["fine_tuned_model"] for job in store.all("job")] + [
        one["fine_tuned_model_checkpoint"] for one in store.all("checkpoint")
    ]
    return base | {name: _model(name, "test-org", {}) for name in tuned if name}


def _model(name: str, owner: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": START, "owned_by": owner, "shutdown_date": None, **about}


def listing(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    return Answered(200, {"object": "list", "data": list(known(store, scenario).values())})


def retrieve(store: Store, asked: Asked, scenario: dict[str, Any], name: str) -> Answered:
    return Answered(200, _found(store, scenario, name))


def _found(store: Store, scenario: dict[str, Any], name: object) -> dict[str, Any]:
    found = known(store, scenario).get(name) if isinstance(name, str) else None
    if found is None:
        raise Refused(
            404,
            f"The model `{name}` does not exist or you do not have access to it.",
            code="model_not_found",
            param="model",
        )
    return found


# ---------------------------------------------------------------------- chat completions


def chat(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    return Answered(200, completion(store, asked.json(), scenario))


def completion(store: Store, request: dict[str, Any], scenario: dict[str, Any]) -> dict[str, Any]:
    """What a model answers: a tuned one what its training file answers to the same messages, any other model (and a
    tuned one for messages it has not seen) the same sentence for the same request."""
    model = _found(store, scenario, request.get("model"))
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "[] is too short - 'messages'", param="messages")
    if scenario.get("refuse_max_tokens") and "max_tokens" in request:
        raise Refused(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    text = _answer(store, model["id"], messages, scenario)
    words = text.split(" ")
    most = request.get("max_completion_tokens") or request.get("max_tokens") or len(words)
    said = " ".join(words[:most])
    logprobs = _logprobs(words[:most]) if request.get("logprobs") else None
    prompt = sum(len(json.dumps(one)) for one in messages) // 4
    number = store.count("completion")
    return {
        "id": f"chatcmpl-{number:04}",
        "object": "chat.completion",
        "created": store.now(),
        "model": model["id"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": said, "refusal": None},
                "logprobs": logprobs,
                "finish_reason": "stop" if len(words) <= most else "length",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": len(words[:most]),
            "total_tokens": prompt + len(words[:most]),
        },
    }


def _answer(store: Store, model: str, messages: list[Any], scenario: dict[str, Any]) -> str:
    last = messages[-1].get("content") if isinstance(messages[-1], dict) else None
    if isinstance(last, str) and last in (told := scenario.get("answers") or {}):
        return str(told[last])
    if (learnt := _learnt(store, model, messages)) is not None:
        return learnt
    digest = sha256(json.dumps([model, messages], sort_keys=True).encode()).hexdigest()
    return f"The stand-in {model.partition(':')[0]} says {digest[:8]} to that."


def _learnt(store: Store, model: str, messages: list[Any]) -> str | None:
    """The answer of the training file to the same user message, where ``model`` was tuned on one."""
    job = next((one for one in store.all("job") if model.startswith(one["fine_tuned_model"] or "\n")), None)
    if job is None:
        return None
    for line in store.content(job["training_file"]).decode("utf-8-sig").split("\n"):
        if not line.strip():
            continue
        row = json.loads(line)
        told = row.get("messages") or [*row["input"]["messages"], *row["preferred_output"]]
        if [one.get("content") for one in told[:-1]] == [one.get("content") for one in messages]:
            content = told[-1].get("content")
            return content if isinstance(content, str) else None
    return None


def _logprobs(words: list[str]) -> dict[str, Any]:
    tokens = [
        {"token": word, "logprob": -0.25, "bytes": list(word.encode("utf-8", "replace")), "top_logprobs": []}
        for word in words
    ]
    return {"content": tokens, "refusal": None}


# ---------------------------------------------------------------------- moderations


def moderations(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    if scenario.get("no_moderation"):
        raise Refused(404, "Resource not found")
    told = asked.json()
    _found(store, scenario, told.get("model", "omni-moderation-latest"))
    given = told.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise Refused(400, "'input' is a required property", param="input")
    results = [_judged(one if isinstance(one, str) else str(one.get("text", "")), scenario) for one in texts]
    return Answered(
        200,
        {
            "id": f"modr-{store.count('moderation'):04}",
            "model": told.get("model", "omni-moderation-latest"),
            "results": results,
        },
    )


def flagged_in(text: str, scenario: dict[str, Any]) -> list[str]:
    """The categories that moderation flags a text for: ``flagged`` of the scenario is a text that it looks for (its
    category is ``hate``), or several with their categories."""
    told = scenario.get("flagged") or {}
    looked_for = {told: "hate"} if isinstance(told, str) else told
    return sorted({category for part, category in looked_for.items() if part in text})


def _judged(text: str, scenario: dict[str, Any]) -> dict[str, Any]:
    found = flagged_in(text, scenario)
    return {
        "flagged": bool(found),
        "categories": {name: name in found for name in CATEGORIES},
        "category_scores": {name: 0.97 if name in found else 0.01 for name in CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }
