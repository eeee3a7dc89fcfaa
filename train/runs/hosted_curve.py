"""Reads what a provider measured of a job by step: out of its results file, or out of its events. Asks nobody.

Source of the columns: OpenAI's guide on fine-tuning ("Analyze your fine-tuned model") and ``metrics`` of
``FineTuningJobCheckpoint`` in its OpenAPI file.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from audit.train.runs.folder import EVENTS, RESULT

METRICS_EVENT: Final = "metrics"
"""The type of an event that tells figures of a step."""
FIGURES: Final = (
    ("train_loss", "loss"),
    ("valid_loss", "validation loss"),
    ("train_mean_token_accuracy", "accuracy"),
    ("valid_mean_token_accuracy", "validation accuracy"),
    ("full_valid_loss", "full validation loss"),
)
"""What a provider measures of a step: its name, and what a sentence calls it."""
MOST: Final = 2**53
"""The largest whole number that every reader of JSON reads exactly (RFC 8259, section 6)."""
_STEP: Final = "step"
_TRAIN: Final = "train_loss"
_WHOLE: Final = "full_valid_loss"
"""The loss of all validation rows; ``valid_loss`` is that of one batch of them."""
_BATCH: Final = "valid_loss"


class StepMetrics(NamedTuple):
    """The losses of a step in nats for each token, of its training rows and of validation rows; None where the provider
    told none, or no number."""

    step: int
    train: float | None
    validation: float | None


def metrics_of(folder: Path) -> tuple[StepMetrics, ...]:
    """The steps of a hosted run, each once and in order; those of the results file, else those of the events. () where
    neither tells any: a file that is none of the protocol's says nothing.

    The validation loss is that of all validation rows where the provider took one at any step, else that of a batch.
    """
    told = {step: one for one in _results(folder / RESULT) if (step := step_of(one)) is not None}
    if not told:
        told = {step: one for one in told_metrics(folder) if (step := step_of(one)) is not None}
    column = _WHOLE if any(number_of(one.get(_WHOLE)) is not None for one in told.values()) else _BATCH
    return tuple(
        StepMetrics(step, number_of(one.get(_TRAIN)), number_of(one.get(column))) for step, one in sorted(told.items())
    )


def _results(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a results file by the names of its columns."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.DictReader(file)
            if _STEP in (lines.fieldnames or ()):
                yield from lines
    except (OSError, csv.Error):
        return


def told_metrics(folder: Path) -> Iterator[Mapping[str, Any]]:
    """What the events of type ``metrics`` in the folder of a run say; lines that are none say nothing."""
    try:
        with (folder / EVENTS).open("rb") as lines:
            for line in lines:
                event = _object(line)
                data = event.get("data")
                if event.get("type") == METRICS_EVENT and isinstance(data, Mapping):
                    yield data
    except OSError:
        return


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, Mapping) else {}


def figures_of(told: Mapping[str, Any]) -> list[str]:
    """What was measured of a step, as a sentence says it: ``loss 0.52``."""
    return [f"{shown} {number:.4g}" for name, shown in FIGURES if (number := number_of(told.get(name))) is not None]


def step_of(told: Mapping[str, Any]) -> int | None:
    """The number of a step, from 1."""
    return count_of(told.get(_STEP), 1)


def count_of(value: Any, least: int = 0) -> int | None:
    """A whole number from ``least`` to ``MOST``, or a text of one; None for anything else."""
    number = number_of(value)
    return int(number) if number is not None and least <= number <= MOST and number.is_integer() else None


def number_of(value: Any) -> float | None:
    """A finite number, or a text of one; None for anything else, whatever a server sends."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
