"""Policies over outputs of models: answers must be there, the arm to be signed is judged, and no other."""

from __future__ import annotations

from typing import Any

import audit
from audit.model import Gate, Measure, Result
from audit.policy.demands import Answered, AnyDemand, Disparity, Policy
from audit.policy.facts import Facts
from audit.policy.judge import judge
from audit.policy.load import load_policy

SECTIONS = {
    "data": {"favourable": "grant"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}


def missing(arm: str, value: int, n: int) -> Measure:
    return Measure(code="OUT212", name="outputs.missing", value=value / n if n else None, n=n, arm=arm)


def gate_of(demand: AnyDemand, *measures: Measure, ran: tuple[str, ...] = ("OUT212",), **roles: str) -> Gate:
    result = Result(rows=100, rules_run=ran, measures=measures, roles=roles)
    return judge(Facts(policy=Policy(name="p", clauses=(demand,)), result=result, of_outputs=True))


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


def test_the_policy_gates_no_definition_of_fairness() -> None:
    assert not any(isinstance(clause, Disparity) for clause in load_policy("outputs").clauses)
