"""``audit review``: hands rows to people and reads back what they decided. The work is ``audit.api.reviewing``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INTERRUPTED
from audit.cli.output import check_writable, inputs_of
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, print_pieces, progress_bar
from audit.config.settings import Settings
from audit.errors import UsageError
from audit.reports.encode import encode

if TYPE_CHECKING:
    from audit.remedy.review.report import ExportReport, ImportReport

_MERGES: Final = ("majority", "unanimous", "first")
_OF_EXPORT: Final = ("codes", "most", "annotators", "overlap", "per_row", "mask")
_OF_IMPORT: Final = ("data", "merge", "disagreements", "adjudicated")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit review`` takes."""
    parser.add_argument(
        "action",
        choices=("export", "import"),
        metavar="export|import",
        help="export: write the rows that a person should look at to a sheet; import: read filled-in sheets and write "
        "a file of decisions for `audit fix --decisions`",
    )
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="export: data; import: filled-in sheets")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="export: .csv or .jsonl (default: review.csv); import: decisions.jsonl"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.add_argument("--format", choices=("text", "json"), help="form of the account (default: text)")
    add_terminal_flags(parser.add_argument_group("terminal"))
    _add_export_flags(parser.add_argument_group("export"))
    _add_import_flags(parser.add_argument_group("import"))
    add_settings_flags(parser)


def _add_export_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--codes",
        action="append",
        metavar="CODES",
        help="rules whose rows are handed out, most important first, commas between (default: contradictions, doubted "
        "labels, identity flips, near-duplicates)",
    )
    group.add_argument("--most", metavar="N", help="rows at most, the most useful first (default: 500)")
    group.add_argument("--annotators", metavar="NAMES", help="a sheet for each, review.NAME.csv, commas between")
    group.add_argument("--overlap", metavar="SHARE", help="share of the rows that all annotators get (default: 0.2)")
    group.add_argument("--per-row", metavar="N", help="annotators of each of the other rows (default: 1)")
    group.add_argument("--mask", action="store_true", help="hide the texts that findings cover")


def _add_import_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", action="append", metavar="IN", help="the data that was exported (repeatable)")
    group.add_argument(
        "--merge",
        choices=_MERGES,
        help="several decisions on a row: that of more than half (default), of all, or of the sheet named first",
    )
    group.add_argument("--disagreements", metavar="FILE", help="sheet with the rows on which people disagree")
    group.add_argument(
        "--adjudicated", action="append", metavar="FILE", help="such a sheet, filled in: the last word (repeatable)"
    )


def run(args: argparse.Namespace) -> int:
    """Export or import and print the account. Exit code 1 where entries were refused, 130 when interrupted, else 0."""
    other = _OF_IMPORT if args.action == "export" else _OF_EXPORT
    if idle := next((name for name in other if hasattr(args, name)), None):
        whose = "import" if args.action == "export" else "export"
        raise UsageError(f"--{idle.replace('_', '-')} is for review {whose}")
    return _export(args) if args.action == "export" else _import(args)


def _export(args: argparse.Namespace) -> int:
    from audit.api.reviewing import ExportOptions, export
    from audit.reports.review_text import export_text

    settings = settings_from(args, args.paths)
    _check_data(settings)
    given: dict[str, Any] = {}
    if codes := _listed(getattr(args, "codes", getattr(args, "select", []))):
        given["codes"] = codes + _listed(getattr(args, "extend_select", []))
    elif more := _listed(getattr(args, "extend_select", [])):
        given["codes"] = ExportOptions().codes + more
    for name, read in (("most", _whole), ("per_row", _whole), ("overlap", _share)):
        if hasattr(args, name):
            given[name] = read(f"--{name.replace('_', '-')}", getattr(args, name))
    options = ExportOptions(
        annotators=_listed([getattr(args, "annotators", "")]),
        mask=hasattr(args, "mask"),
        force=hasattr(args, "force"),
        **given,
    )
    output = getattr(args, "output", "review.csv")
    check_writable([output], inputs_of(settings))
    with progress_bar(args) as bar:
        report = export(list(settings.files), output, options=options, settings=settings, progress=bar)
    _show(report, args, export_text(report, _naming(settings, args, flag="--data")))
    return EXIT_INTERRUPTED if report.partial else EXIT_CLEAN


def _import(args: argparse.Namespace) -> int:
    from audit.api.reviewing import ImportOptions, import_
    from audit.reports.review_text import import_text

    settings = settings_from(args, getattr(args, "data", []))
    _check_data(settings)
    options = ImportOptions(
        merge=getattr(args, "merge", "majority"),
        adjudicated=tuple(getattr(args, "adjudicated", [])),
        disagreements=getattr(args, "disagreements", None),
        force=hasattr(args, "force"),
    )
    output = getattr(args, "output", "decisions.jsonl")
    check_writable([output], [*inputs_of(settings), *args.paths])
    data = list(settings.files)
    with progress_bar(args) as bar:
        report = import_(args.paths, data, output, options=options, settings=settings, progress=bar)
    _show(report, args, import_text(report, _naming(settings, args)))
    return EXIT_INTERRUPTED if report.partial else EXIT_FINDINGS if report.refusals else EXIT_CLEAN


def _show(report: ExportReport | ImportReport, args: argparse.Namespace, text: Iterator[str]) -> None:
    as_json = getattr(args, "format", "text") == "json"
    print_pieces([encode(report, indent=2) + "\n"] if as_json else text)


def _naming(settings: Settings, args: argparse.Namespace, flag: str | None = None) -> list[str]:
    """The words that name the same data again, files behind ``flag`` if one is given."""
    words = [word for name in settings.files for word in ((flag, name) if flag else (name,))]
    words += [word for role, path in settings.splits for word in ("--split", f"{role}={path}")]
    if hasattr(args, "config"):
        words += ["--config", args.config]
    return words + (["--isolated"] if hasattr(args, "isolated") else [])


# ----------------------------------------------------------------------------- what was typed


def _check_data(settings: Settings) -> None:
    if not settings.files and not settings.splits:
        raise UsageError("no data was named", hint="audit review export train.jsonl; import: --data train.jsonl")


def _listed(given: Sequence[str]) -> tuple[str, ...]:
    """Words with commas between."""
    words = (word.strip() for text in given for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _whole(flag: str, given: str) -> int:
    if not given.isascii() or not given.isdigit():
        raise UsageError(f"{flag} must be a whole number, not {given!r}")
    return int(given)


def _share(flag: str, given: str) -> float:
    try:
        return float(given)
    except ValueError:
        raise UsageError(f"{flag} must be a share from 0 to 1, not {given!r}") from None
