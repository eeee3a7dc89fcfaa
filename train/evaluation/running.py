"""The re-audit: has every arm asked, compares what it says with what it was trained on, and has a policy judge it.

``audit.train.evaluate`` is this; the report of the result is made by the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from audit.api import judge_outputs
from audit.api.outputs import trained_on as read_trained_on
from audit.api.preparing import make_run
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.engine.row_ids import SEPARATOR
from audit.errors import UsageError
from audit.evidence import file_sha256, tool_version
from audit.outputs.arms import settled
from audit.outputs.evaluation import (
    SEEN,
    Evaluation,
    FewShot,
    FileOfData,
    RolesSaid,
    Variants,
    read_timing,
    write,
    write_timing,
)
from audit.policy.demands import Answered
from audit.policy.load import load_policy
from audit.policy.words import percent
from audit.rule import Comparison, TrainedOn
from audit.train.addresses import shown_address
from audit.train.evaluation.arms import Replicate, replicates_of
from audit.train.evaluation.asking import Asked, Told, ask_replicate, names_of, plan_variants
from audit.train.evaluation.examples import draw_examples
from audit.train.evaluation.facts import trained_files
from audit.train.evaluation.folder import Look, hash_of_all, note_look, prepare_folder
from audit.train.evaluation.options import OF_ANSWERS, POLICY, EvaluateOptions, checked
from audit.train.evaluation.report import EvaluateReport, accounts_of, why_unable
from audit.train.prediction.question_sets import Example
from audit.train.prediction.questions import Questions, asking
from audit.train.runs.rows import rows_of

MOST_NAMED: Final = 8
"""Labels that are named in a note."""
NEAR: Final = 3
"""Folders up from an evaluation below which its runs are still found again."""


def evaluate(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: EvaluateOptions,
    settings: Settings | None = None,
    policy: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    told: Told | None = None,
) -> EvaluateReport:
    """Ask the arms about ``data`` (as for ``audit.check``; of several splits the test split) and judge their outputs.

    ``output`` is a folder: predictions of every replicate, ``evaluation.json``, ``timing.json`` (the one file that
    differs between two equal evaluations of models in this process) and ``scored.jsonl``. What an earlier, interrupted
    evaluation asked is not asked again. ``told`` is given the name of the prediction, how many of its answers stand and
    how many are wanted.

    Raises UsageError and InputError for what the caller can put right, OutputError for a folder of something else,
    ConfigError for a policy, and MissingExtra.
    """
    settings = msgspec.structs.replace(settings or Settings(), model=None)  # the models are those of the arms
    options = checked(options)
    policy = policy or options.policy or POLICY
    load_policy(policy)  # before anything is asked
    replicates = replicates_of(options)
    if options.batch and all(one.endpoint is None for one in replicates):
        raise UsageError(
            "--batch is for arms that are asked of a provider, and none of these is",
            hint="--endpoint ARM=URL, or the folder of a hosted run as --model",
        )
    folder = Path(output)
    inputs = [*_paths(data), *(path for _, path in settings.splits)]
    roles = _roles(options, replicates)
    prepare_folder(folder, names_of(replicates), inputs, force=options.force)
    training = dict.fromkeys(options.train, ()) or _recorded_training(replicates, roles, inputs)
    work = _Work(folder, replicates, roles, training, options, settings)
    try:  # before a model is loaded: reading may start processes, which had better not inherit one
        known = read_trained_on(tuple(training), settings, progress, training) if training else None
        evaluation, models = _ask_all(work, data, policy, progress, told)
    except KeyboardInterrupt:
        known, evaluation, models = None, None, {}
    if evaluation is None:
        return EvaluateReport(folder=str(folder), evaluation=Evaluation(roles=roles), partial=True)
    write(folder, evaluation)
    return _judged(work, evaluation, models, policy, known, progress)


class _Work(NamedTuple):
    """What is to be done. ``training`` has the files of the training data, each with its lines that are none of it."""

    folder: Path
    replicates: tuple[Replicate, ...]
    roles: RolesSaid
    training: Mapping[str, Collection[int]]
    options: EvaluateOptions
    settings: Settings


# ----------------------------------------------------------------------------- asking


def _ask_all(
    work: _Work, data: Any, policy: str, progress: Callable[[Progress], None] | None, told: Told | None
) -> tuple[Evaluation | None, Mapping[str, str]]:
    """What was asked, and the hash of every model by its replicate; None where somebody interrupted."""
    options, settings = work.options, work.settings
    run_folder = next((str(one.run_folder) for one in _judged_first(work) if one.run_folder), None)
    reading = asking(
        data, settings, only=options.only, run_folder=run_folder, held_out=options.only is None, progress=progress
    )
    with reading as questions:
        if not len(questions):
            raise UsageError("there are no rows to ask about", hint="name the test data: audit evaluate ... test.jsonl")
        plan = plan_variants(questions, make_run(settings).attributes, options, settings.seed)
        wanted = [(one.seed, one.examples) for one in work.replicates if one.examples]
        examples = draw_examples(tuple(work.training), questions, settings, wanted)
        asked: list[Asked] = []
        for one in work.replicates:
            shown = examples.get((one.seed, one.examples), ())
            found = ask_replicate(one, work.folder, questions, plan.variants, shown, options, settings, told)
            _add_seconds(work.folder, found.seconds)
            if found.partial:
                return None, {}
            asked.append(found)
        counted = Variants(
            swaps=plan.swaps,
            controls=plan.controls,
            skipped=dict(sorted(plan.skipped.items())),
            without_control=plan.without_control,
            coupled=plan.coupled,
        )
        evaluation = _evaluation(work, questions, asked, examples, counted, policy)
    models = {one.name: found.model for one, found in zip(work.replicates, asked, strict=True)}
    return evaluation, models


def _judged_first(work: _Work) -> list[Replicate]:
    return sorted(work.replicates, key=lambda one: one.arm != work.roles.judged)


def _add_seconds(folder: Path, seconds: Mapping[str, float]) -> None:
    before = read_timing(folder)
    write_timing(folder, {**before, **{name: before.get(name, 0.0) + took for name, took in seconds.items()}})


def _evaluation(
    work: _Work,
    questions: Questions,
    asked: Sequence[Asked],
    examples: Mapping[tuple[int, int], tuple[Example, ...]],
    variants: Variants,
    policy: str,
) -> Evaluation:
    options = work.options
    chosen = {name: msgspec.to_builtins(getattr(options, name)) for name in OF_ANSWERS}
    few_shot = {
        one.name: FewShot(examples=one.examples, rows=tuple(each.place for each in examples[one.seed, one.examples]))
        for one in work.replicates
        if one.examples
    }
    return Evaluation(
        version=tool_version(),
        roles=work.roles,
        harm=options.harm,
        policy=Path(policy).name,
        arms=tuple(
            msgspec.structs.replace(one.facts, canaries=found.canaries)
            for one, found in zip(work.replicates, asked, strict=True)
        ),
        files=tuple(file for found in asked for file in found.files),
        data=tuple(FileOfData(name=one.name, sha256=one.sha256, rows=one.rows) for one in questions.files),
        split=questions.split,
        trained_on=tuple(_file_of(path) for path in work.training),
        asked=chosen,
        counterfactual=variants,
        few_shot=few_shot,
        runs=_runs(work),
        notes=tuple(_notes(work, questions)),
    )


def _runs(work: _Work) -> dict[str, str]:
    """The folders of the runs as seen from that of the evaluation, those that lie near: a place of the machine is none
    of the record's business."""
    found = {one.name: one.run_folder for one in work.replicates if one.run_folder and not one.examples}
    places = {name: Path(os.path.relpath(run, work.folder)).as_posix() for name, run in found.items()}
    return {name: place for name, place in places.items() if place.count("../") <= NEAR and not place.startswith("/")}


def _file_of(path: str) -> FileOfData:
    with open(path, "rb") as lines:
        rows = sum(1 for line in lines if line.strip())
    return FileOfData(name=Path(path).name, sha256=file_sha256(path), rows=rows)


def _notes(work: _Work, questions: Questions) -> Iterator[str]:
    """What takes from the meaning of the figures, or could not be done."""
    yield from _seen(work, questions)
    yield from _hosted(work)
    if not work.training:
        yield "no training data is known, so nothing says what the models repeat or amplify: --train FILE"
    run, labels = make_run(work.settings), [label.text for label in questions.labels.labels]
    if run.attributes and labels and not run.fields.favourable:
        choice = " or ".join(msgspec.json.encode(label).decode() for label in labels[:MOST_NAMED])
        yield (
            "no favourable label is configured, so no rates of good outcomes are compared between groups: in the "
            f"configuration, [data] favourable = {choice}"
        )


def _hosted(work: _Work) -> Iterator[str]:
    """Where the models of hosted runs were asked, and how the one before fine-tuning is asked beside them."""
    hosted = [one for one in work.replicates if one.run_folder and one.endpoint]
    for one in hosted:
        address = shown_address(one.endpoint or "")
        yield f"{one.name} was asked at {address} as {one.model}, which the record of its run names"
    if hosted and not work.roles.base:
        address, is_azure = shown_address(hosted[0].endpoint or ""), hosted[0].provider == "azure"
        base = "DEPLOYMENT" if is_azure else hosted[0].facts.identity.get("base")
        yield f"the model before fine-tuning was not asked: --model base={base} --endpoint base={address}"


def _seen(work: _Work, questions: Questions) -> Iterator[str]:
    """A sentence on every arm that was asked about contents of its training rows, one for all its seeds."""
    asked = [_content(questions.row_id(row)) for row in questions.rows]
    most: dict[str, int] = {}
    for one in work.replicates:
        trained = {_content(row.row_id) for row in rows_of(one.run_folder) if row.split == TRAIN and row.examples}
        most[one.arm] = max(most.get(one.arm, 0), sum(content in trained for content in asked))
    for arm, count in most.items():
        if count:
            yield (
                f"{SEEN}: {arm} was trained on {count:,} of the {len(asked):,} rows ({percent(count / len(asked))}) "
                "that it was asked about"
            )


def _content(row_id: str) -> str:
    """What a row says, without its number among equal ones, which each reading counts for itself."""
    return row_id.rpartition(SEPARATOR)[0]


# ----------------------------------------------------------------------------- judging


def _judged(
    work: _Work,
    evaluation: Evaluation,
    models: Mapping[str, str],
    policy: str,
    known: TrainedOn | None,
    progress: Callable[[Progress], None] | None,
) -> EvaluateReport:
    folder = work.folder
    accounts = accounts_of(folder, evaluation, read_timing(folder))
    unable = why_unable(accounts, _may_be_missing(policy))
    shortened = {f"{one.arm}-{one.seed}": one.shortened for one in accounts}
    few = {
        name: msgspec.structs.replace(one, shortened=shortened.get(name, 0))
        for name, one in evaluation.few_shot.items()
    }
    if few or unable:
        evaluation = msgspec.structs.replace(evaluation, few_shot=few, unable=unable)
        write(folder, evaluation)
    roles = evaluation.roles
    comparison = Comparison(judged=roles.judged, compared=roles.compared, base=roles.base, arms=evaluation.arms)
    files = [str(folder / one.name) for one in evaluation.files]
    result = judge_outputs(
        files, settings=work.settings, comparison=comparison, trained_on=known, policy=policy, progress=progress
    )
    if result.partial:
        return EvaluateReport(folder=str(folder), evaluation=evaluation, accounts=accounts, partial=True)
    look = Look(
        data=hash_of_all([*(one.sha256 for one in evaluation.data), evaluation.split]),
        models=models,
        asked=hash_of_all({"options": evaluation.asked, "examples": {name: one.rows for name, one in few.items()}}),
        policy=evaluation.policy,
        policy_sha256=result.gate.sha256 if result.gate else "",
    )
    return EvaluateReport(
        folder=str(folder),
        evaluation=evaluation,
        accounts=accounts,
        result=result,
        scored=note_look(folder, look),
        unable=unable,
    )


def _may_be_missing(policy: str) -> float:
    """The share of an arm's outputs that may be missing: as the policy says, else as the built-in one does."""
    clauses = (clause for name in (policy, POLICY) for clause in load_policy(name).clauses)
    return next(clause.max_missing for clause in clauses if isinstance(clause, Answered))


# ----------------------------------------------------------------------------- roles and files


def _roles(options: EvaluateOptions, replicates: Sequence[Replicate]) -> RolesSaid:
    """Who is to be signed and compared: as somebody said, else by the names of the arms. Raises UsageError."""
    arms = list(dict.fromkeys(one.arm for one in replicates))
    said = {"--judge": options.judge, "--compare": options.compare, "--base-arm": options.base_arm}
    for flag, name in said.items():
        if name and name not in arms:
            raise UsageError(f"{flag} {name} is none of the arms: {', '.join(arms)}")
    facts = tuple(one.facts for one in replicates)
    told = Comparison(judged=options.judge, compared=options.compare, base=options.base_arm, arms=facts)
    return RolesSaid(**settled(told, arms)._asdict())


def _paths(data: Any) -> list[str]:
    given = [data] if isinstance(data, str) or hasattr(data, "__fspath__") else data
    return [os.fspath(one) for one in given if isinstance(one, str) or hasattr(one, "__fspath__")]


def _recorded_training(
    replicates: Sequence[Replicate], roles: RolesSaid, data: Sequence[str]
) -> dict[str, Collection[int]]:
    """The files with rows that the judged run was trained on, where they lie beside the run or the test data as they
    were then, each with the lines of its other rows; none where one of them is not found."""
    folder = next((one.run_folder for one in replicates if one.arm == roles.judged and one.run_folder), None)
    if folder is None:
        return {}
    places = [Path(), *folder.resolve().parents[:2], *(Path(path).parent for path in data)]
    found: dict[str, Collection[int]] = {}
    for name, file in trained_files(folder).items():
        paths = (place / Path(name).name for place in places)
        same = next((path for path in paths if path.is_file() and file_sha256(path) == file.sha256), None)
        if same is None:
            return {}
        found[os.path.relpath(same)] = file.others
    return found
