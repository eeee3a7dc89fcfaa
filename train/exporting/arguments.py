"""The settings of a run as transformers' TrainingArguments, which all trainers here are built on. Knows none of them.

Source: transformers 5.23, ``training_args.py`` and ``optimization.py``; the names are the same since 4.55. Steps are
counted for one device, as the trainer counts them: an epoch has ceil(lines / batch size) of them.
"""

from __future__ import annotations

import math
from typing import Final

from audit.engine.finish import TRAIN
from audit.model import Json
from audit.train.data.rows import VALIDATION
from audit.train.exporting.settings import ADAPTERS, Given, Sheet

MOST_TOGETHER: Final = 8
"""Lines that are read at once on a device; a larger batch is made of several such."""
OF_THE_MACHINE: Final = "it is the machine's there"
MOST_SEED: Final = 2**32 - 1
"""The largest seed that NumPy takes, which these trainers hand it to (``numpy.random.seed``)."""
UNLIMITED: Final = 131_072
"""Tokens of a line where no limit was given and the trainer has one of its own; none of them pads lines to it."""


def steps_of(given: Given) -> tuple[int, int]:
    """Optimiser steps of an epoch and of the run."""
    epoch = math.ceil(given.lines[TRAIN] / given.train.batch_size)
    total = max(1, math.ceil(given.train.epochs * epoch))
    return epoch, min(total, given.train.max_steps or total)


def put_in_rows(sheet: Sheet) -> None:
    """The settings that decide which lines are written."""
    sheet.in_rows("the rows that are exported are chats", "task")
    sheet.in_rows("only the answers that it names are written as trained", "mask")
    sheet.in_rows("rows that cannot be written stopped the export or were left out", "unusable")
    sheet.in_rows("the rows that are held out are a file of their own", "hold_out")
    sheet.in_rows("weights became copies of rows", "class_weights", "group_weights")


def put_revision(sheet: Sheet, key: str) -> None:
    """The revision of the model, under the trainer's key."""
    revision = sheet.given.train.revision
    sheet.unasked("revision") if revision is None else sheet.carry("revision", **{key: revision})


def layers_of(sheet: Sheet) -> list[Json]:
    """The layers that get an adapter, as a list."""
    targets = sheet.given.train.lora_targets
    return [targets] if isinstance(targets, str) else list(targets)


def put_adapter(sheet: Sheet, **targets: Json) -> None:
    """The size of the adapter, and its layers under the trainer's keys; nothing where all weights are trained."""
    options = sheet.given.train
    if options.method not in ADAPTERS:
        sheet.unasked("lora_r", "lora_alpha", "lora_dropout", "lora_targets")
        return
    sheet.carry("lora_r", lora_r=options.lora_r)
    sheet.carry("lora_alpha", lora_alpha=int(options.lora_alpha))
    sheet.carry("lora_dropout", lora_dropout=options.lora_dropout)
    sheet.carry("lora_targets", **targets)


def put_precision(sheet: Sheet, title: str, chooses: str = "") -> None:
    """The precision. ``chooses`` says how the trainer chooses where nothing is said; without it ``auto`` is told."""
    half: dict[str, tuple[Json, Json]] = {
        "auto": ("auto", False), "fp32": (False, False), "bf16": (True, False), "fp16": (False, True),
    }  # fmt: skip
    precision = sheet.given.train.precision
    if precision == "fp64":
        sheet.leave(f"{title} has no such precision", "precision")
    elif precision == "auto" and chooses:
        sheet.leave(chooses, "precision")
    else:
        sheet.carry("precision", bf16=half[precision][0], fp16=half[precision][1])


def put_machine(sheet: Sheet) -> None:
    """What is told under the names of transformers: the optimiser, TensorBoard, and a processor in place of a GPU."""
    options = sheet.given.train
    sheet.put(optim="adamw_torch")
    sheet.carry("tensorboard", report_to="tensorboard" if options.tensorboard else "none")
    if options.device == "cpu":
        sheet.carry("device", use_cpu=True)
    else:
        sheet.leave(OF_THE_MACHINE, "device")


def put_counted(sheet: Sheet) -> bool:
    """Whether rows that are too long cannot be in the file, because they were counted here and must not be cut."""
    counted = sheet.given.counted and sheet.given.train.over_length != "truncate"
    if counted:
        sheet.in_rows("rows of more tokens stopped the export or were left out", "over_length")
    return counted


def put_steps(sheet: Sheet) -> None:
    """How long, in what batches, and from which seed."""
    given, options = sheet.given, sheet.given.train
    _, total = steps_of(given)
    sheet.carry("epochs", num_train_epochs=options.epochs)
    if options.max_steps == total:
        sheet.carry("max_steps", max_steps=total)
    elif options.max_steps is not None:
        sheet.change("max_steps", "the epochs end before, and there it would lengthen the run")
    else:
        sheet.unasked("max_steps")
    together = max(size for size in range(1, MOST_TOGETHER + 1) if options.batch_size % size == 0)
    sheet.change(
        "batch_size",
        "in lines of the file for each step, on one device: with more devices divide gradient_accumulation_steps",
        per_device_train_batch_size=together,
        gradient_accumulation_steps=options.batch_size // together,
    )
    if VALIDATION in given.lines:
        sheet.put(per_device_eval_batch_size=together)
    sheet.leave("micro-batches are cut by a number of lines there", "token_budget")
    sheet.change(
        "unit",
        "the loss of a step is divided by its own trained tokens there, here by the mean of all steps"
        if options.unit == "token"
        else "it weighs tokens alike there, not examples",
    )
    if options.seed > MOST_SEED:
        sheet.change("seed", f"it takes up to {MOST_SEED} there: the remainder", seed=options.seed % (MOST_SEED + 1))
    else:
        sheet.carry("seed", seed=options.seed)


def put_rate(sheet: Sheet) -> None:
    """The learning rate, its schedule, and AdamW."""
    options = sheet.given.train
    rate = float(options.lr or 0)
    _, total = steps_of(sheet.given)
    rising = min(round(options.warmup * total), total - 1)
    sheet.carry("lr", learning_rate=rate)
    sheet.change("warmup", "in steps, the first of them at a rate of 0", warmup_steps=rising)
    if options.schedule == "cosine":
        sheet.carry("schedule", lr_scheduler_type="cosine_with_min_lr")
        sheet.carry("lr_floor", lr_scheduler_kwargs={"min_lr_rate": options.lr_floor})
    elif options.schedule == "linear" and rate * options.lr_floor < rate:  # polynomial refuses an end at the start
        sheet.carry("schedule", "a polynomial of power 1 has a floor", lr_scheduler_type="polynomial")
        sheet.carry("lr_floor", lr_scheduler_kwargs={"lr_end": rate * options.lr_floor, "power": 1.0})
    else:
        sheet.carry("schedule", lr_scheduler_type="constant_with_warmup")
        sheet.carry("lr_floor", "the rate stays") if options.schedule == "linear" else sheet.unasked("lr_floor")
    first, second = options.betas or (0.9, 0.999)
    sheet.carry("betas", adam_beta1=first, adam_beta2=second)
    sheet.carry("weight_decay", weight_decay=options.weight_decay)
    sheet.carry("clip", max_grad_norm=options.clip)


def put_evaluation(sheet: Sheet, patience: str | None) -> None:
    """When it is evaluated and saved, and which weights are kept. ``patience`` is the trainer's key for the evaluations
    without an improvement after which it stops, None where it has none."""
    given, options = sheet.given, sheet.given.train
    epoch, _ = steps_of(given)
    every = max(1, round(options.evaluate_every * epoch))
    saves = max(1, round(options.save_every * epoch))
    if VALIDATION not in given.lines:
        sheet.put(eval_strategy="no", save_strategy="steps")
        sheet.leave("there are no validation rows", "evaluate_every", "choose")
        sheet.carry("save_every", "in steps", save_steps=saves)
        sheet.carry("keep", save_total_limit=options.keep)
    else:
        sheet.put(eval_strategy="steps", save_strategy="steps")
        sheet.carry("evaluate_every", "in steps", eval_steps=every)
        sheet.change(
            "save_every", "in steps, a multiple of eval_steps", save_steps=every * max(1, round(saves / every))
        )
        sheet.carry("keep", "the best one is counted there", save_total_limit=options.keep + 1)
        why = "the mean over batches of the loss" if options.choose == "loss" else "the trainer measures the loss alone"
        best: dict[str, Json] = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss"}
        sheet.change("choose", why, **best, greater_is_better=False)
    _put_patience(sheet, patience if VALIDATION in given.lines else None)
    sheet.leave("the trainer measures no groups", "min_group")


def _put_patience(sheet: Sheet, key: str | None) -> None:
    options = sheet.given.train
    if options.early_stopping is None:
        sheet.unasked("early_stopping", "patience", "min_delta")
    elif key is None:
        sheet.leave("its configuration has no key for it", "early_stopping", "patience", "min_delta")
    else:
        sheet.change("early_stopping", "on the loss of the validation rows, whatever the measure is here")
        sheet.carry("patience", **{key: options.patience})
        sheet.leave("any improvement counts there", "min_delta")


def put_rest(sheet: Sheet) -> None:
    """What no other trainer is told."""
    options = sheet.given.train
    sheet.leave("it belongs to the machine on which the trainer runs", "threads")
    sheet.leave("it is the shape of the built-in model", "vocabulary", "width", "layers", "heads")
    sheet.leave("it is a command of its own there", "merge") if options.merge else sheet.unasked("merge")
    asked = {
        "energy": ("nothing is measured there", False),
        "curve": ("`audit train` makes learning curves; export the shares one by one", bool(options.curve)),
        "canaries": ("the rows are exported as they are", bool(options.canaries)),
        "canary_repeats": ("the rows are exported as they are", bool(options.canaries)),
        "dropout": ("it stands in the model's config.json", options.dropout is not None),
        "train_last": ("there are no frozen layers", False),
    }
    for name, (why, is_asked) in asked.items():
        sheet.leave(why, name) if is_asked else sheet.unasked(name)
