"""Judges one run by a policy: every clause in turn, then the whole. Reads no file and shows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from audit.evidence import sha256
from audit.model import Clause, Gate, Verdict, Waiver
from audit.policy.answered import judge_answered
from audit.policy.counted import judge_findings, judge_new_findings, judge_ran
from audit.policy.demands import (
    Answered,
    AnyDemand,
    Assessed,
    Disparity,
    Findings,
    MeasureWithin,
    NewFindings,
    Published,
    Ran,
    Use,
    asks,
    over_outputs,
)
from audit.policy.facts import Facts, clause, undecided
from audit.policy.grouped import judge_assessed, judge_disparity, judge_published, treatment
from audit.policy.measured import judge_measure

WORST_FIRST: Final[tuple[Verdict, ...]] = ("FAIL", "NOT_ASSESSED", "INCONCLUSIVE", "PASS")
"""The verdict of a run is the first of these that a clause has."""


def judge(facts: Facts, waivers: Iterable[Waiver] = (), notes: Iterable[str] = ()) -> Gate:
    """The decision of the policy over the run, with one clause at least for everything that it demands.

    ``waivers`` beside that of ``facts`` and ``notes`` on the configuration are shown with it.
    """
    policy = facts.policy
    clauses = tuple(
        _held_back(found, demand, facts) for demand in policy.clauses for found in judge_clause(demand, facts)
    )
    verdict = worst_of(found.verdict for found in clauses)
    return Gate(
        policy=policy.name,
        title=policy.title,
        as_of=policy.as_of,
        sha256=sha256(msgspec.json.encode(policy, order="sorted")),
        verdict=verdict,
        exit_code={"PASS": 0, "FAIL": 1}.get(verdict, policy.undecided),
        clauses=clauses,
        extends=policy.extends,
        waivers=(*([facts.waiver] if facts.waiver else []), *waivers),
        use=dict(sorted(facts.use.items())),
        notes=(
            *policy.notes,
            *([said] if (said := treatment(facts)) else []),
            *(f"NOT COVERED: {entry.ref}: {entry.why}" for entry in policy.not_covered),
            *notes,
        ),
    )


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of the whole. A policy that demands nothing has assessed nothing."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), "NOT_ASSESSED")


def judge_clause(demand: AnyDemand, facts: Facts) -> Iterator[Clause]:
    """What a clause comes to: one clause of the gate, or one for each attribute."""
    if facts.of_outputs:
        demand = over_outputs(demand)
    if isinstance(demand, Disparity):
        yield from judge_disparity(demand, facts)
    elif isinstance(demand, Published):
        yield from judge_published(demand, facts)
    else:
        yield _judged(demand, facts)


def _judged(demand: Findings | Ran | MeasureWithin | Assessed | Answered | Use | NewFindings, facts: Facts) -> Clause:
    match demand:
        case Findings():
            return judge_findings(demand, facts)
        case Ran():
            return judge_ran(demand, facts)
        case MeasureWithin():
            return judge_measure(demand, facts)
        case Assessed():
            return judge_assessed(demand, facts)
        case Answered():
            return judge_answered(demand, facts)
        case Use():
            return _judge_use(demand, facts)
        case NewFindings():
            return judge_new_findings(demand, facts)


def _judge_use(demand: Use, facts: Facts) -> Clause:
    missing = [name for name in demand.fields if not facts.use.get(name)]
    limit = asks(demand)
    if missing:
        paste = "[use]\n" + "\n".join(f'{name} = "..."' for name in missing)
        return undecided(demand, limit, [f"[use] does not say {', '.join(missing)}"], paste=paste)
    said = "; ".join(f"{name}: {facts.use[name]}" for name in demand.fields)
    return clause(demand, limit=limit, actual="stated", verdict="PASS", sentence=f"As stated, {said}.")


def _held_back(found: Clause, demand: AnyDemand, facts: Facts) -> Clause:
    """A run that was cut short, or saw no row, supports no PASS. A count that is too high already stays so. Without the
    arm that is to be signed there is nothing to judge."""
    if "judged" in facts.unsettled and not isinstance(demand, Use | Answered):
        about = {"name": found.name, "attribute": found.attribute, "codes": found.codes}
        return undecided(demand, found.limit, [facts.unsettled["judged"]], **about)
    why = "the run was interrupted" if facts.result.partial else "" if facts.result.rows else "there is no row to judge"
    counts = isinstance(demand, NewFindings) or (isinstance(demand, Findings) and demand.max_share is None)
    if not why or found.verdict == "NOT_ASSESSED" or isinstance(demand, Use) or (counts and found.verdict == "FAIL"):
        return found
    return msgspec.structs.replace(found, verdict="NOT_ASSESSED", sentence=f"Not assessed: {why}. {found.sentence}")
