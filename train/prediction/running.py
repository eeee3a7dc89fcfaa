"""Has a model answer the prompts of rows and writes down every input and output. Judges no answer."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.errors import AuditError, UsageError
from audit.model import ABSENT, Json, Record
from audit.policy.words import plural
from audit.train import endpoints
from audit.train.addresses import base_of, shown_address
from audit.train.endpoints import Endpoint
from audit.train.prediction.answers import PASSING, Answer, Answerer
from audit.train.prediction.batch_notes import BatchAccount, BatchNotes, batches, held
from audit.train.prediction.batched import BatchedModel
from audit.train.prediction.ledger import Ledger
from audit.train.prediction.options import PredictOptions, checked, options_from
from audit.train.prediction.questions import Question, QuestionSet, asking, writable
from audit.train.prediction.remote import Learnt, RemoteModel
from audit.train.protocol.connection import Connection

AT_ONCE: Final = 512
"""Rows that are put together at a time."""


class PredictReport(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a prediction: ``rows`` asked about, ``answers`` that stand in the file (rows times samples, those
    with an error included), ``failed`` of them by the first word of their error, ``found`` that an earlier run had
    already. ``partial``: interrupted, and ``--resume`` goes on. ``batches`` is what became of those that were handed
    in, None where none were; ``asked_at`` the address that a hosted run named, "" where somebody named one."""

    output: str
    arm: str
    rows: int
    answers: int = 0
    failed: Mapping[str, int] = {}
    found: int = 0
    partial: bool = False
    batches: BatchAccount | None = None
    asked_at: str = ""

    @property
    def errors(self) -> int:
        """Answers that are an error."""
        return sum(self.failed.values())

    @property
    def passing(self) -> int:
        """Those of them that ``options.resume`` asks for again, since they may have been a matter of the moment."""
        return sum(self.failed.get(word, 0) for word in PASSING)


def predict(
    data: Any,
    output: str | os.PathLike[str],
    *,
    options: PredictOptions | None = None,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    told: Callable[[int, int], None] | None = None,
    **config: Any,
) -> PredictReport:
    """Ask a model about every row of ``data`` (as for ``audit.check``) and write its answers to ``output``.

    The file has a line for every row and sample, in the order of the rows, and is put in place when it is whole;
    ``OUTPUT.state.json`` beside it says what was asked of whom. Rows that cannot be asked stand in it with their error.
    ``told`` is given how many answers stand and how many are wanted, now and then. Of batches that are handed in it is
    kept in ``OUTPUT.batches.jsonl`` which there are, so that they are fetched and none is made twice.

    An interruption gives a report that is ``partial``: with ``options.resume`` what is there is not asked again. Raises
    UsageError, InputError (a model that cannot be read, a resume that does not fit), OutputError for files that exist,
    and MissingExtra. Where a server can no longer be asked, the answers that came before are kept for a resume, too.
    """
    settings = override(settings or Settings(), config)
    options = checked(options) if options is not None and options.arm else options_from(_given(options), settings.model)
    settings = msgspec.structs.replace(settings, model=None)  # the model that data is judged for is another thing
    path = Path(output)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder, so {path.name} cannot be written there")
    with ExitStack() as stack:
        try:  # before a model is loaded: reading may start processes, which had better not inherit one
            of_run = options.run if options.endpoint else options.model
            asked_about = asking(data, settings, only=options.only, run_folder=of_run, progress=progress)
            questions = stack.enter_context(asked_about)
        except KeyboardInterrupt:
            return PredictReport(output=str(path), arm=_arm(options), rows=0, partial=True)
        answerer = opened(options, settings, stack)(options)
        return ask(answerer, questions, path, options=options, settings=settings, told=told)


def ask(
    answerer: Answerer,
    questions: QuestionSet,
    output: Path,
    *,
    options: PredictOptions,
    settings: Settings,
    told: Callable[[int, int], None] | None = None,
    first_sample: int = 0,
) -> PredictReport:
    """Ask ``questions`` and write the answers to ``output``, as ``predict`` does; samples are numbered from
    ``first_sample``. The seed is that of the settings. Where there are batches no other process may ask meanwhile."""
    with held(output, always=isinstance(answerer, BatchedModel)):
        return _ask(answerer, questions, output, options, settings, told, first_sample)


def _ask(
    answerer: Answerer,
    questions: QuestionSet,
    output: Path,
    options: PredictOptions,
    settings: Settings,
    told: Callable[[int, int], None] | None,
    first_sample: int,
) -> PredictReport:
    asked = _asked(options, settings, answerer, questions)
    if first_sample:
        asked["first sample"] = first_sample
    ledger = Ledger(output, asked, questions.rows, samples=options.samples, resume=options.resume, force=options.force)
    notes = BatchNotes(output, keep=options.resume)
    if isinstance(answerer, BatchedModel):
        answerer.note_in(notes)
    elif not ledger.is_complete:
        _refuse_open(notes)
    is_whole = ledger.is_complete or _answered(ledger, answerer, questions, options, told)
    if is_whole and not ledger.is_complete:
        ledger.finish(_lines(ledger, questions, options, settings.seed, first_sample))
    return PredictReport(
        output=str(output),
        arm=_arm(options),
        rows=len(questions),
        answers=len(questions) * options.samples if ledger.is_complete else ledger.answers,
        failed=ledger.errors,
        found=ledger.found,
        partial=not is_whole,
        batches=notes.account if notes.account != BatchAccount() else None,
        asked_at=shown_address(options.endpoint) if options.endpoint and options.run else "",
    )


def _refuse_open(notes: BatchNotes) -> None:
    """Raise UsageError where batches are under way that would be paid for and never fetched."""
    if notes.open:
        raise UsageError(
            f"{batches(len(notes.open))} of these questions may still be under way: asked live they "
            "would be paid for twice",
            hint="go on with --batch, which fetches what there is of them, and then without; --force begins anew",
        )


def _given(options: PredictOptions | None) -> Mapping[str, Json]:
    given = msgspec.structs.asdict(options) if options is not None else {}
    return {name: value for name, value in given.items() if value is not None}


def _arm(options: PredictOptions) -> str:
    return str(writable(options.arm or ""))


def opened(options: PredictOptions, settings: Settings, stack: ExitStack) -> Callable[[PredictOptions], Answerer]:
    """Who is asked, until the stack is left: the model is loaded once and can be asked in several ways."""
    model = options.model or ""
    if options.endpoint is not None and options.batch:
        return _batched(options, settings, options.endpoint, stack)
    if options.endpoint is not None:
        endpoint = Endpoint(
            options.endpoint,
            model,
            purpose="predictions of an endpoint",
            key_variable=options.key_variable,
            timeout=options.timeout,
            retries=options.retries,
            concurrency=options.concurrency,
        )
        stack.enter_context(endpoint)
        learnt = Learnt()
        return lambda way: RemoteModel(endpoint, way, settings.seed, learnt)
    from audit.train.installed import check_installed

    check_installed()
    from audit.train.models.loading import load
    from audit.train.prediction.local import LocalModel, device_of

    device = device_of(options.device)
    loaded = load(model, allow_download=settings.allow_download, device=device, base=options.base)
    return lambda way: LocalModel(loaded, way, settings.seed)


def _batched(
    options: PredictOptions, settings: Settings, address: str, stack: ExitStack
) -> Callable[[PredictOptions], Answerer]:
    connection = Connection(
        base_url=base_of(address),
        key_variable=options.key_variable,
        timeout=options.timeout,
        retries=options.retries,
        first_wait=endpoints.FIRST_WAIT,
        purpose="predictions in batches",
    )
    stack.enter_context(connection)
    learnt = Learnt()
    return lambda way: BatchedModel(connection, way, settings.seed, learnt)


_OF_ANSWERS: Final = ("labels", "score_answers", "logprobs", "temperature", "samples", "max_new_tokens", "only", "arm")
"""Options that answers depend on; the others say how they are asked for."""


def _asked(options: PredictOptions, settings: Settings, answerer: Answerer, questions: QuestionSet) -> dict[str, Json]:
    """All that the file depends on, by name."""
    named: dict[str, Json] = {name.replace("_", " "): getattr(options, name) for name in _OF_ANSWERS}
    configured = {name: settings.sections.get(name, {}) for name in ("data", "attributes")}
    more: dict[str, Json] = {
        "seed": settings.seed,
        "data": [msgspec.to_builtins(file) for file in questions.files],
        "rows": _hashed([questions.row_id(row) for row in questions.rows]),
        "configuration": _hashed(msgspec.to_builtins(configured)),  # it may name places
    }
    said = {**named, **more, **questions.identity(), **answerer.identity(questions)}
    return {name: writable(value) for name, value in said.items()}


def _hashed(value: Json) -> str:
    return hashlib.sha256(msgspec.json.encode(writable(value), order="sorted")).hexdigest()


def _answered(
    ledger: Ledger,
    answerer: Answerer,
    questions: QuestionSet,
    options: PredictOptions,
    told: Callable[[int, int], None] | None,
) -> bool:
    """Whether all answers stand; False where somebody interrupted."""
    wanted = len(questions) * options.samples
    with ledger:
        try:
            for answers in answerer.answers(questions, ledger.done):
                ledger.add(answers)
                if told is not None:
                    told(ledger.answers, wanted)
        except KeyboardInterrupt:
            return False
        except AuditError as error:
            if ledger.answers:
                stand = f"{plural(ledger.answers, 'answer')} so far stand in {ledger.partial_path.name}"
                error.hint = "; ".join(part for part in (error.hint, f"{stand}, and --resume goes on") if part)
            raise
    return True


# ----------------------------------------------------------------------------- the file


def _lines(
    ledger: Ledger, questions: QuestionSet, options: PredictOptions, seed: int, first_sample: int
) -> Iterator[bytes]:
    """The lines of the file, in the order of rows and samples."""
    for start in range(0, len(questions), AT_ONCE):
        rows = questions.rows[start : start + AT_ONCE]
        keys = [(row, sample) for row in rows for sample in range(options.samples)]
        answers = ledger.read(keys)
        for question, record in questions.read(rows):
            of_row = list(itertools.islice(answers, options.samples))
            asked = _as_asked(question, of_row[0])
            shared = _of_row(asked, record, questions)
            if question.examples:
                shared["examples"] = len(asked.examples)
            for answer in of_row:
                line = _line(shared, answer, _arm(options), seed, first_sample)
                yield msgspec.json.encode(line) + b"\n"


def _as_asked(question: Question, answer: Answer) -> Question:
    """The question with the examples that the model was asked with."""
    return question if answer.examples is None else question.with_examples(answer.examples)


def _of_row(question: Question, record: Record, questions: QuestionSet) -> dict[str, Json]:
    """What all samples of a row share."""
    mark = questions.mark(question.row)
    shared: dict[str, Json] = {
        "row_id": questions.row_id(question.row),
        "variant": mark.variant,
        "pair_id": mark.pair_id,
        "cluster": questions.cluster(question.row),
        "prompt_sha256": question.prompt_sha256,
        "messages": list(question.messages),
        "truth": writable(questions.truth(question.row, question, record)),
        "attributes": writable(dict(questions.attributes(question.row))),
    }
    if question.chat.tools is not ABSENT and not question.problem:
        shared["tools"] = writable(question.chat.tools)
    if mark.swapped is not None:
        shared["swapped"] = writable(dict(mark.swapped))
    return shared


def _line(shared: Mapping[str, Json], answer: Answer, arm: str, seed: int, first_sample: int) -> dict[str, Json]:
    """One line, its keys in the order of the documentation."""
    line: dict[str, Json] = {
        "row_id": shared["row_id"],
        "arm": arm,
        "seed": seed,
        "sample": first_sample + answer.sample,
        **{name: shared[name] for name in ("variant", "pair_id", "cluster", "prompt_sha256", "messages")},
        **({"tools": shared["tools"]} if "tools" in shared else {}),
        "output": answer.output,
        "finish_reason": answer.finish_reason,
        "error": answer.error,
        "truth": shared["truth"],
        "label_scores": answer.label_scores,
        "label_mass": answer.label_mass,
        "token_logprobs": answer.token_logprobs,
        "seconds": answer.seconds,
        "prompt_tokens": answer.prompt_tokens,
        "output_tokens": answer.output_tokens,
        "attributes": shared["attributes"],
        **{name: shared[name] for name in ("swapped", "examples") if name in shared},
    }
    return line
