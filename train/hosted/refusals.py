"""Reads why a provider refused a file: which kind of fault, in which file, example and message. Looks at no file.

Providers say so in English sentences, collected in a table of patterns that is tolerant of the words around them; what
fits none is kept as it is. Sources of the texts: jobs and files quoted in public repositories and issues
(openai-php/client's fixtures, openai/openai-python#426, johny-b/llmcomp#59, and reports of failed jobs), and the error
texts of pydantic, which the service checks rows with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from audit.model import Json
from audit.train.protocol.failures import NO_MONEY

Fault: TypeAlias = Literal[
    "unsafe",
    "moderated",
    "quota",
    "too-few-rows",
    "wrong-method",
    "invalid-json",
    "not-an-object",
    "missing-role",
    "unknown-role",
    "role-not-taken",
    "extra-key",
    "missing-key",
    "special-token",
    "wrong-format",
    "row",
    "unknown",
]
"""``row``: something about one example that is not known further; ``unknown``: something else that is not known."""
Role: TypeAlias = Literal["train", "validation", ""]

MOST: Final = 10_000
"""Characters of a message that are read."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file, or a job on it, was refused.

    ``code`` and ``detail`` are the provider's own words. ``role`` is the file's, "" where that is not said. ``example``
    counts from 1; ``message`` is the number that the provider gives, which is not proven to count from 0 or from 1;
    ``column`` that of invalid JSON. ``key`` is the key that is too many, missing or wrong, ``token`` one that may not
    stand in a text. ``categories`` and ``flagged`` (numbers of examples) are what a moderation names.
    """

    code: str = ""
    kind: Fault = "unknown"
    role: Role = ""
    example: int | None = None
    message: int | None = None
    column: int | None = None
    key: str = ""
    token: str = ""
    categories: tuple[str, ...] = ()
    flagged: tuple[int, ...] = ()
    detail: str = ""


_QUOTED: Final = r"[\"'“‘`](?P<key>.+?)[\"'”’`]"
_CODES: Final[Mapping[str, Fault]] = {
    "unsafe_file": "unsafe",
    "exceeded_quota": "quota",
    **dict.fromkeys(NO_MONEY, "quota"),
    "invalid_n_examples": "too-few-rows",
}
"""Codes that say enough. ``invalid_training_file`` and ``invalid_file_format`` stand for all kinds."""
_PART_OF: Final[Mapping[Fault, Fault]] = {"moderated": "unsafe"}
"""What a text may say more exactly than a code."""
_TEXTS: Final[tuple[tuple[Fault, str], ...]] = (
    ("not-an-object", r"line \d+ is not a (JSON )?(dictionary|object)|should be a valid dictionary"),
    ("invalid-json", r"invalid json|cannot be parsed"),
    ("missing-role", r"discriminator '(?P<key>\w+)' is missing|extract tag using discriminator '(?P<tag>\w+)'"),
    ("unknown-role", r"input tag '(?P<token>.+?)' found using '(?P<key>\w+)' does not match"),
    ("role-not-taken", r"\b(?P<token>\w+) messages are not supported"),
    ("extra-key", rf"\bextra (?:key |field |property )?{_QUOTED}|extra inputs are not permitted"),
    ("missing-key", rf"missing (?:the |a |an )?(?:required )?(?:key|field|property) {_QUOTED}|field required"),
    ("special-token", r"invalid (?:special )?token:? *(?P<token><\|.*?\|>|\S*[^\s.])"),
    ("too-few-rows", r"\d+ examples?(\(s\))?,? but must have at least \d+"),
    ("wrong-method", r"is in the (?P<key>[\w-]+) format,? but .*\bmethod|requires the \w+ method of fine-?tuning"),
    ("wrong-format", r"unexpected file format|expected either prompt/completion pairs or chat messages"),
    ("unsafe", r"unsafe (training|validation)? ?file"),
    ("moderated", r"blocked (because|by)|by our moderation|moderation (api|safety|system)|(usage|content) polic"),
    ("quota", r"exceed\w* your (current quota|hard limit)|quota remaining"),
)
"""In the order in which they are tried: first those of texts that quote a row, which may hold any words."""
_PATTERNS: Final = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _TEXTS)
_EXAMPLE: Final = re.compile(r"\bexample #?(\d{1,9})\b|\bline (\d{1,9}) is not\b", re.IGNORECASE)
_MESSAGE: Final = re.compile(r"\bmessage #?(\d{1,9})\b", re.IGNORECASE)
_COLUMN: Final = re.compile(r"\bcolumn (\d{1,9})\b", re.IGNORECASE)
_ROLE: Final = re.compile(r"(?<![a-z])(training|validation)[ _]file(?![a-z])", re.IGNORECASE)
_CATEGORIES: Final = re.compile(r"\bcategor(?:y|ies): *([^.]+)|\bwith respect to ([^.]+)", re.IGNORECASE)
_FLAGGED: Final = re.compile(r"\bflagged (?:line|example)s?:? *(\d[\d, ]*)", re.IGNORECASE)


def refusal_of(error: Mapping[str, Json] | None) -> Refusal | None:
    """What the error of a job or of an upload says (``code``, ``message``, ``param``); None where there is none, or one
    of nulls, as jobs that are well have been seen to have."""
    if not error or not any(value not in (None, "") for value in error.values()):
        return None
    code, text, param = (_text(error.get(name)) for name in ("code", "message", "param"))
    kind, found = _kind(code, text)
    example, message = _number(_EXAMPLE, text), _number(_MESSAGE, text)
    if kind == "unknown" and example is not None:
        kind = "row"
    return Refusal(
        code=code,
        kind=kind,
        role=_role(text) or _role(param) or _role(code),
        example=example,
        message=message,
        column=_number(_COLUMN, text) if kind == "invalid-json" else None,
        key=found.get("key") or found.get("tag") or "",
        token=found.get("token") or "",
        categories=_categories(text),
        flagged=_flagged(text),
        detail=text or code or param,
    )


def _text(value: Json) -> str:
    """A text in one line; servers send all kinds of things."""
    return " ".join(str(value).split())[:MOST] if isinstance(value, str | int | float | dict | list) else ""


def _kind(code: str, text: str) -> tuple[Fault, Mapping[str, str]]:
    """The kind of a fault, and what its pattern found in the text."""
    for kind, pattern in _PATTERNS:
        if _CODES.get(code, kind) in (kind, _PART_OF.get(kind)) and (found := pattern.search(text)):
            return kind, {name: value for name, value in found.groupdict().items() if value}
    return _CODES.get(code, "unknown"), {}


def _role(text: str) -> Role:
    """The file that a text names first: of validation files it is said that "this training file was blocked"."""
    if not (found := _ROLE.search(text)):
        return ""
    return "train" if found[1].lower() == "training" else "validation"


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(next(group for group in found.groups() if group)) if found else None


def _categories(text: str) -> tuple[str, ...]:
    if not (found := _CATEGORIES.search(text)):
        return ()
    return tuple(part for one in re.split(r",| and ", found[1] or found[2]) if (part := one.strip()))


def _flagged(text: str) -> tuple[int, ...]:
    found = _FLAGGED.search(text)
    return tuple(int(number) for number in re.findall(r"\d{1,9}", found[1])) if found else ()
