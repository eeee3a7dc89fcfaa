"""The stages that judge, mend, split, weigh and gate rows, each by the function that the command of its name calls."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.api import check, gate
from audit.cli.output import save
from audit.cli.pipeline.options import Name
from audit.cli.pipeline.stage import Job, Outcome, files_below, interrupted_unless
from audit.errors import UsageError
from audit.model import Json, Result
from audit.reports.summary import by_rule
from audit.reports.view import View
from audit.statistics.rates import UNCOMPARED

if TYPE_CHECKING:
    from audit.remedy.balance.report import BalanceReport

RESULT: Final = "result.json"
BIAS: Final = ("DEM103", "DEM104")
"""What finds that labels go with groups."""
MOST_RULES: Final = 5
"""Rules that are named with their findings."""
DATA: Final = ("data", "attributes")
GATE: Final = (*DATA, "gate", "fairness", "use")


class Check:
    """Judges the rows as they came."""

    name: Name = "check"
    sections: Sequence[str] = DATA
    judges = True
    dated = True
    resumes = False

    def left_out(self, job: Job) -> str:
        """Never."""
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """The files of the data."""
        return files_of(job)

    def matters(self, job: Job) -> Json:
        """Nothing more."""
        return None

    def run(self, job: Job) -> Outcome:
        """Write the result as ``audit check --save`` does."""
        with job.show.progress() as bar:
            result = check(list(job.settings.files), settings=job.settings, progress=bar)
        bias = [[one.code, one.message] for one in result.findings if one.code in BIAS]
        return _saved(result, job, self.name, {"bias": bias})


class Fix:
    """Mends the rows."""

    name: Name = "fix"
    sections: Sequence[str] = DATA
    judges = True
    dated = True
    resumes = False

    def left_out(self, job: Job) -> str:
        """Never."""
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """The files of the data."""
        return files_of(job)

    def matters(self, job: Job) -> Json:
        """Which fixes are applied."""
        return [job.options.fixes, job.options.max_removal]

    def run(self, job: Job) -> Outcome:
        """Write every file mended, with its ledger."""
        from audit.api.fixing import fix
        from audit.remedy.fix.report import FixOptions

        kind = job.options.fixes
        options = FixOptions(unsafe=kind == "unsafe", drop=kind == "drop", max_removal=job.options.max_removal)
        with job.show.progress() as bar:
            report = fix(
                list(job.settings.files),
                job.at(self.name) + "/",
                options=options,
                settings=job.settings,
                progress=bar,
            )
        interrupted_unless(not report.partial)
        roles = {os.path.realpath(path): role for role, path in job.settings.splits}
        files = [
            [roles.get(os.path.realpath(file.path), ""), Path(file.output).relative_to(job.folder).as_posix()]
            for file in report.files
            if file.output is not None
        ]
        rows = report.rows
        figures: dict[str, Json] = {
            "files": files,
            "rows_in": rows.rows_in,
            "edited": rows.edited,
            "removed": rows.removed,
            "rows_out": rows.rows_out,
            "left": sum(left.findings for left in report.left.values()),
        }
        return Outcome(files_below(job.folder, self.name), figures)


class Split:
    """Puts the rows into train, validation and test."""

    name: Name = "split"
    sections: Sequence[str] = (*DATA, "split")
    judges = True
    dated = False
    resumes = False

    def left_out(self, job: Job) -> str:
        """Where the data names files of splits already."""
        return "the data names the files of its splits" if job.settings.splits else ""

    def reads(self, job: Job) -> Sequence[str]:
        """The mended rows, or those of the data."""
        return [path for _, path in job.rows()]

    def matters(self, job: Job) -> Json:
        """Nothing more."""
        return None

    def run(self, job: Job) -> Outcome:
        """Write the splits with their certificate."""
        from audit.api.splitting import split

        with job.show.progress() as bar:
            report = split(self.reads(job), job.at(self.name), settings=job.settings, progress=bar)
        interrupted_unless(not report.partial)
        files = [[one.split, f"{self.name}/{one.name}"] for one in report.outputs if one.split and one.rows]
        figures: dict[str, Json] = {
            "files": files,
            "rows": dict(report.by_split()),
            "rejected": report.rejected,
            "kept_together": report.units.rows_joined,
        }
        return Outcome(files_below(job.folder, self.name), figures)


class Balance:
    """Weighs the rows that are trained on, or has them repeated."""

    name: Name = "balance"
    sections: Sequence[str] = (*DATA, "balance")
    judges = True
    dated = False
    resumes = False

    def left_out(self, job: Job) -> str:
        """Where nobody asked for it."""
        if not job.settings.sections.get("balance"):
            return '[balance] asks for nothing; by = "label,ATTRIBUTE" weighs rows so that labels do not go with groups'
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """The rows to train on."""
        return [path for role, path in job.training_rows(balanced=False) if role != "validation"]

    def matters(self, job: Job) -> Json:
        """What the rows are for: some take no weights."""
        return job.options.target

    def run(self, job: Job) -> Outcome:
        """Write the rows to train on with weights."""
        from audit.api.balancing import balance

        rows = tuple((role, path) for role, path in job.training_rows(balanced=False) if role != "validation")
        if len(rows) > 1:
            raise UsageError("several files hold rows to train on", hint="leave the stage split in [run] stages")
        settings = job.told(rows)
        with job.show.progress() as bar:
            report = balance(list(settings.files), job.at(f"{self.name}/train.jsonl"), settings=settings, progress=bar)
        interrupted_unless(not report.partial)
        return Outcome(files_below(job.folder, self.name), _weighed(report, job.folder))


class Gate:
    """Judges the rows that are trained on by the policy."""

    name: Name = "gate"
    sections: Sequence[str] = GATE
    judges = True
    dated = True
    resumes = False

    def left_out(self, job: Job) -> str:
        """Never."""
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """All rows that a model is trained on or judged with."""
        return [path for _, path in self._rows(job)]

    def matters(self, job: Job) -> Json:
        """What the rows are for, and a waiver."""
        return [job.options.target, job.options.waive]

    def run(self, job: Job) -> Outcome:
        """Write the result with the decision of the policy."""
        settings = job.told(self._rows(job))
        with job.show.progress() as bar:
            result = gate(list(settings.files), settings=settings, progress=bar)
        told: dict[str, Json] = {"waived": job.options.waive or "" if result.exit_code == 1 else ""}
        if result.gate is not None:
            told["policy"] = os.path.basename(result.gate.policy)
        return _saved(result, job, self.name, told)

    @staticmethod
    def _rows(job: Job) -> tuple[tuple[str, str], ...]:
        held_back = tuple((role, path) for role, path in job.rows() if role not in ("train", "validation", ""))
        return job.training_rows(balanced=True) + held_back


def files_of(job: Job) -> list[str]:
    """The files of the data, folders and patterns resolved."""
    from audit.read.sources import find_sources

    named = [*job.settings.files, *(path for _, path in job.settings.splits)]
    return [source.path for source in find_sources(named)]


def _saved(result: Result, job: Job, name: Name, more: Mapping[str, Json]) -> Outcome:
    interrupted_unless(not result.partial)
    save(result, job.at(name), View(config_file=job.settings.config_file))
    return Outcome(files_below(job.folder, name), {**figures_of(result), **more}, result.exit_code)


def figures_of(result: Result) -> dict[str, Json]:
    """What is told of a result: verdict, rows, findings by severity, the rules with most, rates by group, and the
    demands that were not met or not decided."""
    severities: dict[str, int] = {}
    for of_code in result.counts.values():
        for severity in ("error", "warning", "note"):
            if number := of_code.get(severity, 0):
                severities[severity] = severities.get(severity, 0) + number
    lines = sorted(by_rule(result, View()), key=lambda line: (line.severity.rank, -line.findings, line.code))
    clauses = result.gate.clauses if result.gate is not None else ()
    return {
        "verdict": result.verdict,
        "rows": result.rows,
        "findings": severities,
        "rules": [[line.code, line.name, line.findings] for line in lines[:MOST_RULES]],
        "rates": rates_of(result, "DEM104"),
        "clauses": [[one.name, one.verdict, one.sentence] for one in clauses if one.verdict != "PASS"],
    }


def rates_of(result: Result, code: str) -> list[Json]:
    """The rates of a favourable answer by attribute and group, with what the data says of them; one entry for each
    table of the rule: ``{"arm", "attribute", "favourable", "groups": [[group, n, rate]], "sentence"}``."""
    found: list[Json] = []
    for measure in result.measures:
        if measure.code != code or measure.name != "selection_rate" or not isinstance(measure.table, Mapping):
            continue
        table = measure.table
        if table.get("exploratory"):
            continue
        compared = [one for one in table["groups"] if one.get("compared", True) and one["group"] not in UNCOMPARED]
        groups = [[one["group"], one["n"], one.get("rate")] for one in compared]
        worst = [one for one in compared if one.get("verdict") in ("FAIL", "INCONCLUSIVE") and one.get("sentence")]
        found.append(
            {
                "arm": measure.arm,
                "attribute": measure.attribute,
                "favourable": list(table.get("favourable", ())),
                "groups": groups,
                "sentence": worst[0]["sentence"] if worst else "",
                "few": [one["group"] for one in compared if one.get("too_few")],
            }
        )
    return found


def _weighed(report: BalanceReport, folder: Path) -> dict[str, Json]:
    outputs = [Path(file.output).relative_to(folder).as_posix() for file in report.files if file.output is not None]
    return {
        "files": outputs,
        "by": list(report.by),
        "method": report.method,
        "lowered": report.lowered,
        "balanced": report.balanced,
        "ess": round(report.ess, 1),
        "weights": [round(weight, 4) for weight in report.weights],
        "cells": [[dict(cell.levels), round(cell.before, 1), round(cell.weight, 4)] for cell in report.cells],
    }
