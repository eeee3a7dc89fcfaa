"""Judges the whole again, as it is after the fixes, by the rules that compare rows. Applies and keeps nothing."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from audit.engine.drive import Means, driving
from audit.errors import InputError
from audit.model import Finding, Place, Related, Source
from audit.read.lines import SourceReader
from audit.remedy.fix.changes import MARK, Change, changes_of, output_of
from audit.remedy.fix.layout import Laid
from audit.remedy.fix.passes import Touched
from audit.remedy.fix.stored import Rows
from audit.remedy.splices import Splice
from audit.rule import Rule, Run

NO_ROW = -1


def judge_again(
    inputs: Sequence[Laid], rows: Rows, touched: Mapping[int, Touched], rules: Sequence[Rule], run: Run, means: Means
) -> list[tuple[Finding, int]] | None:
    """What the rules find in the inputs as they are now, each with the row of the input (-1 for none) and with places
    in the inputs; None where the result could not be read as the same rows.

    For the time being the result is written to a temporary folder, an empty line in place of each row that was removed:
    so line numbers stay what they are. Raises InputError where there is no room.
    """
    remaining = array("Q", (row for row in range(rows.count) if row not in touched or touched[row].raw is not None))
    with tempfile.TemporaryDirectory(prefix="audit-fix-", ignore_cleanup_errors=True) as folder:
        readers = [
            SourceReader(_written(os.path.join(folder, f"{number}.jsonl"), laid, rows, touched))
            for number, laid in enumerate(inputs)
        ]
        paths = {reader.source.path: laid.source.path for reader, laid in zip(readers, inputs, strict=True)}
        with driving(readers, rules, run, means, wanted=frozenset({"rows"})) as (driven, finished):
            if driven.partial:
                raise KeyboardInterrupt
            if finished.rows != len(remaining):
                return None
            places = _Places(rows, remaining, paths)
            again = Rows(finished)
            found = zip(driven.outcome.findings, driven.outcome.ordinals, strict=True)
            return [places.translated(finding, row, again) for finding, row in found]


def _written(path: str, laid: Laid, rows: Rows, touched: Mapping[int, Touched]) -> Source:
    """The temporary result of one input, as a source."""
    try:
        with open(path, "wb") as file:
            for piece in _pieces(laid, rows, touched):
                file.write(piece)
            size = file.tell()
    except OSError as error:
        raise InputError(
            f"no room for temporary files in {path}: {error.strerror or error}",
            hint="set TMPDIR to a folder with as much room as the data takes",
        ) from error
    return Source(path=path, role=laid.source.role, size=size)


def _pieces(laid: Laid, rows: Rows, touched: Mapping[int, Touched]) -> Iterator[bytes]:
    with open(laid.file or os.devnull, "rb") as file:
        yield from output_of(laid, file, _with_empty_lines(changes_of(laid, rows, touched), rows))


def _with_empty_lines(changes: Iterable[Change], rows: Rows) -> Iterator[Change]:
    """The changes without those that take a line away; of a row that goes the line end stays."""
    for change in changes:
        start, _, new = change.splice
        if change.row is not None and not new:
            yield change._replace(splice=Splice(start, start + rows.sizes[change.row], b""))
        elif new or change.line == MARK:
            yield change


class _Places:
    """From places in the temporary results to those in the inputs."""

    def __init__(self, rows: Rows, remaining: Sequence[int], paths: Mapping[str, str]) -> None:
        self._rows = rows
        self._remaining = remaining
        self._paths = paths

    def translated(self, finding: Finding, row: int, again: Rows) -> tuple[Finding, int]:
        """The finding with its places, and its row, in the inputs."""
        path = finding.place.file
        if row < 0 and finding.scope == "row" and finding.place.offset is None:
            found = again.find(Related(file=path, line=finding.place.line))
            row = NO_ROW if found is None else found
        mine = self._remaining[row] if row >= 0 else NO_ROW
        place = msgspec.structs.replace(
            finding.place,
            file=None if path is None else self._paths.get(path, path),
            line=finding.place.line if mine < 0 else self._rows.lines[mine],
        )
        related = tuple(self._related(item, again) for item in finding.related)
        message = finding.message
        for here, there in self._paths.items():
            message = message.replace(here, there)
        place = _at(place, mine, self._rows)
        return msgspec.structs.replace(finding, place=place, related=related, message=message), mine

    def _related(self, place: Related, again: Rows) -> Related:
        row = again.find(place)
        if row is None:
            return place
        mine = self._remaining[row]
        return msgspec.structs.replace(place, file=self._paths[place.file or ""], line=self._rows.lines[mine])


def _at(place: Place, row: int, rows: Rows) -> Place:
    return place if row < 0 else msgspec.structs.replace(place, offset=rows.at[row])
