"""Which arm is to be signed, and with which others it is compared. Judges nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

from audit.outputs.table import Outputs
from audit.rule import Run

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
    or the last that was asked with a model that is neither the base nor one with examples in its prompt."""
    said, there = run.comparison, outputs.asked_arms
    compared = _first((said.compared, COMPARED), there)
    base = _first((said.base, BASE), there)
    prompted = {one.arm for one in said.arms if one.kind == FEW_SHOT}
    tuned = [name for name in there if name != base and name not in prompted] or list(there)
    judged = _first((said.judged, JUDGED), there) or (tuned[-1] if tuned else "")
    return Roles(judged, compared if compared != judged else "", base if base != judged else "")


def _first(names: tuple[str, ...], there: tuple[str, ...]) -> str:
    """The first of the names that is there; what was said counts alone."""
    said, usual = names
    return said if said in there else usual if not said and usual in there else ""
