"""Cuts UTF-8 blocks into lines: the hot path. Splits, keeps places, marks suspects; parses no JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from audit.model import Problem, Source
from audit.read.chunks import Chunk, blank_line, is_blank
from audit.read.strict import diagnose
from audit.read.suspects import odd_lines

_LINE_END: Final = re.compile(rb"\r?\n")
_ANY_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BETWEEN_VALUES: Final = re.compile(rb"[}\]][ \t]*\r")
_BETWEEN_VALUES_ON_A_LINE: Final = re.compile(rb"[}\]][ \t]*\r(?!\n)")


class LineEnds(msgspec.Struct, frozen=True):
    """How many lines end in each way. ``cr`` counts carriage returns that stand where a line end should."""

    lf: int = 0
    crlf: int = 0
    cr: int = 0

    def __add__(self, more: LineEnds) -> LineEnds:
        return LineEnds(self.lf + more.lf, self.crlf + more.crlf, self.cr + more.cr)


def line_ends(text: bytes) -> LineEnds:
    """What ``LineSplitter`` counts in whole lines, each of them ended by ``\\n``, without splitting them."""
    newlines = text.count(b"\n")
    if b"\r" not in text:
        return LineEnds(newlines)
    pairs = text.count(b"\r\n")
    alone = text.count(b"\r") > pairs
    return LineEnds(newlines - pairs, pairs, len(_BETWEEN_VALUES_ON_A_LINE.findall(text)) if alone else 0)


class LineSplitter:
    """Iterating yields chunks; afterwards ``lines`` is their number and ``problems`` what their ends were like.

    ``old_mac`` files end their lines with a carriage return alone. Blocks from the middle of a file come with the
    ``offset`` and number of their ``first_line`` and the ``ends`` of the lines before it. Memory stays at a few
    chunks, or at a few times the longest line where that is more; time is linear in either.
    """

    def __init__(
        self,
        source: Source,
        blocks: Iterable[bytes],
        chunk_bytes: int,
        *,
        offset: int = 0,
        first_line: int = 1,
        ends: LineEnds | None = None,
        old_mac: bool = False,
    ) -> None:
        self.lines = 0
        self._source = source
        self._blocks = blocks
        self._size = chunk_bytes
        self._offset = offset
        self._first_line = first_line
        self._old_mac = old_mac
        self._ends = msgspec.structs.asdict(ends or LineEnds())
        self._open_line: bytes | None = None

    def __iter__(self) -> Iterator[Chunk]:
        for text in self._whole_lines():
            chunk = self._split(text)
            self._offset += len(text)
            self.lines += len(chunk.lines)
            yield chunk

    def problems(self) -> list[Problem]:
        """What is odd about the line ends of the whole file, known at its end."""
        found = [*self._mixed_ends()]
        if self._open_line is not None and not _was_cut(self._open_line):
            at = len(self._open_line)
            message = "the last line has no line end"
            found.append(Problem(kind="no-final-newline", message=message, start=at, end=at, file=True))
        return found

    def _mixed_ends(self) -> Iterator[Problem]:
        lf, crlf, cr = self._ends["lf"], self._ends["crlf"], self._ends["cr"]
        if sum(count > 0 for count in (lf, crlf, cr)) > 1:
            counts = f"{lf:,} LF, {crlf:,} CR LF, {cr:,} CR"
            yield Problem(kind="mixed-newlines", message=f"line ends are mixed: {counts}", file=True, detail=self._ends)
        elif crlf:
            message = f"all {crlf:,} line ends are CR LF"
            yield Problem(kind="crlf", message=message, file=True, detail=self._ends)

    # ------------------------------------------------------------------ blocks to whole lines

    def _whole_lines(self) -> Iterator[bytes]:
        pending: list[bytes] = []
        size, ended = 0, False
        for block in self._blocks:
            pending.append(block)
            size += len(block)
            ended = ended or b"\n" in block or (self._old_mac and b"\r" in block)
            if not ended or size < self._size:
                continue
            text = b"".join(pending)
            cut = self._cut(text)
            pending, size, ended = [text[cut:]], len(text) - cut, False
            if cut:
                yield text[:cut]
        if rest := b"".join(pending):
            yield rest

    def _cut(self, text: bytes) -> int:
        """After the last line end; a carriage return at the very end may be half of one."""
        cut = text.rfind(b"\n") + 1
        return max(cut, text.rfind(b"\r", 0, len(text) - 1) + 1) if self._old_mac else cut

    # ------------------------------------------------------------------ whole lines to a chunk

    def _split(self, text: bytes) -> Chunk:
        lines, offsets, ending = self._lines_of(text)
        if not text.endswith((b"\n", b"\r") if self._old_mac else b"\n"):
            if lines[-1].endswith(b"\r"):
                lines[-1] = lines[-1][:-1]
                self._ends["cr"] += 1
            self._open_line = lines[-1]
        chunk = Chunk(
            source=self._source,
            lines=lines,
            first_line=self._first_line + self.lines,
            first_offset=self._offset,
            offsets=offsets,
            ending=ending,
        )
        plain = text if ending == 1 and not self._old_mac and offsets is None and text.endswith(b"\n") else None
        self._mark(chunk, plain if plain is not None else b"\n".join(lines) + b"\n")
        return chunk

    def _lines_of(self, text: bytes) -> tuple[list[bytes], list[int] | None, int]:
        """Lines, offsets where they cannot be reckoned from lengths, and the length of a line end."""
        returns = b"\r" in text
        newlines = text.count(b"\n") if returns or self._old_mac else 0
        pairs = text.count(b"\r\n") if returns else 0
        if self._old_mac and (newlines or not returns):
            return self._lines_between(text, _ANY_LINE_END)
        if self._old_mac:
            end, name = b"\r", "cr"
        elif pairs and pairs < newlines:
            return self._lines_between(text, _LINE_END)
        else:
            end, name = (b"\r\n", "crlf") if pairs else (b"\n", "lf")
        lines = text.split(end)
        if not lines[-1]:
            lines.pop()
            self._ends[name] += len(lines)
        else:
            self._ends[name] += len(lines) - 1
        return lines, None, len(end)

    def _lines_between(self, text: bytes, line_end: re.Pattern[bytes]) -> tuple[list[bytes], list[int], int]:
        lines, offsets, at = list[bytes](), list[int](), 0
        for found in line_end.finditer(text):
            lines.append(text[at : found.start()])
            offsets.append(self._offset + at)
            at = found.end()
            self._ends[{b"\n": "lf", b"\r\n": "crlf"}.get(found.group(), "cr")] += 1
        if at < len(text):
            lines.append(text[at:])
            offsets.append(self._offset + at)
        return lines, offsets, 1

    def _mark(self, chunk: Chunk, text: bytes) -> None:
        if b"" in chunk.lines or any(map(bytes.isspace, chunk.lines)):
            for index, raw in enumerate(chunk.lines):
                if is_blank(raw):
                    chunk.add(index, (blank_line(raw),))
        for index in odd_lines(text):
            raw = chunk.lines[index]
            if is_blank(raw):
                continue
            chunk.suspects.add(index)
            if b"\r" in raw:
                self._ends["cr"] += len(_BETWEEN_VALUES.findall(raw))


def _was_cut(raw: bytes) -> bool:
    """Whether a line ends in the middle of its value: then a missing line end is not worth a word of its own."""
    if is_blank(raw):
        return False
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return any(problem.kind == "truncated" for problem in diagnose(raw).problems)
    return False
