"""``audit export``: reads the flags, has data and settings written for another trainer, and shows what was carried."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from audit.cli import EXIT_CLEAN, EXIT_FINDINGS
from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.cli.terminal import add_terminal_flags, progress_bar
from audit.cli.train_asked import (
    add_assignments,
    add_gate_flags,
    add_validation,
    data_named,
    output_named,
    show,
    show_failed,
    with_validation,
)
from audit.errors import UsageError
from audit.reports.summary import plural
from audit.reports.text import columns
from audit.reports.visible import shortened, visible

if TYPE_CHECKING:
    from audit.config.settings import Settings
    from audit.model import Json
    from audit.train.exporting.report import Export, ExportedSplit, ExportReport
    from audit.train.exporting.settings import Setting

EXAMPLE = "audit export data.jsonl --to trl --model NAME -o export"
LONGEST = 60
"""Characters of a value or a name in a table."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit export`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="IN", help="files, folders, patterns")
    group = parser.add_argument_group("the export")
    group.add_argument("--to", metavar="TRAINER", help="trl, axolotl or llama-factory")
    group.add_argument("-o", "--output", metavar="FOLDER", help="where data and configuration are written")
    add_validation(group)
    group.add_argument(
        "--hold-out", metavar="SHARE", help="share of the rows kept for validation where no such split is named"
    )
    group.add_argument(
        "--lowering", metavar="HOW", help="weights of rows: resample, oversample or refuse (default: resample)"
    )
    group.add_argument("--beta", metavar="BETA", help="of DPO, for rows with two answers (default: the trainer's)")
    add_assignments(group)
    add_gate_flags(parser.add_argument_group("the gate, which comes first"), "export")
    how = parser.add_argument_group("what is done")
    how.add_argument("--force", action="store_true", help="replace an earlier export")
    how.add_argument("--dry-run", action="store_true", help="write nothing and ask no gate: show what would be written")
    how.add_argument("--format", choices=("text", "json"), help="form on standard output (default: text)")
    add_terminal_flags(parser.add_argument_group("terminal"))
    add_settings_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 exported (or a dry run), 1 the gate says FAIL."""
    from audit.train.exporting.options import read_options
    from audit.train.exporting.running import export
    from audit.train.runs.gating import GateFailed, read_waiver

    settings = with_validation(settings_from(args, args.paths), args)
    data, to, output = _needed(args, settings)
    read_waiver(getattr(args, "waive", None))
    options = read_options(settings, _given(args))
    try:
        with progress_bar(args) as bar:
            report = export(
                data,
                output,
                to=to,
                options=options,
                settings=settings,
                waive=getattr(args, "waive", None),
                force=hasattr(args, "force"),
                dry_run=hasattr(args, "dry_run"),
                progress=bar,
            )
    except GateFailed as error:
        show_failed(error)
        return EXIT_FINDINGS
    show(args, report, render)
    return EXIT_CLEAN


def _needed(args: argparse.Namespace, settings: Settings) -> tuple[list[str], str, str]:
    """The data, the trainer and the folder. Raises UsageError where one of them was not named."""
    data = data_named(settings, EXAMPLE)
    if not hasattr(args, "to"):
        raise UsageError("--to names no trainer: trl, axolotl or llama-factory", hint=EXAMPLE)
    needs_none = hasattr(args, "dry_run") and not getattr(args, "output", "")
    return data, args.to, "export" if needs_none else output_named(args, "export", EXAMPLE)


def _given(args: argparse.Namespace) -> Mapping[str, Json]:
    from audit.cli.train import given_options

    given: dict[str, Json] = dict(given_options(args))
    return given | {name: getattr(args, name) for name in ("lowering", "beta") if hasattr(args, name)}


# ----------------------------------------------------------------------------- what is shown


def render(report: ExportReport) -> Iterator[str]:
    """The lines of an export, in pieces that end with a newline."""
    made = report.export
    rows = "preferences" if made.kind == "preference" else "chats"
    yield f"{rows} for {visible(str(made.to['title']))}, as of {visible(str(made.to['as_of']))}\n"
    if made.gate is not None:
        unmet = f" ({visible(', '.join(made.gate.unmet))})" if made.gate.unmet else ""
        waiver = made.gate.waiver
        yield f"gate: {made.gate.verdict} by policy {visible(made.gate.policy)}{unmet}"
        yield f", waived by {visible(waiver.who)}: {visible(waiver.why)}\n" if waiver is not None else "\n"
    yield "\n"
    yield from _splits(made)
    yield f"\ntrained on: {made.supervised}\n\n"
    yield from _settings_told(made)
    yield from (f"note: {visible(note)}\n" for note in made.notes)
    if report.dry_run:
        yield "\nnothing was written\n"
    else:
        yield f"\nwritten to {visible(report.folder)}; train there with: {made.command}\n"


def _splits(made: Export) -> Iterator[str]:
    body = [[visible(name), f"{one.rows:,}", f"{one.used:,}", f"{one.lines:,}"] for name, one in made.splits.items()]
    yield from columns(("split", "rows", "used", "lines"), body, right=(1, 2, 3))
    for name, one in made.splits.items():
        yield from _split_told(name, one)


def _split_told(name: str, one: ExportedSplit) -> Iterator[str]:
    for reason, number in one.left_out.items():
        yield f"left out of {visible(name)}: {plural(number, 'row')}, {reason.replace('_', ' ')}\n"
    if one.lowering is not None:
        told = one.lowering
        yield f"weights of {visible(name)} became copies ({told['how']}): up to {told['most']:,} of a row\n"
    for what, number in one.lost.items():
        yield f"left behind of {visible(name)}: {shortened(what, 200)}: {plural(number, 'row')}\n"


def _settings_told(made: Export) -> Iterator[str]:
    """The settings that do not arrive as they were, of those that the user changed; the others are counted."""
    from audit.train.options import TrainOptions

    fields = {field.name: field.default for field in msgspec.structs.fields(TrainOptions)}
    shown = [one for one in made.settings if one.why and one.how in ("changed", "not carried")]
    own = [one for one in shown if one.how == "changed" or one.value != msgspec.to_builtins(fields.get(one.name))]
    for one in own:
        yield _setting(one)
    if others := len(shown) - len(own):
        yield f"{plural(others, 'setting')} left at the default here {'is' if others == 1 else 'are'} not carried"
        yield " (export.json names all)\n"
    for key in made.provider_keys:
        yield f"not carried: {visible(key)}: only a provider reads it\n"


def _setting(one: Setting) -> str:
    keys = ", ".join(f"{key} = {shortened(str(value), LONGEST)}" for key, value in one.to.items())
    value = shortened(str(one.value), LONGEST)
    return f"{one.how}: {one.name} = {value}{f' as {keys}' if keys else ''}: {one.why}\n"
