"""The transformers Trainer, fed the same batches, sees the same losses and ends at the same weights.

It lives in this test only: it knows no weights (they travel in its labels here), and its denominator is that of a batch
unless it is given ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Trainer, TrainingArguments

from audit.train.core.batches import Schedule, denominator
from audit.train.core.loop import fit
from audit.train.core.optimiser import adamw
from audit.train.core.rate import rate_at
from audit.train.data.examples import Examples
from audit.train.options import TrainOptions
from tests.train.core_models import Kept, apart, chats, gpt2, llama, options, parts, weights_of


def padded(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Right padding; labels are (rows, 2, tokens): what is predicted, and the weight of each."""
    width = max(len(row["input_ids"]) for row in rows)
    ids = np.zeros((len(rows), width), np.int64)
    labels = np.zeros((len(rows), 2, width))
    for place, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[place, :length] = labels[place, 0, :length] = row["input_ids"]
        labels[place, 1, :length] = row["weights"]
    return {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels)}


def oracle(
    model: torch.nn.Module, train: Examples, settings: TrainOptions, folder: Path
) -> tuple[list[float], list[float]]:
    """The objective and the norm of every step that Trainer takes on the batches of our schedule."""
    schedule = Schedule(len(train), settings.batch_size, settings.epochs)
    c = denominator(train, schedule)
    objectives: list[float] = []
    norms: list[float] = []

    def weighted(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        told = outputs.logits[:, :-1].log_softmax(-1)
        entropy = -told.gather(-1, labels[:, 0, 1:, None].long()).squeeze(-1)
        loss = (entropy * labels[:, 1, 1:].to(entropy.dtype)).sum() / c
        objectives.append(loss.item())
        return loss

    class InOrder(Trainer):  # type: ignore[misc]
        def _get_train_sampler(self, *given: Any) -> Any:
            return [i for step in range(1, schedule.steps_per_epoch + 1) for i in schedule.batch(step, settings.seed)]

        def log(self, logs: dict[str, float], *more: Any) -> None:
            norms.extend([logs["grad_norm"]] if "grad_norm" in logs else [])

    rows = []
    for index in range(len(train)):
        tokens, weights = train.tokens_of(index)
        rows.append({"input_ids": tokens, "weights": weights})
    optimiser = adamw(model, settings)
    shape = {"lr": 1.0, "warmup": settings.warmup, "floor": settings.lr_floor}
    rates = [rate_at(step, schedule.total, **shape) for step in range(1, schedule.total + 1)]
    slope = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda done: rates[min(done, len(rates) - 1)])
    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=settings.batch_size, num_train_epochs=1, use_cpu=True,
        max_grad_norm=settings.clip, logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True,
        remove_unused_columns=False, dataloader_pin_memory=False, label_names=["labels"],
    )  # fmt: skip
    InOrder(
        model, arguments, data_collator=padded, train_dataset=rows, optimizers=(optimiser, slope),
        compute_loss_func=weighted,
    ).train()  # fmt: skip
    return objectives, norms


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("build", "precision", "relative"), [(gpt2, "fp64", 1e-10), (gpt2, "fp32", 1e-5), (llama, "fp32", 1e-5)]
)
def test_losses_norms_and_weights_are_those_of_the_transformers_trainer(
    tmp_path: Path, build: Any, precision: str, relative: float
) -> None:
    torch.set_num_threads(1)
    settings = options(precision=precision, batch_size=4, epochs=1, lr=3e-3, warmup=0.2)
    train = chats(30)
    made = parts(build(), train, settings, budget=30)
    kept = Kept()
    fit(made, kept)
    assert max(log.micro_batches for log in kept.logs) > 2
    model = build().double() if precision == "fp64" else build()
    objectives, norms = oracle(model, train, settings, tmp_path)
    assert [log.objective for log in kept.logs] == pytest.approx(objectives, rel=relative)
    assert [log.grad_norm for log in kept.logs] == pytest.approx(norms, rel=10 * relative)
    assert apart(weights_of(made.prepared.model), weights_of(model)) < (1e-10 if precision == "fp64" else 1e-4)
