"""Finds and reads the configuration file, and says on which line a key stands. Checks nothing in it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from audit.errors import ConfigError, did_you_mean
from audit.model import Json

NAMES: Final = ("audit.toml", ".audit.toml", "pyproject.toml")
"""Looked for in every folder in this order; pyproject.toml counts only with a [tool.audit] table."""


class ConfigFile(msgspec.Struct, frozen=True):
    """A parsed file. ``shown`` is its path as it is printed; ``prefix`` are the tables above ours in pyproject.toml."""

    path: Path
    shown: str
    text: str
    tables: dict[str, Json]
    prefix: tuple[str, ...] = ()

    def line_of(self, key: Sequence[str]) -> int | None:
        """The 1-based line on which a key (or the table it opens) is written, None when it cannot be told."""
        return _line_of(self.text, tuple(step.replace("_", "-") for step in (*self.prefix, *key)))


def find(config: str | None, cwd: Path, data: Sequence[str], *, isolated: bool) -> ConfigFile | None:
    """The file that was named, else the nearest from the working directory upwards, else the one beside the data.

    Raises ConfigError when the named file is missing or a found one cannot be parsed.
    """
    if config is not None:
        return _named(config, cwd)
    if isolated:
        return None
    for folder in [cwd, *cwd.parents, *_beside(data, cwd)]:
        for name in NAMES:
            found = _read_if_ours(folder / name, _shown(folder / name, cwd))
            if found is not None:
                return found
    return None


def _named(config: str, cwd: Path) -> ConfigFile:
    path = cwd / config
    if not path.is_file():
        near = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise ConfigError(f"configuration file {config} does not exist", hint=did_you_mean(path.name, near))
    found = _read_if_ours(path, config)
    if found is None:
        raise ConfigError(f"{config} has no [tool.audit] table")
    return found


def _beside(data: Sequence[str], cwd: Path) -> list[Path]:
    paths = [cwd / name for name in data if name != "-"]
    return list(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))


def _read_if_ours(path: Path, shown: str) -> ConfigFile | None:
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"{shown} cannot be read: {problem.strerror}") from None
    in_pyproject = path.name == "pyproject.toml"
    if in_pyproject and not re.search(rb"\[\[?\s*tool\s*\.\s*audit\b|^\s*audit\s*[.=]", content, re.MULTILINE):
        return None
    text = _decoded(content, shown)
    tables = _parsed(text, shown)
    if not in_pyproject:
        return ConfigFile(path, shown, text, tables)
    tool = tables.get("tool")
    ours = tool.get("audit") if isinstance(tool, dict) else None
    return ConfigFile(path, shown, text, ours, ("tool", "audit")) if isinstance(ours, dict) else None


def _decoded(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise ConfigError(f"{shown}:{line}: not UTF-8 (byte {content[problem.start]:#04x})") from None


def _parsed(text: str, shown: str) -> dict[str, Json]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        where = re.search(r"\(at line (\d+), column (\d+)\)$", str(problem))
        place = f":{where[1]}:{where[2]}" if where else ""
        what = str(problem)[: where.start()].strip() if where else str(problem)
        raise ConfigError(f"{shown}{place}: not valid TOML: {what}", hint="texts stand in quotes") from None
    except ValueError:  # a number longer than Python reads
        raise ConfigError(f"{shown}: not valid TOML: a number has too many digits") from None
    except RecursionError:
        raise ConfigError(f"{shown}: not valid TOML: nested too deeply") from None


def _shown(path: Path, cwd: Path) -> str:
    """Relative to the working directory: the same bytes come out wherever the project lies."""
    try:
        return Path(os.path.relpath(path, cwd)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_STEP: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY: Final = re.compile(rf"\s*({_STEP}(?:\s*\.\s*{_STEP})*)\s*=")


def _line_of(text: str, wanted: tuple[str, ...]) -> int | None:
    table: tuple[str, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _steps(header[2])
            if header[1] == "[[":
                index = seen.get(table, -1) + 1
                seen[table] = index
                table = (*table, str(index))
            if table[: len(wanted)] == wanted:
                return number
        elif (key := _KEY.match(line)) and (*table, *_steps(key[1]))[: len(wanted)] == wanted:
            return number
    return None


def _steps(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key, with the two spellings of a key made one."""
    return tuple(step.strip().strip("\"'").replace("_", "-") for step in dotted.split("."))
