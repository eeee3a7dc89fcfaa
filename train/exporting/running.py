"""Exports data and settings to another trainer: the gate, the rows on their way out, the configuration, the folder.

Trains nothing and needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

from audit.api.preparing import override
from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.errors import InputError
from audit.evidence import tool_version
from audit.model import Chat, Json
from audit.policy.words import plural
from audit.render.messages import as_tools
from audit.train.data.building import left_alone
from audit.train.data.rows import VALIDATION, Rows, gathering
from audit.train.exporting.folder import EXPORT, check_folder, check_names, put_in_place, staging
from audit.train.exporting.lines import Times
from audit.train.exporting.options import ExportOptions, check_options, read_options
from audit.train.exporting.rendering import encoder_of, template_of, unrendered_note
from audit.train.exporting.report import (
    Export,
    ExportedFile,
    ExportedGate,
    ExportedSplit,
    ExportReport,
    InputFile,
)
from audit.train.exporting.settings import Given, Sheet, yaml_of
from audit.train.exporting.trainer import DATA, PREFERENCE_TRAINS, TEMPLATE, Trainer
from audit.train.exporting.trainers import trainer_of
from audit.train.models.base import model_folder, recorded_name
from audit.train.outgoing.capabilities import Capabilities, Kind, capabilities_of
from audit.train.outgoing.rows import Outgoing, SplitOut, kind_of, send_out
from audit.train.runs.chain import canonical
from audit.train.runs.folder import GATE, ROWS
from audit.train.runs.gating import GateDecision, pass_gate, read_waiver
from audit.train.runs.identity import told_options
from audit.train.runs.inputs import inputs_of
from audit.train.runs.refusing import refuse_unjudged
from audit.train.runs.rows import row_line
from audit.writing import unwritable

NOT_ASKED: Final = "the gate was not asked, and may refuse this data"


def export(
    data: Any,
    output: str | os.PathLike[str],
    *,
    to: str,
    options: ExportOptions | None = None,
    settings: Settings | None = None,
    waive: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[Progress], None] | None = None,
    **config: Any,
) -> ExportReport:
    """Judge the data by the policy, and write it with a configuration for the trainer ``to`` into a folder.

    ``data``, ``waive`` and ``config`` are as for ``audit.train``; ``options`` without which those of ``[train]`` count.
    ``force`` replaces an earlier export. A ``dry_run`` asks no gate and writes nothing. The same data and settings give
    the same bytes.

    Raises GateFailed, UsageError, ConfigError, InputError for rows that the trainer cannot read as they are meant, and
    OutputError.
    """
    settings = override(settings or Settings(), config)
    options = options or read_options(settings)
    check_options(options)
    options = msgspec.structs.replace(options, train=options.train.settled)
    trainer, waiver, folder = trainer_of(to), read_waiver(waive), Path(output)
    beside = (options.train.model, options.train.chat_template)
    inputs = inputs_of(data, settings, beside)
    data = list(data) if isinstance(data, Iterator) else data
    earlier = () if dry_run else check_folder(folder, inputs, force=force)
    decision = None if dry_run else pass_gate(data, settings, waiver, progress, options=options.train)
    if dry_run:
        work = _Work(trainer, options, folder, None)
        return work.report(work.carry_out(data, settings, progress, None), dry_run=True)
    with staging(folder) as staged:
        work = _Work(trainer, options, folder, staged)
        made = work.carry_out(data, settings, progress, decision)
        check_names(folder, list(made.files), earlier)
        work.write(EXPORT, canonical(made))
        put_in_place(staged, folder, list(made.files), earlier)
    return work.report(made, dry_run=False)


class _Work:
    """An export while it is made. ``staged`` is where its files go, None where none are written."""

    def __init__(self, trainer: Trainer, options: ExportOptions, folder: Path, staged: Path | None) -> None:
        self.trainer = trainer
        self.options = options
        self.to = capabilities_of(trainer.name)
        self.files: dict[str, ExportedFile] = {}
        self.encoder = encoder_of(options.train)
        self._folder = folder
        self._staged = staged

    def report(self, made: Export, *, dry_run: bool) -> ExportReport:
        """The export with the folder as the user named it."""
        return ExportReport(folder=str(self._folder), dry_run=dry_run, export=made)

    def write(self, name: str, content: bytes) -> None:
        """A whole file; ``export.json`` cannot stand in its own list."""
        if self._staged is not None:
            path = self._staged / name
            try:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            except OSError as error:
                raise unwritable(str(self._folder / name), error) from None
        if name != EXPORT:
            self.files[name] = ExportedFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    def carry_out(
        self,
        data: Any,
        settings: Settings,
        progress: Callable[[Progress], None] | None,
        decision: GateDecision | None,
    ) -> Export:
        """Write everything but ``export.json``, which is returned."""
        options = self.options.train
        with gathering(data, settings, options, progress) as rows:
            if decision is not None:
                refuse_unjudged(decision, rows.files)
            splits = [name for name in (TRAIN, VALIDATION) if rows.splits.get(name)]
            kind = kind_of(rows, splits)
            sheet = self._sheet(kind, {name: max(1, len(rows.splits[name])) for name in splits})  # refuses early
            sent = {name: self._send(rows, name, kind) for name in splits}
            rest = [one for name in rows.splits if name not in sent for one in left_alone(rows, name)]
            inputs = {name: InputFile(sha256=file.sha256, rows=file.rows) for name, file in rows.files.items()}
        outcomes = sorted(
            [one for done in sent.values() for one in done.out.outcomes] + rest, key=lambda one: one.ordinal
        )
        self.write(ROWS, b"".join(row_line(one, counted=False) for one in outcomes))
        sheet = self._sheet(kind, {name: done.out.lines for name, done in sent.items()})
        self._configure(sheet, decision)
        return self._export(sheet, decision, inputs, sent)

    def _sheet(self, kind: Kind, lines: Mapping[str, int]) -> Sheet:
        options = self.options.train
        template = None if options.chat_template is None else TEMPLATE
        given = Given(
            options=self.options,
            kind=kind,
            lines=lines,
            model=_model_for(options.model, self._folder),
            template=template,
            counted=self.encoder is not None,
        )
        return self.trainer.configure(given)

    # ------------------------------------------------------------------ rows

    def _send(self, rows: Rows, split: str, kind: Kind) -> _Sent:
        """A split as it was written."""
        name = f"{DATA}/{split}.jsonl"
        with _Lines(self, name) as lines:
            out = send_out(
                rows,
                split,
                kind,
                self.to,
                options=self.options.train,
                lowering=self.options.lowering,
                sink=lines.take,
                write=self.trainer.write[kind],
                apart=self.trainer.apart if kind == "chat" else None,
                encoder=self.encoder,
            )
        if times := lines.times.columns():
            raise InputError(
                f"every text at {times[0]} of the split {split} is a date or a time, and {self.to.title} reads them as "
                "times, which it then writes in another way",
                hint="say it in words (May 1, 2024), or export to trl, which is told what the texts are",
            )
        return _Sent(out, lines.history, lines.with_tools)

    # ------------------------------------------------------------------ files beside

    def _configure(self, sheet: Sheet, decision: GateDecision | None) -> None:
        heading = (
            f"written by `audit export --to {self.trainer.name}`; begin with: {self.trainer.command[sheet.given.kind]}"
        )
        if self.trainer.card is not None and self.trainer.describe is not None:
            self.write(self.trainer.card, self.trainer.describe(sheet.given))
        if TEMPLATE in sheet.config.values():
            self.write(TEMPLATE, template_of(self.options.train.chat_template or ""))
        self.write(self.trainer.configuration, yaml_of(sheet.config, heading))
        if decision is not None:
            self.write(GATE, canonical(decision))

    def _export(
        self,
        sheet: Sheet,
        decision: GateDecision | None,
        inputs: Mapping[str, InputFile],
        sent: Mapping[str, _Sent],
    ) -> Export:
        kind = sheet.given.kind
        told = told_options(self.options.train)
        return Export(
            version=tool_version(),
            to=_told(self.to),
            kind=kind,
            model=recorded_name(self.options.train.model),
            configuration=self.trainer.configuration,
            command=self.trainer.command[kind],
            supervised=PREFERENCE_TRAINS if kind == "preference" else self.trainer.supervised,
            files=dict(sorted(self.files.items())),
            inputs=inputs,
            splits={name: _split(done) for name, done in sent.items()},
            gate=None if decision is None else _gate(decision),
            settings=tuple(msgspec.structs.replace(one, value=told[one.name]) for one in sheet.account()),
            provider_keys=self.options.provider_keys,
            notes=tuple(self._notes(sheet, sent, decision)),
        )

    def _notes(self, sheet: Sheet, sent: Mapping[str, _Sent], decision: GateDecision | None) -> Iterator[str]:
        if decision is None:
            yield NOT_ASKED
        if self.encoder is None:
            yield unrendered_note(self.trainer, self.to.title, self.options.train)
        for done in sent.values():
            yield from done.out.notes
            yield from self._notes_on(done)
        if sheet.given.kind == "preference":
            yield (
                "rows with two answers are exported for DPO, which learns to prefer one; `audit train` learns the "
                "preferred answer alone"
            )
        elif self.options.beta is not None:
            yield f"beta = {self.options.beta:g} is not carried: it belongs to DPO, and these rows are chats"

    def _notes_on(self, done: _Sent) -> Iterator[str]:
        split = done.out.split
        if done.history:
            yield (
                f"{split}: trained answers are lines of their own, so that {done.history:,} messages of earlier turns "
                "stand in more than one line and are read more than once"
            )
        if done.with_tools and self.trainer.rewrites_tools:
            yield (
                f"{split}: {plural(done.with_tools, 'row')} with tools or calls: {self.to.title} writes those in a "
                "format of its own (tool_format), not by the chat template, and counts other tokens for them"
            )


class _Sent(NamedTuple):
    """A split as it was written: the messages that stand in more than one line of a row, and the rows with tools."""

    out: SplitOut
    history: int
    with_tools: int


def _calls(chat: Chat) -> bool:
    return any(turn.calls for turn in (*chat.messages, *chat.chosen, *chat.rejected))


class _Lines:
    """The file of a split while its lines come in. ``times``, ``history`` and ``with_tools`` were seen of them."""

    def __init__(self, work: _Work, name: str) -> None:
        self._work = work
        self._name = name
        self._stream: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._bytes = 0
        self.times = Times()
        self.history = self.with_tools = 0

    def __enter__(self) -> _Lines:
        staged = self._work._staged
        if staged is not None:
            path = staged / self._name
            path.parent.mkdir(exist_ok=True)
            self._stream = path.open("wb")
        return self

    def __exit__(self, *raised: object) -> None:
        if self._stream is not None:
            self._stream.close()
        self._work.files[self._name] = ExportedFile(sha256=self._hash.hexdigest(), bytes=self._bytes)

    def take(self, one: Outgoing) -> None:
        """A line."""
        line = json.dumps(one.row).encode() + b"\n"  # keys in their order: templates write tool calls in it
        if self._stream is not None:
            self._stream.write(line)
        self._hash.update(line)
        self._bytes += len(line)
        if not self._work.trainer.is_typed:
            self.times.see(one.row)
        chat = one.record.chat
        self.with_tools += one.copy == one.part == 1 and (as_tools(chat.tools) is not None or _calls(chat))
        if one.part > 1:
            self.history += self._work.trainer.history(one.row)


def _told(to: Capabilities) -> dict[str, Json]:
    told = msgspec.structs.asdict(to)
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in told.items()}


def _split(done: _Sent) -> ExportedSplit:
    out = done.out
    left_out = Counter(one.outcome for one in out.outcomes if not one.examples)
    return ExportedSplit(
        rows=len(out.outcomes),
        used=sum(1 for one in out.outcomes if one.examples),
        lines=out.lines,
        left_out=dict(sorted(left_out.items())),
        history=done.history,
        lowering=None if out.lowering is None else out.lowering.account(),
        lost=out.lost,
    )


def _gate(decision: GateDecision) -> ExportedGate:
    return ExportedGate(
        verdict=decision.verdict,
        policy=decision.policy,
        policy_sha256=decision.policy_sha256,
        unmet=tuple(clause.name for clause in decision.failed),
        waiver=decision.waiver,
    )


def _model_for(model: str, folder: Path) -> str:
    """How the configuration names the model: a folder by its place as seen from the export, where the trainer runs."""
    given = Path(model).expanduser()
    if not given.is_dir():
        return model
    return os.path.relpath(os.path.realpath(model_folder(given)), os.path.realpath(folder))
