"""The lines of batches and the notes on them: what is asked, what stands in results, in whatever order and state."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from audit.config.settings import Settings
from audit.counterfactual import Variant
from audit.errors import InputError
from audit.train.endpoints import Failed
from audit.train.prediction.batch_jobs import _is_ours
from audit.train.prediction.batch_joining import Joined
from audit.train.prediction.batch_lines import LONGEST_NAME, Outcome, body_of, name_of, outcomes
from audit.train.prediction.batch_notes import BatchNotes, Ended, Handed, Planned
from audit.train.prediction.question_sets import Varied
from audit.train.prediction.questions import asking
from tests.train.asked import asked, chat, questions, write
from tests.train.served import completion, serving

pytest.importorskip("openai")
MODEL = "gpt-4o-mini-2024-07-18"
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=6),
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(some.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
"""Whatever a server may say in place of what the protocol does."""


def test_requests_are_those_that_the_client_sends(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look", "description": "é", "parameters": {}}}]
    data = write(tmp_path / "in.jsonl", [chat("a ✓ \u2028?", "b", tools=tools)])
    with serving(lambda *_: completion("b")) as one:
        asked(data, tmp_path / "out.jsonl", model=MODEL, endpoint=one.url, logprobs=True)
    sent = one.asked[0]
    request = {name: value for name, value in sent.items() if name != "model"}
    body = body_of(MODEL, request)
    assert json.loads(body) == sent
    assert body_of(MODEL, dict(reversed(request.items()))) == body


def test_questions_made_of_one_row_have_names_of_their_own(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    with asking([str(data)], Settings()) as base:
        made = [
            Variant(row=0, kind=kind, pair_id="p", attribute="a", from_group="x", to_group="y", messages=(), edits=())
            for kind in ("swap", "control")
        ]  # fmt: skip
        varied = Varied(base, made, [0, 1])
        names = [name_of(varied, (row, sample)) for row in varied.rows for sample in range(3)]
        assert len(set(names)) == len(names) == 12
        assert max(map(len, names)) <= LONGEST_NAME
        assert names[0] == f"{base.row_id(0)}.0"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"custom_id": "a", "error": {"code": "batch_expired", "message": "late"}}, "expired"),
        ({"custom_id": "a", "error": {"code": "rate_limit_exceeded", "message": "slow"}}, "rate_limit"),
        ({"custom_id": "a", "error": {"code": "server_error", "message": "oops"}}, "server"),
        ({"custom_id": "a", "error": {"code": 3}}, "refused"),
        ({"custom_id": "a", "response": {"status_code": 429, "body": {}}, "error": {}}, "rate_limit"),
        ({"custom_id": "a", "response": {"status_code": 500, "body": "no"}}, "server"),
        ({"custom_id": "a", "response": {"status_code": 400, "body": None}}, "refused"),
        ({"custom_id": "a", "response": 7}, "garbled"),
        ({"custom_id": "a"}, "garbled"),
    ],
)
def test_every_error_of_a_line_has_its_word(line: dict[str, Any], why: str) -> None:
    (found,) = outcomes([json.dumps(line).encode()])
    assert isinstance(found, Outcome)
    assert getattr(found.found, "why", None) == why


@given(code=JSON, message=JSON, param=JSON, status=JSON, body=JSON)
def test_no_line_of_a_server_is_a_crash(code: Any, message: Any, param: Any, status: Any, body: Any) -> None:
    error = {"code": code, "message": message, "param": param}
    response = {"status_code": status, "body": body}
    refused = {"status_code": 400, "body": {"error": error}}
    lines = [{"custom_id": "a", **one} for one in ({"error": error}, {"response": response}, {"response": refused})]
    assert [one.name for one in outcomes(json.dumps(line).encode() for line in lines)] == ["a", "a", "a"]


@given(status=JSON, metadata=JSON | some.fixed_dictionaries({"audit_batch": JSON}), file=JSON)
def test_no_batch_in_a_listing_is_a_crash(status: Any, metadata: Any, file: Any) -> None:
    one = SimpleNamespace(id="b", status=status, metadata=metadata, input_file_id=file)
    assert _is_ours(one, "file-1", {"mark"}) in (True, False)


def test_a_request_that_was_answered_after_all_is_not_asked_with_the_newer_limit() -> None:
    wants = Failed("refused", "no", code="unsupported_parameter", param="max_tokens")
    joined = Joined({"n": (0, 0)}, "max_tokens")
    assert joined.take(Outcome("n", wants)) is None
    assert joined.again == [(0, 0)]
    assert joined.take(Outcome("n", "text")) is not None
    assert joined.again == []


def test_lines_that_are_too_deep_end_nothing() -> None:
    deep = b'{"custom_id": "a", "response": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    (found,) = outcomes([deep])
    assert found.name is None


def test_notes_that_were_cut_off_are_read_and_broken_ones_are_refused(tmp_path: Path) -> None:
    notes = BatchNotes(tmp_path / "out.jsonl", keep=True)
    notes.add(Planned(n=1, sha256="a", requests=((0, 0),)))
    notes.add(Handed(n=1, file="f", batch="b"))
    with notes.path.open("ab") as stream:
        stream.write(b'{"type": "end')
    again = BatchNotes(tmp_path / "out.jsonl", keep=True)
    assert [one.batch for one in again.open] == ["b"]
    again.add(Ended(n=1, status="completed"))
    assert not BatchNotes(tmp_path / "out.jsonl", keep=True).open
    notes.path.write_bytes(b'{"type":"handed","n":7,"file":"f","batch":"b"}\n')
    with pytest.raises(InputError, match="cannot be read: file 7 was not planned"):
        BatchNotes(tmp_path / "out.jsonl", keep=True)


@given(data=some.data(), count=some.integers(1, 6))
def test_results_in_any_order_and_number_are_joined_and_every_line_is_counted(data: Any, count: int) -> None:
    names = {f"n{row}": (row, 0) for row in range(count)}
    told = some.sampled_from([*names, "stranger"])
    found = some.sampled_from(["text", Failed("server", "no"), Failed("refused", "no")])
    lines = [Outcome(*one) for one in data.draw(some.lists(some.tuples(some.none() | told, found), max_size=20))]
    joined = Joined(names, "max_tokens")
    last = {one.key: one.answer for one in map(joined.take, lines) if one is not None}
    for name, key in names.items():
        own = [one.found for one in lines if one.name == name]
        good = [one for one in own if not isinstance(one, Failed)]
        assert last.get(key) == (good or own or [None])[0]
    assert sorted([*last, *joined.missing()]) == sorted(names.values())
    counted = len(last) + joined.repeated + joined.strangers + joined.garbled
    assert counted == len(lines)
