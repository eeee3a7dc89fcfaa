"""Whatever the bytes: no traceback, every line accounted for, and an exit code that says what was found."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import audit
from audit.cli import main
from audit.model import Result

CHAT = [
    {
        "messages": [
            {"role": "user", "content": "Wie geht’s? 你好"},
            {"role": "assistant", "content": 'He said "fine": ok\n'},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "Look up 7"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 7}'}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "seven"},
            {"role": "assistant", "content": "Seven.", "weight": 1},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}}
        ],
    },
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    {"instruction": "a", "input": "", "output": "b"},
    {"prompt": "a", "chosen": "b", "rejected": "c"},
]
VALID = b"".join(json.dumps(row, ensure_ascii=index % 2 == 0).encode() + b"\n" for index, row in enumerate(CHAT * 3))
TARGETS = ["generic", "openai-sft", "openai-dpo", "openai-rft", "azure", "together", "trl"]
# Archives, and Parquet that is none: a file that cannot be opened is no data, but a wrong file.
OTHER_CONTAINERS = (b"PAR1", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c")
# A function-scoped folder is fine: every example overwrites the same file.
again = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "tools", "tool_calls", "function", "weight", "metadata"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def judge(folder: Path, data: bytes, **config: Any) -> Result:
    path = folder / "fuzz.jsonl"
    path.write_bytes(data)
    result = audit.check(path, ignore=["TOK"], extend_select=["ENC010", "FMT115", "TCL205"], **config)
    (source,) = result.sources
    assert sum(source.shapes.values()) == source.rows == result.rows
    if source.container == "jsonl" and source.encoding == "utf-8" and b"\r" not in data and source.compression is None:
        text = data.removeprefix(b"\xef\xbb\xbf")
        assert result.rows == sum(1 for line in text.split(b"\n") if line and not line.isspace())
    for finding in result.findings:
        if finding.scope == "row":
            assert finding.place.line is not None
            assert finding.place.line >= 1
            assert finding.place.column is None or finding.place.column >= 1
    assert result.ok == (not any(finding.severity == "error" for finding in result.findings))
    return result


@again
@given(data=st.binary(max_size=400), target=st.sampled_from(TARGETS))
def test_arbitrary_bytes_are_findings(tmp_path: Path, data: bytes, target: str) -> None:
    assume(not data.startswith(OTHER_CONTAINERS))
    judge(tmp_path, data, target=target)


@pytest.mark.parametrize("magic", OTHER_CONTAINERS)
def test_a_file_that_is_another_container_cannot_be_judged(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(magic + b"\x00rest")
    assert main(["check", str(path), "--isolated", "--no-progress"]) == 2


@again
@given(rows=st.lists(json_values, max_size=6), target=st.sampled_from(TARGETS))
def test_arbitrary_json_is_findings(tmp_path: Path, rows: list[Any], target: str) -> None:
    judge(tmp_path, b"".join(json.dumps(row).encode() + b"\n" for row in rows), target=target)


@again
@given(first=st.integers(0, len(VALID)), length=st.integers(0, len(VALID)), target=st.sampled_from(TARGETS))
def test_an_arbitrary_cut_of_a_valid_file_is_findings(tmp_path: Path, first: int, length: int, target: str) -> None:
    judge(tmp_path, VALID[first : first + length], target=target)


@again
@given(seed=st.integers(0, 2**32), target=st.sampled_from(TARGETS))
def test_flipped_bytes_in_a_valid_file_are_findings(tmp_path: Path, seed: int, target: str) -> None:
    generator = random.Random(seed)
    data = bytearray(VALID)
    for _ in range(generator.randint(1, 30)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    judge(tmp_path, bytes(data), target=target)


@pytest.mark.parametrize("form", ["text", "concise", "json", "jsonl", "markdown"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(data=st.binary(max_size=200) | st.lists(json_values, max_size=3).map(lambda rows: json.dumps(rows).encode()))
def test_the_command_line_exits_0_or_1_and_renders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, data: bytes
) -> None:
    assume(not data.startswith(OTHER_CONTAINERS))
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(data)
    code = main(["check", str(path), "--format", form, "--isolated", "--no-progress", "--ignore", "TOK"])
    assert code == (0 if audit.check(path, ignore=["TOK"]).ok else 1)
    capsys.readouterr()
