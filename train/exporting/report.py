"""What an export says of itself: ``export.json``, and the same for a reader. Exports nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from audit.model import Json, Verdict
from audit.train.exporting.folder import SCHEMA
from audit.train.exporting.settings import Setting
from audit.train.outgoing.capabilities import Kind
from audit.train.runs.gating import TrainWaiver


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the export: SHA-256 of its bytes, and their number."""

    sha256: str
    bytes: int


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read, as in the record of a run: SHA-256 of its bytes, and its rows."""

    sha256: str
    rows: int


class ExportedSplit(msgspec.Struct, frozen=True, kw_only=True):
    """A split as it was written. ``rows`` were read, ``used`` of them stand in at least one of the ``lines``;
    ``left_out`` counts the others by why. ``history`` counts messages that stand before what is trained in a line
    although they stand in an earlier line of the same copy of the row: what lines of one answer each cost.
    ``lowering`` is how weights became copies (None: all count the same), ``lost`` counts rows by what was left behind.
    """

    rows: int
    used: int
    lines: int
    left_out: Mapping[str, int] = {}
    history: int = 0
    lowering: Mapping[str, Json] | None = None
    lost: Mapping[str, int] = {}


class ExportedGate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate said of the data before it was exported; ``gate.json`` says it in full."""

    verdict: Verdict
    policy: str
    policy_sha256: str
    unmet: tuple[str, ...] = ()
    waiver: TrainWaiver | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What ``export.json`` holds. ``to`` is what the trainer can express (``audit.train.outgoing.capabilities``),
    ``model`` as in records, ``supervised`` a sentence on what is trained of a line, ``settings`` the account of every
    setting of ``[train]``, ``provider_keys`` those that only a provider reads. ``gate`` is None for a dry run."""

    schema: str = SCHEMA
    version: str
    to: Mapping[str, Json]
    kind: Kind
    model: str
    configuration: str
    command: str
    supervised: str
    files: Mapping[str, ExportedFile]
    inputs: Mapping[str, InputFile]
    splits: Mapping[str, ExportedSplit]
    gate: ExportedGate | None
    settings: tuple[Setting, ...]
    provider_keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """An export and where it is; ``dry_run``: nothing was written."""

    schema: str = "audit.export-report/1"
    folder: str
    dry_run: bool
    export: Export
