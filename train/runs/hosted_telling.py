"""What the folder of a hosted run tells a report, beside what every run has. Asks nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.model import Json
from audit.model.dossier import HandedIn, Hosted
from audit.train.runs.folder import JOB
from audit.train.runs.hosting import HostedRun, reason_of


def told_hosted(folder: Path, run: HostedRun) -> Hosted:
    """The job and what was known of it before, as far as the record goes; the hyperparameters are those that the job
    had, where the provider told them, else those that were asked for."""
    begun, ended = run.begun, run.ended
    return Hosted(
        provider=begun.provider,
        address=begun.address,
        job=run.job or "",
        status=ended.status if ended else "",
        error=reason_of(ended).strip(" :") if ended and not ended.tuned else "",
        tuned=(ended.tuned or "") if ended else "",
        trained_tokens=ended.trained_tokens if ended else None,
        cost=ended.cost if ended else None,
        checkpoints=ended.checkpoints if ended else 0,
        files=tuple(
            HandedIn(
                role=role,
                name=file.name,
                rows=file.rows,
                bytes=file.bytes,
                sha256=file.sha256,
                id=run.file_ids.get(role, ""),
            )
            for role, file in begun.files.items()
        ),
        hyperparameters={**begun.hyperparameters, **_of_job(folder / JOB)},
        quote=begun.quote,
        lifecycle=begun.lifecycle,
        moderation=begun.moderation,
        lowering=begun.lowering,
    )


def _of_job(path: Path) -> dict[str, Json]:
    """The hyperparameters of the job as the provider told it at its end, such as the number of epochs that it chose."""
    try:
        job: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return hyperparameters_in(_object(job))


def hyperparameters_in(job: Mapping[str, Any]) -> dict[str, Json]:
    """The hyperparameters of a job as its provider tells it: they stand under the method, and at the top where a server
    is of the older protocol."""
    method = _object(job.get("method"))
    of_method = _object(_object(method.get(str(method.get("type")))).get("hyperparameters"))
    told = {**_object(job.get("hyperparameters")), **of_method}
    return {str(name): value for name, value in told.items() if isinstance(value, int | float | str)}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
