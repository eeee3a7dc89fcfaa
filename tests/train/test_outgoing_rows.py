"""Rows on their way out: in which order, in which form, what stays behind, and what becomes of every row."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from audit.config.settings import Settings
from audit.errors import ConfigError, InputError, UsageError
from audit.model import Json, Record
from audit.read.shapes import Unwritable, Written
from audit.render import is_trained
from audit.train.data.rows import Rows, gathering
from audit.train.options import TrainOptions
from audit.train.outgoing.capabilities import NAMES, Kind, capabilities_of
from audit.train.outgoing.lowering import How
from audit.train.outgoing.rows import Outgoing, SplitOut, Write, _Work, kind_of, plain_writer, send_out

WEIGHED = Settings(sections={"data": {"weight": "metadata.w", "label": "metadata.label"}})
DROP = TrainOptions(unusable="drop")


def chat(number: int, *answers: Json, **metadata: Json) -> dict[str, Json]:
    """A question and its answer, or one of several answers with a weight each."""
    messages: list[Json] = []
    for at, weight in enumerate(answers or (None,)):
        answer = {"role": "assistant", "content": f"answer {number}.{at}"}
        messages += [
            {"role": "user", "content": f"question {number}.{at}"},
            answer if weight is None else {**answer, "weight": weight},
        ]
    return {"messages": messages, **({"metadata": metadata} if metadata else {})}


def pair(number: int, **more: Json) -> dict[str, Json]:
    return {
        "prompt": [{"role": "user", "content": f"question {number}"}],
        "chosen": [{"role": "assistant", "content": "yes"}],
        "rejected": [{"role": "assistant", "content": "no"}],
        **more,
    }


def gathered(
    path: Path, data: Sequence[Json], settings: Settings | None = None, options: TrainOptions | None = None
) -> AbstractContextManager[Rows]:
    path.mkdir(exist_ok=True)
    (path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data), "utf-8")
    return gathering([str(path / "a.jsonl")], settings or Settings(), options or TrainOptions())


def sent(
    path: Path,
    data: Sequence[Json],
    *,
    to: str = "openai",
    kind: Kind = "chat",
    settings: Settings | None = None,
    options: TrainOptions | None = None,
    lowering: How = "resample",
    split: str = "train",
    write: Write | None = None,
) -> tuple[SplitOut, list[Outgoing]]:
    lines: list[Outgoing] = []
    told = options or TrainOptions()
    with gathered(path, data, settings, told) as rows:
        out = send_out(
            rows, split, kind, capabilities_of(to), options=told, lowering=lowering, sink=lines.append, write=write
        )
    return out, lines


def said(out: SplitOut) -> list[tuple[str, int]]:
    return [(one.outcome, one.examples) for one in out.outcomes]


# ----------------------------------------------------------------------------- form


@pytest.mark.parametrize("to", NAMES)
def test_everyone_gets_rows_without_metadata(tmp_path: Path, to: str) -> None:
    out, lines = sent(tmp_path, [chat(at, id=at, sex="F") for at in range(3)], to=to)
    assert out.lines == len(lines) == 3
    assert "sex" not in json.dumps([line.row for line in lines])
    assert out.lost["/metadata: metadata"] == 3


def test_what_the_provider_does_not_take_is_stripped_and_counted(tmp_path: Path) -> None:
    data = [{**chat(at), "weight": 2, "id": str(at), "parallel_tool_calls": False} for at in range(2)]
    out, lines = sent(tmp_path, data)
    assert [sorted(line.row) for line in lines] == [["messages", "parallel_tool_calls"]] * 2
    assert out.lost == {"/id: not carried": 2, "/weight: not carried": 2}
    assert out.notes == ('training rows with a "weight" that is not used ([data] weight = "weight" uses it): 2',)


def test_weights_of_messages_are_written_as_0_and_1(tmp_path: Path) -> None:
    data = [chat(0, 0.0, 1.0), chat(1, False, True), chat(2, None, 0, 1)]
    _, lines = sent(tmp_path, data)
    weights = [[turn.get("weight") for turn in line.row["messages"][1::2]] for line in lines]  # type: ignore[index, union-attr]
    assert json.dumps(weights) == "[[0, 1], [0, 1], [null, 0, 1]]"


def test_a_weight_on_a_question_is_taken_away_and_counted(tmp_path: Path) -> None:
    row = {
        "messages": [{"role": "user", "content": "q", "weight": 0}, {"role": "assistant", "content": "a", "weight": 1}]
    }
    out, lines = sent(tmp_path, [row])
    assert lines[0].row["messages"][0] == {"role": "user", "content": "q"}  # type: ignore[index]
    assert out.lost == {"/messages/*/weight: a weight on a turn that is no answer": 1}


def test_with_the_mask_last_earlier_answers_are_written_with_weight_0(tmp_path: Path) -> None:
    _, lines = sent(tmp_path, [chat(0, None, 1, None)], options=TrainOptions(mask="last"))
    assert [turn.get("weight") for turn in lines[0].row["messages"][1::2]] == [0, 0, None]  # type: ignore[index, union-attr]


def test_a_pair_is_a_preference_row_or_its_preferred_answer(tmp_path: Path) -> None:
    _, lines = sent(tmp_path, [pair(0)], kind="preference")
    assert sorted(lines[0].row) == ["input", "non_preferred_output", "preferred_output"]
    out, lines = sent(tmp_path, [pair(0)], kind="chat")
    assert [turn["content"] for turn in lines[0].row["messages"]] == ["question 0", "yes"]  # type: ignore[index, union-attr, call-overload]
    assert out.lost == {"/rejected/*: the rejected answer": 1}


@pytest.mark.parametrize("to", NAMES)
def test_a_file_never_holds_rows_of_two_kinds(tmp_path: Path, to: str) -> None:
    with pytest.raises(InputError, match=r"line 1 .* no pair of a preferred and a rejected answer"):
        sent(tmp_path, [chat(0), pair(1)], to=to, kind="preference")
    _, lines = sent(tmp_path, [chat(0), pair(1)], to=to)
    assert not {"rejected", "chosen"} & set(lines[1].row)
    assert '"yes"' in json.dumps(lines[1].row)


def test_a_writer_of_its_own_may_give_several_lines_and_sees_what_is_trained(tmp_path: Path) -> None:
    def write(record: Record) -> Sequence[Written]:
        return [Written({"text": turn.text}) for turn in record.messages if is_trained(turn)]

    out, lines = sent(tmp_path, [chat(0, None, 0, 1), chat(1)], to="trl", write=write)
    assert [(line.ordinal, line.copy, line.part, line.row["text"]) for line in lines] == [
        (0, 1, 1, "answer 0.0"),
        (0, 1, 2, "answer 0.2"),
        (1, 1, 1, "answer 1.0"),
    ]
    assert said(out) == [("used", 2), ("used", 1)]


# ----------------------------------------------------------------------------- weights


def test_second_copies_stand_behind_all_first_ones(tmp_path: Path) -> None:
    data = [chat(0, w=1), chat(1, w=3), chat(2, w=0), chat(3, w=2)]
    out, lines = sent(tmp_path, data, settings=WEIGHED, lowering="oversample")
    assert [(line.ordinal, line.copy) for line in lines] == [(0, 1), (1, 1), (3, 1), (1, 2), (3, 2), (1, 3)]
    assert said(out) == [("used", 1), ("used", 3), ("weight_0", 0), ("used", 2)]
    assert out.lowering is not None
    assert list(out.lowering.copies) == [1, 3, 0, 2]
    assert (out.lowering.made, out.lowering.weightless) == (6, 1)
    assert [one.weight for one in out.outcomes] == [1, 3, 0, 2]


def test_rows_without_a_copy_are_accounted_for_and_told(tmp_path: Path) -> None:
    out, lines = sent(tmp_path, [chat(at, w=1 if at < 20 else 0.1) for at in range(40)], settings=WEIGHED)
    assert out.lowering is not None
    assert said(out).count(("not_drawn", 0)) == out.lowering.left_out > 0
    assert sum(one.examples for one in out.outcomes) == out.lines == len(lines) == 40
    assert "stand in no line of the file" in out.notes[0]


def test_labels_and_the_groups_declared_first_keep_their_share_within_one_line(tmp_path: Path) -> None:
    chance = random.Random(5)
    settings = Settings(
        sections={
            "data": {"weight": "metadata.w", "label": "metadata.label"},
            "attributes": {"sex": {"field": "metadata.sex"}, "age": {"field": "metadata.age"}},
        }
    )
    some = {"label": "yn", "sex": "FM", "age": "abcdefgh"}
    data = [
        chat(at, w=chance.uniform(0.2, 2), **{key: chance.choice(names) for key, names in some.items()})
        for at in range(240)
    ]
    out, _ = sent(tmp_path, data, settings=settings)
    assert out.lowering is not None
    cells: dict[tuple[Json, ...], list[float]] = {}
    for row, copies in zip(data, out.lowering.copies, strict=True):
        about = row["metadata"]
        assert isinstance(about, dict)
        off = copies - float(about["w"]) * out.lowering.scale  # type: ignore[arg-type]
        for many in (1, 2, 3):
            cells.setdefault(tuple(about[key] for key in list(some)[:many]), []).append(off)
    assert len(cells) == 2 + 4 + 32
    assert all(abs(sum(cell)) < 1 for cell in cells.values())


def test_the_same_rows_in_another_order_give_the_same_copies(tmp_path: Path) -> None:
    data = [chat(at % 25, w=[0.4, 1, 1.7][at % 3]) for at in range(60)]
    first = sent(tmp_path / "a", data, settings=WEIGHED)[1]
    other = sent(tmp_path / "b", random.Random(1).sample(data, len(data)), settings=WEIGHED)[1]
    assert [line.row for line in first] != [line.row for line in other]
    assert sorted(json.dumps(line.row) for line in first) == sorted(json.dumps(line.row) for line in other)


def test_class_weights_are_lowered_like_any_others(tmp_path: Path) -> None:
    data = [chat(at, label="rare" if at < 3 else "usual") for at in range(12)]
    settings = Settings(sections={"data": {"label": "metadata.label"}})
    out, lines = sent(tmp_path, data, settings=settings, options=TrainOptions(class_weights="balanced"))
    assert (out.lines, sum(line.ordinal < 3 for line in lines)) == (12, 6)


def test_weights_count_for_training_only(tmp_path: Path) -> None:
    data = [chat(at, w=at % 3, split="validation" if at % 2 else "train") for at in range(12)]
    settings = Settings(sections={"data": {"weight": "metadata.w", "splits": "metadata.split"}})
    out, lines = sent(tmp_path, data, settings=settings, split="validation")
    assert out.lowering is None
    assert [line.copy for line in lines] == [1] * 6


def test_refuse_stops_at_weights_that_differ(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a weight cannot be said there"):
        sent(tmp_path, [chat(0, w=1), chat(1, w=2)], settings=WEIGHED, lowering="refuse")
    out, _ = sent(tmp_path, [chat(0, w=2), chat(1, w=2)], settings=WEIGHED, lowering="refuse")
    assert (out.lines, out.lowering) == (2, None)


# ----------------------------------------------------------------------------- rows that cannot go out


@pytest.mark.parametrize(
    ("row", "reason", "told"),
    [
        (chat(9, 0.5), "message_weight", "/messages/1 counts for 0.5, and OpenAI"),
        (chat(9, "x"), "bad_weight", "the weight at /messages/1 is no number"),
        (chat(9, 0), "nothing_trained", "no turn of it carries loss"),
        ({"messages": [{"role": "user", "content": "q"}]}, "nothing_trained", "no turn of it carries loss"),
        ({"messages": []}, "unreadable", "no chat can be made of it"),
        ([1, 2], "unreadable", "no chat can be made of it"),
        ({"colour": "red"}, "unreadable", "no chat can be made of it"),
        (
            {"messages": [{"content": "q"}, {"role": "assistant", "content": "a"}]},
            "unwritable",
            "a message without a role",
        ),
        (chat(9, w="heavy"), "bad_weight", "its weight is no number"),
        (chat(9, w=1e13), "bad_weight", "its weight is no number"),
    ],
)
def test_a_row_that_cannot_go_out_stops_the_run_or_is_left_out(
    tmp_path: Path, row: Json, reason: str, told: str
) -> None:
    data: list[Json] = [chat(0, w=1), row, chat(1, w=1)]
    with pytest.raises(InputError) as caught:
        sent(tmp_path, data, settings=WEIGHED)
    assert "a.jsonl line 2 (row " in caught.value.what
    assert told in caught.value.what
    assert f"[{reason}]" in caught.value.what
    out, lines = sent(tmp_path, data, settings=WEIGHED, options=DROP)
    assert said(out) == [("used", 1), (reason, 0), ("used", 1)]
    assert [line.ordinal for line in lines] == [0, 2]


def test_nothing_is_handed_on_before_all_rows_were_judged(tmp_path: Path) -> None:
    lines: list[Outgoing] = []
    with gathered(tmp_path, [chat(0), chat(1, 0.5)]) as rows, pytest.raises(InputError, match=r"counts for 0\.5"):
        send_out(
            rows,
            "train",
            "chat",
            capabilities_of("azure"),
            options=TrainOptions(),
            lowering="resample",
            sink=lines.append,
        )
    assert lines == []


def test_what_a_writer_refuses_is_named_by_its_reason(tmp_path: Path) -> None:
    def write(record: Record) -> Sequence[Written]:
        raise Unwritable("too odd")

    with pytest.raises(InputError, match=r"line 1 .* too odd \[unwritable\], and 1 other row"):
        sent(tmp_path, [chat(0), chat(1)], write=write)


def test_a_file_of_weight_0_alone_has_nothing_to_send(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 2 rows of the split train can be used: weight_0 2"):
        sent(tmp_path, [chat(0, w=0), chat(1, w=0)], settings=WEIGHED)


def test_a_weight_that_no_row_has_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"weight = 'metadata\.w': no training row has that"):
        sent(tmp_path, [chat(0), chat(1)], settings=WEIGHED)


def test_a_lone_surrogate_and_deep_nesting_do_not_crash(tmp_path: Path) -> None:
    deep: Json = "x"
    for _ in range(200):
        deep = [deep]
    data = [{**chat(0), "tools": deep}, {"messages": [{"role": "user", "content": "\ud800"}, *chat(1)["messages"]]}]  # type: ignore[misc]
    out, _ = sent(tmp_path, data, options=DROP)
    assert len(out.outcomes) == 2


# ----------------------------------------------------------------------------- kinds and names


def test_the_kind_of_a_file_is_that_of_its_rows(tmp_path: Path) -> None:
    with gathered(tmp_path / "chat", [chat(0), {"colour": "red"}, chat(1)]) as rows:
        assert kind_of(rows, ["train"]) == "chat"
    with gathered(tmp_path / "pair", [pair(0), pair(1)]) as rows:
        assert kind_of(rows, ["train"]) == "preference"
    with (
        gathered(tmp_path / "both", [chat(0), pair(1), pair(2)]) as rows,
        pytest.raises(InputError, match=r"a\.jsonl line 2 has a preferred .* a\.jsonl line 1 has not"),
    ):
        kind_of(rows, ["train"])


def test_names_are_known_in_any_spelling_and_the_nearest_is_offered() -> None:
    assert capabilities_of("LLaMA_Factory").name == "llama-factory"
    with pytest.raises(UsageError) as caught:
        capabilities_of("axolotel")
    assert "axolotl" in (caught.value.hint or "")


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_sources_a_date_and_writers_and_targets_that_exist(name: str) -> None:
    from audit.read.shapes import WRITERS
    from audit.targets import target_names

    claims = capabilities_of(name)
    assert claims.sources
    assert claims.as_of.startswith("2026-")
    assert set(claims.shapes) == {"chat", "preference"}
    assert set(claims.shapes.values()) <= set(WRITERS)
    assert set(claims.targets.values()) <= set(target_names())


def test_rows_that_are_left_out_are_not_kept(tmp_path: Path) -> None:
    rows = [{**chat(at, 0.5), "padding": "x" * 20_000} for at in range(200)]
    tracemalloc.start()
    try:
        with gathered(tmp_path, [chat(0), *rows], options=DROP) as found:
            before = tracemalloc.get_traced_memory()[0]
            work = _Work(found, "train", "chat", capabilities_of("openai"), DROP, plain_writer("openai-sft"))
            work.judge()
            held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 1_000_000, "200 rows of 20 kB are 4 MB"
