"""From data and options to everything a run is made of, before its first step: shared by training, dry runs, replays.

Writes the tokenizer into a folder that is handed in, and nothing else. Trains nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.engine.finish import TRAIN
from audit.errors import InputError, UsageError
from audit.model import ABSENT
from audit.train.core.batches import Schedule, auto_budget, denominator, reach
from audit.train.core.learner import Parts
from audit.train.core.objective import objective_for
from audit.train.core.place import Place
from audit.train.data.accounting import Accounting, account
from audit.train.data.building import RowOutcome, build, left_alone
from audit.train.data.canaries import planted
from audit.train.data.encode import Encoder, question_of
from audit.train.data.examples import Examples
from audit.train.data.rows import VALIDATION, FileRead, Rows, gathering
from audit.train.models.preparing import Prepared, length_limit, prepare
from audit.train.models.templates import CONTROL
from audit.train.models.tokenizing import TEMPLATE, TOKENIZER, TOKENIZER_CONFIG, tiny_template, tokenizer_for
from audit.train.options import TrainOptions
from audit.train.runs.identity import (
    Identity,
    config_identity,
    data_identity,
    machine_identity,
    order_identity,
)

_CONTROL = re.compile("|".join(map(re.escape, CONTROL)))


class Assembled(NamedTuple):
    """The data of a run as its model sees it, the tokenizer that made it so, and the model."""

    options: TrainOptions
    examples: Mapping[str, Examples]
    outcomes: Sequence[RowOutcome]
    accounting: Accounting
    files: Mapping[str, FileRead]
    classes: tuple[str, ...]
    tokenizer_folder: Path
    prepared: Prepared

    @property
    def validation(self) -> Examples | None:
        """The validation examples, None where there are none."""
        found = self.examples.get(VALIDATION)
        return found if found is not None and len(found) else None


def assemble(
    data: Any,
    options: TrainOptions,
    settings: Settings,
    folder: Path,
    progress: Callable[[Progress], None] | None = None,
) -> Assembled:
    """Everything but the loop's own parts. ``options`` are settled; the tokenizer is written into ``folder``.

    Raises InputError for rows that cannot be trained on where they are to stop the run, or where none are left, and
    UsageError for early stopping without validation rows; else as the parts it calls.
    """
    limit = length_limit(options, allow_download=settings.allow_download)
    with gathering(data, settings, options, progress) as rows:
        if options.early_stopping and not rows.splits.get(VALIDATION):
            raise UsageError(
                f"early stopping on {options.early_stopping} needs validation rows, and there are none",
                hint="--validation FILE, --split validation=FILE, or --hold-out 0.1",
            )
        tokenizer = tokenizer_for(
            options, lambda: _texts(rows, options), folder, allow_download=settings.allow_download
        )
        encoder = Encoder(tokenizer, options, limit, rows.classes)
        splits = [name for name in (TRAIN, VALIDATION) if rows.splits.get(name)]
        built = {name: build(rows, name, encoder) for name in splits}
        accounting = account(rows, built, options)
        if options.canaries:
            built[TRAIN], note = planted(built[TRAIN], encoder, rows.total)
            accounting = msgspec.structs.replace(accounting, notes=(*accounting.notes, note))
        files, classes = rows.files, rows.classes
        outcomes = [
            one for name in rows.splits for one in (built[name].outcomes if name in built else left_alone(rows, name))
        ]
    examples = {name: one.examples for name, one in built.items()}
    if not len(examples[TRAIN]):
        raise InputError("no training row is left to train on", hint="`audit train --dry-run` counts why")
    longest = max(int(one.lengths.max(initial=0)) for one in examples.values())
    prepared = prepare(
        options,
        tokenizer,
        folder,
        classes if options.task == "classify" else (),
        allow_download=settings.allow_download,
        longest=longest,
    )
    outcomes.sort(key=lambda one: one.ordinal)
    return Assembled(options, examples, outcomes, accounting, files, classes, folder, prepared)


def _texts(rows: Rows, options: TrainOptions) -> Iterator[str]:
    """The texts of the training rows between control tokens, as the built-in template lays them out; of a row that is
    to be classified only what stands before its answer."""
    template = tiny_template()
    for record in rows.records(rows.splits[TRAIN]):
        chat = question_of(record) if options.task == "classify" else record.chat
        turns = chat.messages + chat.chosen
        if chat.tools is ABSENT and all(isinstance(turn.content, str) and not turn.calls for turn in turns):
            laid_out = [turn.content for turn in turns]  # the same words, without the time that a template takes
        else:
            laid_out = [sample.text for sample in template.render(chat).samples]
        for text in laid_out:
            yield from filter(None, _CONTROL.split(text))


# ----------------------------------------------------------------------------- the parts of the loop


def parts_of(assembled: Assembled, place: Place) -> Parts:
    """What the loop takes. To be called within ``place.applied()``, as everything that computes.

    Raises TrainingError where no training row has a weight.
    """
    options, prepared, train = assembled.options, assembled.prepared, assembled.examples[TRAIN]
    schedule = Schedule(len(train), options.batch_size, options.epochs, options.max_steps)
    return Parts(
        prepared=prepared,
        objective=objective_for(prepared, train, place=place),
        train=train,
        validation=assembled.validation,
        schedule=schedule,
        denominator=denominator(train, schedule),
        budget=options.token_budget or auto_budget(reach(train), options.batch_size),
        options=options,
        place=place,
    )


def identity_of(assembled: Assembled, parts: Parts) -> Identity:
    """Everything that must be equal for a resume. To be called within ``place.applied()``."""
    options, prepared, place = assembled.options, assembled.prepared, parts.place
    schedule = parts.schedule
    drawn = (int(i) for step in range(1, schedule.steps_per_epoch + 1) for i in schedule.batch(step, options.seed))
    return Identity(
        train=data_identity(parts.train),
        validation=data_identity(parts.validation) if parts.validation is not None else None,
        classes=assembled.classes,
        order=order_identity(drawn),
        config=config_identity(options),
        tokenizer=files_hash(assembled.tokenizer_folder, (TOKENIZER, TOKENIZER_CONFIG)),
        template=files_hash(assembled.tokenizer_folder, (TEMPLATE,)),
        base=prepared.base.name,
        base_files=prepared.base.files,
        denominator=parts.denominator,
        token_budget=parts.budget,
        strategy=parts.objective.strategy,
        machine=machine_identity(str(place.device), place.world.size),
    )


def files_hash(folder: Path, names: Sequence[str]) -> str:
    """Hex SHA-256 over the names and contents of some files of a folder; a file that is not there counts as that."""
    total = hashlib.sha256()
    for name in names:
        path = folder / name
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
        total.update(f"{name} {content}\n".encode())
    return total.hexdigest()
