"""The threshold-only arm: the arm without remediation, its cut-off moved until it selects as many as the judged one.

The demographic parity difference shrinks whenever fewer people are selected, so whoever claims that remediation helped
must be better than this. Asks no model and judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

import msgspec

from audit.labels.spelling import spelling_key
from audit.outputs.arms import roles
from audit.outputs.table import NO_ANSWER, PER_OUTPUT, Outputs
from audit.policy.words import percent
from audit.rule import Run
from audit.statistics.sentences import figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Values = NDArray[np.float64]

USUAL_CUT: Final = 0.5
"""The cut-off of a choice between two: the arg max of their probabilities."""


def threshold_arm(compared: str) -> str:
    """The name of the arm that is made of ``compared``."""
    return f"{compared}, threshold only"


def threshold_arm_in(outputs: Outputs, compared: str) -> str:
    """The derived arm that is made of ``compared``, whatever it had to be called; "" where there is none."""
    return next((name for name in outputs.derived if name.startswith(threshold_arm(compared))), "")


def favourable_codes(outputs: Outputs, favourable: Sequence[str]) -> Codes:
    """The codes in ``outputs.classes`` of the labels that count as favourable, ascending; spelling aside."""
    import numpy as np

    wanted = set(map(spelling_key, favourable))
    found = [code for code, name in enumerate(outputs.classes) if spelling_key(name) in wanted]
    return np.array(found, dtype=np.int64)


def with_threshold_arm(outputs: Outputs, run: Run) -> Outputs:
    """The outputs with those of the threshold-only arm behind them; as they are where it cannot be made.

    For every seed that the judged and the compared arm both have, the answers of the compared arm are decided again:
    favourable where the probabilities of the favourable classes together reach a cut-off, chosen so that the share of
    favourable answers is as near as possible to that of the judged arm of this seed (of two equally near, the smaller).
    Outputs without probabilities stay as they are.
    """
    import numpy as np

    judged, compared, _ = roles(outputs, run)
    codes = favourable_codes(outputs, run.fields.favourable)
    if not judged or not compared or outputs.probability is None or not 0 < len(codes) < len(outputs.classes):
        return outputs
    own = np.zeros(len(outputs.classes), dtype=np.bool_)
    own[codes] = True
    cuts, parts, rates = [], [], []
    for seed in sorted(set(outputs.seeds(judged)) & set(outputs.seeds(compared))):
        wanted = _selected(outputs.of(judged, seed), codes)
        moved = None if wanted is None else _moved(outputs.of(compared, seed), own, wanted)
        if moved is not None:
            cuts.append(moved[0])
            parts.append(moved[1])
            rates.append((_selected(moved[1], codes) or 0.0, wanted or 0.0))
    if not parts:
        return outputs
    what = " or ".join(outputs.classes[code] for code in codes)
    seeds = f" (mean of {len(cuts)} seeds)" if len(cuts) > 1 else ""
    cut = f"moved from {figure(USUAL_CUT)} to" if len(outputs.classes) == 2 else "instead of the likeliest label:"
    own_rate, wanted_rate = (percent(fmean(side)) for side in zip(*rates, strict=True))
    told = (
        f"{compared} with a cut-off of the probability of {what} {cut} {figure(fmean(cuts))}{seeds}, which selects "
        f"{own_rate} of its answers; {judged} selects {wanted_rate}."
    )
    return _appended(outputs, parts, threshold_arm(compared), told)


def _selected(outputs: Outputs, favourable: Codes) -> float | None:
    """The share of favourable answers; None where nothing was answered."""
    import numpy as np

    answered = outputs.decided != NO_ANSWER
    return float(np.isin(outputs.decided[answered], favourable).mean()) if answered.any() else None


def _moved(outputs: Outputs, favourable: NDArray[np.bool_], wanted: float) -> tuple[float, Outputs] | None:
    """The cut-off and the outputs decided by it; None where none has probabilities."""
    import numpy as np

    assert outputs.probability is not None
    scores = np.where(np.isnan(outputs.probability).all(axis=1), np.nan, np.nansum(outputs.probability, axis=1))
    known = ~np.isnan(scores) & (scores > 0) & (outputs.decided != NO_ANSWER)
    if not known.any():
        return None
    probability = np.nan_to_num(outputs.probability[known])
    score = probability[:, favourable].sum(axis=1) / scores[known]
    cut = cut_off(score, wanted)
    within = np.where(favourable, probability, -1.0).argmax(axis=1)
    without = np.where(favourable, -1.0, probability).argmax(axis=1)
    decided = outputs.decided.copy()
    decided[known] = np.where(score >= cut, within, without)
    return cut, msgspec.structs.replace(outputs, decided=decided)


def cut_off(scores: Values, wanted: float) -> float:
    """The cut-off at or above which the share of ``scores`` (n,) is as near as possible to ``wanted``; of two equally
    near, that which selects fewer. It lies halfway between two scores, or beyond the last of them."""
    import numpy as np

    values, counts = np.unique(scores, return_counts=True)
    selected = np.concatenate(([0], np.cumsum(counts[::-1])))  # by the 0, 1, 2 ... highest values
    most = int(np.argmin(np.abs(selected - wanted * len(scores))))
    down = values[::-1]
    if most == 0:
        return float(np.nextafter(down[0], np.inf))
    if most == len(down):
        return float(down[-1])
    middle = float((down[most - 1] + down[most]) / 2)
    return middle if middle > down[most] else float(down[most - 1])


def _appended(outputs: Outputs, parts: Sequence[Outputs], name: str, told: str) -> Outputs:
    """The outputs with further ones of a derived arm behind them."""
    import numpy as np

    while name in outputs.arms:  # somebody called an arm so
        name += " (derived)"
    code = len(outputs.arms)
    parts = [
        msgspec.structs.replace(part, rows=np.full_like(part.rows, -1), arm=np.full_like(part.arm, code))
        for part in parts
    ]
    pieces = [outputs, *parts]
    columns = {key: np.concatenate([getattr(piece, key) for piece in pieces]) for key in PER_OUTPUT}
    groups = {
        key: group._replace(codes=np.concatenate([piece.groups[key].codes for piece in pieces]))
        for key, group in outputs.groups.items()
    }
    probability = np.concatenate([piece.probability for piece in pieces if piece.probability is not None])
    return msgspec.structs.replace(
        outputs,
        **columns,
        arms=(*outputs.arms, name),
        groups=groups,
        probability=probability,
        derived={**outputs.derived, name: told},
    )
