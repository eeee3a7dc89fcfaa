"""The folder of a hosted run as its record tells it, made by hand: what reads such folders is tested without a server.

Nothing is asked of anybody; the real thing is made by ``audit.train.hosted``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from audit.model import Json
from audit.train.data.accounting import Accounting, SplitAccount, Tally
from audit.train.runs.chain import canonical
from audit.train.runs.folder import ACCOUNTING, EVENTS, JOB, RESULT, ROWS, UPLOADS, begin
from audit.train.runs.gating import GateDecision
from audit.train.runs.hosting import CREATING_ENTRY, FILE_ENTRY, JOB_ENTRY, HostedBegun, HostedEnded, HostedFile

BASE = "gpt-4o-mini-2024-07-18"
TUNED = f"ft:{BASE}:acme::abc123"
JOB_ID = "ftjob-abc123"
ROWS_OF_RUN = 12
STEPS = 9


def conversation(number: int, answer: str = "yes") -> dict[str, Any]:
    """A row as it is handed in."""
    question = {"role": "user", "content": f"Question {number}: is {number} even?"}
    return {"messages": [question, {"role": "assistant", "content": answer}]}


def hosted_run(
    folder: Path,
    *,
    address: str = "http://127.0.0.1:9/v1",
    status: str | None = "succeeded",
    seed: int = 0,
    error: dict[str, Json] | None = None,
    copies: int = 1,
    result: str | None = None,
    **begun: Any,
) -> str:
    """A hosted run that ended with ``status`` (None: the job still goes on), trained on ``ROWS_OF_RUN`` rows that stand
    ``copies`` times in the file; its seal, "" where it goes on."""
    record = begin(folder, {"options": {"model": BASE, "seed": seed, "provider": "openai"}})
    files = {role: _upload(folder, role, copies if role == "train" else 1) for role in UPLOADS}
    _rows(folder)
    told = _begun(address, files, seed, begun)
    record.add("gate", _decision())
    record.add("data", _data(folder))
    record.add("model", {"identity": {"key": told.key}, "hosted": told})
    for role in files:
        record.add(FILE_ENTRY, {"role": role, "id": f"file-{role}"})
    record.add(CREATING_ENTRY, {"key": told.key})
    record.add(JOB_ENTRY, {"id": JOB_ID, "found": False})
    _course(folder, result)
    if status is None:
        record.close()
        return ""
    (folder / JOB).write_bytes(canonical({"id": JOB_ID, "status": status}))
    tuned = TUNED if status == "succeeded" else None
    ended = HostedEnded(
        status=status, job=JOB_ID, tuned=tuned, trained_tokens=2700 if tuned else None, cost=0.0081 if tuned else None,
        error=error, checkpoints=3 if tuned else 0, events=STEPS,
    )  # fmt: skip
    return record.finish(ended)


def _upload(folder: Path, role: str, copies: int) -> HostedFile:
    rows = [conversation(number) for number in (range(ROWS_OF_RUN) if role == "train" else range(100, 103))]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows * copies)
    (folder / UPLOADS[role]).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return HostedFile(name=UPLOADS[role], sha256=sha256, bytes=len(content), rows=len(rows) * copies)


def _begun(address: str, files: dict[str, HostedFile], seed: int, changed: dict[str, Any]) -> HostedBegun:
    told = HostedBegun(
        provider="openai",
        address=address,
        key_variable="AUDIT_TEST_KEY",
        model=BASE,
        method="supervised",
        key="ab" * 32,
        hyperparameters={"n_epochs": 3},
        seed=seed,
        files=files,
        lifecycle={
            "model": BASE, "state": "closing", "as_of": "2026-11-22", "shutdown": "2027-01-14",
            "new_jobs_end": "2027-01-06", "days_left": 53, "source": "the dates of OpenAI's deprecations page",
            "replacement": "gpt-6-luna", "notes": [],
        },
        quote={
            "tokens": 904, "epochs": 3.0, "epochs_by": "asked", "exact": True, "cost": 0.008136, "currency": "USD",
            "per_million": 3.0, "price_as_of": "2026-11-21", "unquoted": "",
        },
        moderation={"asked": 30, "rows": 15, "flagged_rows": 0, "skipped": ""},
        lowering={"how": "resample", "rows": 12, "made": 12, "left_out": 0, "most": 1},
        notes=("the weights of rows became copies of them",),
    )  # fmt: skip
    return msgspec.structs.replace(told, **changed)


def _decision() -> Json:
    decision = GateDecision(verdict="PASS", policy="data", as_of="2026-11-22", policy_sha256="cd" * 32, clauses=())
    return msgspec.to_builtins(decision)


def _rows(folder: Path) -> None:
    lines = [
        {"row_id": f"row{number}", "split": "train", "file": "train.jsonl", "line": number + 1, "examples": 1}
        for number in range(ROWS_OF_RUN)
    ]
    (folder / ROWS).write_bytes(b"".join(map(canonical, lines)))


def _data(folder: Path) -> Json:
    tally = Tally(rows=6, tokens=452, trained=30, mass=6.0)
    train = SplitAccount(
        rows=ROWS_OF_RUN, used=ROWS_OF_RUN, tokens=904, trained=60, effective_rows=float(ROWS_OF_RUN),
        by_group={"sex": {"F": tally, "M": tally}},
    )  # fmt: skip
    accounting = Accounting(trained_on="tokens", unit="example", splits={"train": train})
    (folder / ACCOUNTING).write_bytes(canonical(accounting))
    read = {"train.jsonl": {"sha256": "ef" * 32, "rows": ROWS_OF_RUN}}
    return {"files": read, "splits": msgspec.to_builtins(accounting.splits)}


def events(steps: int = STEPS) -> list[dict[str, Any]]:
    """A message and the metrics of every step, oldest first, as they are written down."""
    told: list[dict[str, Any]] = [
        {"id": "ftevent-0", "created_at": 1, "level": "info", "type": "message", "message": "Job started", "data": {}}
    ]
    for step in range(1, steps + 1):
        data = {"step": step, "train_loss": 2.0 / step, "total_steps": steps}
        if step % 3 == 0:
            data |= {"valid_loss": 2.1 / step, "full_valid_loss": 2.2 / step}
        told.append(
            {"id": f"ftevent-{step}", "created_at": step, "level": "info", "type": "metrics", "message": f"Step {step}",
             "data": data}
        )  # fmt: skip
    return told


def _course(folder: Path, result: str | None) -> None:
    (folder / EVENTS).write_bytes(b"".join(map(canonical, events())))
    if result is not None:
        (folder / RESULT).write_text(result, encoding="utf-8")
