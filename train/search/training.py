"""Trains the runs of a search or a learning curve: the gate, the rows and the tokenizer once, then a run each.

Every run is a whole one, with a folder and a record of its own. Chooses nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.errors import InputError, OutputError, TrainingError, UsageError
from audit.tokens.huggingface import load_chat_tokenizer
from audit.train.core.place import alone, place_for
from audit.train.data.accounting import Accounting, SplitAccount, account
from audit.train.data.building import RowOutcome, build, left_alone
from audit.train.data.encode import Encoder
from audit.train.data.examples import Examples
from audit.train.data.rows import VALIDATION, FileRead, gathering
from audit.train.data.subsets import nested
from audit.train.models.preparing import Prepared, length_limit, prepare
from audit.train.options import TrainOptions
from audit.train.runs.assembling import Assembled, assemble, identity_of, parts_of
from audit.train.runs.chain import read_entries
from audit.train.runs.ending import report_of
from audit.train.runs.folder import MODEL, MODEL_ENTRY, check_inputs, state_of
from audit.train.runs.gating import GateDecision, pass_gate, read_waiver, recorded_decision
from audit.train.runs.identity import Identity, refuse, told_options
from audit.train.runs.metering import Meter, spent
from audit.train.runs.record import unseal
from audit.train.runs.report import TrainReport
from audit.train.runs.running import Live, carry_out
from audit.train.runs.verify import check_intact
from audit.train.search.report import Basis, RowCounts
from audit.train.search.scoring import row_scores
from audit.train.search.trainer import Trained, TrialFailed
from audit.writing import unwritable

OUTSIDE: Final = "outside_share"
"""The split of training rows that a share leaves out, as the record of its run names it."""
SCRATCH: Final = ".scratch"
"""The folder, inside that of the output, with tokenizers that were learnt from the data; gone when all runs ended."""


class NamedLive(Live, Protocol):
    """A listener that shows which run it is told of."""

    name: str


class _Read(NamedTuple):
    """What was assembled, without a model: each run has one of its own, and two of a large one may not fit."""

    options: TrainOptions
    examples: Mapping[str, Examples]
    outcomes: Sequence[RowOutcome]
    accounting: Accounting
    files: Mapping[str, FileRead]
    classes: tuple[str, ...]
    tokenizer_folder: Path


class DataTrainer:
    """Implements ``audit.train.search.trainer.Trainer`` over data that was judged and read."""

    def __init__(
        self,
        data: Any,
        options: TrainOptions,
        settings: Settings,
        decision: GateDecision,
        scratch: Path,
        *,
        progress: Callable[[Progress], None] | None = None,
        live: NamedLive | None = None,
    ) -> None:
        self._data = data
        self._settings = settings
        self._decision = decision
        self._scratch = scratch
        self._live = live
        self._known: dict[bytes, _Read] = {}
        self._whole = self._read(options.settled, progress)
        validation = self._whole.examples.get(VALIDATION)
        if validation is None or not len(validation):
            raise InputError(
                "models are compared on validation rows, and there are none",
                hint="--validation FILE, --split validation=FILE, or --hold-out 0.1",
            )
        splits = self._whole.accounting.splits
        self._basis = Basis(
            seed=options.seed,
            options=told_options(options),
            files={name: file.sha256 for name, file in self._whole.files.items()},
            train=self._whole.examples[TRAIN].sha256,
            validation=validation.sha256,
            train_rows=splits[TRAIN].used,
            validation_rows=splits[VALIDATION].used,
            gate=decision.verdict,
        )

    @property
    def basis(self) -> Basis:
        """What all runs share."""
        return self._basis

    def run(self, options: TrainOptions, folder: Path, *, name: str, share: float = 1.0) -> Trained:
        """Train, or take up what the folder holds: see ``Trainer``."""
        options = options.settled
        assembled = self._assemble(options, share)
        if self._live is not None:
            self._live.name = name
        report = self._report_of(assembled, folder)
        counts, validation = _counts(assembled.accounting.splits[TRAIN]), assembled.validation
        del assembled  # the trained model, before it is read from disk
        if report.interrupted or validation is None:
            return Trained(report, counts, None)
        allow = self._settings.allow_download
        return Trained(report, counts, row_scores(folder / MODEL, validation, options, allow_download=allow))

    def _report_of(self, assembled: Assembled, folder: Path) -> TrainReport:
        """Train into the folder, or from where the run in it stands; nothing where that is finished."""
        options, state = assembled.options, state_of(folder)
        place = place_for(options)
        if state == "finished":
            check_intact(folder)
            with place.applied():
                _check_run(folder, identity_of(assembled, parts_of(assembled, place)))
            return report_of(folder, spent(folder), already=True)
        going_on = state == "started"
        decision = recorded_decision(folder) if going_on else self._decision
        with Meter(energy=options.energy, device=str(place.device)) as meter:
            try:
                return carry_out(assembled, folder, decision, place, meter, resume=going_on, live=self._live)
            except TrainingError as error:
                raise TrialFailed(error.what, hint=error.hint) from None

    def _assemble(self, options: TrainOptions, share: float) -> Assembled:
        """The data as it is, unless the weights or the share ask for others; the model always anew."""
        found = self._whole if share == 1 else self._share(options, share)
        if share == 1 and _weighting(options) != _weighting(self._whole.options):
            found = self._read(options)
        parts = found._replace(options=options)._asdict()
        return Assembled(**parts, prepared=self._prepare(found, options))

    def _prepare(self, read: _Read, options: TrainOptions) -> Prepared:
        longest = max(int(one.lengths.max(initial=0)) for one in self._whole.examples.values())
        folder = self._whole.tokenizer_folder
        return prepare(
            options,
            load_chat_tokenizer(str(folder)),
            folder,
            read.classes if options.task == "classify" else (),
            allow_download=self._settings.allow_download,
            longest=longest,
        )

    def _read(self, options: TrainOptions, progress: Callable[[Progress], None] | None = None) -> _Read:
        """All rows, with the weights that the options ask for."""
        key = _weighting(options)
        if key not in self._known:
            folder = self._scratch / f"tokenizer-{len(self._known)}"
            folder.mkdir()
            made = assemble(self._data, options, self._settings, folder, progress)
            if self._known:
                self._check_same(made.files)
            self._known[key] = _Read(*(getattr(made, name) for name in _Read._fields))
        return self._known[key]

    def _share(self, options: TrainOptions, share: float) -> _Read:
        """A share of the training rows, encoded by the tokenizer of all of them."""
        whole = self._whole
        train = whole.examples[TRAIN]
        taken = set(train.rows[nested(train, share, options.seed)].tolist())
        limit = length_limit(options, allow_download=self._settings.allow_download)
        with gathering(self._data, self._settings, options) as rows:
            self._check_same(rows.files)
            given = rows.splits[TRAIN]
            rows.splits = {
                **rows.splits,
                TRAIN: [row for row in given if row in taken],
                OUTSIDE: [row for row in given if row not in taken],
            }
            encoder = Encoder(load_chat_tokenizer(str(whole.tokenizer_folder)), options, limit, rows.classes)
            built = {name: build(rows, name, encoder) for name in (TRAIN, VALIDATION)}
            accounting = account(rows, built, options)
            outcomes = [
                one
                for name in rows.splits
                for one in (built[name].outcomes if name in built else left_alone(rows, name))
            ]
        outcomes.sort(key=lambda one: one.ordinal)
        examples = {name: one.examples for name, one in built.items()}
        return whole._replace(examples=examples, outcomes=outcomes, accounting=accounting)

    def _check_same(self, files: Mapping[str, FileRead]) -> None:
        """Raise InputError naming a file that is no longer what was read, and judged, at first."""
        before = self._whole.files
        if changed := [name for name in sorted({*before, *files}) if before.get(name) != files.get(name)]:
            raise InputError(
                f"the data changed while it was trained on: {', '.join(changed)}",
                hint="give it as it was and use --resume, or begin anew with --force",
            )


def _counts(account: SplitAccount) -> RowCounts:
    return RowCounts(
        rows=account.used,
        examples=account.examples,
        trained_tokens=account.trained,
        groups={
            attribute: {group: tally.rows for group, tally in groups.items()}
            for attribute, groups in account.by_group.items()
        },
    )


def _weighting(options: TrainOptions) -> bytes:
    """The settings that a search may vary and that the encoded rows depend on."""
    return msgspec.json.encode([options.class_weights, options.group_weights, options.unit], order="sorted")


def _check_run(folder: Path, current: Identity) -> None:
    """Raise ResumeRefused where the finished run of a folder is another one."""
    entries = {entry.kind: entry.data for entry in read_entries(folder)}
    refuse(f"the run in {folder.name}", msgspec.convert(entries[MODEL_ENTRY]["identity"], Identity), current)


@contextlib.contextmanager
def trainer_over(
    data: Any,
    output: Path,
    options: TrainOptions,
    settings: Settings,
    *,
    waive: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    live: NamedLive | None = None,
) -> Iterator[DataTrainer]:
    """A trainer over data that passed the gate, which is asked once for all runs. What is needed meanwhile lies in the
    folder ``output``, where it is swept though the process be killed. Raises as ``audit train``."""
    decision = pass_gate(data, settings, read_waiver(waive), progress, options=options)
    scratch = output / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir()
    except OSError as error:
        raise unwritable(str(scratch), error) from None
    try:
        yield DataTrainer(data, options, settings, decision, scratch, progress=progress, live=live)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def make_folder(
    folder: Path, own: str, inputs: Any, settings: Settings, *, resume: bool, force: bool, parts: tuple[str, ...]
) -> None:
    """The folder of a search or a curve, whose report is the file ``own`` and whose runs and models are the folders
    ``parts``; what an earlier one left there is taken away with ``force``.

    Raises OutputError where something else is there, or an earlier one that nobody says what to do with; UsageError
    for standard input, which can be read once only.
    """
    alone("several runs are trained")
    given = inputs if isinstance(inputs, list | tuple) else [inputs]
    paths = [*(one for one in given if isinstance(one, str)), *(path for _, path in settings.splits)]
    if "-" in paths:
        raise UsageError("standard input can be read once, and is needed again", hint="write it to a file first")
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder} is a file", hint="name a folder")
    names = set(os.listdir(folder)) if folder.is_dir() else set()
    if names and not ({own, *parts} - {MODEL}) & names:  # a folder with a model may be anybody's
        raise OutputError(f"{folder} holds other files", hint="name an empty or a new folder")
    if names and not (resume or force):
        what = own.removesuffix(".json")
        raise OutputError(f"{folder} holds a {what} already", hint="--resume goes on with it, --force replaces it")
    check_inputs(folder, paths)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if force:
            unseal(folder)
            _remove(folder, (own, *parts))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from None


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
