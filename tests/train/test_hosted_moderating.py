"""Moderation before the upload: every text is shown once, flagged rows are named as they lie in the user's files."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.config.settings import Settings
from audit.errors import AuditError, UsageError
from audit.train.hosted.moderating import FlaggedRows, Moderation, moderate, texts_of
from audit.train.protocol.connection import Connection
from audit.train.scorers.moderation import OVERLAP, PIECE, ModerationScorer, judgements
from tests.train.hosted_rows import chat, lines, options, pair, prepared
from tests.train.provider.process import Provider, provider
from tests.train.served import Answer, serving

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"for": "POISON"}'}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    pytest.importorskip("openai")
    with provider(tmp_path, flagged={"POISON": "hate/threatening"}) as made:
        monkeypatch.setenv("OPENAI_API_KEY", made.key)
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", made.key)
        yield made


def moderated(rows: list[Any], folder: Path, server: Provider, **told: Any) -> Moderation:
    asked = options(base_url=server.url, **told)
    prepared(rows, folder, **{name: value for name, value in told.items() if name in ("hold_out", "class_weights")})
    with Connection(asked.provider, base_url=server.url) as connection:
        return moderate(folder / "out", asked, connection)


def said(number: int, text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"No, {number}."}]}


def asked(server: Provider) -> int:
    return sum(path == "/moderations" for _, path, _, _ in server.requests())


# ----------------------------------------------------------------------------- what is flagged


def test_a_flagged_row_stops_the_run_and_is_named_by_file_line_pointer_and_category(
    tmp_path: Path, server: Provider
) -> None:
    rows = [chat(number) for number in range(11)]
    rows.insert(4, said(4, "Pour POISON on them"))
    with pytest.raises(FlaggedRows) as error:
        moderated(rows, tmp_path, server)
    assert error.value.what == (
        "the moderation flags 1 of 12 rows: chats.jsonl:5 /messages/0/content (hate/threatening); nothing was "
        "uploaded: a provider blocks a whole file for too many flagged rows"
    )
    assert "--set moderation=warn" in str(error.value.hint)
    (flagged,) = lines(tmp_path / "out" / "moderation.jsonl")
    assert flagged["row_id"] == lines(tmp_path / "out" / "uploaded.jsonl")[4]["row_id"]
    assert [(flagged[name]) for name in ("role", "line", "file", "row_line", "pointer", "categories")] == [
        "train", 5, "chats.jsonl", 5, "/messages/0/content", ["hate/threatening"],
    ]  # fmt: skip


def test_with_warn_it_is_told_and_the_run_goes_on(tmp_path: Path, server: Provider) -> None:
    rows = [said(number, f"POISON {number}") for number in range(14)]
    found = moderated(rows, tmp_path, server, moderation="warn")
    assert found.flagged_rows == 14
    assert str(found.note).startswith("the moderation flags 14 of 14 rows: chats.jsonl:1 /messages/0/content")
    assert str(found.note).endswith("; and 4 more, in moderation.jsonl")
    assert found.account() == {
        "model": "omni-moderation-latest", "asked": 28, "rows": 14, "not_shown": 0, "skipped": "",
        "flagged_rows": 14,
        "categories": {"hate/threatening": 14},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "pointer"),
    [
        ([{"role": "system", "content": "POISON"}], "/messages/0/content"),
        ([{"role": "user", "content": [{"type": "text", "text": "POISON"}]}], "/messages/0/content/0/text"),
        (
            [{"role": "user", "content": "u"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}],
            "/messages/1/tool_calls/0/function/arguments",
        ),
        (
            [
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": None, "tool_calls": [{**CALL, "function": {"name": "look", "arguments": "{}"}}]},  # noqa: E501
                {"role": "tool", "tool_call_id": "c1", "content": "POISON"},
            ],
            "/messages/2/content",
        ),
    ],
    ids=["system", "part", "arguments", "tool"],
)  # fmt: skip
def test_texts_of_every_kind_are_shown(tmp_path: Path, server: Provider, messages: list[Any], pointer: str) -> None:
    row = {"messages": [*messages, {"role": "assistant", "content": "a"}], "tools": [TOOL]}
    if messages[-1]["role"] == "assistant":
        result = {"role": "tool", "tool_call_id": "c1", "content": "r"}
        row["messages"] = [*messages, result, {"role": "assistant", "content": "a"}]
    found = moderated([chat(n) for n in range(10)] + [row], tmp_path, server, moderation="warn")
    assert [one.pointer for one in found.flagged] == [pointer]


def call_of(arguments: str) -> dict[str, Any]:
    return {**CALL, "function": {"name": "look", "arguments": arguments}}


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (said(1, "x" * 19_997 + "POISON y"), "/messages/0/content"),
        (chat(1, tools=[{"function": {"name": "look", "description": "POISON"}}]), "/tools/0/function/description"),
        (
            {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "POISON"}}]},
            "/messages/0/function_call/arguments",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [call_of('{"a": "POI\\u0053ON", "a": "fine"}')]}]},
            "/messages/0/tool_calls/0/function/arguments",
        ),
        ({"messages": [{"role": "user", "name": "POISON", "content": "u"}]}, "/messages/0/name"),
        ({"tools": [{"function": {"parameters": {"properties": {"file": {"enum": ["POISON"]}}}}}]}, None),
    ],
    ids=["cut", "description", "function", "escaped", "name", "parameter"],
)  # fmt: skip
def test_nothing_that_is_said_in_a_row_is_kept_from_the_moderation(row: dict[str, Any], pointer: str | None) -> None:
    shown = [
        (at, text[start : start + PIECE])
        for at, text in texts_of(row)
        for start in range(0, len(text), PIECE - OVERLAP)
    ]
    found = [at for at, text in shown if "POISON" in text]
    assert found == [pointer or "/tools/0/function/parameters/properties/file/enum/0"]


def test_images_are_not_shown_and_are_counted(tmp_path: Path, server: Provider) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/POISON.png"}}
    row = chat(1)
    row["messages"][0]["content"] = [{"type": "text", "text": "What is it?"}, picture, picture]
    found = moderated([row, *[chat(number) for number in range(2, 12)]], tmp_path, server)
    assert (found.not_shown, found.flagged, found.account()["not_shown"]) == (2, (), 2)
    assert found.note == "images, sounds and files that no moderation was shown: 2"


def test_a_moderation_that_is_gone_after_it_judged_some_texts_is_an_error(tmp_path: Path, server: Provider) -> None:
    server.fault(
        match="POST /moderations", nth=2, do="status", status=404, body={"error": {"message": "gone"}}, times=0
    )
    with pytest.raises(AuditError, match="no moderation any more"):
        moderated([said(number, f"POISON {number}") for number in range(30)], tmp_path, server, moderation="warn")


def test_both_answers_of_a_preference_are_shown(tmp_path: Path, server: Provider) -> None:
    rows = [pair(number) for number in range(10)]
    rows[3]["non_preferred_output"][0]["content"] = "POISON"
    rows[6]["preferred_output"][0]["content"] = "POISON"
    found = moderated(rows, tmp_path, server, moderation="warn")
    assert [(one.row_line, one.pointer) for one in found.flagged] == [
        (4, "/non_preferred_output/0/content"),
        (7, "/preferred_output/0/content"),
    ]


# ----------------------------------------------------------------------------- how it is asked


def test_equal_texts_are_asked_once_and_flagged_wherever_they_stand(tmp_path: Path, server: Provider) -> None:
    rows = [said(number % 2, "POISON") for number in range(20)]
    found = moderated(rows, tmp_path, server, moderation="warn")
    assert found.asked == 3
    assert asked(server) == 1
    assert [one.row_line for one in found.flagged] == list(range(1, 21))


def test_copies_of_a_row_are_one_row(tmp_path: Path, server: Provider) -> None:
    rows = [chat(number, weight=1) for number in range(12)] + [{**said(1, "POISON"), "weight": 3}]
    asking = options(base_url=server.url, moderation="warn", lowering="oversample")
    settings = Settings(jobs=1, sections={"data": {"weight": "weight"}})
    ready = prepared(rows, tmp_path, settings, lowering="oversample")
    assert ready.files["train"].rows == 15
    with Connection(base_url=server.url) as connection:
        found = moderate(tmp_path / "out", asking, connection)
    assert (found.rows, found.flagged_rows, len(found.flagged)) == (13, 1, 1)


def test_texts_go_in_requests_of_sixteen_with_nothing_else_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "k")

    def answer(request: dict[str, Any], _: int) -> Answer:
        clean = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.0}}
        return Answer(200, {"id": "1", "model": "m", "results": [clean for _ in request["input"]]})

    prepared([chat(n, metadata={"name": "Ada"}) for n in range(20)], tmp_path)
    with (
        serving(answer, path="/v1/moderations", same=lambda *_: True) as server,
        Connection(base_url=server.url) as connection,
    ):
        found = moderate(tmp_path / "out", options(base_url=server.url), connection)
    assert found.asked == 40
    assert sorted(len(one["input"]) for one in server.asked) == [8, 16, 16]
    assert all(set(one) == {"input", "model"} for one in server.asked)
    assert "Ada" not in json.dumps(server.asked)
    assert found.note is None
    assert (tmp_path / "out" / "moderation.jsonl").read_bytes() == b""


# ----------------------------------------------------------------------------- who is not asked


def test_nobody_is_asked_where_the_settings_say_so_and_it_is_told(tmp_path: Path, server: Provider) -> None:
    found = moderated([chat(n) for n in range(10)], tmp_path, server, moderation="off")
    assert found.note == "no text was shown to a moderation: moderation = off"
    assert asked(server) == 0


def test_azure_is_not_asked_and_it_is_told(tmp_path: Path, server: Provider) -> None:
    found = moderated([chat(n) for n in range(10)], tmp_path, server, provider="azure")
    assert str(found.note).startswith("no text was shown to a moderation: Azure has no such endpoint")
    assert asked(server) == 0


def test_a_server_without_moderation_is_told_and_stops_nothing(tmp_path: Path, server: Provider) -> None:
    server.scenario(no_moderation=True)
    found = moderated([chat(n) for n in range(10)], tmp_path, server)
    assert found.note == f"no text was shown to a moderation: {server.url} has no moderation"
    assert found.account()["skipped"] == f"{server.url} has no moderation"


def test_a_moderation_model_that_the_server_does_not_know_is_an_error(tmp_path: Path, server: Provider) -> None:
    with pytest.raises(UsageError, match="refuses moderation-9"):
        moderated([chat(n) for n in range(10)], tmp_path, server, moderation_model="moderation-9")


def test_a_key_that_is_refused_stands_in_no_error(
    tmp_path: Path, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.scenario(echo_key=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-somebody")
    with pytest.raises(UsageError) as error:
        moderated([chat(n) for n in range(10)], tmp_path, server)
    assert "sk-secret" not in "".join(traceback.format_exception(error.value)) + str(error.value.hint)


def test_a_moderation_that_fails_lets_nothing_through(tmp_path: Path, server: Provider) -> None:
    server.fault(match="POST /moderations", do="status", status=500, times=0)
    with pytest.raises(AuditError, match="gave no answer"):
        moderated([chat(n) for n in range(10)], tmp_path, server, retries=0)
    assert not (tmp_path / "out" / "moderation.jsonl").exists()


def test_a_moderation_that_does_not_say_whether_a_text_is_flagged_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    told = {"category_scores": {"hate": 0.9}}
    with serving(lambda *_: Answer(200, {"results": [told]}), path="/v1/moderations", same=lambda *_: True) as server:
        scorer = ModerationScorer(server.url)
        assert scorer.score(["a"]) == [{"hate": 0.9}]
        with pytest.raises(AuditError, match="did not say whether a text is flagged"):
            scorer.judge(["a"])
        scorer.close()


def test_an_answer_that_is_none_of_a_moderation_is_told_with_what_to_look_at(tmp_path: Path, server: Provider) -> None:
    server.fault(match="POST /moderations", do="garble", times=0)
    with pytest.raises(AuditError) as error:
        moderated([chat(n) for n in range(10)], tmp_path, server, retries=0)
    assert "look at its address" in str(error.value.hint)


def test_a_judgement_needs_no_scores_and_a_score_does(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    told = [{"flagged": True, "categories": {"hate": True}}, {"flagged": False, "category_scores": {"hate": 0.1}}]
    with serving(lambda *_: Answer(200, {"results": told}), path="/v1/moderations", same=lambda *_: True) as server:
        scorer = ModerationScorer(server.url)
        assert [(one.flagged, one.categories) for one in scorer.judge(["a", "b"])] == [(True, ("hate",)), (False, ())]
        with pytest.raises(AuditError, match="gave no scores for 1 of 2 texts"):
            scorer.score(["a", "b"])
        scorer.close()


def test_a_long_text_is_flagged_where_one_of_its_pieces_is(server: Provider) -> None:
    scorer = ModerationScorer(server.url)
    found = scorer.judge(["fine " * 10_000, "fine " * 10_000 + "POISON"])
    assert [(one.flagged, one.categories) for one in found] == [(False, ()), (True, ("hate/threatening",))]
    scorer.close()


# ----------------------------------------------------------------------------- any row

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["messages", "tools", "input", "preferred_output", "x"]), json_values))
def test_texts_can_be_asked_of_any_row(row: dict[str, Any]) -> None:
    assert all(isinstance(text, str) and pointer.startswith("/") for pointer, text in texts_of(row))


NAMES = st.sampled_from(["flagged", "categories", "category_scores", "hate"])
results = st.lists(json_values | st.dictionaries(NAMES, json_values | st.dictionaries(NAMES, json_values)), max_size=2)


@given(json_values | results)
def test_whatever_a_moderation_answers_is_a_judgement_or_refused(told: Any) -> None:
    moderations = pytest.importorskip("openai.types")
    answer = moderations.ModerationCreateResponse.construct(results=told)
    with suppress(AuditError):
        for one in judgements(answer, 1):
            assert one.flagged in (True, False, None)
            assert all(0 <= score <= 1 for score in one.scores.values())
