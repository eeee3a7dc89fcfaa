"""``audit attributes``: shows the groups that are configured, or writes a sidecar to fill them in. Compares no groups.

A protected attribute is what others call a sensitive feature: sex, age, ethnicity and the like.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from audit.api import make_run, means
from audit.attributes import template
from audit.cli import EXIT_CLEAN
from audit.cli.output import check_writable
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.config.attributes import files_named
from audit.config.settings import Settings
from audit.engine.attribute_template import TemplateRow, template_rows
from audit.engine.drive import drive
from audit.errors import OutputError, UsageError
from audit.model import Json, Measure, Severity, Source
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.reports.summary import percent, plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible
from audit.rule import Attribute, AttributeColumn, Context, DatasetRule, Product, Run
from audit.writing import write_whole

HOW = 'say where rows keep it: [attributes.sex] field = "metadata.sex" in audit.toml, or audit init'


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit attributes`` takes."""
    parser.add_argument(
        "action",
        choices=("show", "template"),
        metavar="show|template",
        help="show: the groups of every configured attribute; template: write a CSV file with a line for every row, "
        "to be filled in and named as sidecar",
    )
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="data, as for `audit check`")
    parser.add_argument("-o", "--output", metavar="FILE", help="template: the file to write, - for standard output")
    parser.add_argument(
        "--attribute", action="append", metavar="NAME", help="template: a column to fill in (default: all configured)"
    )
    parser.add_argument("--force", action="store_true", help="template: overwrite the file")
    parser.add_argument("--format", choices=("text", "json"), help="show: form (default: text)")
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Show the groups or write the template; exit code 0."""
    settings = settings_from(args, args.paths)
    sources = _sources(settings)
    if args.action == "template":
        return _write_template(args, settings, sources)
    shown = show(settings, sources)
    as_json = getattr(args, "format", "text") == "json"
    sys.stdout.write(json.dumps(shown, indent=2, sort_keys=True) + "\n" if as_json else "".join(_text(shown)))
    return EXIT_CLEAN


def _sources(settings: Settings) -> list[Source]:
    """What is to be looked at, each file once."""
    splits = [source for name, path in settings.splits for source in find_sources([path], role=name)]
    files = find_sources(settings.files)
    known = {source.path for source in splits}
    found = [*(source for source in files if source.path not in known), *splits]
    if not found:
        raise UsageError("no data was named", hint="audit attributes show train.jsonl")
    return found


# ----------------------------------------------------------------------------- show


class _Shown(DatasetRule, frozen=True):
    """Hands over the groups of every attribute; judges none."""

    code: ClassVar[str] = "DEM000"
    name: ClassVar[str] = "groups"
    severity: ClassVar[Severity] = Severity.INFO
    needs: ClassVar[frozenset[Product]] = frozenset({"attributes"})

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Measure]:
        """One measure for each attribute."""
        for attribute in run.attributes:
            yield self.measure("groups", table=_table(context.attribute(attribute.name), context.rows))


def show(settings: Settings, sources: Sequence[Source]) -> list[Mapping[str, Json]]:
    """The groups of every configured attribute, in the order of the configuration. Raises UsageError without one."""
    run = make_run(settings)
    if not run.attributes:
        raise UsageError("no attribute is configured", hint=HOW)
    driven = drive([SourceReader(source) for source in sources], [_Shown()], run, means(settings))
    found = {measure.table["attribute"]: measure.table for measure in driven.outcome.measures if measure.table}
    return [found[attribute.name] for attribute in run.attributes]


def _table(column: AttributeColumn, rows: int) -> dict[str, Json]:
    counts = [0] * len(column.groups)
    for code in column.codes:
        counts[code] += 1
    expected = column.expected or {}
    groups = [
        {"group": name, "n": count, "share": round(count / rows, 6) if rows else None}
        | ({"reference": round(expected[name], 6)} if name in expected else {})
        for name, count in zip(column.groups, counts, strict=True)
    ]
    attribute = column.attribute
    return {
        "attribute": attribute.name,
        "kind": attribute.kind,
        "source": attribute.source,
        "where": attribute.where,
        "rows": rows,
        "groups": groups,
        "variants": {name: dict(found) for name, found in column.variants.items()},
        "similar": [list(pair) for pair in column.similar],
        "coverage": dict(column.coverage),
        "notes": list(column.notes),
        "reason": column.reason,
    }


def _text(tables: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    for place, table in enumerate(tables):
        if place:
            yield "\n"
        source = f"{table['kind']}, {table['source']} {table['where']}"
        yield f"{visible(table['attribute'])} ({visible(source)}): {plural(table['rows'], 'row')}\n"
        referred = any("reference" in entry for entry in table["groups"])
        head = ("group", "n", "share", *(["reference"] if referred else []))
        body = [
            (
                visible(entry["group"]),
                f"{entry['n']:,}",
                percent(entry["share"] or 0),
                *([percent(entry["reference"]) if "reference" in entry else "-"] if referred else []),
            )
            for entry in table["groups"]
        ]
        yield from columns(head, body, right=(1, 2, 3) if referred else (1, 2))
        yield from (visible(line) + "\n" for line in _remarks(table))


def _remarks(table: Mapping[str, Json]) -> Iterator[str]:
    if table["reason"]:
        yield f"not judged: {table['reason']}"
    for name, spellings in table["variants"].items():
        yield f"one group: {name} (" + ", ".join(f'"{said}" {rows:,}' for said, rows in spellings.items()) + ")"
    for one, other in table["similar"]:
        yield f"perhaps one group: {one} and {other}"
    if table["coverage"]:
        yield "languages: " + ", ".join(f"{language} {rows:,}" for language, rows in table["coverage"].items())
    for note in table["notes"]:
        yield f"note: {note}"


# ----------------------------------------------------------------------------- template


def _write_template(args: argparse.Namespace, settings: Settings, sources: Sequence[Source]) -> int:
    output: str = getattr(args, "output", "attributes.csv")
    attributes = _to_fill_in(settings, getattr(args, "attribute", []))
    if output != "-":
        check_writable([output], [*(source.path for source in sources), *files_named(settings)])
        if Path(output).exists() and not hasattr(args, "force"):
            raise OutputError(f"{output} exists", hint="--force overwrites it, and what was filled in")
    # A sidecar that is still to be written is what this command is for.
    new = [one for one in attributes if one.source == "sidecar" and not Path(one.where.partition("#")[0]).exists()]
    known = [one for one in attributes if one not in new]
    names = [attribute.name for attribute in (*known, *new)]
    rows = [template.header(names)]
    lines = template.lines(_cells(rows, template_rows(sources, known), len(new)))
    if output == "-":
        sys.stdout.writelines(line.decode() for line in lines)
        return EXIT_CLEAN
    write_whole(Path(output), lines)
    print(f"wrote {visible(output)}: fill in {', '.join(map(visible, names))}")
    print(f'next: [attributes.{visible(names[0])}] sidecar = "{visible(output)}" in audit.toml')
    return EXIT_CLEAN


def _cells(head: Iterable[Sequence[str]], rows: Iterable[TemplateRow], empty: int) -> Iterator[Sequence[str]]:
    yield from head
    for row in rows:
        preview = shortened(" ".join(row.prompt[: 20 * template.PREVIEW].split()), template.PREVIEW)
        yield (row.file, str(row.line), row.row_id, *row.values, *[""] * empty, preview)


def _to_fill_in(settings: Settings, names: Sequence[str]) -> list[Attribute]:
    """The configured attributes as they are written, or those that were named; words in a text are not filled in."""
    run = make_run(settings)
    known = {one.name: msgspec.structs.replace(one, bands=()) for one in run.attributes if one.source != "lexicon"}
    chosen = [known.get(name) or Attribute(name=name, source="field", where=f"metadata.{name}") for name in names]
    found = list({one.name: one for one in chosen}.values()) or list(known.values())
    if not found:
        raise UsageError("no attribute to fill in", hint="audit attributes template train.jsonl --attribute sex")
    taken = set(template.header(())) & {one.name for one in found}
    if taken:
        raise UsageError(f"an attribute cannot be called {min(taken)}: the template has a column of that name")
    return found
