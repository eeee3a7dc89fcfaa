"""The folder of an evaluation: which files are its own, whether it may be gone on with, how often a test was scored.

Takes nothing away that is no evaluation's own, whoever asks for it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import InputError, OutputError
from audit.model import Json
from audit.outputs.evaluation import EVALUATION, PREDICTIONS, SCORED
from audit.train.prediction.batch_notes import ENDING, SCRATCH
from audit.train.runs.chain import canonical
from audit.writing import unwritable, write_whole

ENDINGS: Final = (".jsonl", ".jsonl.state.json", ".jsonl.partial", f".jsonl{ENDING}")
"""How the files of one prediction end."""
_TEMPORARY: Final = re.compile(r"\..+\.(jsonl|json|html|gz|partial)\.\d+\.tmp")


def prepare_folder(folder: Path, names: Collection[str], inputs: Sequence[str], *, force: bool) -> None:
    """Make the folder ready for predictions of these names (``raw-0``, ``raw-0.swap``).

    What is there of the same evaluation stays. Raises OutputError where the folder holds predictions of others (with
    ``force`` they are taken away), an input, or what is no evaluation's.
    """
    own = folder / PREDICTIONS
    for given in inputs:
        if Path(given).exists() and Path(given).resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{folder} holds {given}, which is asked about", hint="name another folder")
    if folder.is_dir() and any(folder.iterdir()) and not (own.is_dir() or (folder / EVALUATION).is_file()):
        raise OutputError(f"{folder} holds files that are no evaluation's", hint="name an empty or a new folder")
    try:
        own.mkdir(parents=True, exist_ok=True)
        expected = {f"{name}{ending}" for name in names for ending in ENDINGS}
        _sweep(folder)
        _sweep(own)
        strange = sorted(path.name for path in own.iterdir() if path.name not in expected)
        if strange and not force:
            raise OutputError(
                f"{folder} holds another evaluation: {strange[0]} is of none of these models",
                hint="name another folder, or --force begins anew",
            )
        if force:
            for name in sorted({path.name for path in own.iterdir()}):
                if name.endswith(ENDINGS) and not (name in expected and name.endswith(ENDING)):  # it names batches
                    (own / name).unlink()
    except OSError as error:
        raise unwritable(str(folder), error) from None


def _sweep(folder: Path) -> None:
    """Take away what a process that was killed left half written (``audit.writing``)."""
    for path in folder.iterdir():
        if path.name.startswith(".") and path.name.endswith(f".jsonl{SCRATCH}") and path.is_dir():
            shutil.rmtree(path)
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a test set: the hash of its files, those of the models by name, what they were asked for (the hash of
    the options and of examples in prompts), and the policy."""

    n: int = 0
    data: str
    models: Mapping[str, str]
    asked: str = ""
    policy: str
    policy_sha256: str


def note_look(folder: Path, look: Look) -> int:
    """How often the test set was scored in this folder, this time included. The same models by the same policy again
    are no further look, since nothing new can be learnt from them. Raises InputError for a file that cannot be read."""
    path = folder / SCORED
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
        looks = [msgspec.json.decode(line, type=Look) for line in lines]
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="it says how often the test set was used") from None
    if not any(msgspec.structs.replace(one, n=0) == look for one in looks):
        looks.append(msgspec.structs.replace(look, n=sum(one.data == look.data for one in looks) + 1))
        write_whole(path, [canonical(one) for one in looks])
    return sum(one.data == look.data for one in looks)


def hash_of_all(parts: Mapping[str, Json] | Sequence[str]) -> str:
    """One SHA-256 for several things in a fixed order."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
