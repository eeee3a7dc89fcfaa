"""Which limit on the length of an example holds for a run, and how sure a count is. Judges no row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from audit.model import Record
from audit.render.chatml import has_estimated_parts
from audit.rule import Run
from audit.tokens.counter import Counter, TemplateCounter
from audit.tokens.encodings import ENCODINGS
from audit.tokens.models import resolve_model

_OPENAI_FORMATS: Final = ("openai", "azure", "generic")
"""Targets whose models OpenAI's encodings are for, and the one that says nothing of a model."""


class Limit(msgspec.Struct, frozen=True):
    """The longest example in tokens, and who says so."""

    tokens: int
    origin: str


def example_limit(run: Run, option: int = 0) -> Limit | None:
    """The limit of a run: the rule's option, the run's setting, the target's for the named model, the model's own, the
    tokenizer's, the target's default. None where nobody names one."""
    if option > 0:
        return Limit(option, "the option max_tokens")
    if run.max_tokens is not None:
        return Limit(run.max_tokens, "--max-tokens")
    target = run.target
    if run.model is not None:
        info = resolve_model(run.model)
        by_target = _by_prefix(target.max_tokens, info.base)
        if by_target is not None:
            return Limit(by_target, f"{target.name} for {run.model} (as of {target.as_of})")
        if info.max_tokens is not None:
            return Limit(info.max_tokens, f"the training context of {info.base}")
    if isinstance(run.tokens, Counter) and run.tokens.max_tokens is not None:
        return Limit(run.tokens.max_tokens, f"the tokenizer {run.tokens.name}")
    default = target.max_tokens.get("")
    return Limit(default, f"{target.name} (as of {target.as_of})") if default is not None else None


def _by_prefix(limits: Mapping[str, int], base: str) -> int | None:
    fits = [prefix for prefix in limits if prefix and base.startswith(prefix.lower())]
    return limits[max(fits, key=len)] if fits else None


def is_exact(run: Run) -> bool:
    """Whether plain chats are counted with the right tokenizer, as far as the run says."""
    counter = run.tokens
    if counter is None or not counter.exact:
        return False
    named = run.model is not None or counter.name not in ENCODINGS
    return named or run.target.name.startswith(_OPENAI_FORMATS)


def row_is_exact(record: Record, run: Run) -> bool:
    """Whether the count of this row is exact: no tools, tool calls or images under an estimated overhead."""
    return is_exact(run) and (isinstance(run.tokens, TemplateCounter) or not has_estimated_parts(record.chat))
