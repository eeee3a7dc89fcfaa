"""Tells a report what a run was: reads the folder of a run into a ``Training``. Needs no torch and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.errors import InputError
from audit.evidence import tool_version
from audit.model import Clause, Evidence, Gate, Result
from audit.model.dossier import Association, LossPoint, Training
from audit.train.data.accounting import Accounting, SplitAccount
from audit.train.runs.chain import SEAL, chain_of
from audit.train.runs.curve import curve_of
from audit.train.runs.ending import Begun, Ended, ended_of
from audit.train.runs.folder import ACCOUNTING
from audit.train.runs.gating import GateDecision
from audit.train.runs.hosted_telling import told_hosted
from audit.train.runs.hosting import HostedRun, hosted_in
from audit.train.runs.metering import spent

TOLD: Final = (
    "epochs", "batch_size", "lr", "schedule", "warmup", "weight_decay", "method", "lora_r", "mask", "max_length",
    "class_weights", "group_weights", "early_stopping", "choose", "precision", "device", "threads",
)  # fmt: skip
"""The settings that a reader asks for first; the record has all."""
TOLD_HOSTED: Final = ("suffix", "hold_out", "class_weights", "group_weights", "lowering", "moderation", "attempt")
"""Those of a run at a provider, beside the hyperparameters of its job."""


def training_of(folder: Path, *, arm: str = "") -> Training:
    """What the record of a run tells, as far as it goes: of a run that was killed, what it had written down by then.

    Raises InputError for a folder that holds no record, or one that cannot be read.
    """
    try:
        entries = chain_of(folder).entries
        told: dict[str, Any] = {entry.kind: entry.data for entry in entries}
        run = hosted_in(entries)
        return _training(folder, told, arm) if run is None else _hosted(folder, told, run, arm)
    except (msgspec.DecodeError, AttributeError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder} is a run that cannot be read: {error}", hint="`audit verify` says why") from None


def _training(folder: Path, told: Mapping[str, Any], arm: str) -> Training:
    model = told.get("model") or {}
    begun = msgspec.convert(model["run"], Begun) if model else None
    ended = ended_of(told["finished"]) if "finished" in told else None
    decision = msgspec.convert(told["gate"], GateDecision) if "gate" in told else None
    options = (told.get("began") or {}).get("options") or {}
    seal = folder / SEAL
    bare = Training(
        arm=arm,
        seed=int(options.get("seed", 0)),
        folder=folder.resolve().name,
        state="finished" if seal.is_file() else "started" if begun else "begun",
        model=str(begun.base.get("name", "")) if begun else str(options.get("model", "")),
        method=begun.method if begun else str(options.get("method", "")),
        task=begun.task if begun else str(options.get("task", "")),
        parameters=begun.parameters if begun else 0,
        parameters_trained=begun.parameters_trained if begun else 0,
        planned=begun.planned if begun else 0,
        settings=_said(options, TOLD),
        curve=_curve(folder),
        seal=seal.read_text().strip() if seal.is_file() else "",
    )
    return msgspec.structs.replace(bare, **_data(folder), **_gate(decision), **_end(ended), **_price(folder))


def _said(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) not in (None, "", {}, [], "none")}


def _hosted(folder: Path, told: Mapping[str, Any], run: HostedRun, arm: str) -> Training:
    """A run at a provider."""
    decision = msgspec.convert(told["gate"], GateDecision) if "gate" in told else None
    seal, curve, hosted = folder / SEAL, _curve(folder), told_hosted(folder, run)
    bare = Training(
        arm=arm,
        seed=run.begun.seed,
        folder=folder.resolve().name,
        state="finished" if seal.is_file() else "started",
        model=run.begun.model,
        method=run.begun.method,
        steps=curve[-1].step if curve else 0,
        settings={**_said((told.get("began") or {}).get("options") or {}, TOLD_HOSTED), **hosted.hyperparameters},
        curve=curve,
        seal=seal.read_text().strip() if seal.is_file() else "",
        hosted=hosted,
    )
    notes = dict.fromkeys((*run.begun.notes, *(run.ended.notes if run.ended else ())))
    return msgspec.structs.replace(bare, **{**_data(folder), "notes": tuple(notes)}, **_gate(decision))


def _data(folder: Path) -> dict[str, Any]:
    path = folder / ACCOUNTING
    if not path.is_file():
        return {}
    accounting = msgspec.json.decode(path.read_bytes(), type=Accounting)
    split = accounting.splits.get("train") or next(iter(accounting.splits.values()), SplitAccount(rows=0))
    return {
        "rows": split.rows,
        "used": split.used,
        "effective_rows": split.effective_rows,
        "tokens": split.tokens,
        "trained_tokens": split.trained,
        "truncated": split.truncated,
        "dropped": split.dropped,
        "groups": {name: {group: one.rows for group, one in by.items()} for name, by in split.by_group.items()},
        "association": {name: Association(one.rows, one.loss_mass) for name, one in split.association.items()},
        "notes": accounting.notes,
    }


def _gate(decision: GateDecision | None) -> dict[str, Any]:
    if decision is None:
        return {}
    waiver = decision.waiver
    return {
        "gate": gate_of(decision),
        "inputs": dict(decision.inputs),
        "waived_by": waiver.who if waiver else "",
        "waived_why": waiver.why if waiver else "",
    }


def gate_of(decision: GateDecision) -> Gate:
    """The decision as reports show one; its clauses have no sentence: it may quote data."""
    clauses = tuple(
        Clause(
            name=one.name,
            demand=one.demand,
            limit=one.limit,
            actual=one.actual,
            verdict=one.verdict,
            sentence="",
            value=one.value,
            interval=one.interval,
            level=one.level,
            n=one.n,
            attribute=one.attribute,
            codes=one.codes,
        )
        for one in decision.clauses
    )
    code = {"PASS": 0, "FAIL": 1}.get(decision.verdict, 3)
    return Gate(
        policy=decision.policy,
        title="",
        as_of=decision.as_of,
        sha256=decision.policy_sha256,
        verdict=decision.verdict,
        exit_code=code,
        clauses=clauses,
    )


def _end(ended: Ended | None) -> dict[str, Any]:
    if ended is None:
        return {}
    best = ended.best
    return {
        "steps": ended.steps,
        "stopped": ended.stopped,
        "weights": ended.weights,
        "best_step": best.step if best else None,
        "best_measure": best.measure if best else "",
        "best_value": best.value if best else None,
    }


def _price(folder: Path) -> dict[str, Any]:
    took = spent(folder)
    return {
        "seconds": took.seconds,
        "cpu_seconds": took.cpu_seconds,
        "peak_memory_bytes": took.peak_memory_bytes,
        "energy_kwh": took.energy_kwh,
        "energy_method": took.energy_method,
        "machine": _machine(folder),
    }


def _machine(folder: Path) -> str:
    """What the run was computed on, in a line."""
    try:
        told = msgspec.json.decode((folder / "machine.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return ""
    if not isinstance(told, dict):
        return ""
    cpus = told.get("cpus")
    parts = [told.get("device_name") or told.get("processor"), f"{cpus} processors" if cpus else "", told.get("device")]
    parts += [f"torch {told['torch']}"] if told.get("torch") else []
    return ", ".join(str(part) for part in parts if part)


def _curve(folder: Path) -> tuple[LossPoint, ...]:
    return tuple(
        LossPoint(step=one.step, train=one.train_loss, validation=one.validation_loss)
        for one in curve_of(folder, whole=True)
        if one.step
    )


def result_of(training: Training) -> Result:
    """The judgement that a run was let through with, for a report that is about runs alone."""
    gate = training.gate
    return Result(
        verdict=gate.verdict if gate else "NOT_ASSESSED",
        rows=training.rows,
        gate=gate,
        evidence=Evidence(
            tool="audit",
            version=tool_version(),
            inputs=training.inputs,
            seed=training.seed,
            as_of=gate.as_of if gate else None,
        ),
    )
