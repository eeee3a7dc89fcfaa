"""DUP rules: which rows they call redundant and which not, on toy rows and on real data with known truth."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit.api.fixing import fix
from audit.clusters.answers import FEW, Example, alike, leaders
from audit.errors import AuditError, ConfigError
from audit.model import Applicability, DropRow, Finding, Json, Measure, PointerEdit, Record, Result, Severity, Source
from audit.read.folding import fold
from audit.read.shapes.openai_sft import OPENAI_SFT
from audit.remedy.fix.report import FixOptions
from audit.rules.duplicates.phrases import phrases_in
from audit.rules.duplicates.sampling import MANY, distinct_rows
from audit.rules.duplicates.spans import Texts, shared_spans
from audit.rules.duplicates.wording import Answer, answers_otherwise

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")

WORDS = [f"{a}{b}{c}" for a in "bdfglmnprstv" for b in "aeiou" for c in "klmnrst"]


def chat(prompt: str, answer: str, **more: Json) -> dict[str, Json]:
    return {
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}],
        **more,
    }


def prose(words: int, seed: int) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def write(folder: Path, rows: Sequence[Any], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def check(folder: Path, rows: Sequence[Any], *codes: str, **given: Any) -> Result:
    return audit.check(write(folder, rows), select=list(codes), **given)


def of(result: Result, code: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.code == code]


def lines(result: Result, code: str) -> list[tuple[int | None, int | None]]:
    """(line, line of the row that stands for it) of every finding of a code that does not say that both can stay."""
    found = [finding for finding in of(result, code) if "kept_because_of" not in finding.evidence]
    return [(finding.place.line, finding.related[0].line) for finding in found]


def told(result: Result) -> list[tuple[int | None, Json]]:
    """(line, what keeps it) of every row that is near another one and can stay."""
    found = [finding for finding in of(result, "DUP403") if "kept_because_of" in finding.evidence]
    assert all(finding.severity is Severity.INFO and finding.fix is None for finding in found)
    return [(finding.place.line, finding.evidence["kept_because_of"]) for finding in found]


def measures(result: Result) -> Mapping[str, Measure]:
    return {measure.name: measure for measure in result.measures}


def value(result: Result, name: str) -> Any:
    return measures(result)[name].value


def shared_rows(name: str) -> list[dict[str, Json]]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# ----------------------------------------------------------------------------- DUP401


def test_every_copy_but_the_first_is_reported_beside_the_first(tmp_path: Path) -> None:
    rows = [chat("a", "b"), chat("c", "d"), chat("a", "b"), chat("a", "b")]
    result = check(tmp_path, rows, "DUP401")
    assert lines(result, "DUP401") == [(3, 1), (4, 1)]
    assert all(finding.evidence["rows_in_group"] == 3 for finding in result.findings)
    assert value(result, "duplicates.exact.redundant_rows") == 2
    assert value(result, "duplicates.exact.groups") == 1


def test_metadata_weights_and_key_order_do_not_hide_a_copy_and_are_named(tmp_path: Path) -> None:
    plain = chat("a", "b", metadata={"id": 1, "source": "x"})
    other = {"metadata": {"id": 2, "source": "x"}, "messages": plain["messages"]}
    weighted = chat("a", "b", metadata={"source": "x", "id": 1})
    weighted["messages"][1] = {"weight": 0, **weighted["messages"][1]}
    turned = {"metadata": {"source": "x", "id": 1}, "messages": plain["messages"]}
    result = check(tmp_path, [plain, other, weighted, turned], "DUP401")
    assert [(f.place.line, f.evidence["differs"], f.evidence["identical"]) for f in result.findings] == [
        (2, ["id"], False),
        (3, ["messages"], False),
        (4, [], True),
    ]
    assert value(result, "duplicates.exact.identical_rows") == 1


def test_a_whole_row_is_compared_with_every_earlier_one_of_its_group(tmp_path: Path) -> None:
    rows = [chat("a", "b", metadata={"id": n}) for n in (1, 2, 2)]
    result = check(tmp_path, rows, "DUP401")
    assert [f.evidence["identical"] for f in result.findings] == [False, True]


def test_tool_descriptions_do_not_hide_a_copy_but_other_tools_do(tmp_path: Path) -> None:
    def row(name: str, description: str, call: str) -> dict[str, Json]:
        function = {"name": name, "description": description, "parameters": {"type": "object", "properties": {}}}
        calls = [{"id": call, "type": "function", "function": {"name": name, "arguments": "{}"}}]
        turn = {"role": "assistant", "content": None, "tool_calls": calls}
        return {
            "messages": [{"role": "user", "content": "hi"}, turn],
            "tools": [{"type": "function", "function": function}],
        }

    rows = [row("f", "x", "call_1"), row("f", "y", "call_2"), row("g", "x", "call_1")]
    result = check(tmp_path, rows, "DUP401")
    assert lines(result, "DUP401") == [(2, 1)]
    assert result.findings[0].evidence["differs"] == ["messages", "tools"]


def test_rows_without_messages_are_no_copies_of_each_other(tmp_path: Path) -> None:
    rows = [{"messages": []}, {"messages": []}, {"x": 1}, {"x": 1}, "[]", "[]", "{", "{", ""]
    result = check(tmp_path, rows, "DUP401")
    assert of(result, "DUP401") == []
    assert value(result, "duplicates.exact.redundant_rows") == 0


def test_a_copy_in_another_file_names_that_file(tmp_path: Path) -> None:
    first, second = (write(tmp_path, [chat("a", "b")], name) for name in ("one.jsonl", "two.jsonl"))
    (finding,) = audit.check([first, second], select=["DUP401"]).findings
    assert finding.place.file == str(second)
    assert finding.related[0].file == str(first)
    assert str(first) in finding.message


def test_copies_can_be_dropped_and_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    findings = check(tmp_path, [chat("a", "b")] * 4, "DUP401").findings
    assert len({finding.fingerprint for finding in findings}) == 3
    for finding in findings:
        assert finding.fix is not None
        assert (finding.fix.applicability, finding.fix.edits) == (Applicability.DROP, (DropRow(),))


def test_hostile_rows_are_compared_without_a_crash(tmp_path: Path) -> None:
    deep = "[" * 2000 + "]" * 2000
    turns = '"messages": [{"role": "user", "content": "a \\ud800"}, {"role": "assistant", "content": "\\udfff b"}]'
    rows = [
        f'{{{turns}, "metadata": {{"\\ud800": {extra}}}}}'
        for extra in (deep, "1" + "0" * 400, "1e999", '"\\udc00"', "1")
    ]
    result = check(tmp_path, rows * 2, "DUP")
    assert len(of(result, "DUP401")) >= 4


def test_fingerprints_survive_another_order_of_the_rows(tmp_path: Path) -> None:
    base = [" ".join(prose(40, seed)) for seed in range(12)]
    rows = [chat(text, text) for text in base]
    rows += [chat(text, text) for text in base[:3]]
    rows += [chat(text.upper(), text) for text in base[3:6]]
    rows += [chat(text, text + " and so on") for text in base[6:9]]
    codes = ("DUP401", "DUP402", "DUP403", "DUP404")
    seen = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        result = check(tmp_path, rows, *codes)
        seen.append(Counter(finding.code for finding in result.findings))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["DUP401"] == 3
    exact = [{f.fingerprint for f in of(check(tmp_path, given, *codes), "DUP401")} for given in (rows, rows[::-1])]
    assert exact[0] == exact[1]


@real_data
@pytest.mark.parametrize(("name", "redundant"), [("glaive-toolcall-en", 38), ("banking77", 0), ("adult", 3465)])
def test_exact_copies_in_public_data(name: str, redundant: int) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["DUP401"])
    assert value(result, "duplicates.exact.redundant_rows") == redundant


@real_data
def test_a_weight_in_the_metadata_makes_copies_look_different(tmp_path: Path) -> None:
    """Adult has 24 rows that are equal with the sampling weight ``fnlwgt`` and 3,465 without it."""
    with gzip.open(SHARED / "raw" / "adult" / "adult.csv.gz", "rt", encoding="utf-8") as file:
        table = list(csv.DictReader(io.StringIO(file.read()), skipinitialspace=True))
    rows = []
    for entry in table:
        weight, label = entry.pop("fnlwgt"), list(entry.values())[-1]
        said = "; ".join(f"{name}: {text}" for name, text in list(entry.items())[:-1])
        rows.append(chat(said, label, metadata={"fnlwgt": weight}))
    result = check(tmp_path, rows, "DUP401")
    assert value(result, "duplicates.exact.identical_rows") == 24
    assert value(result, "duplicates.exact.redundant_rows") == 3465
    different = [f for f in result.findings if not f.evidence["identical"]]
    assert all(f.evidence["differs"] == ["fnlwgt"] for f in different)


# ----------------------------------------------------------------------------- DUP402


def test_rows_that_differ_in_dress_alone_are_reported_with_what_differs(tmp_path: Path) -> None:
    rows = [chat("Is it?", "Yes, it is."), chat("is it", "YES it  is!"), chat("Is it?", "Yes, it is."), chat("x", "y")]
    result = check(tmp_path, rows, "DUP401", "DUP402")
    assert lines(result, "DUP402") == [(2, 1)]
    assert lines(result, "DUP401") == [(3, 1)]
    (finding,) = of(result, "DUP402")
    assert finding.evidence["differs"] == ["case", "punctuation", "white space"]
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE


@pytest.mark.parametrize(
    ("one", "other"),
    [(">50K", "<=50K"), ("+", "-"), (":)", ":("), ("-5", "5"), ("C#", "C"), ("$5", "€5"), ("5 %", "5"), ("1.5", "15")],
)
def test_answers_that_differ_in_a_sign_are_not_the_same(one: str, other: str, tmp_path: Path) -> None:
    result = check(tmp_path, [chat("what", one), chat("what?", other)], "DUP402")
    assert result.findings == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [("it's £1", "it's €1"), ("- a - b", "a, b"), ("**bold**", "bold"), ("ﬁne", "fine"), ("你好。", "你好")],
)
def test_prompts_that_differ_in_dress_are_the_same(one: str, other: str, tmp_path: Path) -> None:
    result = check(tmp_path, [chat(one, "yes"), chat(other, "yes")], "DUP402")
    assert lines(result, "DUP402") == [(2, 1)]


def preference(prompt: str, chosen: str, rejected: str) -> dict[str, Json]:
    return {
        "input": {"messages": [{"role": "user", "content": prompt}]},
        "preferred_output": [{"role": "assistant", "content": chosen}],
        "non_preferred_output": [{"role": "assistant", "content": rejected}],
    }


def test_preference_rows_with_other_rejected_answers_are_different_examples(tmp_path: Path) -> None:
    good, bad, worse = (" ".join(prose(30, seed)) for seed in (1, 2, 3))
    rows = [preference("why", good, bad), preference("why?", good, worse), preference("Why?", good, bad)]
    result = check(tmp_path, rows, "DUP402", "DUP403")
    assert lines(result, "DUP402") == [(3, 1)]
    assert lines(result, "DUP403") == [(3, 1)]


@real_data
@pytest.mark.parametrize(("name", "redundant"), [("banking77", 58), ("adult", 0)])
def test_normalised_copies_in_public_data(name: str, redundant: int) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["DUP402"])
    assert value(result, "duplicates.normalised.redundant_rows") == redundant


# ----------------------------------------------------------------------------- DUP403


def varied(text: Sequence[str], changes: int, seed: int) -> str:
    """The text with some words replaced by ones that stand nowhere else."""
    words = list(text)
    for at in random.Random(seed).sample(range(len(words)), changes):
        words[at] = f"{words[at]}zz{seed}"
    return " ".join(words)


def test_a_near_copy_is_reported_beside_the_longest_row(tmp_path: Path) -> None:
    text = prose(120, 1)
    rows = [chat("tell me", varied(text, 2, 1)), chat("tell it", " ".join([*text, "more"])), chat("x", "y")]
    result = check(tmp_path, rows, "DUP403")
    assert lines(result, "DUP403") == [(1, 2)]
    (finding,) = result.findings
    assert finding.evidence["similarity_of"] == "shingles"
    assert 0.8 <= finding.evidence["jaccard"] < 1
    assert value(result, "duplicates.near.redundant_rows") == 1
    assert measures(result)["duplicates.near.group_sizes"].table == {"2": 1}


def test_short_answers_to_one_prompt_that_differ_a_little_are_reported(tmp_path: Path) -> None:
    rows = [
        chat("Why is the sky blue?", "Air scatters blue light more than red light."),
        chat("why is the sky blue", "The air scatters blue light more than red light."),
        chat("Why is the sky blue?", "Nobody has ever found out the reason for that."),
    ]
    result = check(tmp_path, rows, "DUP403")
    assert lines(result, "DUP403") == [(1, 2)]
    assert result.findings[0].evidence == {
        "jaccard": 0.8889,
        "similarity_of": "answers",
        "rows_in_group": 2,
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("positive", "negative"),
        (">50K", "<=50K"),
        ("the result of all these steps is 41", "the result of all these steps is 42"),
        ("", "negative"),
    ],
)
def test_rows_that_answer_otherwise_are_kept_however_long_their_prompts(one: str, other: str, tmp_path: Path) -> None:
    prompt = " ".join(prose(200, 3))
    rows = [chat(prompt, one), chat(prompt + " so", other), chat(prompt, other)]
    result = check(tmp_path, rows, "DUP403")
    assert [line for line, _ in lines(result, "DUP403") if line == 1] == []
    assert measures(result)["duplicates.near.redundant_rows"].table["kept_apart"] >= 1


def test_questions_about_one_long_document_are_kept(tmp_path: Path) -> None:
    document = " ".join(prose(400, 5))
    rows = [chat(f"{document} {' '.join(prose(6, n))}", " ".join(prose(12, 100 + n))) for n in range(8)]
    result = check(tmp_path, rows, "DUP403", "DUP407")
    assert lines(result, "DUP403") == of(result, "DUP407") == []
    assert [difference for _, difference in told(result)] == ["answers"] * 7
    assert measures(result)["duplicates.near.redundant_rows"].table["kept_apart"] == 7
    assert value(result, "duplicates.redundant_rows") == 0


def test_rows_kept_apart_from_their_survivor_are_still_compared_with_each_other(tmp_path: Path) -> None:
    document, answer = " ".join(prose(400, 5)), prose(30, 6)
    rows = [
        chat(f"{document} and more of it", " ".join(prose(30, 7))),
        chat(document, " ".join(answer)),
        chat(document + " now", varied(answer, 1, 1)),
    ]
    result = check(tmp_path, rows, "DUP403")
    assert lines(result, "DUP403") == [(2, 3)]


def test_rows_with_other_tools_are_kept(tmp_path: Path) -> None:
    text = " ".join(prose(60, 8))

    def row(tool: str, text: str) -> dict[str, Json]:
        function = {"name": tool, "parameters": {"type": "object", "properties": {}}}
        return chat(text, text, tools=[{"type": "function", "function": function}])

    result = check(tmp_path, [row("f", text), row("g", text + " x"), row("f", text + " y")], "DUP403")
    assert lines(result, "DUP403") == [(1, 3)] or lines(result, "DUP403") == [(3, 1)]


def test_a_row_table_put_into_words_does_not_collapse(tmp_path: Path) -> None:
    shared = "workclass private education bachelors marital status married occupation sales country united states sex"
    rows = [
        chat(f"age {n} {shared} female hours {n % 7} capital {n * 31}", "the outcome is low for them")
        for n in range(60)
    ]
    result = check(tmp_path, rows, "DUP403", "DUP407")
    assert result.findings == ()


def test_no_chain_leads_from_a_redundant_row_to_its_survivor(tmp_path: Path) -> None:
    """A is near B and B near C, but A is not near C: C stays, or goes for a row that it is near itself."""
    words = prose(200, 9)
    rows = [chat("p", " ".join(words[start : start + 140])) for start in range(0, 60, 4)]
    result = check(tmp_path, rows, "DUP403", rules={"DUP403": {"answer_similarity": 1.0}})
    found = lines(result, "DUP403")
    survivors = {survivor for _, survivor in found}
    assert found
    assert survivors.isdisjoint(line for line, _ in found)

    def shingles(line: int | None) -> set[tuple[str, ...]]:
        assert line is not None
        said = "p " + rows[line - 1]["messages"][1]["content"]
        return set(zip(*(said.split()[k:] for k in range(5)), strict=False))

    for line, survivor in found:
        one, two = shingles(line), shingles(survivor)
        assert len(one & two) / len(one | two) >= 0.8


def test_a_row_is_reported_once_and_a_survivor_of_clusters_stays(tmp_path: Path) -> None:
    text = prose(60, 10)
    rows = [chat("p", varied(text, changes, seed)) for seed, changes in enumerate([0, 1, 1, 6, 8, 9, 12])]
    result = check(tmp_path, rows, "DUP403")
    reported = [line for line, _ in lines(result, "DUP403")]
    assert len(reported) == len(set(reported)) > 3
    assert {survivor for _, survivor in lines(result, "DUP403")}.isdisjoint(reported)


def test_options_define_what_is_near(tmp_path: Path) -> None:
    text = prose(60, 11)
    rows = [chat("a", " ".join(text)), chat("b", varied(text, 4, 2))]
    assert check(tmp_path, rows, "DUP403").findings == ()
    assert len(check(tmp_path, rows, "DUP403", rules={"DUP403": {"threshold": 0.4}}).findings) == 1
    with pytest.raises(AuditError):
        check(tmp_path, rows, "DUP403", rules={"DUP403": {"threshold": 1.5}})


def test_the_largest_groups_come_with_what_their_rows_have_in_common(tmp_path: Path) -> None:
    text = prose(80, 12)
    rows = [chat("Tell me all", varied(text[:40], 0, 0) + " " + varied(text[40:], 1, n)) for n in range(5)]
    (group,) = measures(check(tmp_path, rows, "DUP403"))["duplicates.near.largest"].table
    assert (group["rows"], group["prompts_begin"]) == (5, "Tell me all")
    assert " ".join(text[:5]) in group["answers_begin"]
    assert len(group["answers_begin"]) <= 80


def test_many_answers_to_one_prompt_are_searched_without_comparing_all_pairs(tmp_path: Path) -> None:
    texts = [prose(12, seed) for seed in range(200)]
    rows = [chat("go on", " ".join(text)) for text in texts] + [chat("go on", varied(text, 1, 7)) for text in texts]
    result = check(tmp_path, rows, "DUP403", rules={"DUP403": {"min_units": 500, "shingle": 5}})
    assert lines(result, "DUP403") == [(line, line - 200) for line in range(201, 401)]


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=9)), max_size=40),
    st.sampled_from([0.5, 0.7, 0.85, 1.0]),
)
def test_looking_for_rare_words_finds_what_comparing_all_pairs_finds(
    given: list[tuple[bool, list[str]]], threshold: float
) -> None:
    examples = [
        Example(row, stays, Counter(unit.encode() for unit in units), len(units), Counter())
        for row, (stays, units) in enumerate(given)
    ]
    found = list(leaders(examples, threshold))
    redundant = {repeat.row for repeat in found}
    kept = [one for one in examples if one.row not in redundant]
    assert all(not examples[row].stays for row in redundant)
    for repeat in found:
        assert alike(examples[repeat.row], examples[repeat.survivor], threshold) == repeat.similarity >= threshold
        assert repeat.survivor not in redundant
    free = [one for one in kept if not one.stays]
    for number, one in enumerate(free):
        assert all(alike(one, other, threshold) is None for other in free[number + 1 :])
        assert all(alike(one, other, threshold) is None for other in kept if other.stays)
    assert FEW < 40


@given(st.text(max_size=20), st.text(max_size=20))
def test_answers_differ_both_ways_or_neither(one: str, other: str) -> None:
    first, second = (Answer(text, tuple(text.encode("utf-8", "ignore").split())) for text in (one, other))
    assert answers_otherwise(first, second, 5) == answers_otherwise(second, first, 5)
    assert not answers_otherwise(first, first, 5)


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = SHARED / "raw" / "mutants-dev"
    path = tmp_path_factory.mktemp("mutants") / "broken.jsonl"
    path.write_bytes(gzip.decompress((folder / "broken.jsonl.gz").read_bytes()))
    return audit.check(path, select=["DUP"])


def injected(defect: str) -> set[tuple[int, ...]]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for line in (SHARED / "raw" / "mutants-dev" / "truth.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["defect"] == defect:
            groups[entry.get("group", entry["line"])].append(entry["line"])
    return {tuple(sorted(group)) for group in groups.values()}


@real_data
@pytest.mark.parametrize(
    ("code", "defect", "allowed"),
    [
        ("DUP401", "exact_duplicate", ()),
        ("DUP403", "near_duplicate", ("normalised_duplicate", "token_overflow")),
    ],
)
def test_every_injected_pair_is_found_and_hardly_anything_else(
    code: str, defect: str, allowed: Sequence[str], mutants: Result
) -> None:
    found = {tuple(sorted(map(int, pair))) for pair in lines(mutants, code)}  # type: ignore[arg-type]
    assert len(injected(defect)) == 18
    assert injected(defect) <= found
    others = {line for name in allowed for group in injected(name) for line in group}
    assert [pair for pair in found - injected(defect) if not others.issuperset(pair)] == []


@real_data
def test_every_injected_pair_in_other_dress_is_found_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_bytes(gzip.decompress((SHARED / "raw" / "mutants-dev" / "broken.jsonl.gz").read_bytes()))
    result = audit.check(path, select=["DUP402"])
    assert {tuple(sorted(map(int, pair))) for pair in lines(result, "DUP402")} == injected(  # type: ignore[arg-type]
        "normalised_duplicate"
    )


@real_data
def test_conflicting_answers_are_not_called_duplicates(mutants: Result) -> None:
    conflicting = {line for group in injected("conflicting_answers") for line in group}
    assert [f.message for f in mutants.findings if f.place.line in conflicting and f.fix is not None] == []


@real_data
def test_reviews_edited_to_turn_their_label_are_all_kept() -> None:
    result = audit.check(SHARED / "chat" / "cad-sentiment.jsonl.gz", select=["DUP401", "DUP403"])
    assert lines(result, "DUP403") == of(result, "DUP401") == []
    assert {difference for _, difference in told(result)} == {"answers"}


# ----------------------------------------------------------------------------- DUP404


def test_of_a_prompt_in_too_many_rows_all_but_k_are_reported_and_each_answer_is_kept_once(tmp_path: Path) -> None:
    jokes = [0, 0, 0, 0, 0, 1, 0]
    rows = [chat("Tell a joke", f"joke {joke}") for joke in jokes] + [chat("Once", "a")] * 5
    result = check(tmp_path, rows, "DUP404")
    assert lines(result, "DUP404") == [(5, 1), (7, 1)]
    assert all(finding.fix is not None and finding.fix.edits == (DropRow(),) for finding in result.findings)
    assert result.findings[0].evidence == {"rows": 7, "answers": 2, "most_frequent": 6, "limit": 5}
    assert value(result, "duplicates.prompts.distinct") == 2
    assert value(result, "duplicates.prompts.repeated") == 2
    assert measures(result)["duplicates.prompts.repeated"].table == {"over_k": 1, "k": 5}


def test_rows_without_a_prompt_have_none_in_common(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "assistant", "content": f"text {n}"}]} for n in range(8)]
    rows += [chat("???", f"answer {n}") for n in range(8)]
    assert check(tmp_path, rows, "DUP404").findings == ()


# ----------------------------------------------------------------------------- DUP405


def the_phrase(result: Result) -> Finding:
    (finding,) = (finding for finding in of(result, "DUP405") if finding.scope == "dataset")
    return finding


def test_a_phrase_that_many_answers_share_is_reported_as_written(tmp_path: Path) -> None:
    phrase = "As an AI language-model, I cannot have any Opinions"
    rows = [
        chat(f"q {n}", f"{phrase}. {' '.join(prose(20, n))}" if n % 4 == 0 else " ".join(prose(20, n)))
        for n in range(80)
    ]
    result = check(tmp_path, rows, "DUP405")
    finding = the_phrase(result)
    assert finding.evidence["span"] == phrase
    assert [finding.place.line for finding in of(result, "DUP405") if finding.scope == "row"] == list(range(1, 81, 4))
    assert (finding.evidence["answers"], finding.evidence["of"], finding.evidence["share"]) == (20, 80, 0.25)
    assert finding.evidence["where"] == {"start": 20, "middle": 0, "end": 0}
    low, high = finding.evidence["interval"]
    assert low < 0.25 < high
    assert (finding.scope, finding.place.line, finding.related[0].line) == ("dataset", None, 1)
    assert value(result, "duplicates.boilerplate.answers") == 0.25


def test_whole_answers_that_repeat_and_labels_are_no_boilerplate(tmp_path: Path) -> None:
    refusal = "I am sorry but I cannot help you with that request today"
    rows = [chat(f"q {n}", refusal if n % 2 else " ".join(prose(20, n))) for n in range(120)]
    rows += [chat(f"r {n}", "the label of this row is one of these two" + "!" * n) for n in range(60)]
    assert check(tmp_path, rows, "DUP405").findings == ()


def test_few_answers_are_not_judged(tmp_path: Path) -> None:
    rows = [chat(f"q {n}", f"one two three four five six seven eight nine {n}") for n in range(49)]
    result = check(tmp_path, rows, "DUP405")
    assert result.findings == ()
    assert measures(result)["duplicates.boilerplate.answers"].n == 0


def test_a_phrase_in_a_script_without_spaces_is_counted_by_characters(tmp_path: Path) -> None:
    phrase = "请您务必前往正规医院就诊"
    signs = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉"
    rows = [
        chat(f"q {n}", "".join(random.Random(n).choices(signs, k=9)) + (f"，{phrase}。" if n % 3 == 0 else "。"))
        for n in range(90)
    ]
    finding = the_phrase(check(tmp_path, rows, "DUP405"))
    assert finding.evidence["span"] == phrase
    assert finding.evidence["where"] == {"start": 0, "middle": 0, "end": 30}


def test_a_phrase_at_the_end_of_a_very_long_answer_is_found(tmp_path: Path) -> None:
    phrase = "please do not hesitate to ask me anything else you want"
    rows = [chat(f"q {n}", " ".join(prose(3_000, n)) + " " + phrase) for n in range(50)]
    finding = the_phrase(check(tmp_path, rows, "DUP405"))
    assert finding.evidence["span"] == phrase
    assert finding.evidence["where"] == {"start": 0, "middle": 0, "end": 50}


def stripped(answer: str, *phrases: str) -> str | None:
    """What the fix leaves of an answer, None where it leaves it alone."""
    row = chat("q", answer)
    read = Record(
        source=Source(path="-"), line=1, offset=0, raw=b"", data=row, shape="openai-sft", chat=OPENAI_SFT.read(row)
    )
    found = phrases_in(read, [fold(phrase).split() for phrase in phrases])
    if found is None or found.fix is None:
        return None
    (edit,) = found.fix.edits
    assert isinstance(edit, PointerEdit)
    assert edit.pointer == "/messages/1/content"
    return str(edit.value)


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("Thank you for asking. It is ten.", "It is ten."),
        ("It is ten. THANK YOU, for asking!", "It is ten."),
        ("It is ten. Thank you for asking.\n\nBye.", "It is ten. Bye."),
        ("It is ten.\nThank you for asking.\nBye.", "It is ten.\nBye."),
        ("Thank you for asking", None),
        (" Thank you for asking!? ", None),
        ("Thank you so much for asking. Ten.", None),
    ],
)
def test_a_phrase_is_taken_out_with_what_belongs_to_it_and_never_a_whole_answer(answer: str, left: str | None) -> None:
    assert stripped(answer, "thank you for asking") == left


def test_two_phrases_of_an_answer_are_taken_out_together() -> None:
    assert stripped("Sure thing! Ten. Hope that helps.", "sure thing", "hope that helps") == "Ten."
    assert stripped("甲乙，请您就诊。丙", "请您就诊") == "甲乙，丙"


@given(
    st.text(alphabet="ab Cé.,!\n\ud800请", max_size=40), st.lists(st.sampled_from(["a", "b", "cé", "请"]), min_size=1)
)
def test_what_is_left_of_an_answer_is_part_of_it_and_never_empty(answer: str, units: list[str]) -> None:
    left = stripped(answer, " ".join(units))
    if left is not None:
        assert len(left) < len(answer)
        assert fold(left)


def test_answers_that_were_stripped_share_the_phrase_no_more(tmp_path: Path) -> None:
    phrase = "Thank you so much for reaching out to us today"
    rows = [chat(f"q {n}", f"{phrase}. {' '.join(prose(20, n))}" if n % 3 else phrase) for n in range(90)]
    path, output = write(tmp_path, rows), tmp_path / "out.jsonl"
    fix(str(path), str(output), options=FixOptions(unsafe=True), select=["DUP405"])
    left = [json.loads(line)["messages"][1]["content"] for line in output.read_text().splitlines()]
    assert left == [" ".join(prose(20, n)) if n % 3 else phrase for n in range(90)]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=14), max_size=14), st.integers(2, 4), st.integers(2, 4))
def test_spans_stand_where_they_are_said_to_and_do_not_overlap(given: list[list[str]], length: int, least: int) -> None:
    texts = Texts()
    for words in given:
        texts.add([word.encode() for word in words])
    spans = shared_spans(texts, length, least, 5)
    taken: set[tuple[int, int]] = set()
    for span in spans:
        assert len(span.units) >= length
        assert len({text for text, _, _ in span.places}) == len(span.places) >= least
        for text, at, size in span.places:
            assert size == len(given[text])
            assert tuple(word.encode() for word in given[text][at : at + len(span.units)]) == span.units
            mine = {(text, at + k) for k in range(len(span.units))}
            assert not mine & taken
            taken |= mine
    runs = Counter(
        run for words in given for run in {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}
    )
    assert bool(spans) == any(count >= least for count in runs.values())


@real_data
def test_refusals_of_an_assistant_are_found_as_boilerplate() -> None:
    result = audit.check(SHARED / "chat" / "glaive-toolcall-en.jsonl.gz", select=["DUP405"])
    assert any(finding.evidence["span"].startswith("I'm sorry, but") for finding in result.findings)


# ----------------------------------------------------------------------------- DUP406

SEMANTIC = {"DUP406": {"min_rows": 3}}


def paraphrases() -> list[dict[str, Json]]:
    rows = [chat(" ".join(prose(8, n)), " ".join(prose(12, 50 + n))) for n in range(20)]
    said = rows[4]["messages"]
    turned = [" ".join(turn["content"].split()[::-1]) for turn in said]
    return [*rows, chat(*turned)]


def test_the_same_words_in_another_order_seem_to_mean_the_same(tmp_path: Path) -> None:
    result = check(tmp_path, paraphrases(), "DUP406", rules=SEMANTIC)
    assert lines(result, "DUP406") == [(21, 5)]
    assert result.findings[0].evidence == {"cosine": 1.0, "similarity_of": "words"}
    assert value(result, "duplicates.semantic.rows_compared") == 21


def test_rows_of_the_other_rules_and_rows_with_other_labels_are_no_paraphrases(tmp_path: Path) -> None:
    text = " ".join(prose(30, 1))
    turned = " ".join(text.split()[::-1])
    rows = [
        chat(text, "yes"),
        chat(text, "yes"),
        chat(text.upper(), "yes"),
        chat(text + " so", "yes"),
        chat(turned, "no"),
    ]
    rows += [chat(" ".join(prose(30, seed)), "yes") for seed in range(2, 12)]
    assert check(tmp_path, rows, "DUP406", rules=SEMANTIC).findings == ()


def test_few_rows_are_not_compared(tmp_path: Path) -> None:
    result = check(tmp_path, paraphrases(), "DUP406")
    assert result.findings == ()
    assert value(result, "duplicates.semantic.rows_compared") == 0


def vectors(rows: int) -> list[list[float]]:
    made = [[float(n == k) for k in range(rows)] for n in range(rows)]
    made[2] = [*made[0][:-1], 0.01]
    return made


def embedding_file(folder: Path, ending: str, made: Sequence[Sequence[float]], **more: Any) -> str:
    path = folder / f"vectors.{ending}"
    if ending == "npy":
        import numpy as np

        np.save(path, np.array(made))
    elif ending == "jsonl":
        path.write_text("".join(json.dumps({"line": n + 1, "embedding": v}) + "\n" for n, v in enumerate(made)))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"row_id": list(range(len(made))), "vector": made}), path)
    return str(path)


@pytest.mark.parametrize("ending", ["npy", "jsonl", "parquet"])
def test_the_users_own_embeddings_decide_where_they_are_given(ending: str, tmp_path: Path) -> None:
    rows = [chat(" ".join(prose(9, n)), " ".join(prose(9, 9 + n))) for n in range(5)]
    given = {"DUP406": {"min_rows": 3, "embeddings": embedding_file(tmp_path, ending, vectors(5))}}
    result = check(tmp_path, rows, "DUP406", rules=given)
    assert lines(result, "DUP406") == [(3, 1)]
    assert result.findings[0].evidence["similarity_of"] == "embeddings"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("v.jsonl", '{"line": 1, "embedding": [1, 2]}\n', "no vector for 4 of 5 rows"),
        ("v.jsonl", '{"line": 1}\n', "row 1 of"),
        ("v.jsonl", '{"embedding": [1, 2]}\n', '"line"'),
        ("v.jsonl", '{"line": 1, "embedding": [1, "x"]}\n', "list of numbers"),
        ("v.jsonl", '{"line": 1, "embedding": [1]}\n{"line": 2, "embedding": [1, 2]}\n', "2 dimensions"),
        ("v.jsonl", "[1]\n", "not an object"),
        ("v.jsonl", "{\n", "not JSON"),
        ("v.npy", "no array", "numpy array"),
        ("v.parquet", "no table", "Parquet"),
        ("v.txt", "1 2 3", "ends with none of"),
    ],
)
def test_embeddings_that_do_not_fit_are_an_error_that_says_where(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    rows = [chat(" ".join(prose(9, n)), "yes indeed") for n in range(5)]
    given = {"DUP406": {"min_rows": 3, "embeddings": str(tmp_path / name)}}
    with pytest.raises(AuditError, match=re.escape(said)) as raised:
        check(tmp_path, rows, "DUP406", rules=given)
    assert name in str(raised.value)


def test_an_array_of_another_length_or_with_gaps_is_an_error(tmp_path: Path) -> None:
    rows = [chat(" ".join(prose(9, n)), "yes indeed") for n in range(5)]
    for made, said in (
        (vectors(4), r"\(4, 4\)"),
        ([[float("nan")] * 3] * 5, "not finite"),
        ([1.0] * 5, "two dimensions"),
    ):
        given = {"DUP406": {"min_rows": 3, "embeddings": embedding_file(tmp_path, "npy", made)}}  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=said):
            check(tmp_path, rows, "DUP406", rules=given)


def test_missing_embeddings_are_an_error_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        check(tmp_path, [chat("a", "b")], "DUP406", rules={"DUP406": {"embeddings": str(tmp_path / "gone.npy")}})


@real_data
def test_paraphrases_in_public_data_agree_in_their_label() -> None:
    """Of the pairs that seem to mean the same in Banking77 hardly any crosses two of its 77 intents."""
    rows = shared_rows("banking77")
    result = audit.check(
        SHARED / "chat" / "banking77.jsonl.gz",
        select=["DUP406"],
        rules={"DUP406": {"max_rows": 4_000, "short_answer": 0}},
    )
    pairs = lines(result, "DUP406")
    same = sum(
        rows[int(one or 0) - 1]["metadata"]["label"] == rows[int(two or 0) - 1]["metadata"]["label"]
        for one, two in pairs
    )
    assert len(pairs) > 50
    assert same / len(pairs) > 0.95


# ----------------------------------------------------------------------------- DUP407


def test_the_guard_speaks_when_too_much_would_go_and_says_which_rules_ask_for_it(tmp_path: Path) -> None:
    rows = [chat("a", "b")] * 6 + [chat("A!", "b")] + [chat(f"q{n}", f"r{n}") for n in range(8)]
    result = check(tmp_path, rows, "DUP401", "DUP402", "DUP407")
    (finding,) = of(result, "DUP407")
    assert "6 of 15 rows (40.0%)" in finding.message
    assert "DUP401 (exact-duplicate) 5 rows" in finding.message
    assert "DUP402 (normalised-duplicate, in preview, unsafe) 1 row;" in finding.message
    assert (finding.scope, finding.place.line, finding.severity) == ("dataset", None, "error")
    measure = measures(result)["duplicates.redundant_rows"]
    assert (measure.value, measure.n) == (6, 15)
    assert measure.table == {"share": 0.4, "by_rule": {"DUP401": 5, "DUP402": 1}, "limit": 0.3}


def test_the_guard_is_silent_below_its_limit_and_for_a_handful_of_rows(tmp_path: Path) -> None:
    rows = [chat("a", "b")] * 4 + [chat(f"q{n}", f"r{n}") for n in range(6)]
    assert of(check(tmp_path, rows, "DUP401", "DUP407"), "DUP407") == []
    assert of(check(tmp_path, rows[:5], "DUP401", "DUP407"), "DUP407") == []
    given = {"DUP407": {"max_removal": 0.2}}
    assert len(of(check(tmp_path, rows, "DUP401", "DUP407", rules=given), "DUP407")) == 1


def test_a_file_that_nothing_would_be_left_of_is_named(tmp_path: Path) -> None:
    rows = [chat(f"q{n}", f"r{n}") for n in range(20)]
    whole, copy = write(tmp_path, rows, "a.jsonl"), write(tmp_path, rows[3:6], "b.jsonl")
    (finding,) = of(audit.check([whole, copy], select=["DUP401", "DUP407"]), "DUP407")
    assert finding.place.file == str(copy)
    assert "all 3 rows of" in finding.message


def test_hints_are_told_but_not_counted(tmp_path: Path) -> None:
    rows = paraphrases()
    given = {**SEMANTIC, "DUP407": {"max_removal": 0.0}}
    result = check(tmp_path, rows, "DUP406", "DUP407", rules=given)
    assert len(of(result, "DUP406")) == 1
    assert of(result, "DUP407") == []
    assert measures(result)["duplicates.redundant_rows"].table["by_rule"] == {"DUP406": 1}


@real_data
@pytest.mark.parametrize(("name", "most"), [("bfcl-dev", 0.10), ("glaive-toolcall-en", 0.20), ("adult", 0.15)])
def test_data_made_from_templates_does_not_collapse(name: str, most: float) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["DUP401", "DUP402", "DUP403", "DUP407"])
    table = measures(result)["duplicates.redundant_rows"].table
    assert of(result, "DUP407") == []
    assert table["share"] < most
    assert set(table["by_rule"]) <= {"DUP401", "DUP402", "DUP403"}


# ----------------------------------------------------------------------------- shared ground


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 20))
def test_a_sample_has_the_smallest_identities_in_any_order(identities: list[int], most: int) -> None:
    rows = distinct_rows(identities, most)
    assert [identities[row] for row in rows] == sorted(set(identities) - {0})[:most]
    assert all(identities.index(identities[row]) == row for row in rows)


def test_a_large_sample_is_the_same_as_a_small_one_would_be() -> None:
    identities = random.Random(0).choices(range(3_000), k=MANY + 500)
    expected = [identities.index(identity) for identity in sorted(set(identities) - {0})[:700]]
    assert distinct_rows(identities, 700) == expected


def test_the_family_loads_no_heavy_library() -> None:
    code = "import sys, audit.rules.duplicates; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert {"numpy", "scipy", "sklearn", "pyarrow", "pandas"}.isdisjoint(told.stdout.split())
