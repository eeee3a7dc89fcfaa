"""Reads lists of harmful words: the built-in one and the user's own. Looks for none of them in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from audit.errors import ConfigError
from audit.lexicons.folding import fold_form

Grade: TypeAlias = Literal["mild", "severe"]
GRADES: Final = ("mild", "severe")
OWN: Final = "own"
"""The category of words that the user gives without a header."""
_FLAGS: Final = frozenset({"reclaimed", "masked", "spaced"})
_SETTING: Final = '"file" of SAF921'
_ARABIC: Final = re.compile("[\u0621-\u064a]+$")
"""A single word, which may have the article written before it."""
_MOST_BYTES: Final = 4 << 20


class Harm(NamedTuple):
    """A form that is looked for, folded, and what is said of it.

    ``unless`` are words near which it means something else; the flags are those of ``harmful_terms.txt``.
    """

    form: str
    category: str
    grade: Grade
    unless: frozenset[str] = frozenset()
    reclaimed: bool = False
    masked: bool = False
    spaced: bool = False


@lru_cache(maxsize=1)
def built_in() -> tuple[Harm, ...]:
    """The forms of the built-in list, each once: of a form that two languages have the first entry."""
    text = files("audit.rules.safety").joinpath("harmful_terms.txt").read_text("utf-8")
    first: dict[str, Harm] = {}
    for harm in _read(text, "harmful_terms.txt"):
        first.setdefault(harm.form, harm)
    return tuple(first.values())


def of_user(words: tuple[str, ...], path: str) -> tuple[Harm, ...]:
    """The user's own words (severe, of category ``own``), and those of a file in the form of the built-in one; without
    a header they are severe, too. Raises ConfigError for a file that cannot be read, naming the line of a wrong
    header."""
    given = [Harm(form, OWN, "severe", masked=True) for word in words if (form := fold_form(word))]
    if not path:
        return tuple(given)
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{_SETTING}: {path} cannot be read: {error}") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"{_SETTING}: {path} has more than {_MOST_BYTES:,} bytes")
    return (*given, *_read(text, path))


def _read(text: str, name: str) -> Iterator[Harm]:
    header = Harm("", OWN, "severe", masked=True)
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            header = _header(line, f"{name} line {number}")
            continue
        for entry in line.split(","):
            yield from _forms(entry, header)


def _header(line: str, place: str) -> Harm:
    category, grade, *flags = [*line.strip("[]").split(), "", ""][: max(2, len(line.split()))]
    if not line.endswith("]") or grade not in GRADES or not _FLAGS.issuperset(flags):
        raise ConfigError(
            f"{_SETTING}: {place} is no header: {line[:60]!r}",
            hint="[category mild] or [category severe], with the flags reclaimed, masked and spaced after it",
        )
    return Harm(
        "",
        category,
        cast("Grade", grade),
        reclaimed="reclaimed" in flags,
        masked="masked" in flags,
        spaced="spaced" in flags,
    )


def _forms(entry: str, header: Harm) -> Iterator[Harm]:
    written, _, unless = entry.partition("~")
    stem, *endings = written.strip().split("+")
    near = frozenset(word for one in unless.split() if (word := fold_form(one)))
    for ending in ("", *endings):
        if form := fold_form(stem + ending):
            yield header._replace(form=form, unless=near)
            if _ARABIC.match(form):
                yield header._replace(form=f"ال{form}", unless=near)
