"""By which rule labels were decided, how sure the models were of the closed set, and what the other rule would say.

The rule is declared by how the outputs were asked for: the likeliest of the scored labels, or the text as it was
written. Judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from audit.model import Json
from audit.outputs.table import GREEDY, NO_ANSWER, ORIGINAL, OUT_OF_SET, Outputs
from audit.policy.words import percent
from audit.rules.outputs.figures import Figure, by_group, by_seed, of_figure, rounded, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORED, TEXT, MIXED = "label_scores", "text", "mixed"
_WORDS: Final = {
    SCORED: "the likeliest of the scored labels decides",
    TEXT: "the text of the answer decides",
    MIXED: "the likeliest of the scored labels decides where labels were scored, else the text of the answer",
}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How one arm was decided: the share of answers out of the set, and the table and the sentence of the measure."""

    out_of_set: Figure
    table: dict[str, Json]
    sentence: str


def decision_of(outputs: Outputs, arm: str) -> Decision:
    """The decision of an arm. ``mass`` is the probability of all labels together, None where it is unknown;
    ``agreement`` is how often the greedy texts of the same questions say what the scores decided, None without them."""
    part = outputs.of(arm)
    part = part.where(part.decided != NO_ANSWER)
    rule = _rule(part)
    agreement = _agreement(outputs, arm)
    figure = _out_of_set(part)
    mass = _mass(part)
    table: dict[str, Json] = {
        "rule": rule,
        "mass": mass,
        "out_of_set": figure.value,
        "agreement": None if agreement is None else of_figure(agreement),
        "by_seed": by_seed(part, _out_of_set),
    }
    sentence = f"{arm}: {_WORDS[rule]}; {figure.words} of the answers are out of the set"
    if mass is not None:
        sentence += f"; the labels together have a median probability of {percent(mass['median'])}"
        sentence += f" and at least {percent(mass['min'])}"
    if agreement is not None:
        sentence += f"; the greedy text says the same in {agreement.words} of {agreement.n:,}"
    return Decision(out_of_set=figure, table=table, sentence=f"{sentence}.")


def _rule(part: Outputs) -> str:
    scored = _scored(part)
    return TEXT if not scored.any() else SCORED if scored.all() else MIXED


def _scored(part: Outputs) -> NDArray[np.bool_]:
    if part.probability is None:
        return np.zeros(len(part), dtype=np.bool_)
    return np.asarray(~np.isnan(part.probability).all(axis=1), dtype=np.bool_)


def _out_of_set(part: Outputs) -> Figure:
    return share(part.decided == OUT_OF_SET, part.cluster)


def _mass(part: Outputs) -> dict[str, Json] | None:
    known = ~np.isnan(part.mass)
    if not known.any():
        return None
    part = part.where(known)

    def of(mass: NDArray[np.float64]) -> dict[str, Json]:
        return {"median": rounded(np.median(mass)), "min": rounded(mass.min())}

    return {**of(part.mass), "n": len(part), "by_attribute": by_group(part, lambda at: of(part.mass[at]))}


def _agreement(outputs: Outputs, arm: str) -> Figure | None:
    """How often the greedy text of a question says what was decided for it; None where there are no greedy texts."""
    of_arm = (outputs.arm == outputs.arms.index(arm)) & (outputs.variant == ORIGINAL)
    greedy = outputs.where(of_arm & (outputs.sample == GREEDY) & ~outputs.given)
    decided = _by_question(outputs.of(arm))
    pairs = [(at, decided[key]) for key, at in _by_question(greedy).items() if key in decided]
    if not pairs:
        return None
    theirs, ours = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    part = outputs.of(arm).where(ours)
    return share(part.decided == greedy.decided[theirs], part.cluster)


def _by_question(part: Outputs) -> dict[tuple[int, int], int]:
    """Replicate and question -> the index of its first output with an answer."""
    found: dict[tuple[int, int], int] = {}
    for at in np.flatnonzero(part.decided != NO_ANSWER).tolist():
        found.setdefault((int(part.seed[at]), int(part.item[at])), at)
    return found
