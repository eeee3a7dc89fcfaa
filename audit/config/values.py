"""Turns one given value into the type of its option, or says what is wrong with it. Knows no option by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final

from audit.errors import did_you_mean
from audit.model import Json, Severity

CODE: Final = re.compile(r"[A-Z]{3}[0-9]{3}")
"""A whole rule code."""
CODE_OR_PREFIX: Final = re.compile(r"[A-Z]{1,3}|[A-Z]{3}[0-9]{1,3}")
"""A rule code, or the beginning of one."""
EXECUTORS: Final = ("auto", "inline", "processes")
MOST_PROCESSES: Final = 1024
LEAST_MEMORY: Final = 16 << 20
"""Bytes: a few shards of the input, of 4 MiB each."""
MOST_MEMORY: Final = 1024 << 40
"""Bytes, beyond any machine: a size above it is a slip of the unit."""


class Invalid(Exception):
    """A value that does not fit its option; the caller knows where it stood and makes an AuditError of it."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def text(value: Json) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"must be a text, not {value!r}")
    return value


def texts(value: Json) -> tuple[str, ...]:
    """A string or a list of strings."""
    if isinstance(value, str):
        return (text(value),)
    if not isinstance(value, list | tuple):
        raise Invalid(f"must be a text or a list of texts, not {value!r}")
    return tuple(text(item) for item in value)


def codes(value: Json) -> tuple[str, ...]:
    """Rule codes and prefixes: a list, or one string with commas between them. Case is folded to capitals."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise Invalid(f"must be a list of rule codes, not {value!r}")
    words: list[str] = []
    for item in given:
        word = item.strip().upper() if isinstance(item, str) else ""
        if isinstance(item, str) and not word:
            continue
        if not CODE_OR_PREFIX.fullmatch(word):
            raise Invalid(f"{item!r} is neither a rule code nor its beginning", 'codes look like "FMT105" or "FMT"')
        words.append(word)
    return tuple(dict.fromkeys(words))


def switch(value: Json) -> bool:
    """True or false; in the environment also 1, 0, yes and no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on"):
        return True
    if isinstance(value, str) and value.lower() in ("0", "false", "no", "off"):
        return False
    raise Invalid(f"must be true or false, not {value!r}")


def severity(value: Json) -> Severity:
    """One of error, warning and info."""
    names = [str(name) for name in Severity]
    if isinstance(value, str) and value.lower() in names:
        return Severity(value.lower())
    hint = did_you_mean(value, names) if isinstance(value, str) else None
    raise Invalid(f"must be one of {', '.join(names)}, not {value!r}", hint)


def day(value: Json) -> date:
    """A date; as text YYYY-MM-DD."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Invalid(f"must be a date such as 2025-01-31, not {value!r}") from None


def whole(value: Json) -> int:
    """An integer of either sign, of at most 64 bits: what a result can hold."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(1 << 63) <= value < 1 << 63:
            raise Invalid("must be a whole number of at most 64 bits")
        return value
    raise Invalid(f"must be a whole number, not {value!r}")


def count(value: Json) -> int:
    """An integer of 0 or more."""
    number = whole(value)
    if number < 0:
        raise Invalid(f"must be 0 or more, not {number}")
    return number


def positive_count(value: Json) -> int:
    """An integer of 1 or more."""
    number = whole(value)
    if number < 1:
        raise Invalid(f"must be 1 or more, not {number}")
    return number


def positive(value: Json) -> float:
    """A finite number above 0."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except ValueError:
        raise Invalid(f"must be a number, not {value!r}") from None
    except OverflowError:
        raise Invalid("must be a smaller number") from None
    if not 0 < number < float("inf"):
        raise Invalid(f"must be a number above 0, not {value!r}")
    return number


def processes(value: Json) -> int:
    """An integer of 1 or more, no larger than ``MOST_PROCESSES``."""
    number = positive_count(value)
    if number > MOST_PROCESSES:
        raise Invalid(f"must be at most {MOST_PROCESSES}", "more processes than cores are no faster")
    return number


def executor(value: Json) -> str:
    """How a check is spread over processes: one of ``EXECUTORS``."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in EXECUTORS:
        return word
    known = ", ".join(EXECUTORS)
    if word == "ray":
        raise Invalid(f"ray is for a later extra; this version has {known}", '"processes" uses the cores of a machine')
    raise Invalid(f"must be one of {known}, not {value!r}", did_you_mean(word, EXECUTORS) if word else None)


# ----------------------------------------------------------------------------- sizes


def size(value: Json) -> int:
    """Bytes, ``LEAST_MEMORY`` or more: a whole number, or a text such as ``512MB`` (decimal) or ``2 GiB`` (binary)."""
    number = _bytes_in(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool):
        raise Invalid(f"must be a size such as 512MB or 2 GiB, not {value!r}", "units: " + ", ".join(_NAMED_UNITS))
    if number < LEAST_MEMORY:
        raise Invalid(f"must be at least {size_text(LEAST_MEMORY)}, not {value!r}")
    if number > MOST_MEMORY:
        raise Invalid(f"must be at most {size_text(MOST_MEMORY)}")
    return number


def _bytes_in(written: str) -> int | None:
    found = _SIZE.fullmatch(written.strip().lower())
    if found is None or found[3] not in _UNITS:
        return None
    digits, part = found[1], found[2] or ""
    return int(int(digits + part) * _UNITS[found[3]] // 10 ** len(part))


def size_text(number: int) -> str:
    """Bytes as ``size`` reads them, in the largest unit of which they are a whole number."""
    fitting = [unit for unit in _NAMED_UNITS if number and number % _UNITS[unit.lower()] == 0]
    unit = max(fitting, key=lambda unit: _UNITS[unit.lower()], default="bytes")
    return f"{number // _UNITS[unit.lower()]} {unit}"


_DECIMAL: Final = ("kB", "MB", "GB", "TB")
_BINARY: Final = ("KiB", "MiB", "GiB", "TiB")
_NAMED_UNITS: Final = (*_DECIMAL, *_BINARY)
# IEC 80000-13: kB is 1000 bytes, KiB is 1024. A prefix may stand alone: 2g, 2gi.
_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{spelling: 1000**power for power, unit in enumerate(_DECIMAL, 1) for spelling in (unit[0].lower(), unit.lower())},
    **{spelling: 1024**power for power, unit in enumerate(_BINARY, 1) for spelling in (unit[:2].lower(), unit.lower())},
}
_SIZE: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))? ?([a-z]*)")


# ----------------------------------------------------------------------------- splits


def splits(value: Json) -> tuple[tuple[str, str], ...]:
    """(split, path) in the order given: from ``name=path`` texts, from a table of split = file or files, or from pairs.

    A path comes once. Known names are given in their first spelling (``dev`` is ``validation``).
    """
    split_of: dict[str, str] = {}
    for given, path in _pairs(value):
        name = split_name(given)
        if split_of.setdefault(path, name) != name:
            raise Invalid(f"names {path!r} for two splits, {split_of[path]} and {name}", "a file is of one split")
    return tuple((name, path) for path, name in split_of.items())


def split_name(word: str) -> str:
    """The name of a split: ``train``, ``validation`` and ``test`` in any of their spellings, else the word itself."""
    word = word.strip()
    if not re.fullmatch(r"[\w-]+", word):
        raise Invalid(f"must name splits with letters, digits, - and _, not {word!r}", SPLIT_EXAMPLE)
    return SPLIT_NAMES.get(word.lower(), word)


def _pairs(value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, files in value.items():
            yield from _files_of(str(name), files)
        return
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, list | tuple):
        raise Invalid(f"must be a field, or a table of split = file, not {value!r}", SPLIT_TABLE)
    for item in value:
        name, path = item.split("=", 1) if isinstance(item, str) and "=" in item else _pair(item)
        if not name.strip() or not path.strip():
            raise Invalid(f"must be name=path, not {item!r}", SPLIT_EXAMPLE)
        yield name, path


def _files_of(name: str, files: Json) -> Iterator[tuple[str, str]]:
    try:
        paths = texts(files)
    except Invalid as problem:
        raise Invalid(f"of {name} {problem.what}", SPLIT_TABLE) from None
    if not paths:
        raise Invalid(f"names no file for {name}", SPLIT_TABLE)
    for path in paths:
        yield name, path


def _pair(item: Json) -> tuple[str, str]:
    if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return item[0], item[1]
    raise Invalid(f"must be name=path, not {item!r}", SPLIT_EXAMPLE)


SPLIT_EXAMPLE: Final = "for example --split train=train.jsonl --split test=test.jsonl"
SPLIT_TABLE: Final = 'for example splits = { train = "train.jsonl", test = ["a.jsonl", "b.jsonl"] }'
SPLIT_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
}
"""Spellings, and the name that each stands for."""
