"""What a search and a learning curve ask of whoever trains: one run, and what its model makes of each validation row.

Trains nothing itself: ``audit.train.search.training`` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from audit.errors import AuditError
from audit.train.options import TrainOptions
from audit.train.runs.report import TrainReport
from audit.train.search.report import Basis, RowCounts
from audit.train.search.scores import RowScores


class Trained(NamedTuple):
    """A run that ended: its report, what it was trained on, and what its chosen weights make of the validation rows
    (None where it was interrupted before it ended)."""

    report: TrainReport
    trained_on: RowCounts
    scores: RowScores | None


class TrialFailed(AuditError):
    """A run whose loss or gradient was no longer a number: no result, and no reason to end a search."""


class Trainer(Protocol):
    """Runs on the same data, one after the other."""

    @property
    def basis(self) -> Basis:
        """What all runs share."""

    def run(self, options: TrainOptions, folder: Path, *, name: str, share: float = 1.0) -> Trained:
        """Train on a share of the training rows into a folder. A run that was begun there goes on, and of one that is
        finished the model is measured again. ``name`` is what is shown while it runs.

        Raises TrialFailed, ResumeRefused where the folder holds another run, and what training raises.
        """
