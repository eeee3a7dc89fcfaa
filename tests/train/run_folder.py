"""What the tests of run folders share: a small identity, a snapshot with every kind of tensor, a sealed run folder."""

from __future__ import annotations

import getpass
import os
import re
import socket
from pathlib import Path

import msgspec
import numpy as np
import torch

from audit.train.core.state import Progress, Snapshot
from audit.train.data.examples import Example, Examples
from audit.train.options import TrainOptions
from audit.train.runs.chain import RECORD
from audit.train.runs.identity import Identity, Machine, config_identity, data_identity, order_identity
from audit.train.runs.log import MetricsLog
from audit.train.runs.record import Record, files_of

MACHINE = Machine(
    threads=2,
    device="cpu",
    device_name="",
    processes=1,
    torch="2.13.0+cpu",
    torch_build="a" * 64,
    cpu_capability="AVX512",
    processor="EPYC",
    mkl=True,
    mkldnn=True,
    kernels="default",
    matmul_precision="highest",
    transformers="5.23.0",
    peft="0.18.0",
)


def examples(rows: tuple[tuple[int, ...], ...] = ((1, 2, 3), (4, 5), (6, 7, 8)), weight: float = 1.0) -> Examples:
    """One sequence a row; the weight is that of the last token of the last one."""
    made = []
    for at, ids in enumerate(rows):
        weights = np.ones(len(ids))
        weights[0], weights[-1] = 0.0, weight if at == len(rows) - 1 else 1.0
        made.append(Example(np.array(ids, np.int32), weights, at))
    return Examples(made, row_ids=[f"row{at}" for at in range(len(made))])


def identity(data: Examples | None = None, options: TrainOptions | None = None, **changed: object) -> Identity:
    data = examples() if data is None else data
    made = Identity(
        train=data_identity(data),
        validation=None,
        classes=(),
        order=order_identity(range(len(data))),
        config=config_identity((options or TrainOptions()).settled),
        tokenizer="1" * 64,
        template="2" * 64,
        base="gpt2",
        base_files={"config.json": "3" * 64, "model.safetensors": "4" * 64},
        denominator=5.0,
        token_budget=512,
        strategy="gathered",
        machine=MACHINE,
    )
    return msgspec.structs.replace(made, **changed)


def on(**changed: object) -> Machine:
    """The machine with something changed."""
    return msgspec.structs.replace(MACHINE, **changed)


def snapshot(step: int, best: int = 0, stopped: str = "") -> Snapshot:
    draw = torch.Generator().manual_seed(step)
    weight = torch.randn(3, 4, generator=draw)
    model = {
        "weight": weight,
        "half": weight.to(torch.bfloat16),
        "double": torch.randn(2, generator=draw, dtype=torch.float64),
        "transposed": weight.T,
        "the same": weight,
        "empty": torch.empty(0, 3),
    }
    optimiser = {"weight/step": torch.tensor(step, dtype=torch.int64), "weight/exp_avg": weight * 2}
    return Snapshot(Progress(step, 0.1 + 0.2 if best else None, best, 1, stopped), model, optimiser)


def sealed_run(folder: Path) -> str:
    """A small finished run; returns its seal."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights.bin").write_bytes(bytes(range(50)))
    (folder / "config.json").write_text('{"lr":0.001}\n')
    (folder / "empty").write_bytes(b"")
    (folder / "timing.jsonl").write_text('{"kind":"began"}\n')
    with MetricsLog(folder / "metrics.jsonl") as log:
        log.append("step", {"step": 1, "loss": 2.5})
    with Record.begin(folder) as record:
        record.add("began", {"tool": "finetune-audit"})
        record.add("data", {"train.jsonl": "0" * 64})
        return record.finish({"steps": 1})


_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)


def traces(folder: Path) -> list[str]:
    """What in a run folder gives away the machine or its user: which file, and what it holds."""
    wanted = {"the home folder": os.path.expanduser("~"), "the host name": socket.gethostname()}
    wanted["the user's name"] = getpass.getuser()
    wanted["the working folder"] = os.getcwd()
    wanted |= {f"the variable {name}": value for name, value in os.environ.items() if _SECRET.search(name)}
    found = []
    for name in files_of(folder) + ((RECORD,) if (folder / RECORD).exists() else ()):
        content = (folder / name).read_bytes() + b"\n" + name.encode("utf-8", "surrogateescape")
        for what, value in wanted.items():
            shown = re.escape(value.encode("utf-8", "surrogateescape"))
            if len(value) > 2 and re.search(rb"(?<![\w-])" + shown + rb"(?![\w-])", content):
                found.append(f"{name}: {what}")
    return found
