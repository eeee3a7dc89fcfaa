"""A chunk of lines parsed once, with the columns that every rule shares. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from audit.model import Chat, Json, Line, Problem, Record, RowTokens, Source
from audit.read.canonical import CanonicalRow, accept, repeats_a_key
from audit.read.canonical_tools import MARK, Accepted, AssistantTurn, ToolChat, UserTurn, accept_tools
from audit.read.dialogue import conversation_text
from audit.read.lines import Chunk
from audit.read.shapes import detect
from audit.read.shapes.openai_sft import OPENAI_SFT
from audit.read.strict import diagnose
from audit.read.suspects import is_suspect
from audit.rule import TokenCounter, ToolRow

CANONICAL_SHAPE = "openai-sft"
UNKNOWN_SHAPE = "unknown"

_SAMPLE = 8

_decode = msgspec.json.Decoder().decode


class OddRow(msgspec.Struct, frozen=True):
    """A row that the typed decode did not accept: its value and what its shape makes of it."""

    data: dict[str, Json]
    shape: str
    chat: Chat


class ParsedBatch:
    """Implements ``audit.rule.Batch`` over one chunk. Row numbers are indices into ``chunk.lines``."""

    def __init__(self, chunk: Chunk, counter: TokenCounter | None = None, *, texts: bool = False) -> None:
        """``counter`` when a rule needs tokens, ``texts`` when one looks at texts: otherwise rows are not kept."""
        self.chunk = chunk
        self.source: Source = chunk.source
        self.plain, self.tool = _accept(chunk, keep=texts or counter is not None)
        self.odd: dict[int, OddRow] = {}
        self.problems: dict[int, list[Problem]] = {index: list(found) for index, found in chunk.problems.items()}
        self.blank = self._read_odd_lines()
        self.rows = len(chunk.lines) - self.blank
        self._counter = counter

    def _read_odd_lines(self) -> int:
        """Parse every line that is not canonical; returns how many lines are blank."""
        blank = 0
        for index, row in enumerate(self.plain):
            if row is not None or index in self.tool:
                continue
            raw = self.chunk.lines[index]
            if not raw or raw.isspace():
                blank += 1
                continue
            value, problems = read_value(raw, index in self.chunk.suspects)
            if problems:
                self.problems.setdefault(index, []).extend(problems)
            if isinstance(value, dict):
                shape = detect(value)
                chat = shape.read(value) if shape else Chat()
                self.odd[index] = OddRow(value, shape.name if shape else UNKNOWN_SHAPE, chat)
        return blank

    # ------------------------------------------------------------------ columns

    @cached_property
    def bytes(self) -> int:
        """Bytes of the batch, line ends included."""
        return sum(self.line_sizes) + len(self.chunk.lines)

    @cached_property
    def line_sizes(self) -> Sequence[int]:
        """Bytes of every line."""
        return list(map(len, self.chunk.lines))

    @cached_property
    def canonical(self) -> Sequence[int]:
        """Row numbers of the canonical rows."""
        plain = [index for index, row in enumerate(self.plain) if row is not None]
        return sorted([*plain, *self.tool]) if self.tool else plain

    @cached_property
    def tool_rows(self) -> Sequence[ToolRow]:
        """The canonical rows that declare tools, in order."""
        return [ToolRow(index, row.tools, row.calls) for index, row in self.tool.items()]

    @cached_property
    def parsed(self) -> Sequence[int]:
        """Row numbers of all rows that could be parsed, in order."""
        return sorted([*self.canonical, *self.odd]) if self.odd else self.canonical

    @cached_property
    def shapes(self) -> Mapping[str, Sequence[int]]:
        """Shape name -> row numbers."""
        by_shape: dict[str, list[int]] = {}
        for index, row in self.odd.items():
            by_shape.setdefault(row.shape, []).append(index)
        if self.canonical:
            by_shape[CANONICAL_SHAPE] = sorted([*self.canonical, *by_shape.get(CANONICAL_SHAPE, ())])
        return by_shape

    @cached_property
    def with_metadata(self) -> Sequence[int]:
        """Row numbers of rows that carry ``metadata``."""
        plain = [i for i, row in enumerate(self.plain) if row is not None and row.metadata is not msgspec.UNSET]
        tool = [index for index, row in self.tool.items() if row.chat.metadata is not msgspec.UNSET]
        odd = [index for index, row in self.odd.items() if "metadata" in row.data]
        return sorted([*plain, *tool, *odd]) if tool or odd else plain

    @cached_property
    def tokens(self) -> Sequence[RowTokens] | None:
        """Token counts of the rows in ``parsed``; None when no rule asked for them."""
        if self._counter is None:
            return None
        rows = [row for row in self.plain if row is not None]
        plain = iter(self._counter.plain_chats([row.messages for row in rows]))
        if not self.odd and not self.tool:
            return list(plain)
        return [
            next(plain) if self.plain[index] is not None else self._counter.row(self.bare_record(index))
            for index in self.parsed
        ]

    @cached_property
    def texts(self) -> Sequence[str]:
        """What is said in each row of ``parsed``, in that order."""
        texts: list[str] = []
        for index in self.parsed:
            row = self.plain[index]
            if row is None:
                texts.append(conversation_text(self.bare_record(index)))
            else:
                turns = row.messages
                # A canonical row has at most one system message, at its start.
                first = 1 if turns[0].role == "system" else 0
                texts.append("\n".join([turn.content for turn in turns[first:]]))
        return texts

    @cached_property
    def exchanges(self) -> Sequence[tuple[int, str, str]]:
        """Row number, last text of the user and last text of the assistant of every canonical row, in order."""
        found: list[tuple[int, str, str]] = []
        for row in self.canonical:
            plain = self.plain[row]
            if plain is not None:
                turns = plain.messages
                found.append((row, turns[-2].content, turns[-1].content))
            else:
                found.append((row, *_last_exchange(self.tool[row].chat)))
        return found

    @cached_property
    def with_content(self) -> Sequence[int]:
        """Row numbers of the rows that are not blank, in order."""
        if not self.blank:
            return range(len(self.chunk.lines))
        return [index for index, raw in enumerate(self.chunk.lines) if raw and not raw.isspace()]

    @cached_property
    def parsed_set(self) -> frozenset[int]:
        """The row numbers in ``parsed``."""
        return frozenset(self.parsed)

    # ------------------------------------------------------------------ rows

    def line_of(self, row: int) -> int:
        """The 1-based line number of a row."""
        return self.chunk.number(row)

    def line(self, row: int) -> Line:
        """The bytes of a line with everything the reader diagnosed."""
        return Line(
            source=self.source,
            number=self.chunk.number(row),
            offset=self.chunk.offset(row),
            raw=self.chunk.lines[row],
            problems=tuple(self.problems.get(row, ())),
        )

    def record(self, row: int) -> Record:
        """The row as a Record, with its token counts if they were computed."""
        record = self.bare_record(row)
        if self._counter is None:
            return record
        return msgspec.structs.replace(record, tokens=self._tokens_by_row[row])

    def contents(self, row: int) -> Iterable[str]:
        """The contents of a canonical row."""
        plain = self.plain[row]
        return self.tool[row].texts() if plain is None else (turn.content for turn in plain.messages)

    def records(self) -> Iterator[Record]:
        """Every parsed row, in order."""
        return map(self.record, self.parsed)

    @cached_property
    def _tokens_by_row(self) -> Mapping[int, RowTokens]:
        return dict(zip(self.parsed, self.tokens or (), strict=True))

    def bare_record(self, row: int) -> Record:
        """The row as a Record without token counts."""
        odd = self.odd.get(row)
        raw = self.chunk.lines[row]
        if odd is None:
            value = _decode(raw)
            odd = OddRow(value, CANONICAL_SHAPE, OPENAI_SFT.read(value))
        return Record(
            source=self.source,
            line=self.chunk.number(row),
            offset=self.chunk.offset(row),
            raw=raw,
            data=odd.data,
            shape=odd.shape,
            chat=odd.chat,
            canonical=self.plain[row] is not None,
        )


def _accept(chunk: Chunk, *, keep: bool) -> tuple[list[CanonicalRow | None], dict[int, Accepted]]:
    """The canonical rows of a chunk: the plain chat of each line or None, and the tool-calling rows by index.

    No row is both, so which decode is tried first is a matter of speed alone: a few lines tell what most are.
    """
    lines, suspects = chunk.lines, chunk.suspects
    step = len(lines) // _SAMPLE + 1
    if not any(MARK in raw for raw in lines[::step]):
        plain = accept(lines, suspects, keep=keep)
        return plain, accept_tools(lines, [i for i, row in enumerate(plain) if row is None], suspects)
    tool = accept_tools(lines, range(len(lines)), suspects)
    rest = [index for index in range(len(lines)) if index not in tool]
    skip = {place for place, index in enumerate(rest) if index in suspects}
    plain = [None] * len(lines)
    for index, row in zip(rest, accept([lines[index] for index in rest], skip, keep=keep), strict=True):
        plain[index] = row
    return plain, tool


def _last_exchange(chat: ToolChat) -> tuple[str, str]:
    """The last text of the user and the last of the assistant, "" where there is none."""
    last = {
        type(turn): turn.content
        for turn in chat.messages
        if isinstance(turn, UserTurn | AssistantTurn) and isinstance(turn.content, str)
    }
    return last.get(UserTurn, ""), last.get(AssistantTurn, "")


def read_value(raw: bytes, suspect: bool) -> tuple[Json, tuple[Problem, ...]]:
    """The JSON value of a line and what is wrong with its bytes; the exact, slow way only where the fast one balks."""
    if not suspect and not is_suspect(raw):
        try:
            value = _decode(raw)
            if isinstance(value, dict) and not repeats_a_key(raw, value):
                return value, ()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    diagnosis = diagnose(raw)
    return diagnosis.value, diagnosis.problems


def again(raw: bytes) -> Json:
    """The value that ``read_value`` gives for a line, from one that has been judged already."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return diagnose(raw).value
