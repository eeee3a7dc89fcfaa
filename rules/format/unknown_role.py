"""FMT103: roles that the target does not know, and other spellings of those it does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar, Final

from audit.model import Applicability, Fix, Message, Record, Severity, Target
from audit.rule import Batch, Hit, RecordRule, Run
from audit.rules.format.reading import DROP, ROLES, read_as, replace, safely, speaker, unsafely

_SHAREGPT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}
)
_STANDS_FOR: Final[Mapping[str, str]] = MappingProxyType({"system": "developer", "developer": "system"})
_TOOL_ROLES: Final = frozenset({"tool", "function"})
_CLOSE: Final = 0.85
"""difflib ratio from which a role counts as a misspelling: one wrong letter in a word as long as ``assistant``."""


class UnknownRole(RecordRule, frozen=True):
    r"""A message has a role that the target does not know, or a known one in another spelling.

    Providers refuse the file. A local chat template drops the turn, raises an error, or prints the name as it stands,
    so that the model is trained on a speaker it will never meet.

    Bad:
        {"messages": [{"role": "Human", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "bot", "content": "Hello."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: use the target's names: mostly system, user, assistant and tool, in lower case.
    """

    code: ClassVar[str] = "FMT103"
    name: ClassVar[str] = "unknown-role"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.SAFE

    def suspects(self, batch: Batch, run: Run) -> tuple[int, ...] | list[int]:
        """All plain chat rows where the target does not know their three roles."""
        roles = run.target.roles
        if not roles or ("system" in roles and "user" in roles and "assistant" in roles):
            return ()
        return list(batch.shapes.get("openai-sft", ()))

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit per message with such a role."""
        known = run.target.roles or tuple(sorted(ROLES))
        for message in record.turns:
            role = message.role
            if role in known or not isinstance(role, str):
                continue
            if read_as(record, run.target) is None:
                return
            if role in _TOOL_ROLES and run.target.tools == "rejected":
                continue  # FMT110 says once that the row uses tools.
            yield self.hit(
                f'"{role}" is not a role that {run.target.name} knows; asked for {", ".join(known)}',
                message.role_at,
                evidence={"role": role},
                fix=_fix(message, role, run.target, known),
            )


@lru_cache(maxsize=1_000)
def _close_matches(role: str, known: tuple[str, ...]) -> list[str]:
    """A file misspells a role in all its rows, and looking for the nearest takes as long as reading one."""
    return difflib.get_close_matches(role, known, n=1, cutoff=_CLOSE)


def _fix(message: Message, role: str, target: Target, known: tuple[str, ...]) -> Fix:
    standard = speaker(message)
    if standard is not None and standard not in known:
        standard = _STANDS_FOR.get(standard)
    if standard in known:
        name = _spelt(standard, message)
        return safely(f'replace "{role}" by "{name}"', replace(message.role_at, name))
    close = _close_matches(role.strip().lower(), known)
    if close:
        name = _spelt(close[0], message)
        return unsafely(f'replace "{role}" by "{name}"', replace(message.role_at, name))
    return DROP


def _spelt(role: str, message: Message) -> str:
    """The role under the name that the row's own shape has for it."""
    return _SHAREGPT_NAMES.get(role, role) if message.role_at.endswith("/from") else role
