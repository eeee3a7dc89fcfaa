"""Builds what a split is trained or evaluated on, and says of every row what became of it. Counts nothing up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.errors import ConfigError, InputError, did_you_mean
from audit.model import Record
from audit.policy.words import plural
from audit.train.data.encode import Encoder, RowIn, RowOut, Unusable
from audit.train.data.examples import Example, Examples
from audit.train.data.rows import VALIDATION, Rows
from audit.train.data.weighting import Factors, row_factors
from audit.train.options import TrainOptions

TOGETHER: Final = 256
"""Rows that are tokenised at once."""
USED, TRUNCATED, WEIGHTLESS, OTHER_SPLIT = "used", "truncated", "weight_0", "other_split"
"""What becomes of a row that is not left out for a reason of its own: all of it is used, a part is, it counts for
nothing and was left out, or it belongs to a split that is neither trained nor evaluated on."""


class RowOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a row: one of the four words above, or why it was left out (``audit.train.data.encode.Reason``).

    ``examples``, ``tokens`` and ``trained`` count its sequences, their tokens and those that carry loss; ``weight`` is
    what the row counts for. Holds no text of the row.
    """

    ordinal: int
    row_id: str
    file: str
    line: int
    split: str
    outcome: str
    examples: int = 0
    tokens: int = 0
    trained: int = 0
    weight: float = 1.0


class Built(msgspec.Struct, frozen=True):
    """The sequences of a split, and what became of each of its rows, in order. ``roles`` counts trained tokens by the
    role of their turn, ``preference_rows`` rows of two answers, of which the chosen one is trained on.

    What a user may not expect is counted: training rows with a ``weight`` that nothing asks for, trained turns that do
    not go on from what the template asks with, and rows with reasoning that the template does not write."""

    examples: Examples
    outcomes: Sequence[RowOutcome]
    roles: Mapping[str, int] = {}
    preference_rows: int = 0
    unused_weights: int = 0
    off_prompt: int = 0
    unwritten_reasoning: int = 0


def build(rows: Rows, split: str, encoder: Encoder) -> Built:
    """Encode the rows of a split. Weights of rows, classes and groups are for training: in every other split each row
    counts once, and only the weights of messages are looked at.

    Raises InputError, naming the first such row, for rows that are too long or cannot be used where the options ask for
    that, for validation rows of a class that no training row has, and where no row is left; ConfigError where no
    training row has the field that is to weigh it.
    """
    options = encoder.options
    factors = row_factors(rows, options) if split == "train" else None
    work = _Work(rows, split, encoder, factors)
    examples = Examples(work.examples())
    work.refuse()
    if not len(examples):
        raise nothing_left(split, len(work.ordinals), work.left_out())
    of_row = examples.rows.tolist()
    return Built(
        examples.described(
            classes=encoder.classes,
            groups={name: [codes[row] for row in of_row] for name, codes in rows.groups.items()},
            members=rows.members,
            row_ids=rows.row_ids(of_row),
        ),
        work.outcomes,
        dict(sorted(work.roles.items())),
        work.preferred,
        work.unused_weights,
        work.off_prompt,
        work.unwritten_reasoning,
    )


def left_alone(rows: Rows, split: str) -> list[RowOutcome]:
    """What becomes of the rows of a split that is neither trained nor evaluated on: nothing."""
    work = _Work(rows, split, None, None)
    return [work.outcome(row, OTHER_SPLIT, 1.0) for row in work.ordinals]


class _Work:
    """The rows of a split while they are gone through."""

    def __init__(self, rows: Rows, split: str, encoder: Encoder | None, factors: Factors | None) -> None:
        self.rows = rows
        self.split = split
        self.encoder = encoder
        self.ordinals = rows.splits[split]
        self.outcomes: list[RowOutcome] = []
        self.roles: Counter[str] = Counter()
        self.preferred = self.unused_weights = self.off_prompt = self.unwritten_reasoning = 0
        self._factors = factors
        self._ids = dict(zip(self.ordinals, rows.row_ids(self.ordinals), strict=True))
        self._refused: list[tuple[int, Unusable]] = []

    def outcome(self, row: int, said: str, weight: float, made: RowOut | None = None) -> RowOutcome:
        """The outcome of a row."""
        place = self.rows.place(row)
        file, line = place.file or "", place.line or 0
        counts = (0, 0, 0) if made is None else (len(made.examples), made.tokens, made.trained)
        return RowOutcome(row, self._ids[row], file, line, self.split, said, *counts, weight)

    def examples(self) -> Iterator[Example]:
        """All sequences, in the order of the rows, while ``outcomes`` fills."""
        waiting: list[RowIn] = []
        weighed, last = 0, None
        for row, record in zip(self.ordinals, self.rows.records(self.ordinals), strict=True):
            weight = 1.0 if self._factors is None else float(self._factors[row])
            bad = self.rows.has_bad_weight(record)
            if self._factors is not None:
                weighed += self.rows.says_weight(record)
                self.unused_weights += self.rows.has_unused_weight(record)
                last = record
            waiting.append(RowIn(record, row, float("nan") if bad else weight, self.rows.labels[row]))
            if len(waiting) == TOGETHER:
                yield from self._encoded(waiting)
                waiting = []
        yield from self._encoded(waiting)
        if last is not None and not weighed and self.rows.weight_at is not None:
            raise no_weight(self.rows.weight_at, last)

    def _encoded(self, rows: Sequence[RowIn]) -> Iterator[Example]:
        if self.encoder is None:
            return
        counting = [row for row in rows if row.weight != 0]
        made = dict(zip((row.row for row in counting), self.encoder.encode_all(counting), strict=True))
        for row in rows:
            found = made.get(row.row)
            if found is None:
                self.outcomes.append(self.outcome(row.row, WEIGHTLESS, 0.0))
            elif isinstance(found, Unusable):
                self.outcomes.append(
                    self.outcome(row.row, found.reason, 0.0 if row.weight != row.weight else row.weight)
                )
                if self._stops(found, self.encoder.options):
                    self._refused.append((row.row, found))
            else:
                self.outcomes.append(self.outcome(row.row, TRUNCATED if found.truncated else USED, row.weight, found))
                self.roles.update(found.roles)
                self.preferred += found.preferred
                self.off_prompt += found.off_prompt
                self.unwritten_reasoning += found.unwritten_reasoning
                yield from found.examples

    def _stops(self, found: Unusable, options: TrainOptions) -> bool:
        return (found.reason == "unseen_label" and self.split == VALIDATION) or stops(found.reason, options)

    def left_out(self) -> Counter[str]:
        """Rows that gave nothing, by what is said of them."""
        return Counter(one.outcome for one in self.outcomes if not one.examples)

    def refuse(self) -> None:
        """Raise InputError for the rows that stop the run."""
        if not self._refused:
            return
        hint = way_out(self._refused[0][1].reason, self.encoder.options) if self.encoder else None
        refused = [(row, found.reason, found.detail) for row, found in self._refused]
        raise refusal(self.rows, self.split, refused, hint)


def nothing_left(split: str, rows: int, left_out: Mapping[str, int]) -> InputError:
    """The error that none of the rows of a split can be used; ``left_out`` counts them by what is said of them."""
    return InputError(
        f"none of the {plural(rows, 'row')} of the split {split} can be used: {_counted(left_out)}",
        hint="look at the weights of rows" if set(left_out) == {WEIGHTLESS} else "`audit check` says what is wrong",
    )


def refusal(rows: Rows, split: str, refused: Sequence[tuple[int, str, str]], hint: str | None) -> InputError:
    """The error that names the first of the rows that stop a run. ``refused`` holds their ordinals, the reason in a
    word and in a sentence without a full stop."""
    row, reason, detail = refused[0]
    place = rows.place(row)
    others = len(refused) - 1
    more = (
        f", and {plural(others, 'other row')} ({_counted(Counter(why for _, why, _ in refused))} in all)"
        if others
        else ""
    )
    return InputError(
        f"{place.file} line {place.line} (row {rows.row_ids([row])[0]}) cannot be used for {split}: "
        f"{detail} [{reason}]{more}",
        hint=hint,
    )


def no_weight(field: str, record: Record) -> ConfigError:
    """The error that no training row has the field that is to weigh it; ``record`` is one of them."""
    data = record.data if isinstance(record.data, dict) else {}
    metadata = data.get("metadata")
    names = [*data, *(f"metadata.{key}" for key in (metadata if isinstance(metadata, dict) else ()))]
    return ConfigError(f"[data] weight = {field!r}: no training row has that", hint=did_you_mean(field, names))


def stops(reason: str, options: TrainOptions) -> bool:
    """Whether a row that cannot be used for this reason stops the run, by the settings alone."""
    if reason == "over_length" and options.over_length != "truncate":
        return options.over_length == "error"
    return options.unusable == "error"


def way_out(reason: str, options: TrainOptions) -> str:
    """What can be done about rows that stop the run. Rows that are cut already cannot be cut."""
    cut = reason == "over_length" and options.over_length == "truncate"
    return DROP if cut else _WAYS_OUT.get(reason, DROP)


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))


DROP: Final = 'unusable = "drop" leaves such rows out and records which'
"""What can be done about any row that stops a run."""
_WAYS_OUT: Final = {
    "over_length": 'a larger max_length; or over_length = "drop", or "truncate" behind the last answer that fits',
    "unseen_label": "put rows of that class into the training split, or take these out of the validation split",
}
