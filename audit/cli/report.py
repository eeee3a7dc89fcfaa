"""``audit report``: one HTML file (or another form) of data that is judged now, of what was saved, or of both.

Exit code 0 says that the report was written, whatever it says: `audit check` and `audit gate` are what fails a build.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.cli import EXIT_CLEAN, EXIT_INTERRUPTED
from audit.cli.output import MANIFEST_SCHEMA, add_redaction_flag, check_writable, inputs_of, wants_redaction
from audit.cli.report_sources import RESULT_FILE, Sources, dossier, found_again, halves, result_file, sources_of
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import progress_bar
from audit.config.options import BY_FIELD
from audit.errors import InputError, UsageError
from audit.evidence import file_sha256
from audit.model import Json, Result
from audit.model.dossier import Dossier
from audit.reports import format_of_file, render
from audit.reports.schema import SCHEMA_ID
from audit.reports.view import View
from audit.writing import write_whole

DEFAULT_OUTPUT: Final = "audit-report.html"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit report`` takes."""
    parser.add_argument(
        "paths",
        nargs="*",
        default=[],
        metavar="PATH",
        help="data; a saved result (result.json or a --save folder); the folder of `audit evaluate`, of a run of "
        "`audit train` or of `audit run`; a ledger of `audit fix` or `audit balance`. Several make one report",
    )
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", action="append", metavar="FILE", help=f"file to write (repeatable; default: {DEFAULT_OUTPUT})"
    )
    group.add_argument(
        "--compare", metavar="OLD", help="an earlier result or evaluation: what is new, gone, and which figures moved"
    )
    group.add_argument("--no-mask", action="store_true", help="show groups of 1 to 4 rows (HTML)")
    add_redaction_flag(group)
    group.add_argument("--no-excerpts", action="store_true", help="show no lines of the data")
    group.add_argument("--policy", metavar="NAME|FILE", help="judge the data by a policy, as audit gate does")
    group.add_argument("--quiet", action="store_true", help="nothing on standard error but errors")
    group.add_argument("--no-progress", action="store_true", help="no progress line")
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report. Exit code 0 when it was written, 130 when the check was interrupted."""
    outputs: list[str] = getattr(args, "output", [DEFAULT_OUTPUT])
    formats = [format_of_file(name) for name in outputs]
    sources = sources_of(args.paths)
    result, view = _told(args, sources, outputs)
    view = msgspec.structs.replace(
        view,
        mask=not hasattr(args, "no_mask"),
        snippets=view.snippets and not hasattr(args, "no_excerpts"),
        redact=wants_redaction(args),
    )
    for name, format in zip(outputs, formats, strict=True):
        pieces = (piece.encode("utf-8", "backslashreplace") for piece in render(result, format, view))
        write_whole(Path(name), pieces)
        print(f"wrote {name}: {_verdicts(result, view.dossier)}")
    return EXIT_INTERRUPTED if result.partial else EXIT_CLEAN


def _verdicts(result: Result, told: Dossier | None) -> str:
    """The verdict; of two judgements each with its name, and what became of a run that made no model."""
    halves = {"data": told.data, "model": told.outputs} if told is not None else {}
    both = [f"{name} {one.verdict}" for name, one in halves.items() if one is not None]
    lacking = [f"run {run.folder}: {run.lack}" for run in (told.trainings if told is not None else ()) if run.lack]
    if lacking and not both:
        both = [f"data {result.verdict}"]
    verdicts = ", ".join(both) if len(both) > 1 or lacking else result.verdict
    return "; ".join((verdicts.replace("_", " "), *lacking))


def _told(args: argparse.Namespace, sources: Sources, outputs: Sequence[str]) -> tuple[Result, View]:
    """The judgement that a report is named for, and how it is shown, with everything else that was named."""
    previous = _previous(args)
    if not sources.saved and previous is None:
        return _judged(args, sources.data, outputs)
    check_writable(outputs, [*args.paths, *map(str, sources.results)])
    named = [*sources.results, *(folder / RESULT_FILE for folder in sources.evaluations)]
    files = [file for file in named if file not in sources.stages]
    results = [found_again(read_result(file), file.parent) for file in files]
    unchanged = [_unchanged(one, quiet=hasattr(args, "quiet")) for one in results]
    view = View(snippets=all(unchanged))
    if sources.data or not sources.saved:
        judged, view_of_data = _judged(args, sources.data, outputs)
        results.append(judged)
        view = msgspec.structs.replace(view, config_file=view_of_data.config_file)
    else:
        _refuse_settings(args)
    data, of_outputs = halves(results)
    told = dossier(data, of_outputs, sources, previous)
    return of_outputs or data or _of_runs(told), msgspec.structs.replace(view, dossier=told)


def _previous(args: argparse.Namespace) -> Result | None:
    """The earlier result that was named. Raises InputError where none is there."""
    if not hasattr(args, "compare"):
        return None
    found = result_file(Path(args.compare))
    if found is None:
        raise InputError(f"{args.compare} is no saved result", hint="`audit check DATA --save DIR` saves one")
    return read_result(found)


def _of_runs(told: Dossier) -> Result:
    """The judgement that the first run was let through with."""
    if not told.trainings:
        raise UsageError(
            "a ledger says what was done and judges nothing", hint="name the data, or a saved result, beside it"
        )
    from audit.train.runs.telling import result_of

    return result_of(told.trainings[0])


def _refuse_settings(args: argparse.Namespace) -> None:
    """A saved result was judged already: a flag that would judge it otherwise is an error, not ignored."""
    given = [BY_FIELD[name].flag for name in vars(args) if name in BY_FIELD]
    given += [f"--{name}" for name in ("config", "isolated") if hasattr(args, name)]
    if given:
        raise UsageError(
            f"{given[0]} cannot change a saved result", hint="name the data instead, to have it judged again"
        )


def _judged(args: argparse.Namespace, paths: Sequence[str], outputs: Sequence[str]) -> tuple[Result, View]:
    from audit.api import check, gate

    settings = settings_from(args, list(paths))
    judged = [*settings.files, *(path for _, path in settings.splits)]
    if not judged:
        raise UsageError("no data was named", hint=f"audit report train.jsonl -o {DEFAULT_OUTPUT}")
    check_writable(outputs, inputs_of(settings))
    judge = check if settings.policy is None else gate
    with progress_bar(args) as bar:
        result = judge(list(settings.files), settings=settings, progress=bar)
    return result, View(config_file=settings.config_file)


class _Schema(msgspec.Struct):
    schema: str = ""
    verdict: Json = None
    rows: Json = None
    rules_run: Json = None


def read_result(path: Path) -> Result:
    """A saved result. Raises InputError for a file that is broken, of another schema, or not what its manifest says."""
    save = "`audit check DATA --save DIR` saves one, or -o result.json"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    _check_manifest(path, raw)
    try:
        head = msgspec.json.decode(raw, type=_Schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no saved result: {error}", hint=save) from None
    if head.schema != SCHEMA_ID:
        found = f"its schema is {head.schema!r}" if head.schema else "it names no schema"
        raise InputError(f"{path} is no saved result: {found}; asked for {SCHEMA_ID}", hint=save)
    if None in (head.verdict, head.rows, head.rules_run):
        raise InputError(f"{path} is no whole result: its verdict, rows or rules are missing", hint=save)
    try:
        return msgspec.json.decode(raw, type=Result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is a result that this version cannot read: {error}", hint=save) from None


class _Listed(msgspec.Struct):
    sha256: str = ""


class _Manifest(msgspec.Struct):
    schema: str = ""
    files: dict[str, _Listed] = {}


def _check_manifest(path: Path, raw: bytes) -> None:
    """Raise InputError where a manifest lies beside the result and names another hash for it."""
    beside = path.with_name("manifest.json")
    if path.name != RESULT_FILE or not beside.is_file():
        return
    try:
        manifest = msgspec.json.decode(beside.read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    listed = manifest.files.get(RESULT_FILE)
    if manifest.schema == MANIFEST_SCHEMA and listed is not None and listed.sha256 != hashlib.sha256(raw).hexdigest():
        raise InputError(
            f"{path} is not the file that {beside.name} lists: it was changed after it was saved",
            hint="run the check again with --save, or move the file elsewhere to report it as it is",
        )


def _unchanged(result: Result, *, quiet: bool) -> bool:
    """Whether every source is still what was judged, so that excerpts show what the findings speak of."""
    changed = [source.path for source in result.sources if not _same(source.path, source.sha256)]
    if changed and not quiet:
        print(f"no excerpts are shown: {changed[0]} is gone or not what was judged", file=sys.stderr)
    return not changed


def _same(path: str, sha256: str) -> bool:
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False
