"""Judges the clause that asks for answers: what was not answered says nothing for a model, and nothing against it."""

from __future__ import annotations

from audit.model import Clause, Measure
from audit.policy.demands import Answered, asks
from audit.policy.facts import Facts, clause, coverage, undecided
from audit.policy.words import percent


def judge_answered(demand: Answered, facts: Facts) -> Clause:
    """PASS when every arm has answered, the arms that are not to be signed included: figures are compared with theirs.
    NOT_ASSESSED, by name, where too many answers of an arm are missing, or an arm that was named has no outputs."""
    limit, codes = asks(demand), (demand.code,)
    if missing := [*facts.unsettled.values(), *coverage(codes, facts).missing]:
        return undecided(demand, limit, missing, codes=codes)
    judged = facts.result.roles.get("judged")
    of_all = [measure for measure in facts.result.measures if measure.name == demand.measure and measure.group is None]
    arms = [measure for measure in of_all if measure.n or measure.arm == judged]  # of others own answers were scored
    if not any(measure.n for measure in arms):
        return undecided(demand, limit, ["there are no outputs"], codes=codes)
    worst = max(arms, key=_share)
    silent = [one for one in arms if _share(one) > demand.max_missing]
    if silent:
        reasons = [f"{percent(_share(one))} of the outputs of {one.arm or 'the model'} are missing" for one in silent]
        return undecided(demand, limit, reasons, codes=codes, n=worst.n)
    return clause(
        demand,
        limit=limit,
        actual=percent(_share(worst)),
        verdict="PASS",
        sentence=f"{percent(_share(worst))} of {worst.n:,} outputs of {worst.arm or 'the model'} are missing.",
        value=_share(worst),
        n=worst.n,
        codes=codes,
    )


def _share(measure: Measure) -> float:
    """The share of the outputs of an arm that are missing; all where nothing was asked."""
    return round(float(measure.value), 6) if measure.n and isinstance(measure.value, int | float) else 1.0
