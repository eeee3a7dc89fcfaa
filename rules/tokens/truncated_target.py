"""TOK302: rows that teach little or nothing once they are laid out and cut. Length alone is TOK301's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from audit.model import DROP_ROW, Applicability, Json, Record, Severity
from audit.render import Trainable, is_trained
from audit.rule import Batch, Hit, Product, RecordRule, Run
from audit.rules.tokens.counted_rows import counted, tokens_of
from audit.tokens.counter import after_truncation
from audit.tokens.limits import Limit, example_limit, row_is_exact


class TruncatedTarget(RecordRule, frozen=True):
    """Laid out for the model and cut to its limit, the row has too few trained tokens left, or an answer without its end.

    A row without trained tokens costs money and gives no gradient (a batch of such rows gives NaN); an answer whose
    end token is cut off teaches the model not to stop. Rows that the tokenizer's chat template refuses to lay out are
    reported here too. ``min_trainable`` is the least number of trained tokens that a row must keep, the token that
    ends each answer included.

    Bad:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes."}]}
    Good:
        {"messages": [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "Yes, by most people's definition of the word."}]}
    Do: shorten the prompt or split the row so that the answer fits, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "TOK302"
    name: ClassVar[str] = "nothing-left-to-train-on"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"tokens"})
    example: ClassVar[dict[str, Json]] = {"rules": {"TOK302": {"min_trainable": 5}}}

    min_trainable: int = 1

    def applies_to(self, run: Run) -> str | None:
        """Skipped where a row that is too long is refused instead of cut."""
        if run.target.overflow == "reject":
            return f"{run.target.name} refuses rows that are too long and cuts none"
        return super().applies_to(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows that are cut, and rows with few trained tokens."""
        limit = example_limit(run)
        most = limit.tokens if limit is not None else None
        least = self.min_trainable
        return [
            row
            for row, tokens in counted(batch)
            if tokens.trainable < least or (most is not None and tokens.total > most)
        ]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, on the whole row. Rows in which no message is trained on are other rules' business."""
        tokens = tokens_of(record, run)
        if tokens is None or run.tokens is None or not any(map(is_trained, record.chat.messages + record.chat.chosen)):
            return
        limit = example_limit(run)
        cut = limit is not None and tokens.total > limit.tokens
        if not cut and tokens.trainable >= self.min_trainable:
            return
        left, problem = after_truncation(record.chat, run.tokens, limit.tokens if limit is not None else None)
        said = problem or self._said(left, limit if cut else None)
        if said is None:
            return
        exact = row_is_exact(record, run)
        yield self.hit(
            said,
            severity=Severity.ERROR if exact else Severity.WARNING,
            evidence={
                "tokens": tokens.total,
                "limit": limit.tokens if limit is not None else None,
                "trained_tokens": left.trained,
                "trained_tokens_left": left.left,
                "exact": exact,
            },
            fix=DROP_ROW,
        )

    def _said(self, left: Trainable, cut: Limit | None) -> str | None:
        where = f"after the cut at {cut.tokens:,} tokens ({cut.origin}) " if cut is not None else ""
        what = f"{where}{left.left:,} of {left.trained:,} trained tokens are left"
        if left.left < self.min_trainable:
            return f"{what}; at least {self.min_trainable:,} are asked for"
        if left.end_cut:
            return f"{what}, without the token that ends the answer"
        return None
