"""Gathers, while rows are read, what says that two of them must not be torn apart. Joins and judges nothing.

A rule that finds nothing: rules are what the engine shows rows to, in as many processes as there are.
"""

from __future__ import annotations

import re
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, cast

from audit.clusters.settings import NearSettings
from audit.engine.batch import UNKNOWN_SHAPE, ParsedBatch
from audit.engine.row_parts import SYSTEM, RowParts
from audit.masking import Masker, masker_of
from audit.model import Json, Measure, Record, Severity
from audit.read.dialogue import answer_text, exchange, said
from audit.read.fields import text_of, value_at
from audit.read.folding import fold
from audit.read.identity import TEXT, key_of
from audit.rule import Batch, Context, DatasetRule, Product, Run

NEEDS: Final[frozenset[Product]] = frozenset(
    {"conversation", "normalised", "prompt", "answer", "near_clusters", "marks"}
)
"""What units are made of beside the keys that are gathered here."""
LEAST_WORDS: Final = 5
"""Words that a prompt must have beside its numbers for it to be a template of theirs."""
_DIGITS: Final = re.compile(rb"[0-9]+")

CONTENT, SHAPELESS, SHORT, TERMS, NUMBERS = "content", "shapeless", "short", "terms", "numbers"
_CODES: Final[Mapping[str, str]] = {CONTENT: "B", SHAPELESS: "B", SHORT: "B"}


class Keys(DatasetRule, frozen=True):
    """Columns over all rows, one entry a row with content: its content id (16 bytes), whether it can be read and is of
    no known shape or holds no message, whether its prompt is too short to be a question, and 64-bit keys, 0 for none,
    of its prompt with identity terms masked, of its prompt with numbers masked, and of the text at each of ``paths``.

    ``near`` says what a near-duplicate is, ``min_units`` how many words a prompt must have.
    """

    near: NearSettings = NearSettings()
    min_units: int = 5
    paths: tuple[str, ...] = ()

    code: ClassVar[str] = "SPL000"
    name: ClassVar[str] = "units"
    severity: ClassVar[Severity] = Severity.INFO
    needs: ClassVar[frozenset[Product]] = NEEDS

    def near_settings(self, run: Run) -> NearSettings:
        """What counts as a near-duplicate."""
        return self.near

    def prepare(self, run: Run) -> None:
        """Read and compile the lexicons."""
        masker_of(run)

    def start(self) -> Json:
        """The columns of each batch, in base64."""
        return []

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        rows = RowParts(cast(ParsedBatch, batch))
        masker = masker_of(run)
        columns = {name: array(_CODES.get(name, "Q")) for name in self._names}
        columns[CONTENT].frombytes(bytes.fromhex("".join(rows.contents)))
        for record in rows.records:
            short, terms, numbers = (0, 0, 0) if record is None else _of_prompt(record, masker, self.min_units)
            columns[SHAPELESS].append(record is not None and (record.shape == UNKNOWN_SHAPE or not record.turns))
            columns[SHORT].append(short)
            columns[TERMS].append(terms)
            columns[NUMBERS].append(numbers)
            for path in self.paths:
                columns[path].append(0 if record is None else _value_key(record, path))
        state.append({name: b64encode(column.tobytes()).decode() for name, column in columns.items()})
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """Those of both."""
        return first + second

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Measure]:
        """The state, for ``columns_of``."""
        yield self.measure("split.keys", table=state, n=context.rows)

    @property
    def _names(self) -> Sequence[str]:
        return (CONTENT, SHAPELESS, SHORT, TERMS, NUMBERS, *self.paths)

    def columns_of(self, measures: Iterable[Measure]) -> Mapping[str, array[int]]:
        """The columns, by name, from among the measures of a run; the keys of a path by the path."""
        columns = {name: array(_CODES.get(name, "Q")) for name in self._names}
        for part in next(measure.table for measure in measures if measure.code == self.code):
            for name, column in columns.items():
                column.frombytes(b64decode(part[name]))
        return columns


def _of_prompt(record: Record, masker: Masker, min_units: int) -> tuple[int, int, int]:
    """Whether the prompt is short, its key with identity terms masked, and its key with numbers masked."""
    turns = exchange(record).prompt
    text = said(turns)
    folded = fold(text)
    spoken = [turn for turn in turns if turn.role not in SYSTEM]
    units = (folded if len(spoken) == len(turns) else fold(said(spoken))).split()
    return int(len(units) < min_units), _terms_key(record, text, folded, masker), _numbers_key(folded)


def _terms_key(record: Record, prompt: str, folded: bytes, masker: Masker) -> int:
    """The masked prompt; where it mentions nobody and the answer does, the prompt and the masked answer."""
    if masker.may_mention(prompt):
        masked = masker.mask(prompt)
        if masked.terms:
            return masked.key
    answer = answer_text(record)
    if not masker.may_mention(answer):
        return 0
    masked = masker.mask(answer)
    return key_of(b"%b\0%d" % (folded, masked.key), TEXT) if masked.terms else 0


def _numbers_key(folded: bytes) -> int:
    """The prompt with every run of digits alike; 0 where there is none, or little beside it."""
    if _DIGITS.search(folded) is None:
        return 0
    plain = sum(_DIGITS.search(word) is None for word in folded.split())
    return key_of(_DIGITS.sub(b"#", folded), TEXT) if plain >= LEAST_WORDS else 0


def _value_key(record: Record, path: str) -> int:
    text = text_of(value_at(record.data, path))
    return key_of(text.encode("utf-8", "surrogatepass"), TEXT) if text else 0
