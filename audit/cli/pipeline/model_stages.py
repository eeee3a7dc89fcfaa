"""The stages that train the arms and ask the models about the test rows. They compute no figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from audit.cli.output import save
from audit.cli.pipeline.data_stages import GATE, figures_of, rates_of
from audit.cli.pipeline.options import Name
from audit.cli.pipeline.stage import Job, Outcome, Rows, files_below
from audit.config.settings import Settings
from audit.errors import AuditError, MissingExtra
from audit.model import Json, Result
from audit.reports.view import View

if TYPE_CHECKING:
    from audit.train.evaluation.options import EvaluateOptions
    from audit.train.options import TrainOptions
    from audit.train.runs.report import TrainReport

RAW: Final = "raw"
REMEDIATED: Final = "remediated"
BASE: Final = "base"
COMPARED_WITH: Final = "audit run: the arm without remediation is trained to be compared with, and not to be used"
"""The waiver of the raw arm, whose rows may fail the gate that the remediated ones pass."""
RECORDED: Final = ("record.jsonl", "record.sha256", "timing.jsonl", "machine.json", "tensorboard", "checkpoints")
"""What of a run tells when and in how many attempts it was made: two equal runs may differ in it."""
CLOCKED: Final = ("timing.json",)
"""The same of an evaluation."""


class Signalled(AuditError):
    """A run was interrupted by a signal after a checkpoint; the same command goes on."""

    def __init__(self, signal: Literal["SIGINT", "SIGTERM"]) -> None:
        super().__init__("interrupted: the same command goes on")
        self.signal = signal


class Replicate(NamedTuple):
    """One run: its arm, its seed and the rows that it learns from."""

    arm: str
    seed: int
    rows: Rows
    waive: str | None

    @property
    def name(self) -> str:
        """The folder of the run below that of the stage."""
        return f"{self.arm}-{self.seed}"


def replicates(job: Job) -> Iterator[Replicate]:
    """All runs of the training stage: the raw arm, and the remediated one where rows were balanced, for every seed."""
    has_remedy = "balance" in job.done
    waive = job.options.waive
    for seed in job.options.seeds or (job.settings.seed,):
        yield Replicate(RAW, seed, job.training_rows(balanced=False), waive or (COMPARED_WITH if has_remedy else None))
        if has_remedy:
            yield Replicate(REMEDIATED, seed, job.training_rows(balanced=True), waive)


class Train:
    """Trains every arm once for each seed."""

    name: Name = "train"
    sections: Sequence[str] = (*GATE, "train")
    dated = False
    resumes = True

    def left_out(self, job: Job) -> str:
        """Where what training needs is not installed."""
        from audit.train.installed import check_installed

        try:
            check_installed()
        except MissingExtra as error:
            return f"{error.what}; with it, models are trained on the rows and judged by what they answer: {error.hint}"
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """The rows of all arms."""
        return list(dict.fromkeys(path for one in replicates(job) for _, path in one.rows))

    def matters(self, job: Job) -> Json:
        """The arms and their seeds."""
        return [[one.name, [role for role, _ in one.rows], one.waive] for one in replicates(job)]

    def run(self, job: Job) -> Outcome:
        """Train what is not yet trained, each run into a folder of its own."""
        from audit.train.installed import rest_idle_threads

        rest_idle_threads()
        runs = [_trained(one, job) for one in replicates(job)]
        return Outcome(files_below(job.folder, self.name, without=RECORDED), {"runs": runs})


def options_of(job: Job, seed: int) -> TrainOptions:
    """The settings of a run with a seed."""
    from audit.train.options import read_options

    return read_options(job.told(job.rows()), {"seed": seed})


def _trained(one: Replicate, job: Job) -> Json:
    from audit.train import train

    settings = job.told(one.rows)
    with job.show.training(one.name) as live, job.show.progress() as bar:
        report: TrainReport = train(
            list(settings.files),
            job.at(f"train/{one.name}"),
            options=options_of(job, one.seed),
            settings=settings,
            waive=one.waive,
            resume=True,
            progress=bar,
            live=live,
        )
    if report.interrupted:
        raise Signalled(report.interrupted)
    last = next((it for it in report.evaluations if report.best and it.step == report.best.step), None)
    rows = report.splits.get("train")
    return {
        "arm": one.arm,
        "seed": one.seed,
        "folder": f"train/{one.name}",
        "model": report.model,
        "verdict": report.verdict,
        "rows": rows.used if rows is not None else 0,
        "steps": report.steps,
        "loss": last.loss if last is not None else report.last_loss,
        "accuracy": last.accuracy if last is not None else None,
    }


class Evaluate:
    """Asks the trained models, and the model before training where there was one, about the test rows."""

    name: Name = "evaluate"
    sections: Sequence[str] = (*GATE, "train", "evaluate")
    dated = True
    resumes = True

    def left_out(self, job: Job) -> str:
        """Where nothing was trained, or there are no test rows."""
        if "train" not in job.done:
            return "nothing was trained"
        return "" if self._test(job) else "there are no test rows"

    def reads(self, job: Job) -> Sequence[str]:
        """The test rows, the rows that the judged arm was trained on, and the models."""
        models = [
            job.at(name) for name in sorted(job.done["train"].outputs) if "/model/" in name or "/tokenizer/" in name
        ]
        return [*(path for _, path in self._test(job)), *self._learned(job), *models]

    def matters(self, job: Job) -> Json:
        """The runs."""
        return [[run["arm"], run["seed"], run["folder"]] for run in job.figures("train")["runs"]]

    def run(self, job: Job) -> Outcome:
        """Write predictions and their judgement."""
        from audit.train import evaluate

        settings = self._settings(job)
        with job.show.progress() as bar:
            report = evaluate([], job.at(self.name), options=self._options(job), settings=settings, progress=bar)
        if report.partial or report.result is None:
            raise KeyboardInterrupt
        save(report.result, job.at(self.name), View(config_file=settings.config_file))
        figures = {**evaluated(report.result), "unable": report.unable}
        return Outcome(files_below(job.folder, self.name, without=CLOCKED), figures, report.exit_code)

    @staticmethod
    def _test(job: Job) -> Rows:
        return tuple((role, path) for role, path in job.rows() if role == "test")

    @staticmethod
    def _learned(job: Job) -> list[str]:
        return [path for role, path in job.training_rows(balanced=True) if role != "validation"]

    def _settings(self, job: Job) -> Settings:
        """Those of the configuration for the test rows; the policy of the data is not that of the outputs."""
        return msgspec.structs.replace(job.told(self._test(job)), policy=None, model=None)

    def _options(self, job: Job) -> EvaluateOptions:
        from audit.train.evaluation.options import read_options

        runs: dict[str, list[str]] = {}
        for run in job.figures("train")["runs"]:
            runs.setdefault(run["arm"], []).append(job.at(run["folder"]))
        models = [f"{arm}={','.join(folders)}" for arm, folders in runs.items()]
        trained = options_of(job, 0)
        if not trained.is_tiny:
            models.insert(0, f"{BASE}={trained.model}")
        judged = REMEDIATED if REMEDIATED in runs else RAW
        told: dict[str, Json] = {
            "models": tuple(models),
            "judge": judged,
            "compare": RAW if judged != RAW else "",
            "train": tuple(self._learned(job)),
        }
        return read_options(job.settings, told)


def evaluated(result: Result) -> dict[str, Json]:
    """What is told of an evaluation: the figures of a result, rates by arm, accuracies, and how the arms differ."""
    accuracies = [
        [measure.arm, measure.value]
        for measure in result.measures
        if measure.name == "outputs.accuracy" and measure.group is None
    ]
    changes = [
        [measure.attribute or "", str(measure.table["sentence"])]
        for measure in result.measures
        if measure.name == "arms.change"
        and measure.group is None
        and isinstance(measure.table, Mapping)
        and measure.table.get("sentence")
    ]
    return {
        **figures_of(result),
        "rates": rates_of(result, "FAI201"),
        "accuracy": accuracies,
        "changes": changes,
    }
