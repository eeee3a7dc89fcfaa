"""Policies over outputs of models: answers must be there, the arm to be signed is judged, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import audit
from audit.model import Gate, Measure, Result
from audit.policy.demands import Answered, AnyDemand, Disparity, Findings, Policy
from audit.policy.facts import Facts
from audit.policy.judge import judge
from audit.policy.load import load_policy

SECTIONS = {
    "data": {"favourable": "grant"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}


def missing(arm: str, value: int, n: int) -> Measure:
    return Measure(code="OUT212", name="outputs.missing", value=value / n if n else None, n=n, arm=arm)


def gate_of(
    demand: AnyDemand,
    *measures: Measure,
    ran: tuple[str, ...] = ("OUT212",),
    unsettled: Mapping[str, str] = MappingProxyType({}),
    **roles: str,
) -> Gate:
    result = Result(rows=100, rules_run=ran, measures=measures, roles=roles)
    return judge(Facts(policy=Policy(name="p", clauses=(demand,)), result=result, of_outputs=True, unsettled=unsettled))


ANSWERED = Answered(name="answers", demand="answers are there")


def test_answers_that_are_there_pass() -> None:
    (clause,) = gate_of(ANSWERED, missing("raw", 1, 100), missing("base", 5, 100)).clauses
    assert (clause.verdict, clause.actual) == ("PASS", "5 %")


def test_too_many_missing_answers_of_any_arm_leave_it_undecided_and_never_pass() -> None:
    gate = gate_of(ANSWERED, missing("raw", 50, 100), missing("base", 0, 100), judged="base")
    assert (gate.verdict, gate.exit_code) == ("NOT_ASSESSED", 3)
    assert "50 % of the outputs of raw are missing" in gate.clauses[0].sentence


def test_no_outputs_and_a_rule_that_did_not_run_are_no_pass() -> None:
    assert gate_of(ANSWERED).verdict == "NOT_ASSESSED"
    assert gate_of(ANSWERED, missing("raw", 0, 0)).verdict == "NOT_ASSESSED"
    assert gate_of(ANSWERED, missing("raw", 0, 9), ran=()).verdict == "NOT_ASSESSED"


def test_an_arm_that_was_named_and_has_no_outputs_is_told_and_never_passed_over() -> None:
    (clause,) = gate_of(
        ANSWERED, missing("raw", 0, 9), unsettled={"compared": "there are no outputs of gone"}, judged="raw"
    ).clauses
    assert (clause.verdict, clause.sentence) == (
        "NOT_ASSESSED", "Not assessed: there are no outputs of gone."
    )  # fmt: skip
    counted = Findings(name="errors", demand="none", codes=("OUT212",))
    assert (
        gate_of(counted, missing("raw", 0, 9), unsettled={"judged": "there are no outputs of gone"}).verdict
        == "NOT_ASSESSED"
    )
    assert (
        gate_of(
            counted, missing("raw", 0, 9), unsettled={"compared": "there are no outputs of gone"}, judged="raw"
        ).verdict
        == "PASS"
    )


def test_an_arm_of_which_only_own_answers_were_scored_has_nothing_missing() -> None:
    gate = gate_of(ANSWERED, missing("raw", 0, 9), missing("scored", 0, 0), judged="raw")
    assert gate.verdict == "PASS"
    assert gate_of(ANSWERED, missing("raw", 0, 9), missing("scored", 0, 0), judged="scored").verdict == "NOT_ASSESSED"


def test_a_clause_on_groups_of_the_data_is_judged_by_the_same_table_of_the_outputs() -> None:
    clause = Disparity(name="rates", demand="equal", measure="selection_rate", code="DEM104", attributes=("sex",))
    (found,) = gate_of(clause, ran=("FAI201",)).clauses
    assert found.codes == ("FAI201",)


def outputs_of(arm: str, rates: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """``rates``: group -> favourable outputs, of how many."""
    rows: list[dict[str, Any]] = []
    for sex, (hits, n) in rates.items():
        for at in range(n):
            said = "grant" if at < hits else "deny"
            asked = [{"role": "user", "content": f"Case {sex} {at}?"}]
            row = {"row_id": f"{sex}{at}#1", "arm": arm, "seed": 0, "sample": 0, "messages": asked, "output": said}
            rows.append({**row, "truth": "grant" if at % 2 else "deny", "attributes": {"sex": sex}})
    return rows


FAIR, UNFAIR = {"f": (400, 1000), "m": (400, 1000)}, {"f": (100, 1000), "m": (400, 1000)}


def test_the_arm_to_be_signed_is_judged_whatever_the_others_do() -> None:
    rows = outputs_of("raw", UNFAIR) + outputs_of("remediated", FAIR)
    result = audit.gate(rows, "ugesp-four-fifths", sections=SECTIONS)
    assert (result.roles["judged"], result.verdict) == ("remediated", "PASS")
    other = audit.gate(
        outputs_of("raw", FAIR) + outputs_of("remediated", UNFAIR), "ugesp-four-fifths", sections=SECTIONS
    )
    assert other.verdict == "FAIL"


def test_outputs_are_judged_by_their_own_policy_where_none_is_named() -> None:
    result = audit.gate(outputs_of("mine", FAIR), sections=SECTIONS)
    assert result.gate is not None
    assert (result.gate.policy, result.verdict) == ("outputs", "PASS")


def test_outputs_half_of_which_are_missing_do_not_pass() -> None:
    rows = outputs_of("mine", FAIR)
    for row in rows[::2]:
        row.update(output=None, error="timeout: 60 s")
    result = audit.gate(rows, sections=SECTIONS)
    assert (result.verdict, result.exit_code) == ("NOT_ASSESSED", 3)


def test_options_that_a_policy_sets_for_a_table_of_the_data_reach_that_of_the_outputs(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    text = '[rules.DEM104]\ntolerance = 0.2\n[[clause]]\nkind = "ran"\nname = "r"\ndemand = "d"\ncodes = ["FAI201"]\n'
    policy.write_text(text, encoding="utf-8")
    result = audit.gate(outputs_of("mine", UNFAIR), str(policy), sections=SECTIONS)
    assert result.counts.get("FAI201", {}).get("findings", 0) == 0
    assert audit.gate(outputs_of("mine", UNFAIR), "outputs", sections=SECTIONS).counts["FAI201"]["findings"] == 1


def test_only_what_the_arm_to_be_signed_wrote_counts_and_the_rest_is_shown() -> None:
    rows = outputs_of("raw", FAIR) + outputs_of("remediated", FAIR)
    rows[0]["output"] = "jane.doe@acme-industries.com"
    result = audit.gate(rows, sections=SECTIONS)
    assert (result.verdict, result.counts["PII901"]["findings"]) == ("PASS", 1)
    rows[-1]["output"] = "jane.doe@acme-industries.com"
    assert audit.gate(rows, sections=SECTIONS).verdict == "FAIL"
    rows[-1].update(variant="swap", pair_id="p")
    assert audit.gate(rows, sections=SECTIONS).verdict == "PASS"


def test_a_model_that_says_one_thing_to_everything_does_not_pass() -> None:
    rows = outputs_of("mine", {"f": (1000, 1000), "m": (1000, 1000)})
    result = audit.gate(rows, sections=SECTIONS)
    assert result.gate is not None
    assert [clause.name for clause in result.gate.clauses if clause.verdict == "FAIL"] == ["answers differ"]


def test_a_pass_says_that_no_demand_on_groups_was_made_and_how_far_apart_they_are() -> None:
    gate = audit.gate(outputs_of("mine", UNFAIR), sections=SECTIONS).gate
    assert gate is not None
    said = (
        "No demand on how groups are treated was made; see the tables. "
        "Widest, by sex: f gets grant 0.25 times as often as m (over 1,000 outputs)."
    )
    assert said in gate.notes
    assert gate.clauses[-1].sentence.endswith("No demand on how groups are treated was made; see the tables.")
    bound = audit.gate(outputs_of("mine", UNFAIR), "ugesp-four-fifths", sections=SECTIONS).gate
    assert bound is not None
    assert not any(note.startswith("No demand") for note in bound.notes)


def test_groups_of_free_text_are_looked_at_by_the_answers_that_are_missing() -> None:
    rows = outputs_of("mine", FAIR)
    for at, row in enumerate(rows):
        row.update(output=f"This is the case of number {at} and no other.", truth=f"It is {at}.")
    gate = audit.gate(rows, sections=SECTIONS).gate
    assert gate is not None
    assert (gate.clauses[-1].verdict, gate.clauses[-1].codes) == ("PASS", ("FAI205",))


def test_the_policy_gates_no_definition_of_fairness() -> None:
    assert not any(isinstance(clause, Disparity) for clause in load_policy("outputs").clauses)


def test_which_of_several_arms_is_signed_is_not_told_by_the_order_of_rows() -> None:
    for rows in (outputs_of("a", FAIR) + outputs_of("b", UNFAIR), outputs_of("b", UNFAIR) + outputs_of("a", FAIR)):
        result = audit.gate(rows, "ugesp-four-fifths", sections=SECTIONS)
        assert result.verdict == "NOT_ASSESSED"
        assert result.gate is not None
        assert "nobody said which of the arms a, b is to be signed" in result.gate.clauses[0].sentence
        said = {**SECTIONS, "evaluate": {"judge": "b"}}
        assert audit.gate(rows, "ugesp-four-fifths", sections=said).verdict == "FAIL"


@pytest.mark.parametrize(
    ("bound", "rates", "verdict"),
    [(0.1, UNFAIR, "FAIL"), (0.35, UNFAIR, "PASS"), (0.1, FAIR, "PASS"), (0.3, UNFAIR, "INCONCLUSIVE")],
)
def test_how_far_groups_may_lie_apart_can_be_bounded(bound: float, rates: Any, verdict: str) -> None:
    sections = {**SECTIONS, "gate": {"max": {"demographic_parity_difference": {"sex": bound}}}}
    result = audit.gate(outputs_of("mine", rates), sections=sections)
    assert result.gate is not None
    (clause,) = [one for one in result.gate.clauses if one.name.startswith("most ")]
    assert clause.verdict == verdict


def test_a_least_value_of_the_worst_group_is_judged() -> None:
    sections = {**SECTIONS, "gate": {"min": {"worst_group": {"sex": 0.1}}}}
    result = audit.gate(outputs_of("mine", FAIR), sections=sections)
    assert result.gate is not None
    (clause,) = [one for one in result.gate.clauses if one.name.startswith("least ")]
    assert clause.verdict == "PASS"
