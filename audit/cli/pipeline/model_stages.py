"""The stages that train the arms and ask the models about the test rows. They compute no figure."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from audit.cli.output import save
from audit.cli.pipeline.data_stages import GATE, figures_of, rates_of
from audit.cli.pipeline.keys import hash_of, hashed
from audit.cli.pipeline.options import Name
from audit.cli.pipeline.stage import Job, Outcome, Rows, files_below
from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.errors import AuditError, MissingExtra
from audit.evidence import tool_version
from audit.model import Json, Result
from audit.outputs.arms import BASE, COMPARED, JUDGED
from audit.outputs.evaluation import PREDICTIONS
from audit.policy.grouped import NO_DEMAND
from audit.reports.view import View

if TYPE_CHECKING:
    from audit.train.evaluation.options import EvaluateOptions
    from audit.train.options import TrainOptions
    from audit.train.runs.report import TrainReport

COMPARED_WITH: Final = "audit run: the arm without remediation is trained to be compared with, and not to be used"
"""The waiver of the raw arm, whose rows may fail the gate that the remediated ones pass."""
RECORDED: Final = ("record.jsonl", "record.sha256", "timing.jsonl", "machine.json", "tensorboard", "checkpoints")
"""What of a run tells when and in how many attempts it was made: two equal runs may differ in it."""
CLOCKED: Final = ("timing.json",)
"""The same of an evaluation."""
_OF_FILES: Final = ("files", "against")
"""What ``[data]`` says of files whose bytes are hashed."""
_NOT_ASKED: Final[Mapping[str, Json]] = {
    "models": (), "judge": "", "compare": "", "base_arm": "", "train": (), "harm": "", "policy": None, "device": "auto",
    "key_variable": "", "concurrency": 1, "timeout": 1.0, "retries": 0, "force": False,
}  # fmt: skip
"""Options of an evaluation that no answer depends on, or that are hashed for each arm."""


class Refused(AuditError):
    """The gate of a run says FAIL, and nobody waived it."""


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
        yield Replicate(
            COMPARED, seed, job.training_rows(balanced=False), waive or (COMPARED_WITH if has_remedy else None)
        )
        if has_remedy:
            yield Replicate(JUDGED, seed, job.training_rows(balanced=True), waive)


class Train:
    """Trains every arm once for each seed."""

    name: Name = "train"
    sections: Sequence[str] = ()
    judges = False
    dated = False
    resumes = True

    def left_out(self, job: Job) -> str:
        """Where what training needs is not installed."""
        from audit.train.installed import check_installed

        try:
            check_installed()
        except MissingExtra as error:
            return why_not(error)
        return ""

    def reads(self, job: Job) -> Sequence[str]:
        """Nothing that is not in the keys of its runs."""
        return ()

    def matters(self, job: Job) -> Json:
        """The runs and what each depends on."""
        return [[one.name, key_of_run(one, job)] for one in replicates(job)]

    def run(self, job: Job) -> Outcome:
        """Train what is not yet trained, each run into a folder of its own. Raises Refused where the gate of a run says
        FAIL, MissingExtra where torch cannot be loaded."""
        from audit.train.installed import check_loads, rest_idle_threads

        rest_idle_threads()
        check_loads()
        wanted = list(replicates(job))
        clear_others(Path(job.at(self.name)), {one.name for one in wanted})
        runs = [_trained(one, job) for one in wanted]
        return Outcome(files_below(job.folder, self.name, without=RECORDED), {"runs": runs})


def why_not(error: MissingExtra) -> str:
    """Why nothing is trained, and what would be."""
    return f"{error.what}; with it, models are trained on the rows and judged by what they answer: {error.hint}"


def clear_others(folder: Path, names: Collection[str]) -> None:
    """Take away the folders of runs that are no longer wanted."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in names and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def key_of_run(one: Replicate, job: Job) -> str:
    """Hex SHA-256 over all that a run depends on: its rows, the settings of the training with the files that they name,
    what the fields of a row are. The policy has no say: whether it may be trained is the gate's."""
    settings = job.told(one.rows)
    options = options_of(job, one.seed)
    local = [path for path in (options.model, options.chat_template) if path and Path(path).exists()]
    data = {name: value for name, value in settings.sections.get("data", {}).items() if name not in _OF_FILES}
    return hash_of(
        {
            "version": tool_version(),
            "rows": [[role, hashed([path])] for role, path in one.rows],
            "options": msgspec.to_builtins(options),
            "local": hashed(local),
            "data": data,
            "attributes": settings.sections.get("attributes"),
            "sidecars": hashed(files_named(settings)),
        }
    )


def options_of(job: Job, seed: int) -> TrainOptions:
    """The settings of a run with a seed."""
    from audit.train.options import read_options

    return read_options(job.told(job.rows()), {"seed": seed})


def _trained(one: Replicate, job: Job) -> Json:
    from audit.train.runs.identity import ResumeRefused

    place, key = f"train/{one.name}", key_of_run(one, job)
    job.keeps(place, key)
    try:
        report = _one_run(one, job)
    except ResumeRefused:  # it was altered since, or began with something that no key holds
        shutil.rmtree(job.at(place))
        report = _one_run(one, job)
    if report.interrupted:
        raise Signalled(report.interrupted)
    last = next((it for it in report.evaluations if report.best and it.step == report.best.step), None)
    rows = report.splits.get("train")
    return {
        "arm": one.arm,
        "seed": one.seed,
        "folder": place,
        "model": report.model,
        "verdict": report.verdict,
        "rows": rows.used if rows is not None else 0,
        "left_out": sum(rows.dropped.values()) if rows is not None else 0,
        "dropped": dict(rows.dropped) if rows is not None else {},
        "steps": report.steps,
        "loss": last.loss if last is not None else report.last_loss,
        "accuracy": last.accuracy if last is not None else None,
    }


def _one_run(one: Replicate, job: Job) -> TrainReport:
    from audit.train import train
    from audit.train.runs.gating import GateFailed

    settings = job.told(one.rows)
    with job.show.training(one.name) as live, job.show.progress() as bar:
        try:
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
        except GateFailed as error:
            raise Refused(f"{one.name}: {error.what}") from None
    return report


class Evaluate:
    """Asks the trained models, and the model before training where there was one, about the test rows."""

    name: Name = "evaluate"
    sections: Sequence[str] = (*GATE, "train", "evaluate")
    judges = True
    dated = True
    resumes = True

    def left_out(self, job: Job) -> str:
        """Where nothing was trained, or there are no test rows."""
        if "train" not in job.done:
            return "nothing was trained"
        return "" if self._test(job) else "there are no test rows"

    def reads(self, job: Job) -> Sequence[str]:
        """The test rows, the rows that the judged arm was trained on, and the models."""
        return [*(path for _, path in self._test(job)), *self._learned(job), *_models(job, "train/")]

    def matters(self, job: Job) -> Json:
        """The runs."""
        return [[run["arm"], run["seed"], run["folder"]] for run in job.figures("train")["runs"]]

    def run(self, job: Job) -> Outcome:
        """Write predictions and their judgement. Answers that stand are taken from before, whatever the day."""
        from audit.train import evaluate

        settings, options = self._settings(job), self._options(job)
        self._keep_answers(job, options)
        with job.show.progress() as bar, job.show.asking() as told:
            report = evaluate([], job.at(self.name), options=options, settings=settings, progress=bar, told=told)
        if report.partial or report.result is None:
            raise KeyboardInterrupt
        save(report.result, job.at(self.name), View(config_file=settings.config_file))
        figures = {**evaluated(report.result), "unable": report.unable}
        notes = report.result.gate.notes if report.result.gate is not None else ()
        figures["no_demand"] = next((note for note in notes if note.startswith(NO_DEMAND)), "")
        figures["asked"] = next((one.rows for one in report.evaluation.data), 0)
        return Outcome(files_below(job.folder, self.name, without=CLOCKED), figures, report.exit_code)

    def _keep_answers(self, job: Job, options: EvaluateOptions) -> None:
        """Leave the answers of the models that have not changed, and take the others away."""
        from audit.train.evaluation.arms import replicates_of

        folder = Path(job.at(self.name)) / PREDICTIONS
        folder.mkdir(parents=True, exist_ok=True)
        sections = job.settings.sections
        shared = [
            tool_version(),
            hashed([path for _, path in self._test(job)]),
            msgspec.to_builtins(msgspec.structs.replace(options, **_NOT_ASKED)),
            [sections.get(name) for name in ("data", "attributes", "train")],
            [job.settings.seed, *hashed(files_named(job.settings))],
        ]
        names = set()
        for one in replicates_of(options):
            shown = hashed(self._learned(job)) if one.examples else None
            place = Path(one.model)
            files = _models(job, f"train/{place.name}/") if place.parent == Path(job.at("train")) else [one.model]
            model = hashed([file for file in files if Path(file).exists()])
            key = hash_of([*shared, one.name, place.name, one.endpoint, shown, model])
            job.keeps(f"{self.name}/{PREDICTIONS}/{one.name}", key)
            names.add(one.name)
        for path in sorted(folder.iterdir()):
            if path.name.partition(".")[0] not in names:
                path.unlink()

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
        """Those of ``[evaluate]``, with the arms of the runs before its own."""
        from audit.train.evaluation.options import Arm, read_options

        said = read_options(job.settings, {})
        runs: dict[str, list[str]] = {}
        for run in job.figures("train")["runs"]:
            runs.setdefault(run["arm"], []).append(job.at(run["folder"]))
        arms = [Arm(name=arm, models=tuple(folders)) for arm, folders in runs.items()]
        trained = options_of(job, 0)
        if not trained.is_tiny:
            arms.insert(0, Arm(name=BASE, models=(trained.model,)))
        judged = said.judge or (JUDGED if JUDGED in runs else COMPARED)
        return msgspec.structs.replace(
            said,
            models=(*arms, *said.models),
            judge=judged,
            compare=said.compare or (COMPARED if judged != COMPARED else ""),
            train=said.train or tuple(self._learned(job)),
        )


def _models(job: Job, below: str) -> list[str]:
    """The files of the trained models below a name."""
    names = sorted(name for name in job.done["train"].outputs if name.startswith(below))
    return [job.at(name) for name in names if "/model/" in name or "/tokenizer/" in name]


def evaluated(result: Result) -> dict[str, Json]:
    """What is told of an evaluation: the figures of a result, rates by arm, accuracies, what changed from arm to arm,
    and how many answers changed in each group."""
    accuracies = [
        [one.arm, one.value] for one in result.measures if one.name == "outputs.accuracy" and one.group is None
    ]
    return {
        **figures_of(result),
        "rates": rates_of(result, "FAI201"),
        "accuracy": accuracies,
        "changes": list(_changes(result)),
        "moves": list(_moves(result)),
    }


def _changes(result: Result) -> Iterator[Json]:
    """The figures that one number says how the judged arm differs from the compared one."""
    for measure in result.measures:
        if measure.name != "arms.change" or measure.group is not None or not isinstance(measure.table, Mapping):
            continue
        for one in measure.table.get("comparisons", ())[:1]:
            if one.get("kind") == "remediation" and one.get("from") is not None and one.get("to") is not None:
                told = {name: one[name] for name in ("arm", "against", "from", "to", "outcome", "pairs")}
                title = measure.table.get("title") or measure.table["metric"]
                told["hides"] = one.get("hides", [])
                yield {"attribute": measure.attribute or "", "metric": measure.table["metric"], "title": title, **told}


def _moves(result: Result) -> Iterator[Json]:
    """Questions of a group that turn favourable, and that no longer are."""
    for measure in result.measures:
        if measure.name == "arms.moves" and isinstance(measure.table, Mapping):
            told = {name: measure.table[name] for name in ("group", "n", "up", "down")}
            yield {"attribute": measure.attribute or "", **told}
