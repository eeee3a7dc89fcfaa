"""The stage that writes one page about everything that the stages before it have left. Computes no figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.cli.pipeline.data_stages import RESULT
from audit.cli.pipeline.options import Name
from audit.cli.pipeline.stage import Job, Outcome
from audit.errors import AuditError
from audit.model import Json

if TYPE_CHECKING:
    from audit.model import Result
    from audit.model.dossier import Dossier

REPORT: Final = "report.html"
_LEDGER: Final = ".ledger.jsonl"


class Report:
    """Writes one page with both halves: the data and the models. It shows seconds and energy, so it is always written
    anew and its hash is not kept."""

    name: Name = "report"
    sections: Sequence[str] = ()
    judges = False
    dated = False
    resumes = False

    def left_out(self, job: Job) -> str:
        """Where nothing was judged."""
        return "" if {"check", "gate", "evaluate"} & set(job.done) else "nothing was judged"

    def reads(self, job: Job) -> Sequence[str]:
        """All that the stages before have written."""
        return [job.at(name) for entry in job.done.values() for name in sorted(entry.outputs)]

    def matters(self, job: Job) -> Json:
        """Nothing more."""
        return None

    def run(self, job: Job) -> Outcome:
        """Write the page."""
        from audit.reports import render
        from audit.reports.view import View
        from audit.writing import write_whole

        dossier = dossier_of(job)
        result = dossier.outputs or dossier.data
        if result is None:
            raise AuditError("no stage has left a result to report")
        pieces = render(result, "html", View(dossier=dossier, config_file=job.settings.config_file))
        write_whole(job.folder / REPORT, (piece.encode("utf-8", "backslashreplace") for piece in pieces))
        return Outcome([], {"path": REPORT})


def dossier_of(job: Job) -> Dossier:
    """What the stages have left: the data as it came, the outputs, the runs and the remedies."""
    from audit.cli.evaluate import reaudit_of
    from audit.model.dossier import Dossier, Reaudit
    from audit.remedy.telling import remedy_of
    from audit.train.runs.telling import training_of

    ledgers = [
        job.folder / name
        for stage in ("fix", "balance")
        if stage in job.done
        for name in sorted(job.done[stage].outputs)
        if name.endswith(_LEDGER)
    ]
    runs = job.figures("train").get("runs", ())
    return Dossier(
        data=_result(job, "check") or _result(job, "gate"),
        outputs=_result(job, "evaluate"),
        trainings=tuple(training_of(job.folder / run["folder"], arm=run["arm"]) for run in runs),
        remedies=tuple(map(remedy_of, ledgers)),
        reaudit=reaudit_of(Path(job.at("evaluate"))) if "evaluate" in job.done else Reaudit(),
    )


def _result(job: Job, name: Name) -> Result | None:
    from audit.cli.report import read_result

    return read_result(job.folder / name / RESULT) if name in job.done else None
