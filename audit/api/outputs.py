"""Judging outputs of models: whether rows are some, what is known of their arms, and the data they were trained on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from audit.api.preparing import make_run, means, readers_of
from audit.config.settings import Settings
from audit.engine.batch import read_value
from audit.engine.drive import Progress, Reader, driving
from audit.engine.finish import Finished, Outcome
from audit.engine.origins import MADE
from audit.errors import UsageError
from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import NO_LABEL, Labels, recognise
from audit.model import Finding
from audit.outputs.table import ORIGINAL, Outputs
from audit.read.lines import SourceReader
from audit.read.references import read_reference
from audit.read.rows import RowsReader
from audit.read.shapes import detect
from audit.read.shapes.predictions import PREDICTIONS
from audit.rule import Attribute, Comparison, Product, Run, TrainedOn, TrainingCell

FIRST_ROWS: Final = 20
"""Rows of a file that are looked at to tell what it holds."""
FIRST_BYTES: Final = 1 << 16


def are_outputs(readers: Sequence[Reader]) -> bool:
    """Whether the sources hold outputs of models, by their first rows. A source whose rows tell nothing goes with the
    others; what can be read only once, such as standard input, is taken for data. Raises UsageError for a mixture."""
    kinds: dict[bool, str] = {}
    for reader in readers:
        holds = _holds_outputs(reader)
        if holds is not None:
            kinds.setdefault(holds, _path_of(reader))
    if len(kinds) == 2:
        raise UsageError(
            f"{kinds[True]} holds outputs of a model and {kinds[False]} holds data: they are judged by different rules",
            hint="name files of one kind; the training data of a model goes behind --against",
        )
    return kinds.keys() == {True}


def _path_of(reader: Reader) -> str:
    return (reader.given if isinstance(reader, SourceReader) else reader.source).path  # without opening the file


def refuse_outputs(readers: Sequence[Reader]) -> None:
    """Raises UsageError for outputs of models, where data is to be changed."""
    if are_outputs(readers):
        raise UsageError(
            f"{_path_of(readers[0])} holds outputs of a model, which are judged and not mended",
            hint="`audit check` and `audit gate` judge them; `audit fix` mends the data that a model is trained on",
        )


def _holds_outputs(reader: Reader) -> bool | None:
    """Whether most of the first rows that have a shape are outputs; None where none has one."""
    if isinstance(reader, SourceReader):
        if not os.path.isfile(reader.given.path):
            return False
        rows = _first_rows(SourceReader(reader.given, chunk_bytes=FIRST_BYTES))
    elif isinstance(reader, RowsReader) and reader.can_be_read_again:
        rows = _first_rows(reader)
    else:
        return False
    found = (detect(row) for row in islice(rows, FIRST_ROWS) if isinstance(row, dict))
    shapes = [shape.name == PREDICTIONS.name for shape in found if shape is not None]
    return 2 * sum(shapes) > len(shapes) if shapes else None


def _first_rows(reader: Reader) -> Iterator[Any]:
    try:
        for chunk in reader:
            for index, raw in enumerate(chunk.lines):
                if raw and not raw.isspace():
                    yield read_value(raw, index in chunk.suspects)[0]
    finally:
        reader.close()


class OfJudged(msgspec.Struct, frozen=True):
    """What counts for the arm that is to be signed: all but the findings on rows of others, by their ``places``, and
    those that name another arm; ``rows`` are how many rows those of others are. A row that is of no arm counts."""

    judged: str
    places: frozenset[tuple[str | None, int | None]]
    rows: int

    def counts(self, finding: Finding) -> bool:
        """Whether a finding is one on the judged arm, or on nobody's."""
        if finding.scope == "row":
            return (finding.place.file, finding.place.line) not in self.places
        return bool(finding.evidence.get("arm", self.judged) == self.judged)


def of_judged(outcome: Outcome, outputs: Outputs, judged: str) -> OfJudged:
    """Tells the findings that count for ``judged``: of its rows those that answer the questions themselves, and not
    what was scored without being asked."""
    written = (outputs.variant == ORIGINAL) & ~outputs.given
    own = set(outputs.rows[written & (outputs.arm == _code_of(judged, outputs))].tolist())
    others = set(outputs.rows[outputs.rows >= 0].tolist()) - own
    places = {
        (finding.place.file, finding.place.line)
        for finding, row in zip(outcome.findings, outcome.ordinals, strict=True)
        if row in others
    }
    return OfJudged(judged, frozenset(places), len(others))


def _code_of(arm: str, outputs: Outputs) -> int:
    return outputs.arms.index(arm) if arm in outputs.arms else -1


def as_outputs(run: Run, settings: Settings) -> Run:
    """The run as one over outputs: they carry the groups of the rows that were asked about under ``attributes``, and
    ``[evaluate]`` says which arm is which."""
    attributes = tuple(map(_in_outputs, run.attributes))
    said = settings.sections.get("evaluate", {})
    judged, compared, base = (str(said.get(key) or "") for key in ("judge", "compare", "base_arm"))
    comparison = Comparison(judged=judged, compared=compared, base=base)
    return msgspec.structs.replace(run, judged="outputs", attributes=attributes, against=None, comparison=comparison)


def _in_outputs(attribute: Attribute) -> Attribute:
    name = attribute.name.replace("~", "~0").replace("/", "~1")
    origin = f"{attribute.comes_from}, as the predictions carry it"
    return msgspec.structs.replace(
        attribute, source="field", where=f"/attributes/{name}", bands=(), join=(), origin=origin
    )


def trained_on(
    data: Any,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    others: Mapping[str, Collection[int]] | None = None,
) -> TrainedOn:
    """The training data as outputs are compared with it: its rows, and labels by group of every attribute.

    ``data`` is a path or several; ``others`` has the lines of a path that were not trained on. Rows that a remedy made
    of others are counted by their weight alone. Raises what ``audit.check`` raises.
    """
    paths = [str(data)] if isinstance(data, str) or hasattr(data, "__fspath__") else [str(path) for path in data]
    run = make_run(settings)
    wanted: frozenset[Product] = LABELS | {"rows", "weights", "marks", "conversation"}
    if run.attributes:
        wanted |= {"attributes"}
    plain = msgspec.structs.replace(settings, splits=())
    with driving(readers_of(paths, plain), (), run, means(settings), progress, wanted=wanted) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        left_out = {path: lines for path, lines in (others or {}).items() if lines}
        places = map(finished.place, range(finished.rows)) if left_out else ()
        gone = frozenset(row for row, at in enumerate(places) if at.line in left_out.get(str(at.file), ()))
        tables = dict(_tables(finished, run, gone))
    rows = (row for row in read_reference(paths).rows if row.line not in left_out.get(row.file, ()))
    return TrainedOn(rows=tuple(rows), tables=tables)


def _tables(finished: Finished, run: Run, gone: Collection[int]) -> Iterator[tuple[str, tuple[TrainingCell, ...]]]:
    labels = recognise(finished, run)
    for attribute in run.attributes:
        column = finished.attribute(attribute.name)
        if labels and not column.reason:
            yield attribute.name, tuple(_cells(column.groups, column.codes, labels, finished, gone))


def _cells(
    groups: Sequence[str], codes: Sequence[int], labels: Labels, finished: Finished, gone: Collection[int]
) -> list[TrainingCell]:
    rows: Counter[tuple[int, int]] = Counter()
    sums: dict[tuple[int, int], float] = {}
    columns = zip(codes, labels.codes, finished.weights, finished.marks, strict=True)
    for row, (group, label, weight, mark) in enumerate(columns):
        if label != NO_LABEL and row not in gone:
            rows[group, label] += not mark & MADE  # a copy is no further evidence, and it is trained on
            sums[group, label] = sums.get((group, label), 0.0) + weight
    cells = [
        TrainingCell(groups[group], labels.labels[label].text, count, sums[group, label])
        for (group, label), count in rows.items()
    ]
    return sorted(cells)
