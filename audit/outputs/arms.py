"""Which arm is to be signed, and with which others it is compared. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from audit.outputs.table import Outputs
from audit.rule import Comparison, Run

JUDGED, COMPARED, BASE = "remediated", "raw", "base"
"""What the arms are called where nobody says otherwise."""
FEW_SHOT: Final = "few-shot"


class Roles(NamedTuple):
    """Names of arms, "" for none: the one to be signed, the same without remediation, and the model before."""

    judged: str
    compared: str
    base: str


def roles(outputs: Outputs, run: Run) -> Roles:
    """The roles of the arms there are: as somebody said, else by their names. The judged arm is then ``remediated``,
    or the last by name of those that are neither the base nor have examples in their prompt (``unsettled`` says so).
    An arm that somebody named and that has no outputs is replaced by no other: its role is ""."""
    return settled(run.comparison, outputs.asked_arms)


def settled(said: Comparison, there: Sequence[str]) -> Roles:
    """The same of the names of the arms that are asked."""
    compared = _first((said.compared, COMPARED), there)
    base = _first((said.base, BASE), there)
    judged = _first((said.judged, JUDGED), there)
    if not judged and not said.judged:
        judged = max(_tuned(said, there), default="")
    return Roles(judged, compared if compared != judged else "", base if base != judged else "")


def unsettled(outputs: Outputs, run: Run) -> dict[str, str]:
    """Role -> why nobody has it for sure: the arm that somebody named has no outputs; or several arms might be the one
    to be signed, and nobody said which (the order of rows is no answer)."""
    said, there = run.comparison, outputs.asked_arms
    named = {"judged": said.judged, "compared": said.compared, "base": said.base}
    reasons = {
        role: f"there are no outputs of {arm}, named as the {role} arm"
        for role, arm in named.items()
        if arm and arm not in there
    }
    if not said.judged and JUDGED not in there and len(tuned := _tuned(said, there)) > 1:
        listed = ", ".join(sorted(tuned))
        reasons["judged"] = f"nobody said which of the arms {listed} is to be signed: judge = ... under [evaluate]"
    return reasons


def _tuned(said: Comparison, there: Sequence[str]) -> list[str]:
    """The arms that are neither the model before fine-tuning nor one with examples in its prompt; all where none is."""
    prompted = {one.arm for one in said.arms if one.kind == FEW_SHOT}
    base = _first((said.base, BASE), there)
    return [name for name in there if name != base and name not in prompted] or list(there)


def _first(names: tuple[str, ...], there: Sequence[str]) -> str:
    """The first of the names that is there; what was said counts alone."""
    said, usual = names
    return said if said in there else usual if not said and usual in there else ""
