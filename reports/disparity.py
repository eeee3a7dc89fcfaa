"""What a verdict on outputs does not say: whether groups were asked about at all, and how far apart they are.

A policy without a demand on groups passes however groups are treated. Only repeats figures and sentences of measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from audit.model import Gate, Json, Measure, Result

DERIVED: Final = "threshold only"
"""How the name of an arm ends that was computed from another and never asked (``audit.outputs.threshold``)."""

DEMANDS: Final = frozenset({"DEM104", "DEM106", "FAI201", "FAI202", "FAI203"})
"""Codes that a demand on how groups are treated stands on."""


def is_derived(arm: str) -> bool:
    """Whether an arm was computed from another one."""
    return arm.endswith(DERIVED)


def demands_groups(gate: Gate) -> bool:
    """Whether a policy demands anything of how groups are treated."""
    return any(clause.attribute is not None or DEMANDS & set(clause.codes) for clause in gate.clauses)


def judged_arm(result: Result) -> str:
    """The arm that somebody is to sign: the one that the comparison names, else the last that was asked, else ""."""
    for measure in result.measures:
        judged = _table(measure).get("judged") if measure.name == "arms.attribution" else None
        if isinstance(judged, str) and judged:
            return judged
    asked = [measure.arm for measure in result.measures if measure.arm and not is_derived(measure.arm)]
    return asked[-1] if asked else ""


def widest(result: Result, arm: str, shown: Callable[[str], bool]) -> str:
    """The sentence on the rates of the attribute whose groups are furthest apart in an arm, intersections left out,
    those that FAIL before others; "" where no sentence may be ``shown``."""
    ratios = [one for one in result.measures if one.name == "impact_ratio" and one.arm == arm and _single(one)]
    ratios.sort(key=lambda one: (_table(one).get("verdict") != "FAIL", one.value))
    rates = {one.attribute: _table(one) for one in result.measures if one.name == "selection_rate" and one.arm == arm}
    for measure in ratios:
        table = rates.get(measure.attribute, {})
        said, verdict = table.get("sentence"), table.get("verdict")
        if isinstance(said, str) and said and shown(said):
            word = f" ({verdict.replace('_', ' ')})" if isinstance(verdict, str) else ""
            return f"Widest disparity of {arm}, by {measure.attribute}{word}: {said}"
    return ""


def _single(measure: Measure) -> bool:
    return isinstance(measure.value, int | float) and " x " not in (measure.attribute or "")


def beside(result: Result, shown: Callable[[str], bool], arm: str = "") -> Iterator[str]:
    """What has to stand beside a verdict on outputs, a sentence each; nothing where no rates of groups were taken."""
    arm = arm or judged_arm(result)
    if not any(measure.name == "selection_rate" and measure.arm for measure in result.measures):
        return
    if result.gate is not None and not demands_groups(result.gate):
        yield "No demand on how groups are treated was made: this verdict says nothing about that."
    if said := widest(result, arm, shown):
        yield said


def _table(measure: Measure) -> dict[str, Json]:
    return measure.table if isinstance(measure.table, dict) else {}
