"""``python -m benchmarks.accuracy``: renews the tables in docs/accuracy.md; ``--check`` compares and writes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.accuracy import clean_sets, generated, mutants
from benchmarks.accuracy.data import SHARED

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
START, END = "<!-- table: {} -->\n", "<!-- end of table -->\n"


def _mutants(table: Callable[[Mapping[int, set[str]]], Iterable[str]]) -> Callable[[], Iterable[str]]:
    return lambda: table(mutants.codes_by_line(mutants.broken()))


TABLES: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "recall": _mutants(mutants.recall_table),
    "precision": _mutants(mutants.precision_table),
    "generated": generated.table,
    "misses": generated.misses,
    "controls": clean_sets.control_table,
    "labels": clean_sets.label_table,
    "sets": clean_sets.whole_table,
}
"""Name in the page -> what makes the lines of the table."""


def renewed(page: str, names: Iterable[str]) -> str:
    """The page with the tables of these names made anew."""
    for name in names:
        head, start, rest = page.partition(START.format(name))
        _, end, tail = rest.partition(END)
        if not start or not end:
            raise SystemExit(f"{PAGE} has no table {name!r}")
        page = head + start + "\n".join(TABLES[name]()) + "\n" + end + tail
    return page


def main() -> int:
    """Exit code 0, or 1 where the page differs from what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page with what is measured")
    parser.add_argument("--only", choices=tuple(TABLES), action="append", help="some of the tables (repeatable)")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print(f"nothing was measured: the data folder {SHARED.name} is absent", file=sys.stderr)
        return 0
    before = PAGE.read_text(encoding="utf-8")
    after = renewed(before, args.only or TABLES)
    if args.check:
        if after != before:
            print("docs/accuracy.md differs from what is measured: run `make accuracy`", file=sys.stderr)
        return int(after != before)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
