"""TOK307: tokens for which a provider refuses the whole file. Marks of turns are TOK306's, so each is said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit.model import Applicability, Json, Message, Severity
from audit.rule import Run, Span, TextRule
from audit.rules.tokens.control_tokens import TRIGGERS, control_tokens, is_rejected
from audit.rules.tokens.special_token import span_of


class RejectedToken(TextRule, frozen=True):
    """The text of a message holds a token for which the provider refuses the file.

    The job fails after the upload ("message contains an invalid token: <|fim_suffix|>"), whatever the other rows are
    like. Which tokens these are is in the target's data file.

    Bad:
        {"messages": [{"role": "user", "content": "Complete the line."}, {"role": "assistant", "content": "return x<|fim_suffix|>"}]}
    Good:
        {"messages": [{"role": "user", "content": "Complete the line."}, {"role": "assistant", "content": "return x"}]}
    Do: take the token out of the text, or write it so that it is no token (with a space inside).
    """  # noqa: E501

    code: ClassVar[str] = "TOK307"
    name: ClassVar[str] = "token-provider-rejects"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    example: ClassVar[dict[str, Json]] = {"target": "openai-sft"}

    def applies_to(self, run: Run) -> str | None:
        """Skipped for targets that are not a provider's API."""
        if not run.target.hosted or not run.target.special_tokens:
            return f"target {run.target.name} refuses no tokens"
        return super().applies_to(run)

    def triggers(self, run: Run) -> Sequence[str]:
        """Beginnings of all control tokens."""
        return TRIGGERS

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span per text, at the first such token."""
        tokens = [token for token in control_tokens(text) if is_rejected(token, run.target)]
        if tokens:
            yield span_of(text, tokens, f"{run.target.name} refuses a file whose text holds", Severity.ERROR)
