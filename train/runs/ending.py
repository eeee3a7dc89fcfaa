"""How a run ended, as its record says it, and the report of a run folder. Trains nothing and writes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from audit.evidence import tool_version
from audit.model import Json
from audit.train.core.state import Evaluation
from audit.train.data.accounting import Accounting
from audit.train.runs.chain import SEAL, Entry, read_entries
from audit.train.runs.folder import ACCOUNTING, METRICS
from audit.train.runs.gating import GateDecision
from audit.train.runs.log import EVALUATION, lines_of, losses_in
from audit.train.runs.report import BestStep, Spent, TrainReport


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is, recorded before its first step, beside its identity."""

    base: Mapping[str, Json]
    method: str
    task: str
    parameters: int
    parameters_trained: int
    trained_names: tuple[str, ...]
    classes: tuple[str, ...]
    planned: int
    steps_per_epoch: int
    strategy: str
    denominator: float
    token_budget: int
    place: Mapping[str, Json]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: as in ``TrainReport``, without what a clock measured."""

    steps: int
    stopped: str
    best: BestStep | None = None
    weights: Literal["best", "last", ""] = ""
    evaluations: tuple[Evaluation, ...] = ()
    merge_difference: float | None = None


def evaluations_in(folder: Path) -> tuple[Evaluation, ...]:
    """Every evaluation of the log, in order."""
    return tuple(msgspec.convert(_numbers_again(line), Evaluation) for line in lines_of(folder / METRICS, EVALUATION))


def ended_of(told: Mapping[str, Json]) -> Ended:
    """How a finished run ended, as its record says."""
    return msgspec.convert(_numbers_again(told), Ended)


_NUMBERS: Final = frozenset({"loss", "perplexity", "accuracy", "value"})
"""What is a number in every evaluation, score of a group and best step."""


def _numbers_again(told: Json) -> Json:
    """What was no finite number, which JSON has not, is one again: nan."""
    if isinstance(told, list):
        return [_numbers_again(one) for one in told]
    if not isinstance(told, Mapping):
        return told
    return {
        key: math.nan if value is None and key in _NUMBERS else _numbers_again(value) for key, value in told.items()
    }


def report_of(
    folder: Path,
    spent: Spent,
    *,
    ended: Ended | None = None,
    interrupted: Literal["", "SIGINT", "SIGTERM"] = "",
    already: bool = False,
) -> TrainReport:
    """The report of a run folder. ``ended`` is how it ended where its record does not say so yet."""
    entries = list(read_entries(folder))
    told: dict[str, Any] = {entry.kind: entry.data for entry in entries}
    decision = msgspec.convert(told["gate"], GateDecision)
    begun = msgspec.convert(told["model"]["run"], Begun)
    ended = ended or ended_of(told["finished"])  # of a finished run, as it was sealed
    losses = list(losses_in(folder / METRICS))
    accounting = msgspec.json.decode((folder / ACCOUNTING).read_bytes(), type=Accounting)
    seal = folder / SEAL
    return TrainReport(
        version=tool_version(),
        verdict=decision.verdict,
        policy=decision.policy,
        unmet=tuple(clause.name for clause in decision.clauses if clause.verdict != "PASS"),
        waiver=decision.waiver,
        model=str(begun.base.get("name", "")),
        method=begun.method,
        task=begun.task,
        parameters=begun.parameters,
        parameters_trained=begun.parameters_trained,
        splits=accounting.splits,
        steps=ended.steps,
        planned=begun.planned,
        stopped=ended.stopped,
        interrupted=interrupted,
        finished=not interrupted,
        already=already,
        best=ended.best,
        weights=ended.weights,
        evaluations=ended.evaluations,
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        resumed=tuple(entry.data["step"] for entry in entries if entry.kind == "resumed"),
        spent=spent,
        folder=str(folder),
        seal=seal.read_text().strip() if seal.is_file() else "",
        notes=(*accounting.notes, *_passed_over(entries)),
    )


def _passed_over(entries: Sequence[Entry]) -> Iterator[str]:
    """A sentence for each checkpoint that a resume could not use."""
    for entry in entries:
        if entry.kind == "resumed":
            for one in entry.data.get("passed_over", ()):
                step = entry.data["step"]
                yield f"{one['name']} was passed over, and the run went on after step {step:,}: {one['why']}"
