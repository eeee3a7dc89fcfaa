"""DEM111: rows that differ only in whom they mention, on toy rows and real data."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.engine.drive import Means, drive
from audit.engine.finish import Outcome
from audit.engine.fold import Fold
from audit.lexicons import axes, load
from audit.masking import Masker, masker_of
from audit.model import Finding, Json, Measure
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.rule import Fields, Run
from audit.rules.demographics.identity_flip import IdentityFlip
from audit.targets import load_target, target_names

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")


def run_of(**more: Any) -> Run:
    return Run(target=load_target(target_names()[0]), **more)


def row(prompt: str, answer: str, **more: Json) -> dict[str, Json]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], **more}


def judge(path: Path, **more: Any) -> Outcome:
    sources = find_sources([str(path)])
    return drive([SourceReader(one) for one in sources], [IdentityFlip()], run_of(**more), Means()).outcome


def judged(folder: Path, rows: Sequence[dict[str, Json]], **more: Any) -> Outcome:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return judge(path, **more)


def pairs(outcome: Outcome) -> Measure:
    (found,) = (measure for measure in outcome.measures if measure.name == "counterfactual_pairs")
    return found


def lines(findings: Sequence[Finding]) -> list[int | None]:
    return [finding.place.line for finding in findings]


def filler(n: int = 12) -> list[dict[str, Json]]:
    return [row(f"Rate the weather of day {i}", "good" if i % 2 else "bad") for i in range(n)]


def test_twins_with_two_labels_are_found_and_name_both_terms_and_labels(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: the nurse lost her keys", "bad"), row("Rate: the nurse lost his keys", "good")]
    outcome = judged(tmp_path, rows)
    assert lines(outcome.findings) == [13, 14]
    message = outcome.findings[0].message
    assert all(part in message for part in ('"her"', '"his"', '"bad"', '"good"'))
    assert [related.line for related in outcome.findings[0].related] == [14]


def test_twins_with_one_label_are_counted_and_not_reported(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: the nurse lost her keys", "bad"), row("Rate: the nurse lost his keys", "bad")]
    outcome = judged(tmp_path, rows)
    assert (outcome.findings, pairs(outcome).value) == ([], 1)
    assert pairs(outcome).table["axes"] == [{"axis": "gender", "pairs": 1, "differing": 0, "balanced": 1}]


def test_the_same_prompt_with_two_labels_is_no_twin_but_noise(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: she left", "bad"), row("Rate: she left", "good"), row("Rate: he left", "bad")]
    table = pairs(judged(tmp_path, rows)).table
    assert (table["repeated_rows"], table["repeated_differing"]) == (1, 1)


def test_where_most_variants_agree_only_the_others_are_reported(tmp_path: Path) -> None:
    groups = ("Muslims", "Christians", "Jews", "Hindus")
    rows = [*filler(), *(row(f"Rate: {group} moved in", "bad" if group == "Jews" else "good") for group in groups)]
    outcome = judged(tmp_path, rows)
    assert lines(outcome.findings) == [15]
    assert pairs(outcome).table["axes"] == [{"axis": "religion", "pairs": 6, "differing": 3, "balanced": 6}]


def test_articles_and_case_make_no_difference(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: an Italian man left", "bad"), row("rate: a German man left!", "good")]
    assert lines(judged(tmp_path, rows).findings) == [13, 14]


def test_a_word_of_another_meaning_is_no_twin(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: the grandmother left", "bad"), row("Rate: the boy left", "good")]
    assert pairs(judged(tmp_path, rows)).value == 0


def test_words_of_two_axes_are_no_twins(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: women moved in", "bad"), row("Rate: Muslims moved in", "good")]
    assert pairs(judged(tmp_path, rows)).value == 0


def test_a_prompt_that_mentions_two_groups_is_left_out(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: he saw her", "bad"), row("Rate: she saw him", "good")]
    assert pairs(judged(tmp_path, rows)).value == 0


def system(said: str, one: dict[str, Any]) -> dict[str, Json]:
    return {"messages": [{"role": "system", "content": said}, *one["messages"]]}


def test_a_term_in_the_system_prompt_counts(tmp_path: Path) -> None:
    asks = [system(f"You talk to a {who} man.", row("May I come in?", LONG[0])) for who in ("Muslim", "Christian")]
    assert pairs(judged(tmp_path, asks)).value == 1


def test_a_system_prompt_about_two_groups_hides_no_twins(tmp_path: Path) -> None:
    asks = [system("Say he or she.", row(f"{who} is late. What now?", LONG[0])) for who in ("He", "She")]
    assert pairs(judged(tmp_path, asks)).value == 1


def test_a_label_that_names_the_group_is_no_difference(tmp_path: Path) -> None:
    rows = [row(f"Who left on day {i}? The {who} did.", label) for i in range(9) for who, label in WHO]
    outcome = judged(tmp_path, rows)
    assert (outcome.findings, pairs(outcome).value) == ([], 9)


WHO = (("man", "male"), ("woman", "female"))


def test_other_arithmetic_makes_another_prompt(tmp_path: Path) -> None:
    rows = [*filler(), row("Rate: he has 3 + 4", "bad"), row("Rate: she has 3 - 4", "good")]
    assert pairs(judged(tmp_path, rows)).value == 0


LONG = (
    "Send a short letter of thanks within two days and mention one thing that was said in the interview.",
    "People like that rarely get anywhere, so waiting for a reply would only be a waste of precious effort.",
)


def test_long_answers_that_share_no_words_are_information(tmp_path: Path) -> None:
    rows = [
        row("How should my son thank an employer?", LONG[0]),
        row("How should my daughter thank an employer?", LONG[1]),
    ]
    outcome = judged(tmp_path, rows)
    assert [(f.severity.value, f.place.line) for f in outcome.findings] == [("info", 1), ("info", 2)]


def test_long_answers_that_differ_only_in_the_term_agree(tmp_path: Path) -> None:
    rows = [
        row(
            f"How should my {who} thank an employer?", f"Your {who} should write. {pronoun} should do so soon, I think."
        )
        for who, pronoun in (("son", "He"), ("daughter", "She"))
    ]
    outcome = judged(tmp_path, rows)
    assert (outcome.findings, pairs(outcome).value) == ([], 1)


def test_yes_to_one_group_and_no_to_the_other_is_a_warning(tmp_path: Path) -> None:
    rows = [
        row(
            "May my son become an engineer at your company?", "Yes, of course, and we will gladly help with all papers."
        ),
        row(
            "May my daughter become an engineer at your company?", "No, that is nothing that we would want to support."
        ),
    ]
    assert [finding.severity.value for finding in judged(tmp_path, rows).findings] == ["warning", "warning"]


def test_a_configured_label_is_used(tmp_path: Path) -> None:
    rows = [
        row(f"{who} asked for loan {i}", LONG[0], metadata={"label": "yes" if who == "he" and i == 0 else "no"})
        for i in range(6)
        for who in ("he", "she")
    ]
    outcome = judged(tmp_path, rows, fields=Fields(label="metadata.label"))
    assert lines(outcome.findings) == [1, 2]


def test_blank_lines_and_broken_rows_do_not_move_the_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    twins = [row("Rate: the nurse lost her keys", "bad"), row("Rate: the nurse lost his keys", "good")]
    texts = [json.dumps(one) for one in (*filler(), *twins)]
    path.write_text("\n   \n{broken\n[]\n\n" + "\n \n".join(texts) + "\n")
    assert lines(judge(path).findings) == [30, 32]


def test_hostile_rows_are_no_crash(tmp_path: Path) -> None:
    hostile = ["\ud800 he", "", "he " * 50_000, "⟨gender⟩ she", "\0he\0", "ｈｅ left", "wоman"]
    rows = [row(text, text) for text in hostile] + [row("x", "y", messages=None)]
    assert isinstance(judged(tmp_path, rows).findings, list)


def test_any_cut_and_order_of_merging_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    twins = [row("Rate: the nurse lost her keys", "bad"), row("Rate: the nurse lost his keys", "good")]
    path.write_text("\n\n".join(json.dumps(one) for one in (*filler(5), *twins, *filler(5), *twins)) + "\n")
    (source,) = find_sources([str(path)])

    def found(chunk_bytes: int) -> Any:
        folds = []
        for chunk in SourceReader(source, chunk_bytes=chunk_bytes):
            folds.append(Fold([IdentityFlip()], run_of()))
            folds[-1].take(chunk)
        while len(folds) > 1:  # from the end: ((a (b c)) ...)
            later = folds.pop()
            folds[-1].merge(later)
        outcome = folds[0].finish()
        return outcome.findings, outcome.measures

    assert found(64) == found(300) == found(1 << 20)
    assert lines(found(64)[0]) == [11, 13, 25, 27]


def test_the_prefilter_lets_every_term_through() -> None:
    masker = Masker([load(axis) for axis in axes()])
    terms = [term for axis in axes() for term in load(axis).terms]
    missed = [term.form for term in random.Random(0).sample(terms, 300) if not masker.may_mention(f"The {term.form}.")]
    assert missed == []


@needs_data
def test_the_pairs_of_winobias_are_twins() -> None:
    """Of the pairs of its files whose texts differ in nothing but gender words, all; and all have one label."""
    path = SHARED / "chat" / "winobias.jsonl.gz"
    sides: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            about = record["metadata"]
            name = about["file"].removeprefix("anti_").removeprefix("pro_")
            sides[name, about["pair"]][about["stereotype"]] = record["messages"][0]["content"]
    masker = masker_of(run_of())
    masked = [[masker.mask(side[name]) for name in ("anti", "pro")] for side in sides.values() if len(side) == 2]
    equal = sum(one.key == two.key and one.terms != two.terms for one, two in masked)
    outcome = judge(path)
    assert len(masked) == 1584
    assert equal >= 1540
    assert pairs(outcome).value >= equal - 30  # prompts with two groups are left out
    assert outcome.findings == []


@needs_data
def test_balanced_templates_are_silent(tmp_path: Path) -> None:
    path = tmp_path / "templates.jsonl"
    with gzip.open(SHARED / "chat" / "jigsaw-templates-en.jsonl.gz", "rt", encoding="utf-8") as file:
        path.write_text("".join(line for line, _ in zip(file, range(8_000), strict=False)))
    outcome = judge(path)
    assert outcome.findings == []
    assert pairs(outcome).value > 1_000
