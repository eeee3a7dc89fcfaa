"""Repeats a step of a recorded run and compares it with what was recorded, bit for bit. Changes nothing of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import torch

from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import InputError, UsageError
from audit.evidence import file_sha256
from audit.model import Json
from audit.train.core.learner import Learner
from audit.train.core.place import alone, place_for
from audit.train.core.state import StepLog
from audit.train.data.rows import FileRead
from audit.train.options import TrainOptions, check_options, read_options
from audit.train.runs import checkpoint
from audit.train.runs.assembling import assemble, identity_of, parts_of
from audit.train.runs.chain import canonical, read_entries
from audit.train.runs.folder import CHECKPOINTS, CONFIG, METRICS, MODEL_ENTRY, state_of
from audit.train.runs.identity import Identity, refuse
from audit.train.runs.log import STEP, read_lines


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A repeated step. ``start`` is the step of the checkpoint it was repeated from (0: the beginning); every step from
    there on is compared. ``equal``: all that the log says of them is the same to the last bit, and the weights are
    those of the step's checkpoint where there is one (``weights_compared``). Else ``differs_at`` is the first step that
    is not, and ``difference`` what of it."""

    schema: str = "audit.replay/1"
    step: int
    start: int
    equal: bool
    weights_compared: bool = False
    differs_at: int = 0
    difference: str = ""
    loss: float | None = None
    grad_norm: float | None = None
    tokens: int = 0


def replay(
    folder: str | Path,
    step: int,
    data: Sequence[str] = (),
    *,
    given: Mapping[str, Json] | None = None,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Replay:
    """Repeat ``step`` (from 1) of the run in ``folder``, from the newest checkpoint before it.

    ``data`` are the files that the run was given; without any, files of the recorded names are looked for where this is
    called and beside the run. The options are those recorded with ``given`` laid over them: a model or template that
    lies in a folder is recorded without its place, and has to be named again.

    Raises InputError where there is no such run, step or file, and ResumeRefused where data, options, model or machine
    are not those of the run.
    """
    root, settings = Path(folder), settings or Settings()
    if not root.is_dir() or state_of(root) not in ("started", "finished"):
        raise InputError(f"{folder} holds no run with steps to repeat", hint="name the folder of `audit train -o`")
    logged = [line for line in read_lines(root / METRICS) if line["kind"] == STEP]
    if step > len(logged):
        raise InputError(f"the run has {len(logged):,} steps, and step {step:,} was asked for")
    alone("a step is repeated")
    options = _options(root, given or {}, settings)
    if not data and not settings.splits:
        data, settings = _recorded_data(root, settings)
    with TemporaryDirectory(prefix="audit-replay-") as scratch:
        assembled = assemble(list(data), options, settings, Path(scratch), progress)
        place = place_for(options)
        with place.applied():
            parts = parts_of(assembled, place)
            identity = identity_of(assembled, parts)
            refuse(f"step {step:,} of the run in {folder}", _recorded_identity(root), identity)
            return _compared(Learner(parts), root / CHECKPOINTS, step, logged, identity)


def _options(root: Path, given: Mapping[str, Json], settings: Settings) -> TrainOptions:
    """The options of the run with those of the command line laid over them."""
    recorded = msgspec.json.decode((root / CONFIG).read_bytes())["options"]
    plain = msgspec.structs.replace(
        settings, model=None, epochs=None, max_tokens=None, seed=recorded["seed"], sections={}
    )
    options = read_options(plain, {**{key: value for key, value in recorded.items() if key != "seed"}, **given}).settled
    check_options(options)
    return options


def _recorded_data(root: Path, settings: Settings) -> tuple[list[str], Settings]:
    """The files of the run in the order in which it read them, and the settings with those that it was given for a
    split: found by base name and content. Raises UsageError for one that is not there."""
    told = next(entry.data for entry in read_entries(root) if entry.kind == "data")
    found: list[tuple[str, str]] = []
    for name in told["order"]:
        file = msgspec.convert(told["files"][name], FileRead)
        places = (where / file.base for where in (Path(), root.parent))
        place = next((one for one in places if one.is_file() and file_sha256(one) == file.sha256), None)
        if place is None:
            raise UsageError(
                f"the data of the run, {name}, is neither here nor beside the run as it was",
                hint="name the files, as they were given to the run",
            )
        found.append((file.split, str(place)))
    splits = tuple((split, path) for split, path in found if split)
    return [path for split, path in found if not split], msgspec.structs.replace(settings, splits=splits)


def _recorded_identity(root: Path) -> Identity:
    told: Any = next(entry.data["identity"] for entry in read_entries(root) if entry.kind == MODEL_ENTRY)
    return msgspec.convert(told, Identity)


def _compared(
    learner: Learner, checkpoints: Path, step: int, logged: Sequence[Mapping[str, Json]], identity: Identity
) -> Replay:
    """Take the steps up to ``step`` and compare each with its line, and the last with its checkpoint."""
    parts = learner.parts
    parts.place.settle(learner.model)
    learner.model.train()
    before = [found for found in checkpoint.steps_in(checkpoints) if found < step]
    start = max(before, default=0)
    if start:
        learner.load(checkpoint.load(checkpoints / checkpoint.name_of(start), identity))
    for number in range(start + 1, step + 1):
        log = learner.step(number)
        if difference := first_difference(logged[number - 1], log):
            return Replay(step=step, start=start, equal=False, differs_at=number, difference=difference)
    there = step in checkpoint.steps_in(checkpoints)
    if there:
        kept = checkpoint.load(checkpoints / checkpoint.name_of(step), identity)
        now = learner.snapshot(kept.progress)
        if name := _other_tensor(kept.model, now.model) or _other_tensor(kept.optimiser, now.optimiser):
            return Replay(
                step=step,
                start=start,
                equal=False,
                weights_compared=True,
                differs_at=step,
                difference=f"{name} is not what its checkpoint holds",
            )
    return Replay(
        step=step,
        start=start,
        equal=True,
        weights_compared=there,
        loss=log.loss,
        grad_norm=log.grad_norm,
        tokens=log.tokens,
    )


def first_difference(recorded: Mapping[str, Json], log: StepLog) -> str:
    """The first field of a step in which it is not as its line says, with both values; "" where it is the same."""
    now = msgspec.json.decode(canonical(log))
    for name in StepLog.__struct_fields__:
        if canonical(recorded.get(name)) != canonical(now[name]):
            return f"{name} is {now[name]} and was {recorded.get(name)}"
    return ""


def _other_tensor(kept: Mapping[str, torch.Tensor], now: Mapping[str, torch.Tensor]) -> str:
    """The name of the first tensor that is not bit for bit the same."""
    for name in sorted({*kept, *now}):
        if name not in kept or name not in now:
            return name
        if not _same_bits(kept[name], now[name]):
            return name
    return ""


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    flat, as_flat = (tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return bool(torch.equal(flat, as_flat))
