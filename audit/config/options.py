"""The options of a check, once: their names on the command line, in the environment and in the file, and their values.

Turns one given value into its type or says what is wrong with it. Reads no file and knows no precedence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from audit.errors import did_you_mean
from audit.model import Json, Severity

CODE: Final = re.compile(r"[A-Z]{3}[0-9]{3}")
"""A whole rule code."""
CODE_OR_PREFIX: Final = re.compile(r"[A-Z]{1,3}|[A-Z]{3}[0-9]{1,3}")
"""A rule code, or the beginning of one."""


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
    """An integer of either sign."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
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
    except (ValueError, OverflowError):
        raise Invalid(f"must be a number, not {value!r}") from None
    if not 0 < number < float("inf"):
        raise Invalid(f"must be a number above 0, not {value!r}")
    return number


class Option(msgspec.Struct, frozen=True):
    """One field of Settings: its table in the file (``data`` or ``check``), how a value is read, what it means."""

    field: str
    table: str
    read: Callable[[Json], Json]
    meaning: str
    is_path: bool = False
    """True when the value may be a path, which a file means relative to itself."""

    @property
    def key(self) -> str:
        """The key in the file."""
        return self.field.replace("_", "-")

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return "--" + self.key

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "AUDIT_" + self.field.upper()


OPTIONS: Final = (
    Option("files", "data", texts, "files, folders and patterns to check", is_path=True),
    Option("target", "data", text, "what the file is for: a provider or a trainer"),
    Option("model", "data", text, "model to be tuned: sets tokenizer and limits", is_path=True),
    Option("tokenizer", "data", text, "encoding name, or path of a Hugging Face tokenizer", is_path=True),
    Option("select", "check", codes, "rules to run instead of the stable ones"),
    Option("extend_select", "check", codes, "rules to run as well"),
    Option("ignore", "check", codes, "rules not to run"),
    Option("preview", "check", switch, "also run the rules in preview"),
    Option("fail_on", "check", severity, "least severity that fails"),
    Option("as_of", "check", day, "the day for which dated facts are judged"),
    Option("max_findings", "check", count, "keep at most so many findings in the result"),
    Option("max_tokens", "check", positive_count, "longest example in tokens"),
    Option("epochs", "check", positive, "passes over the data, for the cost"),
    Option("max_cost", "check", positive, "most that training may cost, in US dollars"),
    Option("seed", "check", whole, "seed of everything that is drawn"),
    Option("allow_download", "check", switch, "fetch a tokenizer that is not on this machine"),
)
BY_FIELD: Final[Mapping[str, Option]] = {option.field: option for option in OPTIONS}
WITHOUT_VARIABLE: Final = frozenset({"files"})
"""Options that cannot be set in the environment."""
