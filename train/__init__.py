"""Fine-tuning and prediction: rendering into tensors, the loop, checkpoints, records, providers.

``from audit.train import train, train_hosted, export, predict, evaluate, verify``. Names are resolved when they are
first used: torch takes seconds to import, and none of it is needed to judge data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.train.evaluation.options import EvaluateOptions
    from audit.train.evaluation.running import evaluate
    from audit.train.exporting.options import ExportOptions
    from audit.train.exporting.running import export
    from audit.train.hosted.options import HostedOptions
    from audit.train.hosted.running import train_hosted
    from audit.train.options import TrainOptions
    from audit.train.prediction.options import PredictOptions
    from audit.train.prediction.running import predict
    from audit.train.runs.running import train
    from audit.train.runs.verify import verify

__all__ = [
    "EvaluateOptions",
    "ExportOptions",
    "HostedOptions",
    "PredictOptions",
    "TrainOptions",
    "evaluate",
    "export",
    "predict",
    "train",
    "train_hosted",
    "verify",
]

_HOMES = {
    "EvaluateOptions": "audit.train.evaluation.options",
    "evaluate": "audit.train.evaluation.running",
    "ExportOptions": "audit.train.exporting.options",
    "export": "audit.train.exporting.running",
    "HostedOptions": "audit.train.hosted.options",
    "TrainOptions": "audit.train.options",
    "PredictOptions": "audit.train.prediction.options",
    "predict": "audit.train.prediction.running",
    "train": "audit.train.runs.running",
    "train_hosted": "audit.train.hosted.running",
    "verify": "audit.train.runs.verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'audit.train' has no attribute {name!r}")
    from importlib import import_module

    if name == "train":  # its module imports torch; `predict` needs it for models on this machine only
        from audit.train.installed import check_installed

        check_installed()
    return getattr(import_module(_HOMES[name]), name)
