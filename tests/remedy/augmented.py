"""Rows made up in tests: data in, made-up rows and their account out. Tests nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from audit.api.preparing import make_run, override
from audit.config.settings import Settings
from audit.engine.drive import Means, driving
from audit.engine.executors import Inline
from audit.model import Record, Source
from audit.read.lines import SourceReader
from audit.read.rows import RowsReader
from audit.read.shapes import detect
from audit.read.sources import find_sources
from audit.remedy.balance.augment import NEEDS, CellCount, Kind, MadeUp, Paraphraser, augment
from audit.remedy.balance.cells import cells_of, products

GENDER: Mapping[str, Any] = {"gender": {"lexicon": "gender"}}
SEX: Mapping[str, Any] = {"sex": {"field": "metadata.sex"}}


def row(question: str, answer: str = "Yes.", system: str | None = None, **metadata: Any) -> dict[str, Any]:
    said = [{"role": "system", "content": system}] if system is not None else []
    said += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": said, "metadata": metadata} if metadata else {"messages": said}


def record(data: Any) -> Record:
    """A row as it is read."""
    raw = msgspec.json.encode(data)
    shape = detect(data)
    assert shape is not None
    return Record(
        source=Source(path="x"), line=1, offset=0, raw=raw, data=data, shape=shape.name, chat=shape.read(data)
    )


class Made(NamedTuple):
    """The rows that were made, the account by the name of the cell, and the bytes of the rows they were made of."""

    rows: list[MadeUp]
    counts: dict[str, CellCount]
    sources: list[bytes]

    @property
    def data(self) -> list[Any]:
        return [json.loads(made.raw) for made in self.rows]

    @property
    def questions(self) -> list[str]:
        return [data["messages"][-2]["content"] for data in self.data]


def made(
    rows: Any,
    wanted: int | Mapping[str, int],
    *,
    attributes: Mapping[str, Any] = GENDER,
    by: Sequence[str] = ("gender",),
    kind: Kind = "counterfactual",
    seed: int = 0,
    paraphraser: Paraphraser | None = None,
    data: Mapping[str, Any] | None = None,
) -> Made:
    """Rows (or a file's) made up for every cell, or for the cells of these names."""
    settings = override(Settings(), {"sections": {"attributes": dict(attributes), "data": dict(data or {})}})
    run = make_run(settings)
    reader = SourceReader(find_sources([rows])[0]) if isinstance(rows, str) else RowsReader(rows)
    needed = NEEDS | products(run, by)
    with driving([reader], (), run, Means(executor=Inline()), wanted=needed) as (_, context):
        cells = cells_of(context, run, by)
        names = [cells.name(cell) for cell in range(len(cells.cells))]
        lacking = {cell: wanted if isinstance(wanted, int) else wanted.get(name, 0) for cell, name in enumerate(names)}
        found = augment(context, run, lacking, cells, kind=kind, seed=seed, paraphraser=paraphraser)
        rows_made = list(found)
        sources = [next(context.records([one.source_row])).raw for one in rows_made]
        return Made(rows_made, {names[count.cell]: count for count in found.counts}, sources)
