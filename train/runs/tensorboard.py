"""What is measured while a model is trained as scalars that TensorBoard shows.

It holds times and the name of the machine, and is no part of the record.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from audit.errors import MissingExtra, OutputError
from audit.train.core.state import Evaluation, Progress, StepLog

TENSORBOARD_FOLDER: Final = "tensorboard"
"""The folder inside that of a run which the record leaves out: event files hold times and the name of the machine."""


class TensorBoardWriter:
    """Writes every step and evaluation as scalars that TensorBoard shows. ``close`` it at the end.

    ``after`` is the step of the checkpoint that a run resumes from: what an earlier process wrote beyond it is no
    longer shown. Raises MissingExtra without the package, and OutputError for a folder that cannot be made.
    """

    def __init__(self, folder: Path, *, after: int | None = None) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtra(
                "--tensorboard needs the package tensorboard, which is not installed",
                hint="pip install 'finetune-audit[tensorboard]'",
            ) from None
        try:
            self._writer: Any = SummaryWriter(log_dir=str(folder), purge_step=None if after is None else after + 1)
        except OSError as error:
            raise OutputError(f"{folder.name} cannot be written: {error.strerror or error}") from None

    def stepped(self, log: StepLog) -> None:
        """Loss, learning rate, norm of the gradient and tokens of a step."""
        told = {"loss": log.loss, "lr": log.lr, "grad_norm": log.grad_norm, "tokens": log.tokens}
        for name, value in told.items():
            if value is not None:
                self._writer.add_scalar(f"train/{name}", value, log.step)

    def evaluated(self, evaluation: Evaluation, progress: Progress) -> None:
        """Every measure of an evaluation, and loss and accuracy of every group."""
        for name in ("loss", "perplexity", "accuracy", "exact", "f1", "balanced_accuracy"):
            value = getattr(evaluation, name)
            if value is not None:
                self._writer.add_scalar(f"validation/{name}", value, evaluation.step)
        if evaluation.worst is not None:
            self._writer.add_scalar("validation/worst_group_loss", evaluation.worst.loss, evaluation.step)
        for attribute, groups in evaluation.groups.items():
            for group, score in groups.items():
                at = f"{_printable(attribute)}={_printable(group)}"
                self._writer.add_scalar(f"groups/{at}/loss", score.loss, evaluation.step)
                self._writer.add_scalar(f"groups/{at}/accuracy", score.accuracy, evaluation.step)
        self._writer.flush()

    def close(self) -> None:
        """Write out what is left and end the writer's thread."""
        self._writer.close()


def _printable(name: str) -> str:
    """A name from the data without what cannot be shown."""
    return "".join(char if char.isprintable() else f"<U+{ord(char):04X}>" for char in name)
