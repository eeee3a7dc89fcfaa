"""``audit config``: every setting, its value and where it came from. Checks no data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Final

import msgspec

from audit.cli.settings_flags import add_settings_flags, settings_from
from audit.config.options import BY_FIELD
from audit.config.settings import Settings
from audit.config.values import size_text
from audit.model import Json
from audit.reports.text import columns
from audit.reports.visible import visible

TABLES: Final = ("rules", "ignores", "sections")
"""Fields of Settings that hold whole tables of the file."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``audit config`` takes."""
    parser.add_argument("paths", nargs="*", default=[], metavar="PATH", help="data, as for `audit check`")
    add_settings_flags(parser)
    parser.add_argument("--format", choices=("text", "json"), help="form (default: text)")


def run(args: argparse.Namespace) -> int:
    """Print the settings; exit code 0."""
    settings = settings_from(args, args.paths)
    as_json = getattr(args, "format", "text") == "json"
    sys.stdout.write(json_form(settings) if as_json else text_form(settings))
    return 0


def entries(settings: Settings) -> list[tuple[str, Json, str]]:
    """(key as in the file, value, origin) of every setting, options first, then what tables of the file hold."""
    values = msgspec.to_builtins(settings)
    values["splits"] = _by_name(settings.splits)
    beyond = values["sections"].get("data", {})
    found = [
        (f"{option.table}.{option.key}", values[field], settings.origins.get(field, "default"))
        for field, option in BY_FIELD.items()
        if option.table != "data" or option.key not in beyond
    ]
    origin = {table: settings.origins.get(table, "default") for table in TABLES}
    for code, options in sorted(settings.rules.items()):
        found += [(f"rules.{code}.{name}", value, origin["rules"]) for name, value in options.items()]
    found += [("ignore", entry, origin["ignores"]) for entry in values["ignores"]]
    for name, section in sorted(values["sections"].items()):
        found += [(f"{name}.{key}", value, origin["sections"]) for key, value in section.items()]
    return found


def _by_name(splits: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for name, path in splits:
        files.setdefault(name, []).append(path)
    return files


def json_form(settings: Settings) -> str:
    """A JSON object: the configuration file, and a list of key, value and origin."""
    listed = [{"key": key, "value": value, "origin": origin} for key, value, origin in entries(settings)]
    return json.dumps({"config_file": settings.config_file, "settings": listed}, indent=2) + "\n"


def text_form(settings: Settings) -> str:
    """An aligned table, with the configuration file on the first line."""
    rows = [(visible(key), _shown(key, value), visible(origin)) for key, value, origin in entries(settings)]
    first = f"configuration file: {visible(settings.config_file)}" if settings.config_file else "no configuration file"
    return first + "\n\n" + "".join(columns(("setting", "value", "from"), rows))


def _shown(key: str, value: Json) -> str:
    if key == "check.memory":
        return size_text(value)
    return "-" if value is None or value in ((), [], {}) else json.dumps(value)
