"""Rows that a remedy made: copies are no duplicates, nothing made is evidence, and figures over them are labelled."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.api import make_run
from audit.catalog import all_rules
from audit.config.settings import Settings
from audit.engine.fold import Fold
from audit.engine.origins import held, origins_of
from audit.model import Chat, Finding, Json, Measure, Record, Result, Source
from audit.read.identity import content_id, conversation_key
from audit.read.lines import SourceReader
from audit.read.marks import is_synthetic
from audit.read.shapes.openai_sft import OPENAI_SFT
from audit.read.sources import find_sources
from audit.rule import COPY, SYNTHETIC, with_options

LABEL = "by construction: says nothing about the model"
PROSE = (
    "the harbour lay quiet in the early light while small boats drifted past the old stone wall and gulls called out"
)


def chat(prompt: str, answer: str, **metadata: Json) -> dict[str, Json]:
    row: dict[str, Json] = {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
    }
    return {**row, "metadata": metadata} if metadata else row


def record(row: Json) -> Record:
    chat: Chat = OPENAI_SFT.read(row)
    raw = json.dumps(row).encode()
    return Record(source=Source(path="-"), line=1, offset=0, raw=raw, data=row, shape="openai-sft", chat=chat)


def name_of(row: Json) -> str:
    return f"{content_id(record(row))}#1"


def copy_of(row: dict[str, Json]) -> dict[str, Json]:
    return {**row, "metadata": {**row.get("metadata", {}), "audit": {"copy_of": name_of(row)}}}


def made_up(row: dict[str, Json], source: dict[str, Json]) -> dict[str, Json]:
    mark = {"audit": {"synthetic": {"method": "counterfactual", "of": name_of(source)}}}
    return {**row, "metadata": {**row.get("metadata", {}), **mark}}


def check(folder: Path, rows: Sequence[Json], *codes: str, **given: Json) -> Result:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return audit.check(path, select=list(codes), **given)


def lines(result: Result, code: str) -> list[int | None]:
    return [finding.place.line for finding in result.findings if finding.code == code]


def measure(result: Result, name: str) -> Measure:
    (found,) = (one for one in result.measures if one.name == name)
    return found


# ----------------------------------------------------------------------------- duplicates


def test_marked_copies_are_counted_and_are_no_duplicates(tmp_path: Path) -> None:
    row = chat("Is water wet?", "Yes, it is.")
    rows = [row, copy_of(row), copy_of(row), chat("Is ice cold?", "It is.")]
    codes = ("DUP401", "DUP402", "DUP403", "DUP404", "DUP406", "DUP407")
    result = check(tmp_path, rows, *codes, rules={"DUP404": {"k": 1}, "DUP407": {"min_rows": 2}})
    assert result.findings == ()
    assert measure(result, "duplicates.exact.marked_copies").value == 2
    assert measure(result, "duplicates.exact.redundant_rows").n == 2


def test_a_copy_may_stand_before_its_original(tmp_path: Path) -> None:
    row = chat("Is water wet?", "Yes, it is.")
    assert check(tmp_path, [copy_of(row), row], "DUP401").findings == ()


def test_an_unmarked_copy_beside_marked_ones_is_a_duplicate(tmp_path: Path) -> None:
    row = chat("Is water wet?", "Yes, it is.")
    assert lines(check(tmp_path, [row, copy_of(row), row], "DUP401"), "DUP401") == [3]


def test_copies_of_a_row_that_is_not_there_are_judged_as_any_row(tmp_path: Path) -> None:
    row = chat("Is water wet?", "Yes, it is.")
    result = check(tmp_path, [copy_of(row), copy_of(row)], "DUP401")
    assert lines(result, "DUP401") == [None, 2]
    assert measure(result, "duplicates.exact.marked_copies").value == 0
    assert measure(result, "duplicates.exact.false_marks").value == 2
    assert result.findings[0].message.startswith("2 rows say that they are copies")


def test_a_mark_that_names_a_row_which_says_something_else_hides_nothing(tmp_path: Path) -> None:
    other = chat("Is ice cold?", "It is.")
    mark = {"audit": {"copy_of": name_of(other)}}
    answers = [chat("Is the old tower of the town tall?", answer) for answer in ("Yes", "No") * 10]
    plain = check(tmp_path, [other, *answers], "DUP401", "LBL601")
    marked = check(tmp_path, [other, *({**row, "metadata": mark} for row in answers)], "DUP401", "LBL601")
    assert lines(plain, "LBL601")
    assert lines(marked, "LBL601") == lines(plain, "LBL601")
    assert lines(marked, "DUP401") == [None, *lines(plain, "DUP401")]
    assert measure(marked, "duplicates.exact.false_marks").value == 20


@pytest.mark.parametrize("mark", ["", "x" * 1_000_000, "0" * 32, "0" * 32 + "#0", "0" * 32 + "#\u0661"])
def test_what_is_no_id_of_a_row_makes_no_copy(tmp_path: Path, mark: str) -> None:
    row = chat("Is water wet?", "Yes, it is.")
    result = check(tmp_path, [row, {**row, "metadata": {"audit": {"copy_of": mark}}}], "DUP401")
    assert lines(result, "DUP401") == [None, 2]


def test_copies_stay_copies_when_their_original_and_they_are_rewritten_alike(tmp_path: Path) -> None:
    row, before = chat("Is water wet?", "Yes, it is."), chat("Is water  wet?", "Yes, it is.")
    stale = {**row, "metadata": {"audit": {"copy_of": name_of(before)}}}
    assert check(tmp_path, [row, stale], "DUP401").findings == ()


@pytest.mark.parametrize("mark", [True, {"method": "noise"}, "paraphrase"])
def test_made_up_rows_are_judged_as_any_row_but_beside_their_source(tmp_path: Path, mark: Json) -> None:
    answers = [chat("Is the old tower of the town tall?", answer) for answer in ("Yes", "No") * 5]
    plain = check(tmp_path, answers, "DUP401", "LBL601")
    marked = [{**row, "metadata": {"audit": {"synthetic": mark}}} for row in answers]
    assert [finding.place.line for finding in check(tmp_path, marked, "DUP401", "LBL601").findings] == [
        finding.place.line for finding in plain.findings
    ]


@pytest.mark.parametrize(
    ("mark", "made_up"),
    [(True, True), ({"of": "x"}, True), ("noise", True), (False, False), (None, False), (0, False), (1, False),
     ("", False), ({}, False), ([], False), ([1], False)],
)  # fmt: skip
def test_a_row_is_made_up_where_the_mark_says_anything(mark: Json, made_up: bool) -> None:
    assert is_synthetic({"metadata": {"audit": {"synthetic": mark}}}) is made_up


def test_a_mark_that_names_another_row_hides_no_near_duplicate(tmp_path: Path) -> None:
    row, near = chat("Tell me a story", PROSE), chat("Tell me a story", f"{PROSE} again")
    lie = {**near, "metadata": {"audit": {"copy_of": "0" * 32 + "#1"}}}
    assert lines(check(tmp_path, [row, lie], "DUP403"), "DUP403") == [1]


def test_copies_in_two_splits_are_a_leak(tmp_path: Path) -> None:
    row = chat("Is water wet?", "Yes, it is.", split="train")
    other = copy_of(chat("Is water wet?", "Yes, it is.", split="test"))
    result = check(tmp_path, [row, other], "SPL501", "DUP401", sections={"data": {"splits": "metadata.split"}})
    assert [finding.code for finding in result.findings] == ["SPL501"]


def test_a_made_up_row_is_no_near_duplicate_of_its_source_but_of_any_other_row(tmp_path: Path) -> None:
    source = chat("He saw what there?", PROSE)
    twin = chat("She saw what there?", PROSE)
    assert lines(check(tmp_path, [source, twin], "DUP403"), "DUP403") == [2]
    assert check(tmp_path, [source, made_up(twin, source)], "DUP403").findings == ()
    stranger = chat("Where is Oslo?", "In Norway.")
    assert lines(check(tmp_path, [source, stranger, made_up(twin, stranger)], "DUP403"), "DUP403") == [3]


def test_copies_make_no_answer_the_usual_one(tmp_path: Path) -> None:
    right, wrong = chat("What is 7 times 8?", "It is 56."), chat("What is 7 times 8?", "It is 54.")
    rows = [right, *(copy_of(right) for _ in range(7)), wrong]
    assert lines(check(tmp_path, rows, "LBL601"), "LBL601") == [1, 9]


def test_copies_thin_out_neither_contradictions_nor_repeats(tmp_path: Path) -> None:
    rows = [chat(f"What is {number} plus one?", str(number + 1)) for number in range(8)]
    wrong = [chat("What is 0 plus one?", "2"), rows[3]]
    copies = [copy_of(rows[5]) for _ in range(30)]
    result = check(tmp_path, [*rows, *wrong, *copies], "LBL601", "DUP")
    found = {measure.name: measure for measure in result.measures}
    assert found["labels.conflicting_rows"].n == found["duplicates.redundant_rows"].n == len(rows) + len(wrong)
    assert found["labels.conflicting_rows"].value == 0.2


def test_copies_beside_their_originals_are_no_sorted_file(tmp_path: Path) -> None:
    labels = random.Random(3).choices(("good", "bad"), k=80)
    originals = [chat(f"Film number {n} of the week", label) for n, label in enumerate(labels)]
    rows = [row for one in originals for row in (one, *(copy_of(one) for _ in range(3)))]
    assert check(tmp_path, rows, "LBL606").findings == ()


def test_copies_do_not_make_a_class_of_enough_rows(tmp_path: Path) -> None:
    few = [chat(f"bad film {n}", "bad") for n in range(6)]
    rows = [
        *(chat(f"good film {n}", "good") for n in range(24)),
        *few,
        *(copy_of(row) for row in few for _ in range(3)),
    ]
    result = check(tmp_path, rows, "LBL602")
    (finding,) = result.findings
    assert '"bad" (6)' in finding.message
    assert finding.fix is not None
    assert "audit balance --by label" in finding.fix.title
    assert measure(result, "labels.imbalance_ratio").value == 1.0
    assert measure(result, "labels.imbalance_ratio").by_construction


@pytest.mark.parametrize("chunk_bytes", [100, 700, 5000])
def test_marks_are_read_alike_however_the_input_is_cut(tmp_path: Path, chunk_bytes: int) -> None:
    plain = [chat(f"question {n}", f"answer {n}") for n in range(30)]
    rows = [*plain, *map(copy_of, plain[::3]), plain[4], *(made_up(chat(f"new {n}", "x"), plain[n]) for n in range(9))]
    whole = check(tmp_path, rows, "DUP401")
    (source,) = find_sources([str(tmp_path / "data.jsonl")])
    rule = with_options(next(rule for rule in all_rules() if rule.code == "DUP401"), {})
    fold = Fold([rule], make_run(Settings()))
    for piece in SourceReader(source, chunk_bytes=chunk_bytes):
        fold.take(piece)
    outcome = fold.finish()
    assert tuple(outcome.findings) == whole.findings
    assert tuple(outcome.measures) == whole.measures
    assert measure(whole, "duplicates.exact.marked_copies").table == {"made_up": 9}


# ----------------------------------------------------------------------------- where a row comes from


@st.composite
def marked_rows(draw: st.DrawFn) -> tuple[list[Json], list[int]]:
    """Rows, some of them made of others, in any order, and the number of the source of each."""
    sources = [chat(f"question {n}", f"answer {n}") for n in range(draw(st.integers(1, 5)))]
    made: list[tuple[Json, int]] = [(row, at) for at, row in enumerate(sources)]
    for number in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(sources) - 1))
        of = sources[at]
        row = copy_of(of) if draw(st.booleans()) else made_up(chat(f"made up {number}", "x"), of)
        made.append((row, at))
    made = draw(st.permutations(made))
    return [row for row, _ in made], [at for _, at in made]


def origins(rows: Sequence[Json]) -> list[int]:
    marks = [("copy_of" in json.dumps(row)) * COPY | ("synthetic" in json.dumps(row)) * SYNTHETIC for row in rows]
    keys = [conversation_key(record(row)) for row in rows]
    return list(origins_of(held(array("B", marks), keys), keys, lambda some: (record(rows[row]) for row in some)))


@settings(max_examples=60)
@given(marked_rows())
def test_every_made_row_is_traced_to_its_source_wherever_it_stands(made: tuple[list[Json], list[int]]) -> None:
    rows, sources = made
    first = {at: row for row, at in reversed(list(enumerate(sources))) if "audit" not in json.dumps(rows[row])}
    assert origins(rows) == [first[at] for at in sources]


def test_rows_of_a_source_that_is_not_there_come_from_the_first_of_them() -> None:
    source = chat("gone", "gone")
    rows = [chat("a", "b"), made_up(chat("c", "d"), source), made_up(chat("e", "f"), source)]
    assert origins(rows) == [0, 1, 1]
    assert origins([*rows, copy_of(source)]) == [0, 3, 3, 3]


def test_a_chain_of_made_up_rows_ends_at_its_first_source_in_any_order() -> None:
    c = chat("c", "c")
    b = made_up(chat("b", "b"), c)
    a = made_up(chat("a", "a"), b)
    for rows in permutations([a, b, c, copy_of(a)]):
        assert origins(rows) == [rows.index(c)] * 4


@st.composite
def entangled_rows(draw: st.DrawFn) -> list[Json]:
    """Rows that name any row, also one another, themselves and some that are not there, and copies of some of them."""
    contents = [chat(str(number), "x") for number in range(7)]
    rows: list[Json] = []
    for content in contents[: draw(st.integers(0, 6))]:
        of = draw(st.one_of(st.none(), st.sampled_from(contents)))
        rows.append(content if of is None else made_up(content, of))
    return rows + [copy_of(content) for content in draw(st.lists(st.sampled_from(contents), max_size=4))]


@settings(max_examples=120)
@given(entangled_rows(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing_about_which_belong_together(rows: list[Json], dice: random.Random) -> None:
    def together(rows: Sequence[Json]) -> list[list[str]]:
        families: dict[int, list[str]] = {}
        for row, origin in zip(rows, origins(rows), strict=True):
            families.setdefault(origin, []).append(json.dumps(row))
        return sorted(map(sorted, families.values()))

    other = rows.copy()
    dice.shuffle(other)
    assert together(other) == together(rows)


def test_every_origin_is_its_own_origin_in_a_ring() -> None:
    a, b, c = (chat(name, name) for name in "abc")
    rows = [made_up(a, b), made_up(b, c), made_up(c, a), made_up(chat("d", "d"), b)]
    assert origins(rows) == [0, 0, 0, 0]


@pytest.mark.parametrize("mark", [1, [], {"of": 3}, {"of": "\ud800"}, {"method": "noise"}, "x" * 1000])
def test_a_mark_that_says_nothing_leaves_the_row_its_own_source(tmp_path: Path, mark: Json) -> None:
    rows = [chat("Is water wet?", "Yes"), chat("Is ice cold?", "Yes", audit={"synthetic": mark, "copy_of": 7})]
    assert check(tmp_path, rows, "DUP", "LBL").counts.get("DUP401") is None


# ----------------------------------------------------------------------------- groups

SECTIONS: Mapping[str, Json] = {
    "attributes": {"sex": {"field": "metadata.sex"}},
    "data": {"favourable": ["grant"]},
}


def cases(sex: str, granted: int, denied: int) -> list[dict[str, Json]]:
    answers = ["grant"] * granted + ["deny"] * denied
    return [chat(f"Case {sex} {n}", answer, sex=sex) for n, answer in enumerate(answers)]


def judge(folder: Path, rows: Sequence[Json], *codes: str, **given: Json) -> Result:
    return check(folder, rows, *(codes or ("DEM101", "DEM103", "DEM104", "DUP401")), sections=SECTIONS, **given)


def verdict(result: Result) -> str:
    return str(measure(result, "selection_rate").table["verdict"])


def dem(result: Result) -> list[Finding]:
    return [finding for finding in result.findings if finding.code.startswith("DEM")]


def test_copies_prove_no_difference(tmp_path: Path) -> None:
    rows = cases("f", 20, 20) + cases("m", 30, 10)
    assert verdict(judge(tmp_path, rows)) == "INCONCLUSIVE"
    oversampled = [row for one in rows for row in (one, *(copy_of(one) for _ in range(9)))]
    result = judge(tmp_path, oversampled)
    assert verdict(result) == "INCONCLUSIVE"
    bare = [{**row, "metadata": {"sex": row["metadata"]["sex"]}} for row in oversampled]
    assert verdict(judge(tmp_path, bare)) == "INCONCLUSIVE"
    for group in measure(result, "selection_rate").table["groups"]:
        assert (group["n"], group["made"]) == (400, 360)
        assert group["effective_n"] <= 40


def test_copies_do_not_make_a_group_large_enough_to_judge(tmp_path: Path) -> None:
    few = cases("f", 1, 9)
    rows = cases("m", 300, 100) + [row for one in few for row in (one, *(copy_of(one) for _ in range(9)))]
    groups = measure(judge(tmp_path, rows), "selection_rate").table["groups"]
    assert {group["group"]: group["too_few"] for group in groups}["f"]


def test_marks_that_do_not_hold_silence_no_difference_between_groups(tmp_path: Path) -> None:
    rows = cases("f", 20, 60) + cases("m", 60, 20)
    forged = [{**row, "metadata": {**row["metadata"], "audit": {"copy_of": name_of(rows[0])}}} for row in rows[1:]]
    plain, result = judge(tmp_path, rows), judge(tmp_path, [rows[0], *forged])
    assert measure(result, "selection_rate").table == measure(plain, "selection_rate").table
    assert dem(result) == dem(plain)


def test_made_up_rows_belong_to_their_source(tmp_path: Path) -> None:
    few = cases("m", 8, 2)
    twins = [made_up(chat(f"Made {n}", "grant", sex="f"), row) for row in few for n in range(10)]
    rows = cases("m", 30, 30) + few + twins
    (group,) = (one for one in measure(judge(tmp_path, rows), "selection_rate").table["groups"] if one["group"] == "f")
    assert (group["n"], group["made"], group["too_few"]) == (100, 100, True)


def test_figures_over_copies_are_labelled_and_others_are_not(tmp_path: Path) -> None:
    rows = cases("f", 20, 60) + cases("m", 60, 20)
    plain = judge(tmp_path, rows)
    assert dem(plain)
    assert not any(one.by_construction for one in plain.measures)
    assert not any(LABEL in finding.message for finding in dem(plain))
    result = judge(tmp_path, [*rows, copy_of(rows[0])])
    of_groups = [one for one in result.measures if one.code.startswith("DEM")]
    assert of_groups
    assert all(one.by_construction for one in of_groups)
    assert all(finding.message.endswith((f" ({LABEL})", f". {LABEL.capitalize()}.")) for finding in dem(result))
    table = measure(result, "selection_rate").table
    assert LABEL.capitalize() in table["sentence"]
    assert "1 of the rows are marked copies and no evidence of their own" in table["notes"]


def test_rates_are_of_rows_and_a_note_says_so_where_rows_have_weights(tmp_path: Path) -> None:
    rows = cases("f", 20, 60) + cases("m", 60, 20)
    weighted = [{**row, "metadata": {**row["metadata"], "audit": {"weight": 3.5}}} for row in rows[:40]] + rows[40:]
    plain, result = (measure(judge(tmp_path, some), "selection_rate") for some in (rows, weighted))
    assert result.value == plain.value
    assert (
        "40 rows have a weight: rows are counted without their weights, which are for training" in result.table["notes"]
    )
    assert result.by_construction


def test_a_gate_passes_a_balanced_file_with_the_label(tmp_path: Path) -> None:
    rows = cases("f", 700, 700) + cases("m", 900, 900)
    balanced = [*rows, *(copy_of(row) for row in rows[:200])]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in balanced))
    result = audit.gate(path, policy="ugesp-four-fifths", sections=SECTIONS)
    assert result.gate is not None
    (clause,) = (one for one in result.gate.clauses if one.attribute == "sex" and one.level is not None)
    assert clause.verdict == "PASS"
    assert clause.actual.startswith("by construction ")
    assert "By construction: says nothing about the model." in clause.sentence
    assert "200 of the rows are marked copies and no evidence of their own." in clause.sentence
    assert clause.n in (1400, 1800)


def test_a_gate_says_how_many_made_up_rows_it_left_out(tmp_path: Path) -> None:
    rows = cases("f", 20, 60) + cases("m", 60, 20)
    given = [{**row, "metadata": {**row["metadata"], "audit": {"synthetic": True}}} for row in rows[:70]] + rows[70:]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    result = audit.gate(path, sections=SECTIONS)
    assert result.gate is not None
    clauses = {clause.name: clause for clause in result.gate.clauses}
    assert "70 rows copied or made up for balance not counted" in clauses["errors"].sentence
    assert clauses["errors"].n == 90
    assert "70 of the rows are made up and no evidence of their own." in clauses["groups"].sentence


def test_copies_do_not_fill_a_split(tmp_path: Path) -> None:
    def rows(split: str, sex: str, many: int) -> list[dict[str, Json]]:
        return [chat(f"Case {split} {sex} {n}", "fine", sex=sex, split=split) for n in range(many)]

    few = rows("test", "f", 10)
    given = [*rows("train", "f", 40), *rows("train", "m", 40), *rows("test", "m", 40), *few]
    given += [copy_of(row) for row in few for _ in range(5)]
    sections = {**SECTIONS, "data": {"splits": "metadata.split", "group": "metadata.user"}}
    (finding,) = check(tmp_path, given, "DEM108", sections=sections).findings
    assert 'split test has fewer than 30 rows of "f" (10)' in finding.message
    assert finding.fix is not None
    assert finding.fix.title.endswith("audit split --stratify label,sex --group metadata.user")


def test_the_remedies_that_are_only_shown_name_their_command(tmp_path: Path) -> None:
    rows = cases("f", 20, 60) + cases("m", 60, 20)
    titles = {finding.code: finding.fix.title for finding in dem(judge(tmp_path, rows)) if finding.fix is not None}
    assert "audit balance --by label,sex" in titles["DEM103"]
    assert "audit balance --by label,sex" in titles["DEM104"]
