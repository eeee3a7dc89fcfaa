"""By which rule labels were decided, how sure the models were of the closed set, and what the other rule would say.

The text of the output decides, always. Where labels were scored it ought to be the likeliest of them, which is counted.
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
    SCORED: "the text of the output decides, labels were scored",
    TEXT: "the text of the output decides",
    MIXED: "the text of the output decides, labels were scored for some",
}
_AS_LIKELY: Final = 1e-6
"""Probabilities that differ by less are the same, as files round them."""
_SCORING: Final = ("label", "")
"""Reasons to finish of outputs that were no text but the choice of a label; another reason says that text was written.
"""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How one arm was decided: the share of answers out of the set, and the table and the sentence of the measure."""

    out_of_set: Figure
    table: dict[str, Json]
    sentence: str
    scored: int
    disagreeing: int


def decision_of(outputs: Outputs, arm: str) -> Decision:
    """The decision of an arm. ``mass`` is the probability of all labels together, None where it is unknown;
    ``likeliest`` is how often the text is the likeliest of the scored labels, ``agreement`` how often the greedy text
    of the same question says the same, each None without them. Of the outputs of which a label was chosen by its score
    (``scored``), those ``disagreeing`` have another text."""
    part = outputs.of(arm)
    part = part.where(part.decided != NO_ANSWER)
    rule = _rule(part)
    agreement = _agreement(outputs, arm)
    figure = _out_of_set(part)
    likeliest, scored, disagreeing = _likeliest(part)
    mass = _mass(part)
    table: dict[str, Json] = {
        "rule": rule,
        "mass": mass,
        "out_of_set": figure.value,
        "likeliest": None if likeliest is None else of_figure(likeliest),
        "scored": scored,
        "disagreeing": disagreeing,
        "agreement": None if agreement is None else of_figure(agreement),
        "by_seed": by_seed(part, _out_of_set),
    }
    sentence = f"{arm}: {_WORDS[rule]}; {figure.words} of the answers are out of the set"
    if mass is not None:
        sentence += f"; the labels together have a median probability of {percent(mass['median'])}"
        sentence += f" and at least {percent(mass['min'])}"
    if likeliest is not None:
        sentence += f"; the likeliest label says the same in {likeliest.words} of {likeliest.n:,}"
    if agreement is not None:
        sentence += f"; the greedy text says the same in {agreement.words} of {agreement.n:,}"
    return Decision(out_of_set=figure, table=table, sentence=f"{sentence}.", scored=scored, disagreeing=disagreeing)


def _likeliest(part: Outputs) -> tuple[Figure | None, int, int]:
    """How often the text is the likeliest of the scored labels (one of several as likely); of the outputs of which a
    label was chosen by its score how many there are, and how many have another text."""
    part = part.where(_scored(part))
    if not len(part) or part.probability is None:
        return None, 0, 0
    own = part.probability[np.arange(len(part)), np.maximum(part.decided, 0)]
    same = (part.decided >= 0) & (own >= np.nanmax(part.probability, axis=1) - _AS_LIKELY)
    codes = [code for code, name in enumerate(part.finishes) if name in _SCORING]
    chosen = np.isin(part.finish, codes)
    return share(same, part.cluster), int(chosen.sum()), int((chosen & ~same).sum())


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
