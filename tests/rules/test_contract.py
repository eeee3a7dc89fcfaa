"""The contract battery: every rule, plugins included, must hold to what the engine and the reports rely on."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

import audit
from audit.api import make_run, override, with_counter, with_references
from audit.api.outputs import as_outputs, trained_on
from audit.catalog import all_rules, check_rule_types
from audit.config.settings import Settings
from audit.engine.batch import ParsedBatch
from audit.engine.fold import Fold
from audit.model import Applicability, Result, Severity
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.remedy.edits import apply_edits
from audit.rule import DatasetRule, Rule, Run, explain, options, with_options, written_out

RULES = all_rules()
ids = [rule.code for rule in RULES]
ANOTHER_COMMAND = frozenset({"SPL503"})
"""Errors about a group of rows, of which `audit split` has to say where they go; no row of them is wrong by itself."""


def settings_of(rule: type[Rule], example: str = "example") -> dict[str, Any]:
    given = dict(getattr(rule, example, getattr(rule, "example", {})))
    if rule.status == "preview":
        given["extend_select"] = [rule.code]
    if rule.code != "FMT114":
        given["ignore"] = ["FMT114"]
    return given


def run_of(rule: type[Rule], settings: Settings) -> Run:
    run = with_references(make_run(settings), settings)
    if rule.judges == "outputs":
        against = trained_on(settings.against, settings) if settings.against else None
        return msgspec.structs.replace(as_outputs(run, settings), trained_on=against)
    return with_counter(run, settings)


def as_bytes(rule: type[Rule], lines: tuple[str, ...]) -> bytes:
    """The bytes of an example: ENC examples write what cannot stand in a docstring as Python escapes."""
    if rule.code.startswith("ENC"):
        return b"\n".join(ast.literal_eval(f"b'''{line}'''") for line in lines) + b"\n"
    return "\n".join(written_out(lines)).encode() + b"\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples name the files beside them without a folder."""
    monkeypatch.chdir(tmp_path)
    for rule in RULES:
        for name, lines in getattr(rule, "example_files", {}).items():
            (tmp_path / name).write_text("\n".join(lines) + "\n")


def check_bytes(data: bytes, **given: Any) -> Result:
    Path("example.jsonl").write_bytes(data)
    return audit.check("example.jsonl", **given)


def parsed(data: bytes, chunk_bytes: int = 1 << 22) -> list[Any]:
    """The chunks of an example. It is written to a file, because a rule may read rows again."""
    Path("example.jsonl").write_bytes(data)
    (source,) = find_sources(["example.jsonl"])
    return list(SourceReader(source, chunk_bytes=chunk_bytes))


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_the_docstring_is_complete(rule: type[Rule]) -> None:
    check_rule_types([rule])
    assert explain(rule).summary.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_the_bad_example_is_found_and_only_under_this_code(rule: type[Rule]) -> None:
    result = check_bytes(as_bytes(rule, explain(rule).bad), **settings_of(rule))
    assert {finding.code for finding in result.findings} == {rule.code}


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_the_good_example_is_silent(rule: type[Rule]) -> None:
    result = check_bytes(as_bytes(rule, explain(rule).good), **settings_of(rule, "example_good"))
    assert [(finding.code, finding.message) for finding in result.findings] == []


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_any_cut_of_the_input_says_the_same(rule: type[Rule]) -> None:
    data = as_bytes(rule, explain(rule).bad) * 3 + as_bytes(rule, explain(rule).good) * 2
    settings = override(Settings(), settings_of(rule))
    one = with_options(rule, settings.rules.get(rule.code, {}))
    run = run_of(rule, settings)

    def judge(chunk_bytes: int, split: int) -> Any:
        chunks = parsed(data, chunk_bytes)
        first, second = Fold([one], run), Fold([one], run)
        for index, chunk in enumerate(chunks):
            (first if index < split else second).take(chunk)
        outcome = first.merge(second).finish()
        return msgspec.json.encode((outcome.findings, outcome.measures), order="sorted")

    whole = judge(1 << 22, 100)
    for chunk_bytes in (64, 500, 3000):
        for split in (0, 1, 2, 5):
            assert judge(chunk_bytes, split) == whole


@pytest.mark.parametrize("rule", [rule for rule in RULES if issubclass(rule, DatasetRule)], ids=lambda rule: rule.code)
def test_states_survive_a_round_trip_through_json(rule: type[Rule]) -> None:
    settings = override(Settings(), settings_of(rule))
    one = with_options(rule, settings.rules.get(rule.code, {}))
    run = run_of(rule, settings)
    assert isinstance(one, DatasetRule)
    state = one.start()
    for chunk in parsed(as_bytes(rule, explain(rule).bad)):
        state = one.take(state, ParsedBatch(chunk, run.tokens), run)  # type: ignore[arg-type]
    assert msgspec.json.decode(msgspec.json.encode(state)) == state


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_options_round_trip_through_toml(rule: type[Rule]) -> None:
    defaults = options(rule)
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in defaults.items() if value is not None]
    given = tomllib.loads("\n".join(lines))
    assert with_options(rule, given) == with_options(rule, {})


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_findings_serialise_and_their_fingerprints_are_stable(rule: type[Rule]) -> None:
    bad = explain(rule).bad
    result = check_bytes(as_bytes(rule, bad), **settings_of(rule))
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result
    again = check_bytes(as_bytes(rule, bad), **settings_of(rule))
    assert [f.fingerprint for f in again.findings] == [f.fingerprint for f in result.findings]
    assert all(len(finding.fingerprint) == 32 for finding in result.findings)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.code not in ANOTHER_COMMAND], ids=lambda r: r.code)
def test_an_error_of_a_row_has_a_fix_that_mends_or_removes_it(rule: type[Rule]) -> None:
    result = check_bytes(as_bytes(rule, explain(rule).bad), **settings_of(rule))
    for finding in result.findings:
        if finding.scope == "row" and finding.severity is Severity.ERROR:
            assert finding.fix is not None
            assert finding.fix.edits, finding.message
            assert finding.fix.applicability is not Applicability.SHOWN


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_a_rule_promises_no_better_fix_than_it_has(rule: type[Rule]) -> None:
    result = check_bytes(as_bytes(rule, explain(rule).bad), **settings_of(rule))
    order = list(Applicability)
    grades = [order.index(finding.fix.applicability) for finding in result.findings if finding.fix is not None]
    assert all(rule.fix is not None and order.index(rule.fix) <= grade for grade in grades)


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_a_safe_fix_silences_the_finding_and_applied_twice_equals_once(rule: type[Rule]) -> None:
    result = check_bytes(as_bytes(rule, explain(rule).bad), **settings_of(rule))
    lines = as_bytes(rule, explain(rule).bad).split(b"\n")
    for finding in result.findings:
        fix = finding.fix
        if fix is None or fix.applicability is not Applicability.SAFE or finding.scope != "row":
            continue
        assert fix.edits, "a safe fix has edits"
        assert finding.place.line is not None
        raw = lines[finding.place.line - 1]
        once = apply_edits(raw, fix.edits).raw
        if once is None:
            continue
        mended = check_bytes(once + b"\n", **settings_of(rule))
        left = [f for f in mended.findings if f.code == rule.code and f.fingerprint == finding.fingerprint]
        assert left == []
        again = [f.fix for f in mended.findings if f.code == rule.code and f.place.pointer == finding.place.pointer]
        assert again == []


COUNTED = [rule for rule in RULES if issubclass(rule, DatasetRule) and rule.without is not DatasetRule.without]
"""Rules that can take rows away from what they have gathered."""


@pytest.mark.parametrize("rule", COUNTED, ids=lambda rule: rule.code)
def test_rows_can_be_taken_away_from_what_was_gathered(rule: type[DatasetRule]) -> None:
    settings = override(Settings(), settings_of(rule))
    one = with_options(rule, settings.rules.get(rule.code, {}))
    run = run_of(rule, settings)
    assert isinstance(one, DatasetRule)
    data = as_bytes(rule, explain(rule).bad) + as_bytes(rule, explain(rule).good)
    batches = [ParsedBatch(chunk, run.tokens) for chunk in parsed(data, 64)]

    def gathered(first: int, end: int) -> Any:
        state = one.start()
        for batch in batches[first:end]:
            state = one.take(state, batch, run)
        return state

    for cut in range(len(batches) + 1):
        both = one.merge(gathered(0, cut), gathered(cut, len(batches)))
        assert _told(one, one.without(both, gathered(cut, len(batches)))) == _told(one, gathered(0, cut))


def _told(rule: DatasetRule, state: Any) -> Any:
    """A state without what rules say that they do not take back."""
    if rule.code == "ENC009":
        return [line for path, (rows, size, _) in sorted(state["files"].items()) for line in (path, rows, size)], state[
            "long"
        ]
    return state
