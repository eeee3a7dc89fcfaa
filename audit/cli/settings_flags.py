"""The flags that set a field of ``Settings``, shared by the commands that take them. Merges nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from audit.config.load import load_settings
from audit.config.options import BY_FIELD
from audit.config.settings import Settings
from audit.errors import UsageError
from audit.model import Json

_METAVARS = {
    "splits": "NAME=PATH", "against": "FILE", "target_sample": "FILE", "lexicons": "FILE",
    "known_citations": "FILE", "jobs": "N", "executor": "NAME", "memory": "SIZE",
    "target": "NAME", "model": "NAME", "tokenizer": "NAME|PATH", "select": "CODES", "extend_select": "CODES",
    "ignore": "CODES", "fail_on": "SEVERITY", "as_of": "DATE", "max_findings": "N", "max_tokens": "N", "epochs": "N",
    "max_cost": "DOLLARS", "seed": "N", "baseline": "FILE",
}  # fmt: skip
_CODES = ("select", "extend_select", "ignore")
_REPEATED = ("splits", "against", "target_sample", "lexicons", "known_citations")
_AFTER = {
    **dict.fromkeys(_CODES, " (codes or prefixes, commas between)"),
    **dict.fromkeys(_REPEATED, " (repeatable)"),
}
_GROUPS = (
    ("which rules", ("select", "extend_select", "ignore", "preview")),
    (
        "what the data is judged as",
        ("target", "model", "tokenizer", "max_tokens", "epochs", "max_cost", "as_of", "seed"),
    ),
    (
        "splits, files to compare with, and lexicons",
        ("splits", "against", "target_sample", "lexicons", "known_citations"),
    ),
    ("limits", ("fail_on", "max_findings", "baseline", "allow_download")),
    ("how it is run (the result is the same)", ("jobs", "executor", "memory")),
)


def add_settings_flags(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every option, and those that choose the configuration file."""
    for title, fields in _GROUPS:
        group = parser.add_argument_group(title)
        for field in fields:
            _add(group, field)
    files = parser.add_argument_group("configuration")
    files.add_argument("--config", metavar="FILE", help="configuration file to use")
    files.add_argument("--isolated", action="store_true", help="use no configuration file that was not named")


def _add(group: argparse._ArgumentGroup, field: str) -> None:
    option = BY_FIELD[field]
    if field not in _METAVARS:
        group.add_argument(option.flag, dest=field, action="store_true", help=option.meaning)
        return
    more = {"action": "append"} if field in _CODES + _REPEATED else {}
    text = option.meaning + _AFTER.get(field, "")
    group.add_argument(option.flag, dest=field, metavar=_METAVARS[field], help=text, **more)  # type: ignore[arg-type]


def settings_from(args: argparse.Namespace, paths: Sequence[str]) -> Settings:
    """The settings that flags, environment and files give. Raises UsageError for a code that matches no rule."""
    given = {field: value for field, value in vars(args).items() if field in BY_FIELD}
    cli: dict[str, Json] = {field: ",".join(value) if field in _CODES else value for field, value in given.items()}
    settings = load_settings(
        cli,
        environ=os.environ,
        cwd=Path.cwd(),
        data=paths,
        isolated=getattr(args, "isolated", False),
        config=getattr(args, "config", None),
    )
    _check_codes(settings)
    return settings


def _check_codes(settings: Settings) -> None:
    from audit.catalog import check_selector

    for field in _CODES:
        for code in getattr(settings, field) or ():
            try:
                check_selector(code)
            except UsageError as error:
                raise UsageError(f"{settings.origins[field]}: {error.what}", hint=error.hint) from None
