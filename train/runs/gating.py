"""The gate before training: judges the data by the policy, and says whether a run may go on. Judges nothing itself.

What is kept of the decision names clauses, figures and hashes. Sentences and places of findings are left out: they may
quote rows and name folders of this machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from audit.api import gate
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import AuditError, UsageError
from audit.model import Json, Result, Verdict
from audit.train.models.base import model_folder
from audit.train.options import TrainOptions
from audit.train.runs.chain import read_entry


class TrainWaiver(msgspec.Struct, frozen=True):
    """Who lets a run go on although the gate says FAIL, and why."""

    who: str
    why: str


class GateClause(msgspec.Struct, frozen=True, kw_only=True):
    """One demand of the policy: as in ``audit.model.Clause``, without what may quote data."""

    name: str
    demand: str
    limit: str
    actual: str
    verdict: Verdict
    value: float | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    n: int = 0
    attribute: str | None = None
    codes: tuple[str, ...] = ()


class GateDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What ``gate.json`` holds. ``counts`` are the findings by code, ``inputs`` the sha256 of every judged file by its
    base name (numbered from the second of one name on), ``policy_sha256`` is of the policy as it was resolved.
    """

    schema: str = "audit.gate/1"
    verdict: Verdict
    policy: str
    policy_sha256: str
    as_of: str
    clauses: tuple[GateClause, ...]
    waiver: TrainWaiver | None = None
    rows: int = 0
    counts: Mapping[str, Mapping[str, int]] = {}
    inputs: Mapping[str, str] = {}
    config_sha256: str = ""
    rules_sha256: str = ""
    version: str = ""
    waived_demands: tuple[Mapping[str, Json], ...] = ()

    @property
    def failed(self) -> tuple[GateClause, ...]:
        """The clauses that the data does not meet."""
        return tuple(clause for clause in self.clauses if clause.verdict == "FAIL")

    @property
    def outcome(self) -> Literal["passed", "waived", "undecided"]:
        """On what grounds the run goes on."""
        if self.verdict == "PASS":
            return "passed"
        return "waived" if self.verdict == "FAIL" else "undecided"


class GateFailed(AuditError):
    """The gate says FAIL and nobody waived it: nothing was trained. ``decision`` is what it says."""

    def __init__(self, decision: GateDecision) -> None:
        told = "; ".join(f"{clause.name}: {clause.actual} ({clause.limit})" for clause in decision.failed)
        super().__init__(
            f"the gate says FAIL by policy {decision.policy}, so nothing was done: {told}",
            hint='`audit gate` shows where; `audit fix` mends; `--waive "who: why"` goes on and is recorded',
        )
        self.decision = decision


def read_waiver(text: str | None) -> TrainWaiver | None:
    """``"who: why"`` of ``--waive``. Raises UsageError where a part is missing, and for what no record may hold: keys,
    e-mail addresses, absolute paths."""
    if text is None:
        return None
    who, _, why = (part.strip() for part in text.partition(":"))
    if not who or not why:
        raise UsageError(
            f"--waive {text!r} does not say both who waives and why", hint='--waive "A. Jones: duplicates are genuine"'
        )
    if private := next((name for name, pattern in _PRIVATE.items() if pattern.search(text)), None):
        raise UsageError(
            f"--waive holds what looks like {private}, and it would stay in the record of the run",
            hint="name a person and a reason; a ticket or a document can be named by its number",
        )
    return TrainWaiver(who, why)


_PRIVATE: Final[Mapping[str, re.Pattern[str]]] = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.-]*"),
    "a key or a token": re.compile(
        r"\b(?:sk|rk|pk|hf|gh[opsur]|github_pat|glpat|xox[abeprs])[-_]\w[\w-]{10,}|\bA(?:KI|SI)A[0-9A-Z]{16}\b|\beyJ\w{10,}"
        r"|(?i:\b(?:bearer\s+|(?:api[-_ ]?key|token|secret|password)\s*[=:]\s*)(?=\S*\d)\S{6,})"
        r"|(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\b\w{24,}\b"
    ),
    "an absolute path": re.compile(r"(?<![\w.:/])~?/[\w.@+-]+/[\w.@+-]|(?<!\w)[A-Za-z]:[\\\\/]\w|\\\\\\\\\w"),
}


def without_private(text: str) -> str:
    """A text with what looks like a key, an e-mail address or an absolute path replaced by its name in brackets."""
    for name, pattern in _PRIVATE.items():
        text = pattern.sub(f"[{name}]", text)
    return text


def pass_gate(
    data: Any,
    settings: Settings,
    waiver: TrainWaiver | None = None,
    progress: Callable[[Progress], None] | None = None,
    *,
    options: TrainOptions | None = None,
) -> GateDecision:
    """The decision of the policy over the data (that of the settings, else ``default``).

    What is trained is no model of a provider: its name is not handed on, so no provider's limits are judged. Tokens are
    counted as the model of ``options`` reads them, where it is a folder with a tokenizer and a template of its own.
    Raises GateFailed where it is FAIL and there is no waiver, KeyboardInterrupt where it was interrupted.
    """
    result = gate(data, settings=settings_of_gate(settings, options), progress=progress)
    if result.partial:
        raise KeyboardInterrupt
    decision = decision_of(result, waiver)
    if decision.verdict == "FAIL" and decision.waiver is None:
        raise GateFailed(decision)
    return decision


def settings_of_gate(settings: Settings, options: TrainOptions | None = None) -> Settings:
    """The settings that the gate judges by before a run with ``options``."""
    tokenizer = settings.tokenizer or (_tokenizer_of(options) if options is not None else None)
    return msgspec.structs.replace(settings, model=None, tokenizer=tokenizer)


def _tokenizer_of(options: TrainOptions) -> str | None:
    """The folder of the tokenizer that the model reads with, None where the run makes it first or lays a template over
    it."""
    given = Path(options.model).expanduser()
    if options.is_tiny or options.chat_template is not None or not given.is_dir():
        return None
    folder = model_folder(given)
    return str(folder) if (folder / "tokenizer.json").is_file() else None


def decision_of(result: Result, waiver: TrainWaiver | None = None) -> GateDecision:
    """What is kept of a result; the waiver only where there is something to waive."""
    told = result.gate
    if told is None:
        raise ValueError("the result was judged by no policy")
    names = GateClause.__struct_fields__
    return GateDecision(
        verdict=told.verdict,
        policy=os.path.basename(told.policy),
        policy_sha256=told.sha256,
        as_of=result.evidence.as_of or "",
        clauses=tuple(GateClause(**{name: getattr(clause, name) for name in names}) for clause in told.clauses),
        waiver=waiver if told.verdict == "FAIL" else None,
        rows=result.rows,
        counts=result.counts,
        inputs=by_base_name(result.evidence.inputs),
        config_sha256=result.evidence.config_sha256,
        rules_sha256=result.evidence.rules_sha256,
        version=result.evidence.version,
        waived_demands=tuple(
            {key: without_private(value) if isinstance(value, str) else value for key, value in one.items()}
            for one in map(msgspec.to_builtins, told.waivers)
        ),
    )


def recorded_decision(folder: Path) -> GateDecision:
    """The decision of the gate that a run was begun with."""
    return msgspec.convert(read_entry(folder, "gate"), GateDecision)


def by_base_name(hashes: Mapping[str, str]) -> dict[str, str]:
    """The hashes of files by base name, in the order given; a second file of one name is ``NAME (2)``."""
    named: dict[str, str] = {}
    for path, sha256 in hashes.items():
        base = name = os.path.basename(path) or path
        number = 1
        while name in named:
            number += 1
            name = f"{base} ({number})"
        named[name] = sha256
    return named
