"""Which shape a row has: every public file at hand, the order of the shapes, and rows that only try to be one."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from audit.errors import UsageError
from audit.model import Json
from audit.read.shapes import SHAPES, by_name, detect, writer

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"

RAW: dict[str, str | None] = {
    "anthropic-json-mode/json_mode_dataset.jsonl": "anthropic",
    "bbq-dev/Age.jsonl.gz": None,
    "bfcl-dev/BFCL_v4_simple_python.json": None,
    "data-juicer-demos/alpaca-cot.jsonl": "alpaca",
    "data-juicer-demos/data__demo-dataset.jsonl": "text",
    "data-juicer-demos/demo-dataset-annotation-human-preference.jsonl": None,
    "data-juicer-demos/demo-dataset-chatml.jsonl": "openai-sft",
    "data-juicer-demos/demo-dataset-deduplication.jsonl": "text",
    "data-juicer-demos/demo-dataset.jsonl": None,
    "dolly-subset/databricks-dolly-15k-safety-only.jsonl": "alpaca",
    "fastchat-dummy/dummy_conversation.json": "sharegpt",
    "fastchat-dummy/gpt-4.jsonl": None,
    "fastchat-dummy/question.jsonl": None,
    "glaive-toolcall-en/glaive_toolcall_en_demo.json": "sharegpt",
    "gptteacher-toolformer/toolformer-similarity-0.6-dataset.json.gz": "alpaca",
    "gsm8k/test.jsonl": "prompt-completion",
    "gsm8k/train.jsonl.gz": "prompt-completion",
    "hh-rlhf-harmless-test/test.jsonl.gz": "trl-preference",
    "huatuo-zh-medical/llama_data.json.gz": "alpaca",
    "human-eval/HumanEval.jsonl.gz": None,
    "jcommonsenseqa/valid-v1.3.json": None,
    "llamafactory-en/dpo_en_demo.json.gz": "sharegpt-preference",
    "llamafactory-en/identity.json": "alpaca",
    "mutants-dev/clean.jsonl": "openai-sft",
    "openai-cookbook-toy/dbpedia_samples.jsonl": None,
    "openai-cookbook-toy/toy_chat_fine_tuning.jsonl": "openai-sft",
    "self-instruct-seed/seed_tasks.jsonl": "alpaca",
}
CHAT = [
    "adult",
    "anthropic-json-mode",
    "banking77",
    "bbq-dev",
    "bfcl-dev",
    "cad-sentiment",
    "cleanlab-support",
    "crows-pairs",
    "data-juicer-demos",
    "davidson-tweets",
    "dolly-subset",
    "fastchat-dummy",
    "glaive-toolcall-en",
    "gptteacher-toolformer",
    "gsm8k",
    "hatecheck",
    "hh-rlhf-harmless-test",
    "huatuo-zh-medical",
    "human-eval",
    "jcommonsenseqa",
    "jigsaw-templates-en",
    "lexicons",
    "llamafactory-en",
    "multilingual-hatecheck-dev",
    "names-demographics",
    "openai-cookbook-toy",
    "self-instruct-seed",
    "winobias",
    "xstest",
]


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(io.BytesIO(gzip.decompress(path.read_bytes())), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def rows(path: Path, limit: int = 1500) -> Iterator[dict[str, Json]]:
    if not path.exists():
        pytest.skip(f"{path.name}: the shared data is not here")
    with _opened(path) as lines:
        first = lines.read(1)
        lines.seek(0)
        if first == "[":
            yield from json.load(lines)[:limit]
            return
        for number, line in enumerate(lines):
            if number >= limit:
                return
            yield json.loads(line)


@pytest.mark.parametrize("name", sorted(RAW))
def test_every_raw_file_has_its_shape(name: str) -> None:
    found = {shape.name if (shape := detect(row)) else None for row in rows(DATA / "raw" / name)}
    assert found == {RAW[name]}


@pytest.mark.parametrize("name", CHAT)
def test_every_chat_file_is_openai_sft(name: str) -> None:
    found = {shape.name if (shape := detect(row)) else None for row in rows(DATA / "chat" / f"{name}.jsonl.gz", 400)}
    assert found == {"openai-sft"}


def test_broken_chat_rows_are_still_chat_rows() -> None:
    path = DATA / "raw" / "mutants-dev" / "broken.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared data is not here")
    counts: Counter[str | None] = Counter()
    for raw in gzip.decompress(path.read_bytes()).split(b"\n"):
        try:
            row = json.loads(raw)
        except ValueError:
            continue
        if isinstance(row, dict):
            shape = detect(row)
            counts[shape.name if shape else None] += 1
    # The rows with "missing_messages" have a key "conversation", which is nobody's.
    assert counts == {"openai-sft": counts["openai-sft"], None: 6}
    assert counts["openai-sft"] > 1000


USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Yo"}
TURN = {"from": "human", "value": "Hi"}


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"messages": [USER, SAID]}, "openai-sft"),
        ({"messages": "[]"}, "openai-sft"),
        ({"messages": None, "metadata": {}}, "openai-sft"),
        ({"messages": [USER, SAID], "tools": [], "parallel_tool_calls": True}, "openai-sft"),
        ({"prompt": "Hi", "prompt_id": "1", "messages": [USER, SAID]}, "openai-sft"),
        ({"messages": [USER, SAID], "chat_template_kwargs": {}}, "openai-sft"),
        ({"messages": [USER], "metadata": {"a": 1}}, "openai-sft"),
        ({"messages": [USER], "id": 3, "tools": []}, "openai-sft"),
        ({"messages": [USER, SAID], "reference_answer": "x"}, "openai-sft"),
        ({"messages": [USER], "reference_answer": "x"}, "openai-rft"),
        ({"messages": [{"role": "developer", "content": "x"}], "want": 3}, "openai-rft"),
        ({"input": {"messages": []}, "preferred_output": [], "non_preferred_output": []}, "openai-dpo"),
        ({"input": {"messages": []}, "preferred_completion": [], "non_preferred_completion": []}, "openai-dpo"),
        ({"input": {"messages": []}}, "openai-dpo"),
        ({"input": "x", "preferred_output": []}, "openai-dpo"),
        ({"system": "s", "messages": [USER, SAID]}, "anthropic"),
        ({"system": "s", "messages": [{"role": "system", "content": "s"}, USER]}, "openai-sft"),
        ({"conversations": [TURN]}, "sharegpt"),
        ({"conversations": [USER], "tools": "[]", "system": ""}, "sharegpt"),
        ({"conversations": 3}, "sharegpt"),
        ({"conversations": [TURN], "chosen": TURN, "rejected": TURN}, "sharegpt-preference"),
        ({"conversations": [TURN], "chosen": TURN}, "sharegpt-preference"),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "trl-preference"),
        ({"chosen": [USER, SAID], "rejected": [USER, SAID], "messages": [USER, SAID]}, "trl-preference"),
        ({"question": "p", "system": "", "chosen": "a", "rejected": "b"}, "trl-preference"),
        ({"prompt": "p", "chosen": "a"}, "trl-preference"),
        ({"instruction": "i", "input": "", "chosen": "a", "rejected": "b"}, "trl-preference"),
        ({"amount": 3, "rejected": True}, None),
        ({"messages": [USER, SAID], "rejected": True}, "openai-sft"),
        ({"prompt": "p", "completion": "c", "label": True}, "kto"),
        ({"prompt": [USER], "completion": [SAID], "label": False}, "kto"),
        ({"prompt": "p", "completion": "c", "label": "spam"}, "prompt-completion"),
        ({"conversations": [TURN], "kto_tag": False}, "kto"),
        ({"prompt": [USER], "completion": [SAID]}, "trl-prompt-completion"),
        ({"prompt": [USER], "completion": "c"}, "trl-prompt-completion"),
        ({"prompt": "p", "completion": "c"}, "prompt-completion"),
        ({"prompt": "p", "response": "c"}, "prompt-completion"),
        ({"prompt": "p", "generation": "c"}, "prompt-completion"),
        ({"system_prompt": "s", "question": "q", "response": "r", "id": "1"}, "prompt-completion"),
        ({"INSTRUCTION": "q", "RESPONSE": "r", "METADATA": {}}, "prompt-completion"),
        ({"message_1": "q", "message_2": "r", "topic": "t"}, "prompt-completion"),
        ({"question": "q", "choices": ["a", "b"], "answer": 1}, "prompt-completion"),
        ({"prompt": "p"}, None),
        ({"instruction": "i", "output": "o"}, "alpaca"),
        ({"instruction": "i", "input": "x", "output": "o", "text": "i x o"}, "alpaca"),
        ({"instruction": "i", "context": "", "response": "r", "category": "c"}, "alpaca"),
        ({"instruction": "i"}, "alpaca"),
        ({"text": "t"}, "text"),
        ({"content": "t", "id": 1, "meta": {}}, "text"),
        ({"text": "t", "label": 1}, None),
        ({"row_id": "a", "arm": "base", "messages": [USER], "output": "Yo", "seed": 0}, "predictions"),
        ({"conversation": [USER, SAID]}, None),
        ({}, None),
    ],
)
def test_a_row_has_the_shape_it_tries_to_be(row: dict[str, Json], shape: str | None) -> None:
    found = detect(row)
    assert (found.name if found else None) == shape


def test_a_shape_is_found_by_its_name_and_a_wrong_name_gets_the_nearest() -> None:
    assert [by_name(shape.name) for shape in SHAPES] == list(SHAPES)
    with pytest.raises(UsageError) as error:
        by_name("sharegtp")
    assert error.value.hint == 'did you mean "sharegpt"?'
    with pytest.raises(UsageError) as error:
        writer("kto")
    assert error.value.hint is not None


def test_names_are_unique_and_every_shape_has_a_title() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    assert all(shape.title for shape in SHAPES)


def test_detection_costs_a_few_microseconds() -> None:
    row = {"messages": [USER, SAID] * 5, "metadata": {"a": 1}}
    start = time.process_time()
    for _ in range(2000):
        detect(row)
    assert (time.process_time() - start) / 2000 < 20e-6
