"""What the record of a run says of an arm: the seed, all that decided its weights, its curve. Loads no model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.rule.arms import ArmFacts, Canary, CurvePoint
from audit.train.prediction.questions import TEST
from audit.train.runs.chain import RECORD, read_entry
from audit.train.runs.folder import BEGAN, METRICS, MODEL, MODEL_ENTRY, ROWS
from audit.train.runs.log import EVALUATION, STEP, lines_of

DATA_ENTRY: Final = "data"
_EVEN: Final = 1e-6
"""By how much, relatively, the effective number of rows may fall short of the rows whose weights are all equal."""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run whose model has been written."""
    return (folder / RECORD).is_file() and (folder / MODEL / "audit-model.json").is_file()


def facts_of(folder: Path, arm: str) -> ArmFacts:
    """What is known of a run. Raises ResumeRefused for a record that is not as it was written."""
    began, data = read_entry(folder, BEGAN), read_entry(folder, DATA_ENTRY)
    identity = read_entry(folder, MODEL_ENTRY).get("identity")
    known: Mapping[str, Json] = identity if isinstance(identity, dict) else {}
    seed = _at(began, "options", "seed")
    return ArmFacts(
        arm=arm,
        seed=seed if isinstance(seed, int) else 0,
        kind="run",
        identity=known,
        folder=folder.resolve().name,
        curve=curve_of(folder, known),
        weighted=_weighted(data),
    )


def with_canaries(facts: ArmFacts, canaries: tuple[Canary, ...]) -> ArmFacts:
    """The facts with what the model makes of planted rows."""
    return msgspec.structs.replace(facts, canaries=canaries)


class RowOfRun(msgspec.Struct):
    """What ``rows.jsonl`` of a run says of a row: its name and the split that it was in."""

    row_id: str = ""
    split: str = ""


def rows_of(folder: Path | None) -> Iterator[RowOfRun]:
    """The rows of a run; none where there is no such file. Raises InputError for one that cannot be read."""
    file = None if folder is None else folder / ROWS
    if file is None or not file.is_file():
        return
    try:
        with file.open("rb") as lines:
            yield from map(msgspec.json.Decoder(RowOfRun).decode, lines)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None


def kept_for_testing(folder: Path) -> bool:
    """Whether a run read rows of a test split."""
    return any(row.split == TEST for row in rows_of(folder))


def planted_canaries(folder: Path) -> bool:
    """Whether a run planted rows to see whether they are memorised."""
    return bool(_at(read_entry(folder, BEGAN), "options", "canaries"))


def trained_files(folder: Path) -> Mapping[str, str]:
    """SHA-256 by base name of the data files that a run read."""
    files = read_entry(folder, DATA_ENTRY).get("files")
    if not isinstance(files, dict):
        return {}
    return {name: str(one.get("sha256", "")) for name, one in files.items() if isinstance(one, dict)}


def _weighted(data: Mapping[str, Json]) -> bool:
    train = _at(data, "splits", "train")
    if not isinstance(train, dict):
        return False
    used, effective = train.get("used"), train.get("effective_rows")
    if not isinstance(used, int | float) or not isinstance(effective, int | float):
        return False
    return bool(effective < used * (1 - _EVEN))


def curve_of(folder: Path, identity: Mapping[str, Json]) -> tuple[CurvePoint, ...]:
    """A point for every evaluation: the mean training loss of the steps since the one before (each trained token counts
    as its weight) and the validation loss, in nats a token; () where nothing was evaluated."""
    sequences = _at(identity, "train", "sequences")
    points: list[CurvePoint] = []
    losses: list[tuple[float, float]] = []
    drawn = 0
    for line in lines_of(folder / METRICS):
        if line.get("kind") == STEP:
            drawn += len(line.get("examples", ()))
            loss, weight = line.get("loss"), line.get("weight", 0.0)
            if isinstance(loss, float) and weight > 0:
                losses.append((loss, weight))
        elif line.get("kind") == EVALUATION:
            epoch = drawn / sequences if isinstance(sequences, int) and sequences else 0.0
            points.append(_point(line, epoch, losses))
            losses.clear()
    return tuple(points)


def _point(line: Mapping[str, Json], epoch: float, losses: list[tuple[float, float]]) -> CurvePoint:
    total = math.fsum(weight for _, weight in losses)
    mean = math.fsum(loss * weight for loss, weight in losses) / total if total else None
    loss = line.get("loss")
    validation = float(loss) if isinstance(loss, int | float) else None
    return CurvePoint(step=int(line.get("step", 0)), epoch=epoch, train_loss=mean, validation_loss=validation)


def _at(value: Json, *steps: str) -> Json:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
