"""Has every replicate asked what is wanted of it: the questions, their variants, greedy text, the rows' own answers.

One file of predictions for each; each is gone on with where it was interrupted. Judges no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from audit.config.settings import Settings
from audit.counterfactual import Prompt, Variant, VariantPlan, variants_of
from audit.errors import UsageError
from audit.evidence import file_sha256
from audit.outputs.evaluation import PREDICTIONS, FileOfOutputs, What
from audit.outputs.table import GREEDY
from audit.rule import Attribute
from audit.rule.arms import Canary
from audit.train.evaluation.arms import Replicate
from audit.train.evaluation.folder import hash_of_all
from audit.train.evaluation.options import MOST, EvaluateOptions
from audit.train.prediction.answers import Answerer
from audit.train.prediction.options import AUTO, NONE, PredictOptions
from audit.train.prediction.question_sets import Example, Prompted, Selected, Varied
from audit.train.prediction.questions import QuestionSet
from audit.train.prediction.running import PredictReport, ask, opened

Told = Callable[[str, int, int], None]
"""Is told which prediction is being made, how many answers stand and how many are wanted."""
SUFFIXES: Final[Mapping[What, str]] = {"asked": "", "swap": ".swap", "greedy": ".greedy", "answers": ".answers"}


class Way(NamedTuple):
    """One way of asking a replicate."""

    what: What
    questions: QuestionSet
    options: PredictOptions
    first_sample: int = 0


class Asked(NamedTuple):
    """What came of asking one replicate: the files, seconds by name of the prediction, the hashes of the model's files,
    what the model makes of rows planted in its training data, and whether somebody interrupted."""

    files: tuple[FileOfOutputs, ...]
    seconds: Mapping[str, float]
    model: str
    canaries: tuple[Canary, ...] = ()
    partial: bool = False


def names_of(replicates: Sequence[Replicate]) -> tuple[str, ...]:
    """The names of all predictions that there may be."""
    return tuple(f"{one.name}{suffix}" for one in replicates for suffix in SUFFIXES.values())


def plan_variants(
    questions: QuestionSet, attributes: Sequence[Attribute], options: EvaluateOptions, seed: int
) -> VariantPlan:
    """The questions with another group in them, and their controls. Raises UsageError for fields that are coupled with
    an attribute which there is not."""
    most = options.most if options.counterfactual and attributes else 0
    if not most:
        return VariantPlan(variants=(), skipped={}, tried=0, swaps=0, controls=0, without_control=0, coupled={})
    prompts = [
        Prompt(question.row, question.messages, questions.attributes(question.row))
        for question, _ in questions.read(questions.rows)
        if not question.problem
    ]
    known = {attribute.name for attribute in attributes}
    unknown = next((name for name in options.coupled if name not in known), None)
    if unknown is not None:
        raise UsageError(f"[evaluate] coupled names {unknown!r}, and there is no such attribute")
    return variants_of(prompts, attributes, seed, most, coupled=options.coupled)


def ask_replicate(
    one: Replicate,
    folder: Path,
    questions: QuestionSet,
    variants: Sequence[Variant],
    examples: Sequence[Example],
    options: EvaluateOptions,
    settings: Settings,
    told: Told | None,
) -> Asked:
    """Ask a replicate in every way that fits it. The model is loaded once.

    Raises what ``audit.train.predict`` raises.
    """
    settings = msgspec.structs.replace(settings, seed=one.seed)
    first = _predicting(one, options)
    files: list[FileOfOutputs] = []
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        make = opened(first, settings, stack)
        probe = make(msgspec.structs.replace(first, samples=1, temperature=0.0))
        model = _model_of(probe, questions)
        for way in _ways(one, probe, questions, variants, options, first):
            name = f"{one.name}{SUFFIXES[way.what]}"
            path = folder / PREDICTIONS / f"{name}.jsonl"
            asked = Prompted(way.questions, examples) if examples else way.questions
            resume = msgspec.structs.replace(way.options, resume=_was_begun(path))
            began = time.perf_counter()
            saying = _Saying(told, name)
            report = ask(
                make(resume),
                asked,
                path,
                options=resume,
                settings=settings,
                told=saying,
                first_sample=way.first_sample,
            )
            if saying.heard:  # something was asked: of what stood there already it is written down what it took
                seconds[name] = time.perf_counter() - began
            if report.partial:
                return Asked(tuple(files), seconds, model, partial=True)
            files.append(_file(one, way.what, path, report))
        canaries = _canaries(one, probe)
    return Asked(tuple(files), seconds, model, canaries)


def _canaries(one: Replicate, answerer: Answerer) -> tuple[Canary, ...]:
    """What the model of a run makes of the rows that were planted in its data."""
    loaded = getattr(answerer, "loaded", None)
    if one.run_folder is None or one.examples or loaded is None:
        return ()
    from audit.train.prediction.canaries import score_canaries  # it needs torch, as the loaded model does

    return score_canaries(one.run_folder, loaded)


def _predicting(one: Replicate, options: EvaluateOptions) -> PredictOptions:
    return PredictOptions(
        model=one.model,
        arm=one.arm,
        labels=AUTO if one.endpoint else options.labels,
        temperature=options.temperature,
        samples=options.samples,
        max_new_tokens=options.max_new_tokens,
        device=options.device,
        endpoint=one.endpoint,
        key_variable=one.key_variable or options.key_variable,
        concurrency=options.concurrency,
        timeout=options.timeout,
        retries=options.retries,
        batch=options.batch and one.endpoint is not None,
        batch_poll_seconds=options.batch_poll_seconds,
    )


def _ways(
    one: Replicate,
    answerer: Answerer,
    questions: QuestionSet,
    variants: Sequence[Variant],
    options: EvaluateOptions,
    first: PredictOptions,
) -> Iterator[Way]:
    scores = one.endpoint is None and _scores_labels(answerer, questions)
    if scores:
        first = msgspec.structs.replace(first, samples=1, temperature=0.0)
    yield Way("asked", questions, first)
    if variants:
        yield Way("swap", Varied(questions, variants), first)
    if one.endpoint is not None or _classifies(answerer):
        return
    if scores and options.greedy:
        rows = questions.rows[: options.greedy]
        greedy = msgspec.structs.replace(first, labels=NONE)
        yield Way("greedy", Selected(questions, rows), greedy, GREEDY)
    count = options.answers if options.answers is not None else 0 if scores else MOST
    rows = _answered(questions, count, [variant.row for variant in variants])
    if rows:
        kept = frozenset(rows)
        own = Varied(questions, [variant for variant in variants if variant.row in kept], rows)
        answers = msgspec.structs.replace(first, labels=AUTO, score_answers=True, samples=1, temperature=0.0)
        yield Way("answers", own, answers)


def _answered(questions: QuestionSet, count: int, varied: Sequence[int]) -> tuple[int, ...]:
    """So many rows that have an answer of their own: those with a variant, whose answers are compared with it, and then
    the first."""
    found: list[int] = []
    order = tuple(dict.fromkeys((*varied, *questions.rows)))
    for question, _ in questions.read(order) if count else ():
        if question.answer is not None and not question.problem:
            found.append(question.row)
            if len(found) == count:
                break
    return tuple(sorted(found))


def _scores_labels(answerer: Answerer, questions: QuestionSet) -> bool:
    labels = getattr(answerer, "labels", None)
    return labels is not None and labels(questions) is not None


def _classifies(answerer: Answerer) -> bool:
    return bool(getattr(answerer, "classifies", False))


def _model_of(answerer: Answerer, questions: QuestionSet) -> str:
    """Everything that says which model it is, as one hash."""
    said = answerer.identity(questions)
    return hash_of_all({name: said[name] for name in ("model", "model files", "endpoint") if name in said})


def _was_begun(path: Path) -> bool:
    return path.with_name(f"{path.name}.state.json").exists()


class _Saying:
    """Passes on how many answers stand, and keeps whether any came in."""

    def __init__(self, told: Told | None, name: str) -> None:
        self._told = told
        self._name = name
        self.heard = False

    def __call__(self, done: int, wanted: int) -> None:
        self.heard = True
        if self._told is not None:
            self._told(self._name, done, wanted)


def _file(one: Replicate, what: What, path: Path, report: PredictReport) -> FileOfOutputs:
    return FileOfOutputs(
        name=f"{PREDICTIONS}/{path.name}",
        arm=one.arm,
        seed=one.seed,
        what=what,
        answers=report.answers,
        failed=dict(report.failed),
        sha256=file_sha256(path),
    )
