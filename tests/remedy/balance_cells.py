"""Rows with groups and labels, gathered into cells, for the tests of balancing. Tests nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from audit.api.preparing import make_run, means, override, readers_of
from audit.config.settings import Settings
from audit.engine.drive import driving
from audit.engine.finish import Finished
from audit.remedy.balance.cells import Cells, cells_of, products
from audit.rule import Run

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat" / "adult.jsonl.gz"
SEX = {"sex": {"field": "metadata.sex"}}


def row(answer: str, **metadata: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": answer}]
    return {"messages": said, "metadata": metadata}


def rows_of(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """So many rows of each sex and label."""
    return list(chain.from_iterable(repeat(row(label, sex=sex), n) for (sex, label), n in counts.items()))


@contextmanager
def gathered(
    data: Any, by: Sequence[str], attributes: Mapping[str, Any] = SEX, jobs: int = 1, **fields: Any
) -> Iterator[tuple[Finished, Run]]:
    sections = {"attributes": dict(attributes), "data": fields}
    settings = override(Settings(), {"sections": sections, "jobs": jobs, "executor": "inline" if jobs == 1 else "auto"})
    run = make_run(settings)
    wanted = products(run, by)
    with driving(readers_of(data, settings), (), run, means(settings), wanted=wanted) as (_, context):
        yield context, run


def cells(
    data: Any, by: Sequence[str] = ("label", "sex"), attributes: Mapping[str, Any] = SEX, jobs: int = 1, **fields: Any
) -> Cells:
    with gathered(data, by, attributes, jobs, **fields) as (context, run):
        return cells_of(context, run, by)
