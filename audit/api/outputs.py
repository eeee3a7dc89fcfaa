"""Judging outputs of models: whether rows are some, what is known of their arms, and the data they were trained on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from audit.api.preparing import make_run, means, readers_of
from audit.config.settings import Settings
from audit.engine.batch import read_value
from audit.engine.drive import Progress, Reader, driving
from audit.engine.finish import Finished
from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import NO_LABEL, Labels, recognise
from audit.read.lines import SourceReader
from audit.read.references import read_reference
from audit.read.rows import RowsReader
from audit.read.shapes import detect
from audit.read.shapes.predictions import PREDICTIONS
from audit.rule import Attribute, Product, Run, TrainedOn, TrainingCell

FIRST_ROWS: Final = 20
"""Rows of a file that are looked at to tell what it holds."""
FIRST_BYTES: Final = 1 << 16


def are_outputs(readers: Sequence[Reader]) -> bool:
    """Whether every source holds outputs of models, by its first rows. What can be read only once, such as standard
    input, is taken for data."""
    return bool(readers) and all(map(_holds_outputs, readers))


def _holds_outputs(reader: Reader) -> bool:
    if isinstance(reader, SourceReader):
        if not os.path.isfile(reader.given.path):
            return False
        rows = _first_rows(SourceReader(reader.given, chunk_bytes=FIRST_BYTES))
    elif isinstance(reader, RowsReader) and reader.can_be_read_again:
        rows = _first_rows(reader)
    else:
        return False
    shapes = [detect(row) if isinstance(row, dict) else None for row in islice(rows, FIRST_ROWS)]
    return bool(shapes) and any(shape is not None and shape.name == PREDICTIONS.name for shape in shapes)


def _first_rows(reader: Reader) -> Iterator[Any]:
    try:
        for chunk in reader:
            for index, raw in enumerate(chunk.lines):
                if raw and not raw.isspace():
                    yield read_value(raw, index in chunk.suspects)[0]
    finally:
        reader.close()


def as_outputs(run: Run) -> Run:
    """The run as one over outputs: they carry the groups of the rows that were asked about under ``attributes``."""
    attributes = tuple(map(_in_outputs, run.attributes))
    return msgspec.structs.replace(run, judged="outputs", attributes=attributes, against=None)


def _in_outputs(attribute: Attribute) -> Attribute:
    name = attribute.name.replace("~", "~0").replace("/", "~1")
    return msgspec.structs.replace(attribute, source="field", where=f"/attributes/{name}", bands=(), join=())


def trained_on(data: Any, settings: Settings, progress: Callable[[Progress], None] | None = None) -> TrainedOn:
    """The training data as outputs are compared with it: its rows, and labels by group of every attribute.

    ``data`` is as for ``audit.check``; a path or several. Raises what ``audit.check`` raises.
    """
    paths = [str(data)] if isinstance(data, str) or hasattr(data, "__fspath__") else [str(path) for path in data]
    run = make_run(settings)
    wanted: frozenset[Product] = LABELS | {"rows", "weights"}
    if run.attributes:
        wanted |= {"attributes"}
    plain = msgspec.structs.replace(settings, splits=())
    with driving(readers_of(paths, plain), (), run, means(settings), progress, wanted=wanted) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        tables = dict(_tables(finished, run))
    return TrainedOn(rows=read_reference(paths).rows, tables=tables)


def _tables(finished: Finished, run: Run) -> Iterator[tuple[str, tuple[TrainingCell, ...]]]:
    labels = recognise(finished, run)
    for attribute in run.attributes:
        column = finished.attribute(attribute.name)
        if labels and not column.reason:
            yield attribute.name, tuple(_cells(column.groups, column.codes, labels, finished.weights))


def _cells(groups: Sequence[str], codes: Sequence[int], labels: Labels, weights: Sequence[float]) -> list[TrainingCell]:
    rows: Counter[tuple[int, int]] = Counter()
    sums: dict[tuple[int, int], float] = {}
    for group, label, weight in zip(codes, labels.codes, weights, strict=True):
        if label != NO_LABEL:
            rows[group, label] += 1
            sums[group, label] = sums.get((group, label), 0.0) + weight
    cells = [
        TrainingCell(groups[group], labels.labels[label].text, count, sums[group, label])
        for (group, label), count in rows.items()
    ]
    return sorted(cells)
