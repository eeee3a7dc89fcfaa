"""What is known beside the outputs of models: their arms, how each was trained, and what it was trained on.

An arm is whose outputs they are ("base", "raw", "remediated"); a replicate of it is one seed. Holds values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from audit.model import Json


class ReferenceRow(NamedTuple):
    """A row of a file that the data is compared with: the text of its prompt and that of its answer ("" for none)."""

    file: str
    line: int
    prompt: str
    answer: str


class TrainingCell(NamedTuple):
    """Training rows of one group with one label: how many, and the sum of their weights."""

    group: str
    label: str
    rows: int
    weight: float


class TrainedOn(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The training data that outputs are compared with. Compared and hashed by identity.

    ``tables`` holds for every attribute the cells of group and label, sorted; ``rows`` every row with an answer.
    """

    rows: tuple[ReferenceRow, ...]
    tables: Mapping[str, tuple[TrainingCell, ...]] = {}


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The mean loss for each trained token at one evaluation of a run, in nats; None where it was not taken."""

    step: int
    epoch: float
    train_loss: float | None = None
    validation_loss: float | None = None


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up row that was planted in the training data ``repeats`` times, and what the model makes of it.

    ``nll`` is the negative log-likelihood of its secret in nats, ``rank`` its place (1 is the likeliest) among itself
    and ``alternatives`` drawn at random; None where it was not scored.
    """

    text: str
    repeats: int = 1
    nll: float | None = None
    rank: int | None = None
    alternatives: int = 0


class ArmFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One replicate of an arm: the seed that its model was trained with, and what the record of its run says.

    ``identity`` is everything that decided its weights (``audit.train.runs.identity``), empty where no run is known.
    ``folder`` is the base name of the run. ``weighted``: its rows had unequal weights. ``examples`` stand in every
    prompt of a few-shot arm.
    """

    arm: str
    seed: int = 0
    kind: Literal["run", "model", "endpoint", "few-shot"] = "model"
    identity: Mapping[str, Json] = {}
    folder: str = ""
    curve: tuple[CurvePoint, ...] = ()
    weighted: bool = False
    examples: int = 0
    canaries: tuple[Canary, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Which arm is to be signed (``judged``), which is the same without remediation (``compared``), which is the model
    before fine-tuning (``base``); "" where nobody said (``audit.outputs.arms.roles`` then goes by their names)."""

    judged: str = ""
    compared: str = ""
    base: str = ""
    arms: tuple[ArmFacts, ...] = ()

    def facts(self, arm: str, seed: int) -> ArmFacts | None:
        """What is known of a replicate."""
        return next((one for one in self.arms if (one.arm, one.seed) == (arm, seed)), None)
