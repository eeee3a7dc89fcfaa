"""One training run by TRL's SFTTrainer, as a script of its own environment: prints one line of JSON, imports no part
of this project. ``python trl_side.py BOUT.json``."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

import torch
import transformers
import trl
from datasets import Dataset


class Clock(transformers.TrainerCallback):
    """Notes the clocks when the first step begins and at the end of every step, and what the trainer logs."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.start = 0.0
        self.ends: list[tuple[float, float]] = []
        self.losses: list[float] = []

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def on_step_begin(self, *given, **named) -> None:
        if not self.ends:
            self.wait()
            self.start = time.process_time()

    def on_step_end(self, *given, **named) -> None:
        self.wait()
        self.ends.append((time.process_time(), time.perf_counter()))

    def on_log(self, args, state, control, logs=None, **named) -> None:
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


class Counted:
    """The collator of the trainer, with the tokens of every batch counted as they pass."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.tokens: list[tuple[int, int, int]] = []

    def __call__(self, features):
        batch = self.inner(features)
        mask, labels = batch["attention_mask"], batch["labels"]
        self.tokens.append((int(mask.sum()), int((labels[:, 1:] != -100).sum()), mask.numel()))
        return batch


def settings(bout: dict) -> dict:
    """What a variant says beside TRL's defaults."""
    if bout["variant"] == "trl-padded":
        return {"bf16": False, "gradient_checkpointing": False}
    if bout["variant"] == "trl-bf16":
        return {"bf16": True, "gradient_checkpointing": False}
    return {}


def peak(device: str) -> int:
    """Bytes of memory at the highest, of the process or of the device."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def trained(bout: dict) -> dict:
    """Train, and say what it took."""
    torch.set_num_threads(bout["threads"])
    rows = [json.loads(line) for line in Path(bout["data"]).read_text("utf-8").splitlines()]
    config = trl.SFTConfig(
        output_dir=str(Path(bout["folder"]) / "trl"),
        per_device_train_batch_size=bout["batch_size"],
        num_train_epochs=bout["epochs"],
        max_steps=bout["max_steps"],
        max_length=bout["max_length"],
        learning_rate=bout["lr"],
        lr_scheduler_type="constant",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        assistant_only_loss=True,
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=0,
        use_cpu=bout["device"] == "cpu",
        model_init_kwargs={"dtype": getattr(torch, bout["dtype"])},
        **settings(bout),
    )
    clock = Clock(bout["device"])
    trainer = trl.SFTTrainer(
        model=bout["model"],
        args=config,
        train_dataset=Dataset.from_list([{"messages": row["messages"]} for row in rows]),
        processing_class=transformers.AutoTokenizer.from_pretrained(bout["model"]),
        callbacks=[clock],
    )
    trainer.data_collator = counted = Counted(trainer.data_collator)
    trainer.train()
    steps = counted.tokens[1 : len(clock.ends)]
    return {
        "variant": bout["variant"],
        "start": clock.start,
        "cpu": clock.ends[-1][0] - clock.ends[0][0],
        "wall": clock.ends[-1][1] - clock.ends[0][1],
        "tokens": sum(one[0] for one in steps),
        "trained": sum(one[1] for one in steps),
        "padding": 1 - sum(one[0] for one in steps) / sum(one[2] for one in steps),
        "memory": peak(bout["device"]),
        "losses": clock.losses,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
    }


if __name__ == "__main__":
    # What the libraries print goes to standard error; the answer is the only line of standard output.
    with contextlib.redirect_stdout(sys.stderr):
        answer = trained(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    print(json.dumps(answer))
