"""What a program or a template leaves in an answer: error messages, values of a language, placeholders, filler.

Says what stands where and how sure it is that nobody meant it, by the answer and its prompt. Quotes short names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from audit.model import Severity
from audit.phrases.no_output import PROGRAM_VALUES
from audit.rules.answers.leftover_patterns import (
    ABOUT_CODE,
    ABOUT_CROSSES,
    ABOUT_ERRORS,
    ABOUT_FILLER,
    ABOUT_TASKS,
    ABOUT_TEMPLATES,
    ABOUT_VALUES,
    API_ERROR,
    ASKED,
    BRACKETED,
    BRACKETED_EAST,
    CODE,
    CROSSES,
    ENGINE,
    EXPLAINS,
    FILLER,
    FOR_READERS,
    FOREIGN_ERROR,
    INLINE,
    LETTER,
    MARKUP,
    MOUSTACHE,
    OBJECT,
    RAISED,
    SINGLE,
    SURE_ERROR,
    TEMPLATE_CODE,
    TODO,
    TRACEBACK,
)


class Leftover(NamedTuple):
    """What was left, where (code points), what to say of it, and how sure it is."""

    kind: str
    start: int
    end: int
    what: str
    severity: Severity


_CAP: Final = 200_000
_WHOLE: Final = 600
"""Characters of the longest answer that is taken for nothing but an error message."""
_SHORT: Final = 200
"""Characters of the longest of those that are known by a few words of a language."""
_VALUES: Final = PROGRAM_VALUES | {"[object object]"}


def leftovers(answer: str, prompt: str) -> Iterator[Leftover]:
    """What nobody meant to say in an answer, the first of each kind; looks at the first 200,000 characters.

    An error of a program as the whole answer is sure; inside an answer it is not. A placeholder is info in a letter or
    where the prompt speaks of templates, and code is code. Takes any strings.
    """
    answer, prompt = answer[:_CAP], prompt[-_CAP:]
    whole = _whole(answer, prompt)
    if whole is not None:
        yield whole
        return
    bare = answer if "`" not in answer else INLINE.sub(_blank, answer)
    yield from _errors(bare, answer, prompt)
    yield from _placeholders(bare, answer, prompt)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _whole(answer: str, prompt: str) -> Leftover | None:
    """An answer that is nothing but a value of a programming language or the error message of a service."""
    if len(answer) > 5 * _WHOLE:
        return None
    stripped = answer.strip()
    start = len(answer) - len(answer.lstrip())
    end = start + len(stripped)
    value = stripped.rstrip(".").casefold()
    if value in _VALUES:
        severity = (
            Severity.ERROR if value == "[object object]" and "object" not in prompt.casefold() else Severity.WARNING
        )
        if value != "[object object]" and ABOUT_VALUES.search(prompt):
            return None
        return Leftover(
            "value", start, end, f'the answer is "{stripped[:20]}", what a program prints for no value', severity
        )
    if len(stripped) > (_WHOLE if stripped[:1] != "<" and stripped[:9] != "Traceback" else 5 * _WHOLE):
        return None
    match = API_ERROR.match(stripped) or RAISED.match(stripped)
    if match is None and len(stripped) <= _SHORT:
        match = FOREIGN_ERROR.match(stripped)
    if match is None or ABOUT_ERRORS.search(prompt) or EXPLAINS.search(stripped, match.end()):
        return None
    sure = SURE_ERROR.search(stripped[:_WHOLE]) is not None and len(stripped) <= 300
    return Leftover(
        "error", start, start + len(match[0]), "the answer is the error message of a program or a service",
        Severity.ERROR if sure else Severity.WARNING,
    )  # fmt: skip


def _errors(bare: str, answer: str, prompt: str) -> Iterator[Leftover]:
    if (match := OBJECT.search(bare)) is not None and "object" not in prompt.casefold() and not CODE.search(answer):
        yield Leftover(
            "value", match.start(), match.end(), f'the answer holds "{match[0]}", what JavaScript writes for an object',
            Severity.ERROR,
        )  # fmt: skip
    if (match := TRACEBACK.search(bare)) is not None and not ABOUT_ERRORS.search(prompt) and not CODE.search(prompt):
        yield Leftover(
            "error", match.start(), match.end(), "the answer holds the traceback of a program", Severity.WARNING
        )
    if (match := FILLER.search(bare)) is not None and not ABOUT_FILLER.search(prompt):
        yield Leftover(
            "filler", match.start(), match.end(), "the answer holds filler text (lorem ipsum)", Severity.WARNING
        )


def _placeholders(bare: str, answer: str, prompt: str) -> Iterator[Leftover]:
    moustache = list(MOUSTACHE.finditer(bare))
    if moustache:
        asked = ABOUT_TEMPLATES.search(prompt) is not None
        if not (asked and CODE.search(answer)) and not _explains_templates(bare, prompt):
            meant = asked and (ABOUT_CODE.search(prompt) is not None or len(moustache) > _A_FEW)
            yield _placeholder(moustache[0], Severity.INFO if meant else Severity.WARNING, len(moustache))
        return
    if FOR_READERS.search(prompt) is not None:
        return
    found = [
        match for pattern in (BRACKETED, BRACKETED_EAST, SINGLE, TEMPLATE_CODE) for match in pattern.finditer(bare)
    ]
    found = [match for match in found if not _is_markup(match)]
    if found:
        if CODE.search(answer) is None:
            first = min(found, key=lambda match: match.start())
            meant = _is_template(first, answer, prompt)
            yield _placeholder(first, Severity.INFO if meant else Severity.WARNING, len(found))
    elif (match := TODO.search(bare)) is not None:
        if ABOUT_TASKS.search(prompt) is None and CODE.search(answer) is None:
            yield _placeholder(match, Severity.WARNING, 1)
    elif (match := CROSSES.search(bare)) is not None and not _crosses_meant(match, bare, prompt):
        yield _placeholder(match, Severity.INFO, 1)


_A_FEW: Final = 2


def _is_template(first: re.Match[str], answer: str, prompt: str) -> bool:
    """Whether brackets are for the reader to fill in: a letter, or a prompt that asks for wording or has them too."""
    if ABOUT_TEMPLATES.search(prompt) is not None or ASKED.search(prompt) is not None:
        return True
    return _is_letter(answer) or first[0].casefold() in prompt.casefold()


def _explains_templates(answer: str, prompt: str) -> bool:
    if ENGINE.search(answer) is not None or ENGINE.search(prompt) is not None:
        return True
    return "{{" in prompt and ABOUT_TEMPLATES.search(prompt) is not None


def _is_markup(match: re.Match[str]) -> bool:
    """Whether a word in angle brackets may be an element of XML."""
    return MARKUP.match(match[0]) is not None and match[0].lower() == match[0]


def _is_letter(answer: str) -> bool:
    return LETTER.search(answer) is not None


def _crosses_meant(match: re.Match[str], answer: str, prompt: str) -> bool:
    """Whether crosses are a rating, a number in Roman or Chinese style, kisses, or a blank that the prompt has too."""
    if match[0] in prompt or (match[0].startswith("_") and "_" in prompt) or len(answer) < 2 * len(match[0]):
        return True
    return ABOUT_CROSSES.search(prompt) is not None or ABOUT_CROSSES.search(answer) is not None


def _placeholder(match: re.Match[str], severity: Severity, count: int) -> Leftover:
    name = match[0].strip()[:20]
    more = f" and {count - 1} more" if count > 1 else ""
    return Leftover(
        "placeholder", match.start(), match.end(), f'a placeholder was not filled in: "{name}"{more}', severity
    )
