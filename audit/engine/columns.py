"""Columns over all rows: where each lies, and the identities that whole-dataset rules group by. Judges nothing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import contains
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from audit.engine.batch import ParsedBatch
from audit.model import Message, Record, RowTokens
from audit.read.canonical import Turn
from audit.read.dialogue import answer_text, exchange
from audit.read.fields import group_of, label_in, label_of, split_of
from audit.read.folding import ASCII_WORDS, words
from audit.read.identity import CONVERSATION, FOLDED, TEXT, conversation_key, key_of, plain_key, tool_names
from audit.read.marks import TRACE, is_synthetic, names_row, says_copy, weight_at
from audit.rule import COPY, NO_COPY, SYNTHETIC, WEIGHTED, Fields, Product

NO_SPLIT: Final = ""
"""In the column of splits: the row's field names none, the role of its source decides."""


class _Key(NamedTuple):
    """How an identity is computed: from the turns of a plain chat that ends with the assistant, and from any record."""

    of_plain: Callable[[Sequence[Turn], Fields], int]
    of_record: Callable[[Record, Fields], int]


class Columns:
    """One entry for every row with content, in reading order. Eight bytes a row and identity, 28 for its place.

    ``lines`` are 1-based line numbers, ``offsets`` byte offsets in the unpacked source, ``stored`` where the row's
    bytes lie (in the file, or in the spool), ``sizes`` how many they are. ``marks`` is what rows say of
    themselves; which of it holds is known when all rows are read (``audit.engine.origins.held``).
    """

    def __init__(self, products: Iterable[Product], fields: Fields) -> None:
        self.lines = array("Q")
        self.offsets = array("Q")
        self.stored = array("Q")
        self.sizes = array("I")
        self.keys: dict[Product, array[int]] = {name: array("Q") for name in KEYS if name in set(products)}
        self.splits = array("H") if fields.split is not None else None
        self.split_names: list[str] = []
        self.fields = fields
        wanted = set(products)
        self.marks = array("B") if "marks" in wanted else None
        self.weights = array("d") if "weights" in wanted else None
        self.token_totals = array("I") if "token_columns" in wanted else None
        self.token_targets = array("I") if "token_columns" in wanted else None

    def take(self, batch: ParsedBatch) -> None:
        """Add the rows of a batch."""
        self._take_places(batch)
        self._take_marks(batch)
        self._take_tokens(batch)
        if not self.keys and self.splits is None:
            return
        fields = self.fields
        of_plain = [(self.keys[name].append, KEYS[name].of_plain) for name in self.keys]
        of_record = [(self.keys[name].append, KEYS[name].of_record) for name in self.keys]
        data_too = self.splits is not None or fields.group is not None or fields.label not in (None, "answer")
        plain = batch.plain
        if not data_too and None not in plain:
            chats = [row.messages for row in plain if row is not None]
            for name, keys in self.keys.items():
                many = OF_PLAIN_CHATS.get(name)
                keys.extend(many(chats) if many is not None else [KEYS[name].of_plain(chat, fields) for chat in chats])
            return
        for row in batch.with_content:
            canonical = plain[row]
            if canonical is not None and not data_too:
                for append, key in of_plain:
                    append(key(canonical.messages, fields))
                continue
            record = batch.bare_record(row) if row in batch.parsed_set else None
            for append, key_of_record in of_record:
                append(0 if record is None else key_of_record(record, fields))
            if self.splits is not None:
                self.splits.append(self._split(NO_SPLIT if record is None else split_of(record, fields) or NO_SPLIT))

    def _take_places(self, batch: ParsedBatch) -> None:
        chunk, sizes, rows = batch.chunk, batch.line_sizes, batch.with_content
        offsets = chunk.all_offsets()
        stored = offsets if chunk.spooled_at is None else _starts(sizes, chunk.spooled_at)
        if not batch.blank and chunk.numbers is None:
            self.lines.extend(range(chunk.first_line, chunk.first_line + len(sizes)))
            self.offsets.extend(offsets)
            self.stored.extend(stored)
            self.sizes.extend(sizes)
            return
        self.lines.extend(map(chunk.number, rows))
        self.offsets.extend([offsets[row] for row in rows])
        self.stored.extend([stored[row] for row in rows])
        self.sizes.extend([sizes[row] for row in rows])

    def _take_marks(self, batch: ParsedBatch) -> None:
        """What rows say of themselves. Without a field for the weight only rows with ``TRACE`` are looked into."""
        marks, weights, path = self.marks, self.weights, self.fields.weight
        if marks is None and weights is None:
            return
        lines = batch.chunk.lines
        if path is None and not any(map(contains, lines, repeat(TRACE))):
            if marks is not None:
                marks.frombytes(bytes(batch.rows))
            if weights is not None:
                weights.extend(repeat(1.0, batch.rows))
            return
        for row in batch.with_content:
            looked = (path is not None or TRACE in lines[row]) and row in batch.parsed_set
            data = batch.bare_record(row).data if looked else None
            weight = weight_at(data, path)
            if weights is not None:
                weights.append(1.0 if weight is None else weight)
            if marks is not None:
                weighted = 0 if weight is None else WEIGHTED
                copied = 0 if not says_copy(data) else COPY if names_row(data) else NO_COPY
                marks.append(copied | is_synthetic(data) * SYNTHETIC | weighted)

    def _take_tokens(self, batch: ParsedBatch) -> None:
        totals, targets = self.token_totals, self.token_targets
        if totals is None or targets is None:
            return
        counts: Iterable[RowTokens | None] = batch.tokens or ()
        if len(batch.parsed) < batch.rows:
            by_row = dict(zip(batch.parsed, batch.tokens or (), strict=True))
            counts = map(by_row.get, batch.with_content)
        for count in counts:
            totals.append(0 if count is None else count.total)
            targets.append(0 if count is None else count.trainable)

    def _split(self, name: str) -> int:
        if name not in self.split_names:
            self.split_names.append(name)
        return self.split_names.index(name)

    def merge(self, later: Columns) -> None:
        """Add the rows of columns that read a later part."""
        self.lines.extend(later.lines)
        self.offsets.extend(later.offsets)
        self.stored.extend(later.stored)
        self.sizes.extend(later.sizes)
        for name, keys in later.keys.items():
            self.keys[name].extend(keys)
        for own, theirs in (
            (self.marks, later.marks),
            (self.weights, later.weights),
            (self.token_totals, later.token_totals),
            (self.token_targets, later.token_targets),
        ):
            if own is not None and theirs is not None:
                own.extend(theirs)  # type: ignore[arg-type]
        if self.splits is not None and later.splits is not None:
            renamed = [self._split(name) for name in later.split_names]
            self.splits.extend(renamed[code] for code in later.splits)


def with_identities(products: Iterable[Product], fields: Fields) -> frozenset[Product]:
    """The products with the identities and the marks that ``clusters`` and ``marks`` rest on."""
    needs = frozenset(products)
    if "clusters" in needs:
        needs |= identities_of_clusters(fields) | {"marks"}
    return needs | {"conversation"} if "marks" in needs else needs


def identities_of_clusters(fields: Fields) -> frozenset[Product]:
    """What rows of one cluster share: the conversation, or the group where one is configured."""
    return frozenset({"conversation"} if fields.group is None else {"conversation", "group"})


def _starts(sizes: Sequence[int], first: int) -> list[int]:
    """Where lines begin that follow each other with one byte between."""
    return list(accumulate([size + 1 for size in sizes[:-1]], initial=first))


# ----------------------------------------------------------------------------- identities


def _text_key(text: str | None) -> int:
    return key_of(text.encode("utf-8", "surrogatepass"), TEXT) if text else 0


def _folded_record(record: Record, messages: Iterable[Message]) -> int:
    parts: list[bytes] = []
    for message in messages:
        parts += (str(message.role).encode("utf-8", "surrogatepass"), words(message.text))
        parts += [words(f"{call.name} {call.arguments}") for call in message.calls]
    if record.tools:
        parts += [name.encode("utf-8", "surrogatepass") for name in tool_names(record.tools)]
    return key_of(b"\n".join(parts), FOLDED) if parts else 0


def _folded_plain(turns: Sequence[Turn]) -> int:
    parts: list[bytes] = []
    for turn in turns:
        parts += (ROLES[turn.role], words(turn.content))
    return key_of(b"\n".join(parts), FOLDED)


ROLES: Final = {role: role.encode() for role in ("system", "user", "assistant")}

KEYS: Final[Mapping[Product, _Key]] = {
    "conversation": _Key(
        lambda turns, fields: plain_key([(turn.role, turn.content) for turn in turns]),
        lambda record, fields: conversation_key(record),
    ),
    "normalised": _Key(
        lambda turns, fields: _folded_plain(turns),
        lambda record, fields: _folded_record(record, record.chat.messages + record.chat.chosen),
    ),
    "prompt": _Key(
        lambda turns, fields: _folded_plain(turns[:-1]),
        lambda record, fields: _folded_record(record, exchange(record).prompt),
    ),
    "answer": _Key(
        lambda turns, fields: _text_key(turns[-1].content.strip()),
        lambda record, fields: _text_key(answer_text(record)),
    ),
    "label": _Key(
        lambda turns, fields: _text_key(label_in(turns[-1].content, fields)),
        lambda record, fields: _text_key(label_of(record, fields)),
    ),
    "group": _Key(lambda turns, fields: 0, lambda record, fields: _text_key(group_of(record, fields))),
}
"""Product -> how its identity is computed."""


def _conversations(chats: Sequence[Sequence[Turn]]) -> list[int]:
    """The ``conversation`` identities of plain chats. This and the next are the hot path: no calls but into C."""
    texts = ["\x1e".join([f"{turn.role}\n{len(turn.content)}\n{turn.content}" for turn in chat]) for chat in chats]
    return [xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"), CONVERSATION) or 1 for text in texts]


def _prompts(chats: Sequence[Sequence[Turn]]) -> list[int]:
    """The ``prompt`` identities of plain chats."""
    keys: list[int] = []
    for chat in chats:
        parts: list[bytes] = []
        for turn in chat[:-1]:
            text = turn.content
            parts.append(ROLES[turn.role])
            parts.append(b" ".join(text.encode().translate(ASCII_WORDS).split()) if text.isascii() else words(text))
        keys.append(xxh3_64_intdigest(b"\n".join(parts), FOLDED) or 1)
    return keys


def _answers(chats: Sequence[Sequence[Turn]]) -> list[int]:
    """The ``answer`` identities of plain chats, whose answers are never blank."""
    return [xxh3_64_intdigest(chat[-1].content.strip().encode("utf-8", "surrogatepass"), TEXT) or 1 for chat in chats]


OF_PLAIN_CHATS: Final[Mapping[Product, Callable[[Sequence[Sequence[Turn]]], list[int]]]] = {
    "conversation": _conversations,
    "prompt": _prompts,
    "answer": _answers,
}
"""Products whose identities are computed for a whole batch at once; the same as ``KEYS`` gives one by one."""
