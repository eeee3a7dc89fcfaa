"""Reads and writes ``evaluation.json``: which arms were asked what, in which files, what is known of their models.

It stands in the folder of ``audit evaluate`` beside the predictions. What a clock measured is kept apart, in
``timing.json``, so that two equal evaluations are equal byte for byte. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from audit.errors import InputError
from audit.model import Json
from audit.rule.arms import ArmFacts
from audit.writing import write_whole

SCHEMA: Final = "audit.evaluation/1"
TIMING_SCHEMA: Final = "audit.timing/1"
EVALUATION: Final = "evaluation.json"
TIMING: Final = "timing.json"
SCORED: Final = "scored.jsonl"
PREDICTIONS: Final = "predictions"

SEEN: Final = "these figures are about rows that the model has seen"
"""How a note begins that takes the meaning from all others."""

What = Literal["asked", "swap", "greedy", "answers"]


class RolesSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the arm to be signed, the same without remediation, and the model before; "" for none."""

    judged: str = ""
    compared: str = ""
    base: str = ""


class FileOfOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """A file of predictions, named from the folder: the outputs of a replicate to the questions themselves (``asked``),
    to their variants (``swap``), written greedily where labels were scored (``greedy``), or the likelihood of the rows'
    own answers (``answers``). ``failed`` counts answers by the first word of their error."""

    name: str
    arm: str
    seed: int
    what: What
    answers: int
    failed: Mapping[str, int] = {}
    sha256: str = ""


class FileOfData(msgspec.Struct, frozen=True, kw_only=True):
    """A data file by its base name: the SHA-256 of its bytes and its rows."""

    name: str
    sha256: str
    rows: int


class Variants(msgspec.Struct, frozen=True, kw_only=True):
    """Prompts that were made with another group in them, and why others were not, by reason. ``without_control`` counts
    swaps for which no edit within the group was found; ``coupled`` says by attribute and field which values were
    changed together with the group."""

    swaps: int = 0
    controls: int = 0
    skipped: Mapping[str, int] = {}
    without_control: int = 0
    coupled: Mapping[str, Mapping[str, Mapping[str, str]]] = {}


class FewShot(msgspec.Struct, frozen=True, kw_only=True):
    """Examples in the prompts of a replicate: their places (``FILE:LINE``), in their order, and in how many prompts
    some were left out because the model has no positions for them."""

    examples: int
    rows: tuple[str, ...] = ()
    shortened: int = 0


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What ``evaluation.json`` holds. ``asked`` are the options that answers depend on, ``split`` that whose rows were
    asked ("" for all). By ``ARM-SEED``: ``few_shot``, and ``runs``, the folder of the run as seen from that of the
    evaluation, where it lies near. ``notes`` are sentences on what could not be done, those that begin with ``SEEN``
    before the others; ``unable`` says why nothing can be concluded ("" where something can)."""

    schema: str = SCHEMA
    version: str = ""
    roles: RolesSaid = RolesSaid()
    harm: str = ""
    policy: str = ""
    arms: tuple[ArmFacts, ...] = ()
    files: tuple[FileOfOutputs, ...] = ()
    data: tuple[FileOfData, ...] = ()
    split: str = ""
    trained_on: tuple[FileOfData, ...] = ()
    asked: Mapping[str, Json] = {}
    counterfactual: Variants = Variants()
    few_shot: Mapping[str, FewShot] = {}
    runs: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    unable: str = ""


def read(path: Path) -> Evaluation:
    """The evaluation in a folder, or in the file itself. Raises InputError for what is none of this version."""
    file = path / EVALUATION if path.is_dir() else path
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Evaluation)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file} is no evaluation: {error}", hint="`audit evaluate -o FOLDER` writes one") from None
    if found.schema != SCHEMA:
        raise InputError(f"{file} is no evaluation of this version: its schema is {found.schema!r}, not {SCHEMA!r}")
    return found


def write(folder: Path, evaluation: Evaluation) -> None:
    """Write ``evaluation.json`` into a folder, whole or not at all. Raises OutputError."""
    write_whole(folder / EVALUATION, [_indented(evaluation)])


def times_scored(folder: Path) -> int | None:
    """How often the test set of an evaluation was scored in its folder, by different models or policies; None where
    nothing says so."""
    try:
        lines = (folder / SCORED).read_bytes().splitlines()
        last = msgspec.json.decode(lines[-1], type=_Look) if lines else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return last.n if last else None


class _Look(msgspec.Struct):
    n: int


class _Timing(msgspec.Struct):
    schema: str = TIMING_SCHEMA
    seconds: dict[str, float] = {}


def read_timing(folder: Path) -> Mapping[str, float]:
    """Wall-clock seconds by name of the predictions (``raw-0``, ``raw-0.swap``), all attempts together; {} for none."""
    try:
        return msgspec.json.decode((folder / TIMING).read_bytes(), type=_Timing).seconds
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def write_timing(folder: Path, seconds: Mapping[str, float]) -> None:
    """Write ``timing.json``, which differs between two equal evaluations. Raises OutputError."""
    write_whole(folder / TIMING, [_indented(_Timing(seconds=dict(sorted(seconds.items()))))])


def _indented(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"
