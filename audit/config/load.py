"""Merges command line, environment, file and defaults into ``Settings``, and remembers where each value came from.

Precedence: command line, then environment, then file, then default. Does not ask whether a rule code exists.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from audit.config import sections
from audit.config.attributes import read_attributes
from audit.config.files import ConfigFile, find
from audit.config.options import BY_FIELD, BY_KEY, OPTIONS, WITHOUT_VARIABLE, Option
from audit.config.settings import Settings
from audit.config.values import Invalid
from audit.errors import ConfigError, UsageError
from audit.model import Json

COMMAND_LINE: Final = "command line"
FOUND: Final = "found"
"""The origin of ``config_file`` where nobody named it."""


def load_settings(
    cli: Mapping[str, Json],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    data: Sequence[str],
    isolated: bool,
    config: str | None,
) -> Settings:
    """The settings of one run.

    ``cli`` holds the flags that were given, by field of Settings (texts are converted); ``data`` the paths on the
    command line. Where the command line names data, as paths or as splits, none that the file names is taken.
    ``isolated`` looks for no file, the environment still counts. Raises ConfigError for a file that cannot be read or
    holds an unknown key, UsageError for a flag or variable whose value does not fit.
    """
    flags = {field: _given(BY_FIELD[field], given, BY_FIELD[field].flag) for field, given in cli.items()}
    values: dict[str, Json] = {}
    origins = dict.fromkeys([*BY_FIELD, "rules", "ignores", "sections"], "default")
    file = find(config, cwd, [*data, *(path for _, path in flags.get("splits", ()))], isolated=isolated)
    if file is not None:
        if config is None:
            origins["config_file"] = FOUND
        for field, value in _from_file(file, cwd).items():
            values[field], origins[field] = value, file.shown
    for option in OPTIONS:
        given = environ.get(option.variable, "")
        if given and option.field not in WITHOUT_VARIABLE:
            values[option.field], origins[option.field] = _given(option, given, option.variable), option.variable
    for field, value in flags.items():
        values[field], origins[field] = value, BY_FIELD[field].flag
    if data:
        values["files"], origins["files"] = tuple(data), COMMAND_LINE
    if data or "splits" in flags:
        _drop_data_of_file(values, origins)
    return Settings(**values, config_file=file.shown if file else None, origins=dict(sorted(origins.items())))


def _drop_data_of_file(values: dict[str, Json], origins: dict[str, str]) -> None:
    """Data named on the command line takes the place of what the file names, and ``--split`` of its field, too."""
    by_flag = origins["splits"] == BY_FIELD["splits"].flag
    for field, kept in (("files", origins["files"] == COMMAND_LINE), ("splits", by_flag)):
        if not kept and values.pop(field, None) is not None:
            origins[field] = COMMAND_LINE
    tables = values.get("sections", {})
    if by_flag and "splits" in tables.get("data", {}):
        rest = {key: value for key, value in tables["data"].items() if key != "splits"}
        values["sections"] = {**tables, "data": rest}


def _given(option: Option, value: Json, where: str) -> Json:
    try:
        return option.read(value)
    except Invalid as problem:
        raise UsageError(f"{where} {problem.what}", hint=problem.hint) from None


def _from_file(file: ConfigFile, cwd: Path) -> dict[str, Json]:
    """Fields of Settings from a file, sections and rule options included."""

    def complain(key: tuple[str, ...], what: str, hint: str | None) -> ConfigError:
        line = file.line_of(key) or file.line_of(key[:-1])
        place = f"{file.shown}:{line}" if line else file.shown
        return ConfigError(f"{place}: {sections.complaint(key, what)}", hint=hint)

    tables = sections.known(file.tables, sections.TOP_KEYS, (), complain)
    named = {
        "data": sections.known(tables.get("data", {}), sections.DATA_KEYS, ("data",), complain),
        "check": sections.known(tables.get("check", {}), sections.CHECK_KEYS, ("check",), complain),
        "gate": sections.known(tables.get("gate", {}), sections.CHECKED_SECTIONS["gate"], ("gate",), complain),
    }
    values: dict[str, Json] = {}
    for option in OPTIONS:
        table = named[option.table]
        if option.key in table and not sections.names_a_field(option.key, table[option.key]):
            try:
                values[option.field] = _relative(option, option.read(table[option.key]), file.path.parent, cwd)
            except Invalid as problem:
                raise complain((option.table, option.key), problem.what, problem.hint) from None
    sections.read_data(named["data"], complain)
    if "rules" in tables:
        values["rules"] = sections.read_rules(tables["rules"], complain)
    if "ignore" in tables:
        values["ignores"] = sections.read_ignores(tables["ignore"], complain)
    if kept := _kept(tables, named["data"], complain):
        values["sections"] = kept
    return values


def _has_field(table: str, key: str) -> bool:
    """Whether a key of a table is an option with a field of its own in Settings."""
    return key in BY_KEY and BY_KEY[key].table == table


def _kept(tables: dict[str, Json], data: dict[str, Json], complain: sections.Complain) -> dict[str, Json]:
    """The tables that later commands read, their names checked."""
    kept: dict[str, Json] = {}
    # Options of a check have fields of their own in Settings.
    if beyond := {key: data[key] for key in data if key not in BY_KEY or sections.names_a_field(key, data[key])}:
        kept["data"] = beyond
    if "attributes" in tables:
        kept["attributes"] = read_attributes(tables["attributes"], complain)
    for name in sections.CHECKED_SECTIONS:
        if name in tables:
            section = sections.read_checked(name, tables[name], complain)
            if beyond := {key: value for key, value in section.items() if not _has_field(name, key)}:
                kept[name] = beyond
    return kept


def _relative(option: Option, value: Json, folder: Path, cwd: Path) -> Json:
    """Paths in a file are meant relative to the file; what is printed is relative to the working directory."""
    if not option.is_path or folder == cwd:
        return value
    if option.field == "splits":
        return tuple((name, _moved(path, folder, cwd)) for name, path in value)
    if isinstance(value, tuple):
        return tuple(_moved(item, folder, cwd) for item in value)
    # A model or tokenizer is a path only where something lies there; otherwise it is a name.
    return _moved(value, folder, cwd) if (folder / value).exists() else value


def _moved(name: str, folder: Path, cwd: Path) -> str:
    if name == "-" or Path(name).is_absolute():
        return name
    try:
        return Path(os.path.relpath(folder / name, cwd)).as_posix()
    except ValueError:  # another drive on Windows
        return (folder / name).as_posix()
