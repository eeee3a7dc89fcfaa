"""What the record of a run says of an arm: the seed, all that decided its weights, its curve. Loads no model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from audit.engine.finish import TRAIN
from audit.model import Json
from audit.rule.arms import ArmFacts
from audit.train.prediction.questions import TEST
from audit.train.runs.chain import RECORD, read_entries, read_entry
from audit.train.runs.curve import curve_of
from audit.train.runs.folder import BEGAN, MODEL, MODEL_ENTRY
from audit.train.runs.hosted_identity import hosted_identity
from audit.train.runs.hosting import hosted_in, is_hosted
from audit.train.runs.rows import rows_of

DATA_ENTRY: Final = "data"
_EVEN: Final = 1e-6
"""By how much, relatively, the effective number of rows may fall short of the rows whose weights are all equal."""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run whose model has been written, or that of a hosted run."""
    return (folder / RECORD).is_file() and ((folder / MODEL / "audit-model.json").is_file() or is_hosted(folder))


def facts_of(folder: Path, arm: str) -> ArmFacts:
    """What is known of a run. Raises ResumeRefused for a record that is not as it was written."""
    began, data = read_entry(folder, BEGAN), read_entry(folder, DATA_ENTRY)
    known = _identity(folder)
    seed, sequences = _at(began, "options", "seed"), _at(known, "train", "sequences")
    return ArmFacts(
        arm=arm,
        seed=seed if isinstance(seed, int) else 0,
        kind="run",
        identity=known,
        folder=folder.resolve().name,
        curve=curve_of(folder, sequences if isinstance(sequences, int) else 0),
        weighted=_weighted(data),
    )


def _identity(folder: Path) -> Mapping[str, Json]:
    """All that decided the weights of a run; of a hosted one, as far as anybody outside of the provider can know."""
    run = hosted_in(read_entries(folder))
    if run is not None:
        return hosted_identity(folder, run.begun)
    identity = read_entry(folder, MODEL_ENTRY).get("identity")
    return identity if isinstance(identity, dict) else {}


def kept_for_testing(folder: Path) -> bool:
    """Whether a run read rows of a test split."""
    return any(row.split == TEST for row in rows_of(folder))


class TrainedFile(NamedTuple):
    """A file of which rows were trained on: its SHA-256, and the lines of its other rows (held out, of another split,
    left out)."""

    sha256: str
    others: Collection[int]


def trained_files(folder: Path) -> Mapping[str, TrainedFile]:
    """The data files of a run with a row that was trained on, by the name that the run knows them by.

    Raises InputError for ``rows.jsonl`` that cannot be read.
    """
    trained: set[str] = set()
    others: dict[str, set[int]] = {}
    for row in rows_of(folder):
        if row.split == TRAIN and row.examples:
            trained.add(row.file)
        else:
            others.setdefault(row.file, set()).add(row.line)
    files = read_entry(folder, DATA_ENTRY).get("files")
    known = files if isinstance(files, dict) else {}
    return {
        name: TrainedFile(str(one.get("sha256", "")), others.get(name, ()))
        for name, one in known.items()
        if isinstance(one, dict) and name in trained
    }


def _weighted(data: Mapping[str, Json]) -> bool:
    train = _at(data, "splits", "train")
    if not isinstance(train, dict):
        return False
    used, effective = train.get("used"), train.get("effective_rows")
    if not isinstance(used, int | float) or not isinstance(effective, int | float):
        return False
    return bool(effective < used * (1 - _EVEN))


def _at(value: Json, *steps: str) -> Json:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
