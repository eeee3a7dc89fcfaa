"""What a learning curve says: the losses at the end and at the best step, and how far the validation loss rose again.

Takes the curve as it is told (``ArmFacts.curve``), and judges nothing.
"""

from __future__ import annotations

import math

import msgspec

from audit.model import Json
from audit.rule import ArmFacts, CurvePoint
from audit.statistics.sentences import figure


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its ``points`` by step, ``end`` the last with a loss and ``best`` that with the lowest validation loss,
    the earliest of several; None where none was taken."""

    arm: str
    seed: int
    folder: str
    points: tuple[CurvePoint, ...]
    end: CurvePoint | None
    best: CurvePoint | None

    @property
    def gap(self) -> float | None:
        """Validation less training loss at the end, in nats for each token; None where one was not taken."""
        return None if self.end is None else gap_at(self.end)

    @property
    def rise(self) -> float | None:
        """The last validation loss over the lowest, less 1; None without two of them, or with a loss of 0."""
        taken = [point.validation_loss for point in self.points if _known(point.validation_loss)]
        if len(taken) < 2 or self.best is None or not self.best.validation_loss or taken[-1] is None:
            return None
        return taken[-1] / self.best.validation_loss - 1

    @property
    def sentence(self) -> str:
        """What the curve says, from its figures."""
        who = f"{self.arm}, seed {self.seed}" + (f" ({self.folder})" if self.folder else "")
        if self.end is None:
            return f"{who}: no loss was taken."
        if self.best is None or self.rise is None:
            loss = self.end.train_loss
            trained = "" if loss is None else f"; the training loss ends at {figure(loss)}"
            return f"{who}: there are too few validation losses to tell over-fitting{trained}."
        text = f"{who}: the validation loss is lowest at step {self.best.step:,} ({_loss(self.best.validation_loss)})"
        if self.best.step == self.end.step:
            text += ", the last one"
        else:
            text += (
                f" and {100 * self.rise:.1f} % above that at step {self.end.step:,} ({_loss(self.end.validation_loss)})"
            )
        return f"{text}{_beside_training(self.gap)}."

    def table(self) -> dict[str, Json]:
        """As JSON values."""
        return {
            "seed": self.seed,
            "folder": self.folder,
            "points": [_told(point) for point in self.points],
            "end": self.end and {**_told(self.end), "gap": _rounded(gap_at(self.end))},
            "best": self.best and {**_told(self.best), "gap": _rounded(gap_at(self.best))},
            "rise": _rounded(self.rise),
            "sentence": self.sentence,
        }


def learnt(facts: ArmFacts) -> Learnt:
    """What the curve of one run says; losses that are no numbers are not there."""
    points = tuple(sorted(map(_clean, facts.curve), key=lambda point: point.step))
    taken = [point for point in points if point.validation_loss is not None]
    with_any = taken or [point for point in points if point.train_loss is not None]
    return Learnt(
        arm=facts.arm,
        seed=facts.seed,
        folder=facts.folder,
        points=points,
        end=with_any[-1] if with_any else None,
        best=min(taken, key=lambda point: (point.validation_loss, point.step)) if taken else None,
    )


def gap_at(point: CurvePoint) -> float | None:
    """Validation less training loss; None where one was not taken."""
    if point.train_loss is None or point.validation_loss is None:
        return None
    return point.validation_loss - point.train_loss


def _clean(point: CurvePoint) -> CurvePoint:
    losses = {name: getattr(point, name) for name in ("train_loss", "validation_loss")}
    return msgspec.structs.replace(point, **{name: loss if _known(loss) else None for name, loss in losses.items()})


def _known(loss: float | None) -> bool:
    return loss is not None and math.isfinite(loss)


def _told(point: CurvePoint) -> dict[str, Json]:
    return {
        "step": point.step,
        "epoch": _rounded(point.epoch),
        "train_loss": _rounded(point.train_loss),
        "validation_loss": _rounded(point.validation_loss),
    }


def _beside_training(gap: float | None) -> str:
    """How far the validation loss ends from the training loss."""
    if gap is None:
        return ""
    return f"; it ends {figure(abs(gap))} nats for each token {'below' if gap < 0 else 'above'} the training loss"


def _loss(loss: float | None) -> str:
    return "unknown" if loss is None else figure(loss)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
