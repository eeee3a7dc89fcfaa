"""The learning rate of a step: a pure function of the step, so that nothing of it is kept in a checkpoint."""

from __future__ import annotations

import math
from typing import Literal


def rate_at(
    step: int,
    total: int,
    *,
    lr: float,
    schedule: Literal["cosine", "linear", "constant"] = "cosine",
    warmup: float = 0.0,
    floor: float = 0.0,
) -> float:
    """The rate of ``step`` (from 1) of ``total``.

    It rises in even steps over the share ``warmup`` of all steps, the first of them above 0; the step after has ``lr``
    in full; from there it falls to ``floor`` times ``lr`` at the last step, along half a cosine (Loshchilov and Hutter
    2017, without restarts) or a line, or stays.
    """
    rising = min(round(warmup * total), total - 1)
    if step <= rising:
        return lr * step / (rising + 1)
    if schedule == "constant":
        return lr
    done = (step - rising - 1) / max(1, total - rising - 1)
    left = (1 + math.cos(math.pi * done)) / 2 if schedule == "cosine" else 1 - done
    return lr * (floor + (1 - floor) * left)
