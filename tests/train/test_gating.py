"""The gate before training: what goes on, what does not, and what is kept of the decision."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from audit.config.settings import Settings
from audit.errors import UsageError
from audit.train.models.tokenizing import learn
from audit.train.options import TrainOptions
from audit.train.runs.gating import GateFailed, TrainWaiver, by_base_name, pass_gate, read_waiver, without_private

WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty")
GROUPS = {"fairness": {"not_applicable": {"reason": "no people", "owner": "A. Jones", "expires": "2099-01-01"}}}


def rows(path: Path, answers: tuple[str, ...], repeats: int = 1) -> Path:
    made = [
        {
            "messages": [
                {"role": "user", "content": f"Is {one} like {other} in any way that counts?"},
                {"role": "assistant", "content": answers[number % len(answers)]},
            ]
        }
        for number, (one, other) in enumerate((one, other) for one in WORDS for other in WORDS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in made * repeats))
    return path


def settings(**more: object) -> Settings:
    return Settings(sections=GROUPS, **more)  # type: ignore[arg-type]


def test_sound_data_passes(tmp_path: Path) -> None:
    decision = pass_gate([str(rows(tmp_path / "sound.jsonl", ("Yes.", "No.")))], settings())
    assert decision.verdict == "PASS"
    assert decision.outcome == "passed"
    assert decision.rows == 100
    assert decision.waiver is None


def test_data_that_fails_is_refused_by_the_names_of_the_clauses(tmp_path: Path) -> None:
    path = rows(tmp_path / "twice.jsonl", ("Yes.", "No."), repeats=2)
    with pytest.raises(GateFailed) as refused:
        pass_gate([str(path)], settings())
    assert "redundant rows: 50 % (at most 5 %)" in refused.value.what
    assert "--waive" in str(refused.value.hint)
    assert [clause.name for clause in refused.value.decision.failed] == ["redundant rows"]


def test_a_waiver_lets_it_go_on_and_is_kept(tmp_path: Path) -> None:
    path = rows(tmp_path / "twice.jsonl", ("Yes.", "No."), repeats=2)
    decision = pass_gate([str(path)], settings(), TrainWaiver("A. Jones", "repeats are wanted"))
    assert (decision.verdict, decision.outcome) == ("FAIL", "waived")
    assert decision.waiver == TrainWaiver("A. Jones", "repeats are wanted")


def test_a_waiver_of_what_passes_is_not_kept(tmp_path: Path) -> None:
    path = rows(tmp_path / "sound.jsonl", ("Yes.", "No."))
    assert pass_gate([str(path)], settings(), TrainWaiver("A. Jones", "to be safe")).waiver is None


def test_what_is_undecided_goes_on(tmp_path: Path) -> None:
    decision = pass_gate([str(rows(tmp_path / "sound.jsonl", ("Yes.", "No.")))], Settings())
    assert decision.verdict == "NOT_ASSESSED"
    assert decision.outcome == "undecided"


def test_the_name_of_the_trained_model_is_no_providers(tmp_path: Path) -> None:
    path = rows(tmp_path / "sound.jsonl", ("Yes.", "No."))
    assert pass_gate([str(path)], settings(model="tiny")).verdict == "PASS"


def test_tokens_are_counted_as_the_trained_model_reads_them(tmp_path: Path) -> None:
    """The template of the model's own folder refuses the rows, which no other counter does."""
    folder = tmp_path / "model"
    folder.mkdir()
    learn(["Is amber like basin"], folder, size=300)
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    path = str(rows(tmp_path / "sound.jsonl", ("Yes.", "No.")))
    found, laid_over, other = (
        pass_gate([path], settings(), TrainWaiver("A. Jones", "a test"), options=one).counts
        for one in (
            TrainOptions(model=str(folder)),
            TrainOptions(model=str(folder), chat_template="chatml"),
            TrainOptions(),
        )
    )
    assert found != other
    assert laid_over == other


def test_what_is_kept_quotes_no_row_and_names_no_folder(tmp_path: Path) -> None:
    path = rows(tmp_path / "twice.jsonl", ("Secret word.", "Yes."), repeats=2)
    decision = pass_gate([str(path)], settings(), TrainWaiver("A. Jones", "repeats are wanted"))
    kept = msgspec.json.encode(decision).decode()
    assert "Secret" not in kept
    assert str(tmp_path) not in kept
    assert list(decision.inputs) == ["twice.jsonl"]


@pytest.mark.parametrize("text", ["", "A. Jones", "A. Jones:", ": because", " : "])
def test_a_waiver_needs_both_who_and_why(text: str) -> None:
    with pytest.raises(UsageError, match="both who waives and why"):
        read_waiver(text)


def test_a_waiver_may_hold_colons_in_its_reason() -> None:
    assert read_waiver("A. Jones: see: ticket 12") == TrainWaiver("A. Jones", "see: ticket 12")
    assert read_waiver(None) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("jones@example.org: on purpose", "an e-mail address"),
        ("A. Jones: read with sk-abcdefghijklmnop", "a key or a token"),
        ("A. Jones: token=abc123def", "a key or a token"),
        ("A. Jones: as /home/jones/notes.txt says", "an absolute path"),
        ("A. Jones: as C:\\notes says", "an absolute path"),
    ],
)
def test_a_waiver_that_holds_what_no_record_may_is_refused_and_not_quoted(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as refused:
        read_waiver(text)
    assert text.partition(":")[2] not in str(refused.value)


@pytest.mark.parametrize(
    "why", ["ticket AB-1234, see https://tracker.example/AB/1234", "commit " + "0a1b2c3d4e" * 4, "data/b and/or 1/2"]
)
def test_a_waiver_may_name_tickets_commits_and_relative_files(why: str) -> None:
    assert read_waiver(f"A. Jones: {why}") == TrainWaiver("A. Jones", why)


def test_what_looks_private_is_masked_in_the_waivers_of_a_policy() -> None:
    assert without_private("jones@example.org says so") == "[an e-mail address] says so"


def test_files_of_one_name_are_all_kept() -> None:
    assert by_base_name({"a/x.jsonl": "1", "b/x.jsonl": "2", "c/x.jsonl": "3"}) == {
        "x.jsonl": "1", "x.jsonl (2)": "2", "x.jsonl (3)": "3",
    }  # fmt: skip
