"""Fine-tuning jobs of the stand-in provider: made, looked at (one step with each look), paused, ended."""

from __future__ import annotations

import base64
from typing import Any, Final

from tests.train.provider import files
from tests.train.provider.asking import Answered, Asked, Refused, page, seen
from tests.train.provider.models import known
from tests.train.provider.rows import problem_of
from tests.train.provider.store import Store

STATUSES: Final = ("validating_files", "queued", "running", "succeeded")
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
STEPS: Final = 12
HEADER: Final = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
NO_ERROR: Final = {"code": None, "message": None, "param": None}


def create(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    told = asked.json()
    method = told.get("method") or {"type": "supervised"}
    _check(store, told, method, scenario)
    kind = method["type"]
    error = _problem(store, told, kind, scenario) or scenario.get("error")
    steps = list(scenario.get("statuses") or ((*STATUSES[:1], "failed") if error else STATUSES))
    if error and "failed" not in steps:
        steps = [steps[0], "failed"]
    asked_for = told.get("hyperparameters") or method.get(kind, {}).get("hyperparameters") or {}
    parameters = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"} | asked_for
    job = store.add(
        "job", "ftjob-", object="fine_tuning.job", model=told["model"], created_at=store.now(), finished_at=None,
        fine_tuned_model=None, organization_id=_organisation(scenario, asked), result_files=[], status=steps[0],
        validation_file=told.get("validation_file"), training_file=told["training_file"],
        hyperparameters=parameters, trained_tokens=None, integrations=told.get("integrations") or [],
        seed=told.get("seed", 42), estimated_finish=None,
        error=NO_ERROR if scenario.get("null_error") else None,
        method={"type": kind, kind: {"hyperparameters": parameters}}, metadata=told.get("metadata") or {},
        user_provided_suffix=told.get("suffix"), _steps=steps[1:], _error=error, _paused=[], _was=steps[0],
        _listed_from=asked.number + int(scenario.get("hidden") or 0),
    )  # fmt: skip
    _event(store, job, f"Created fine-tuning job: {job['id']}{_echoed(scenario, asked)}")
    validation = job["validation_file"]
    both = f" and validation file: {validation}" if validation else ""
    _event(store, job, f"Validating training file: {job['training_file']}{both}")
    _enter(store, job, scenario)
    return Answered(200, seen(store.keep(job)))


def _organisation(scenario: dict[str, Any], asked: Asked) -> str:
    return f"org-{asked.key}" if scenario.get("echo_key") else "org-test"


def _echoed(scenario: dict[str, Any], asked: Asked) -> str:
    return f" (key {asked.key})" if scenario.get("echo_key") else ""


def _check(store: Store, told: dict[str, Any], method: dict[str, Any], scenario: dict[str, Any]) -> None:
    if told.get("model") not in known(store, scenario):
        raise Refused(
            400, "The specified base model does not exist.", code="invalid_base_model_reference", param="model"
        )
    for name in ("training_file", "validation_file"):
        identity = told.get(name)
        if identity is None and name == "validation_file":
            continue
        file = store.get("file", str(identity))
        if file is None or file["purpose"] != "fine-tune":
            raise Refused(400, f"invalid {name}: {identity}", code=f"invalid_{name}", param=name)
    if method.get("type") not in ("supervised", "dpo"):
        raise Refused(400, f"Invalid method type: {method.get('type')}", param="method")
    epochs = method.get(method["type"], {}).get("hyperparameters", {}).get("n_epochs", "auto")
    if epochs != "auto" and not 1 <= epochs <= 50:
        raise Refused(400, f"n_epochs must be between 1 and 50, not {epochs}", param="n_epochs")
    if not 1 <= len(told.get("suffix") or "x") <= 64:
        raise Refused(400, "The suffix must have 1 to 64 characters", param="suffix")


def _problem(store: Store, told: dict[str, Any], kind: str, scenario: dict[str, Any]) -> Any:
    for role in ("training", "validation"):
        identity = told.get(f"{role}_file")
        if identity and (found := problem_of(store.content(identity), identity, kind, role, scenario)):
            return found
    return None


def _event(store: Store, job: dict[str, Any], message: str, *, level: str = "info", data: Any = None) -> None:
    store.add(
        "event", "ftevent-", object="fine_tuning.job.event", created_at=store.now(), level=level, message=message,
        type="message" if data is None else "metrics", data=data or {}, _job=job["id"],
    )  # fmt: skip


# ---------------------------------------------------------------------- what a state brings


def _enter(store: Store, job: dict[str, Any], scenario: dict[str, Any]) -> None:
    """What comes with a job's being in a state."""
    status = job["status"]
    if status == "queued":
        _event(store, job, "Files validated, moving job to queued state")
    elif status == "running":
        _event(store, job, "Fine-tuning job started")
        _settle(store, job)
        _metrics(store, job, 1, _step_count(scenario) // 2, _step_count(scenario))
    elif status == "succeeded":
        _settle(store, job)
        _metrics(store, job, job.get("_done", 0) + 1, _step_count(scenario), _step_count(scenario))
        _succeed(store, job, scenario)
    elif status == "failed":
        job["error"] = job["_error"] or {"code": "server_error", "message": "The job failed.", "param": None}
        job["finished_at"] = store.now()
        _event(store, job, str(job["error"].get("message")), level="error")
    elif status == "cancelled":
        job["finished_at"] = store.now()
        _event(store, job, "Fine-tuning job cancelled")


def _step_count(scenario: dict[str, Any]) -> int:
    return int(scenario.get("steps") or STEPS)


def _settle(store: Store, job: dict[str, Any]) -> None:
    """The settings that were left to the provider: OpenAI's published epochs, and what was seen of the rest."""
    rows = len(_lines(store, job["training_file"]))
    epochs = 3 if rows * 3 >= 100 else min(25, max(1, 100 // max(1, rows)))
    chosen = {"n_epochs": epochs, "batch_size": 1, "learning_rate_multiplier": 1.8}
    told = job["hyperparameters"]
    job["hyperparameters"] = {name: chosen.get(name, 0.1) if value == "auto" else value for name, value in told.items()}
    kind = job["method"]["type"]
    job["method"] = {"type": kind, kind: {"hyperparameters": job["hyperparameters"]}}


def _lines(store: Store, identity: str) -> list[bytes]:
    return [line for line in store.content(identity).split(b"\n") if line.strip()]


def _figures(step: int, job: dict[str, Any]) -> dict[str, float]:
    """Metrics of a step; those of the validation file at every fourth."""
    told = {
        "step": step,
        "train_loss": round(2 / (step + 1), 4),
        "train_mean_token_accuracy": round(1 - 1 / (step + 2), 4),
    }
    if job["validation_file"] and step % 4 == 0:
        told |= {"valid_loss": round(2.2 / (step + 1), 4), "valid_mean_token_accuracy": round(1 - 1 / (step + 1), 4)}
    return told


def _metrics(store: Store, job: dict[str, Any], first: int, last: int, total: int) -> None:
    for step in range(first, last + 1):
        told = _figures(step, job)
        text = f"Step {step}/{total}: training loss={told['train_loss']}"
        if "valid_loss" in told:
            text += f", validation loss={told['valid_loss']}"
        _event(store, job, text, data=told | {"total_steps": total})
    job["_done"] = max(job.get("_done", 0), last)


def _succeed(store: Store, job: dict[str, Any], scenario: dict[str, Any]) -> None:
    total, number = _step_count(scenario), job["id"].removeprefix("ftjob-")
    tuned = f"ft:{job['model']}:test-org:{job.get('user_provided_suffix') or ''}:job{number}"
    for step in sorted({max(1, total // 3), max(1, 2 * total // 3)}):
        named = f"{tuned}:ckpt-step-{step}"
        store.add(
            "checkpoint", "ftckpt-", object="fine_tuning.job.checkpoint", created_at=store.now(), step_number=step,
            fine_tuning_job_id=job["id"], fine_tuned_model_checkpoint=named,
            metrics=_figures(step, job),
        )  # fmt: skip
        _event(store, job, f"Checkpoint created at step {step}")
    _event(store, job, "New fine-tuned model created")
    made = _result(store, job, total, scenario)
    characters = sum(len(line) for line in _lines(store, job["training_file"]))
    job |= {
        "fine_tuned_model": tuned,
        "result_files": [made["id"]] if made else [],
        "trained_tokens": scenario.get("trained_tokens") or characters // 4 * int(job["hyperparameters"]["n_epochs"]),
        "finished_at": store.now(),
    }
    _event(store, job, "The job has successfully completed")


def _result(store: Store, job: dict[str, Any], total: int, scenario: dict[str, Any]) -> Any:
    lines = [HEADER]
    for step in range(1, total + 1):
        told = _figures(step, job)
        named = ("step", "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy")
        lines.append(",".join(str(told.get(name, "")) for name in named))
    data = ("\n".join(lines) + "\n").encode()
    how = scenario.get("result") or "csv"
    if how == "none":
        return None
    data = {"csv": data, "base64": base64.b64encode(data), "garbled": b"\x00\xffno table"}[how]
    return files.add(store, "step_metrics.csv", data, "fine-tune-results")


# ---------------------------------------------------------------------- looking at jobs


def find(store: Store, identity: str) -> dict[str, Any]:
    found = store.get("job", identity)
    if found is None:
        raise Refused(404, f"Could not find fine tune: {identity}", code="fine_tune_not_found", param="fine_tune_id")
    return found


def retrieve(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = find(store, identity)
    if job["_paused"]:
        job["status"] = job["_paused"].pop(0)
        store.keep(job)
    elif job["_steps"] and not job.get("_held"):
        before, job["status"] = job["status"], job["_steps"].pop(0)
        if job["status"] != before:
            _enter(store, job, scenario)
        store.keep(job)
    return Answered(200, seen(job))


def listing(store: Store, asked: Asked, scenario: dict[str, Any]) -> Answered:
    jobs = [one for one in reversed(store.all("job")) if asked.number > one["_listed_from"]]
    if scenario.get("metadata_filter", True):
        for name, value in asked.query.items():
            if name.startswith("metadata["):
                jobs = [one for one in jobs if one["metadata"].get(name[9:].removesuffix("]")) == value]
    some, more = page(jobs, asked.query, 20)
    return Answered(200, {"object": "list", "data": [seen(one) for one in some], "has_more": more})


def events(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = find(store, identity)
    told = [one for one in reversed(store.all("event")) if one["_job"] == job["id"]]
    some, more = page(told, asked.query, 20)
    return Answered(200, {"object": "list", "data": [seen(one) for one in some], "has_more": more})


def checkpoints(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = find(store, identity)
    made = [one for one in reversed(store.all("checkpoint")) if one["fine_tuning_job_id"] == job["id"]]
    some, more = page(made, asked.query, 10)
    first, last = (some[0]["id"], some[-1]["id"]) if some else (None, None)
    return Answered(200, {"object": "list", "data": some, "first_id": first, "last_id": last, "has_more": more})


# ---------------------------------------------------------------------- acting on a job


def cancel(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = _going(store, identity, "cancel")
    job |= {"status": "cancelled", "_steps": [], "_paused": []}
    _enter(store, job, scenario)
    return Answered(200, seen(store.keep(job)))


def pause(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = _going(store, identity, "pause")
    first, *rest = scenario.get("pause_statuses") or ["pausing", "paused"]
    job |= {
        "status": first,
        "_paused": rest,
        "_held": True,
        "_was": job["status"] if not job.get("_held") else job["_was"],
    }
    _event(store, job, "Fine-tuning job paused")
    return Answered(200, seen(store.keep(job)))


def resume(store: Store, asked: Asked, scenario: dict[str, Any], identity: str) -> Answered:
    job = _going(store, identity, "resume")
    if not job.get("_held"):
        raise Refused(400, f"Job {identity} is not paused.", code="invalid_job_state")
    job |= {"status": job["_was"], "_paused": [], "_held": False}
    _event(store, job, "Fine-tuning job resumed")
    return Answered(200, seen(store.keep(job)))


def _going(store: Store, identity: str, what: str) -> dict[str, Any]:
    job = find(store, identity)
    if job["status"] in ENDED:
        raise Refused(400, f"Cannot {what} a job that is {job['status']}.", code="invalid_job_state")
    return job
