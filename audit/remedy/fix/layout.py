"""One input as it lies in its file, with its blank lines and what becomes of it as a whole. Changes nothing itself."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from audit.engine.rows import lies_in_file
from audit.errors import InputError
from audit.model import DropRow, Finding, Source, SourceSummary
from audit.read.layout import Layout, layout_of, read_head
from audit.read.streams import Blocks
from audit.remedy.fix.plan import rewrite_of
from audit.remedy.fix.stored import Rows

UTF8, JSONL, LF = "utf-8", "jsonl", "lf"
_MARK: Final = b"\xef\xbb\xbf"


class Blank(msgspec.Struct, frozen=True):
    """A blank line that is removed: its number and its bytes in the file, line end included."""

    line: int
    start: int
    end: int


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """One input. Its rows are ``first`` to before ``end``; they lie in the bytes ``start`` to ``stop`` (None: to the
    end) of ``file``, which is the input itself where it is ``plain`` and a spool of its lines elsewhere.

    ``whole`` are the rewritings of the whole file; ``mark`` is its byte order mark where that goes; ``blanks`` are the
    blank lines to be removed, of a plain file, and ``gaps`` those that the spool holds. ``blank`` counts all.
    """

    source: Source
    summary: SourceSummary
    first: int
    end: int
    plain: bool
    file: str
    start: int = 0
    stop: int | None = None
    whole: tuple[str, ...] = ()
    mark: bytes = b""
    old_mac: bool = False
    blanks: Sequence[Blank] = ()
    gaps: Sequence[tuple[int, int]] = ()
    broken: Sequence[int] = ()
    """Rows of a broken JSON array that hold line breaks."""
    blank: int = 0
    blank_removed: int = 0

    @property
    def rows(self) -> int:
        return self.end - self.first


def laid_out(
    rows: Rows, sources: Iterable[tuple[Source, SourceSummary]], found: Iterable[tuple[Finding, int]]
) -> list[Laid]:
    """All inputs, in order. ``found`` are the findings of the run, with their rows, that may be mended."""
    blank: dict[str, list[Finding]] = {}
    whole: dict[str, set[str]] = {}
    for finding, row in found:
        path, fix = finding.place.file or "", finding.fix
        if row >= 0 or fix is None:
            continue
        if finding.scope == "file" and (to := rewrite_of(fix)) is not None:
            whole.setdefault(path, set()).add(to)
        elif finding.scope == "row" and DropRow() in fix.edits and finding.place.offset is not None:
            blank.setdefault(path, []).append(finding)
    by_path = {entry.source.path: (entry.first, entry.end) for entry in rows.ranges}
    laid: list[Laid] = []
    for source, summary in sources:
        first, end = by_path.get(source.path, (rows.count, rows.count))
        wanted = frozenset(whole.get(source.path, ()))
        if lies_in_file(source):
            laid.append(_plain(rows, source, summary, (first, end), blank.get(source.path, ()), wanted))
        else:
            laid.append(_spooled(rows, source, summary, (first, end), wanted))
    return laid


def _plain(
    rows: Rows,
    source: Source,
    summary: SourceSummary,
    span: tuple[int, int],
    blank: Sequence[Finding],
    wanted: frozenset[str],
) -> Laid:
    mark, old_mac = _head(source.path)
    blanks = list(_blanks(rows, span, blank, summary.bytes))
    return Laid(
        source=source,
        summary=summary,
        first=span[0],
        end=span[1],
        plain=True,
        file=source.path,
        whole=tuple(name for name in (UTF8, LF) if name in wanted),
        mark=mark if UTF8 in wanted else b"",
        old_mac=old_mac,
        blanks=blanks,
        blank=summary.lines - (span[1] - span[0]),
        blank_removed=len(blanks),
    )


def _head(path: str) -> tuple[bytes, bool]:
    """The byte order mark of a plain file, and whether its lines end in a carriage return alone."""
    try:
        with open(path, "rb") as file:
            mark = file.read(len(_MARK))
            if mark != _MARK:
                file.seek(0)
            head, whole = read_head(Blocks(iter(lambda: file.read(1 << 16), b"")))
    except OSError as error:
        raise InputError(f"cannot read {path} again: {error.strerror or error}") from error
    return (mark if mark == _MARK else b""), layout_of(head, whole) is Layout.OLD_MAC


def _blanks(rows: Rows, span: tuple[int, int], found: Iterable[Finding], size: int) -> Iterator[Blank]:
    """The blank lines that were found, each to where the next line begins: a row, or another of them."""
    places = sorted((finding.place.offset or 0, finding.place.line or 0) for finding in found)
    for index, (start, line) in enumerate(places):
        after = places[index + 1][0] if index + 1 < len(places) else size
        row = bisect_right(rows.at, start, span[0], span[1])
        yield Blank(line, start, min(after, rows.at[row] if row < span[1] else size))


def _spooled(rows: Rows, source: Source, summary: SourceSummary, span: tuple[int, int], wanted: frozenset[str]) -> Laid:
    """A source that is written as JSON Lines from the spool, which holds one line for every row and blank line."""
    first, end = span
    start = rows.at[first] if end > first else 0
    stop = rows.at[end - 1] + rows.sizes[end - 1] + 1 if end > first else 0
    blank = summary.lines - (end - first) if source.container == "jsonl" else 0
    done = {UTF8} if source.encoding != "utf-8" else set()
    done |= {JSONL} if source.container not in ("jsonl", "rows") else wanted & {LF}
    return Laid(
        source=source,
        summary=summary,
        first=first,
        end=end,
        plain=False,
        file=rows.spool,
        start=start,
        stop=stop,
        whole=tuple(name for name in (UTF8, JSONL, LF) if name in done | (wanted & {UTF8})),
        gaps=list(_gaps(rows, span)) if blank else (),
        broken=_broken(rows, span, (start, stop)) if source.container == "json" else (),
        blank=blank,
        blank_removed=blank,
    )


def _gaps(rows: Rows, span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The bytes of the spool between rows that do not follow each other directly."""
    for row in range(span[0], span[1] - 1):
        end = rows.at[row] + rows.sizes[row] + 1
        if end != rows.at[row + 1]:
            yield end, rows.at[row + 1]


def _broken(rows: Rows, span: tuple[int, int], place: tuple[int, int]) -> Sequence[int]:
    """Rows that hold a line break, which is in none unless there are more line breaks than rows."""
    breaks, at = 0, place[0]
    while at < place[1]:
        block = rows.between(rows.spool, at, min(at + (1 << 20), place[1]))
        breaks, at = breaks + block.count(b"\n"), at + max(len(block), 1)
    if breaks == span[1] - span[0]:
        return ()
    return array("Q", (row for row in range(*span) if b"\n" in rows.between(rows.spool, *_of(rows, row))))


def _of(rows: Rows, row: int) -> tuple[int, int]:
    return rows.at[row], rows.at[row] + rows.sizes[row]
