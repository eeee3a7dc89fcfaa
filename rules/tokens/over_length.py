"""TOK301: rows longer than the model reads. What a cut leaves to learn is TOK302's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from audit.model import ABSENT, DROP_ROW, Applicability, Chat, Fix, Json, PointerEdit, Record, Severity
from audit.render import Trainable
from audit.rule import Batch, Hit, Product, RecordRule, Run, TokenCounter
from audit.rules.tokens.counted_rows import counted, tokens_of
from audit.tokens.counter import after_truncation
from audit.tokens.limits import Limit, example_limit, row_is_exact


class OverLength(RecordRule, frozen=True):
    """The row has more tokens than one training example may have.

    What lies beyond the limit is cut off, usually the end of the answer, or the file is refused. The limit is the
    option ``max_tokens``, else ``--max-tokens``, else the target's or the model's. A preference row counts with the
    longer of its answers. It is an error where the last answer loses its end or the row is refused, else a warning; a
    count that is an estimate is a warning at most.

    Bad:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "And now recite the months of the year, twice over, one after the other."}, {"role": "assistant", "weight": 0, "content": "January, February, March, April, May, June, July, August, September, October, November, December."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: split the conversation, cut it after an earlier answer, or choose a model with a longer training context.
    """  # noqa: E501

    code: ClassVar[str] = "TOK301"
    name: ClassVar[str] = "example-over-length"
    severity: ClassVar[Severity] = Severity.ERROR
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = frozenset({"tokens"})
    example: ClassVar[dict[str, Json]] = {"target": "generic", "max_tokens": 40}

    max_tokens: int = 0

    def applies_to(self, run: Run) -> str | None:
        """Skipped where nobody names a limit; the tokenizer in a model's own folder may name one later."""
        local = run.model is not None and Path(run.model).exists()
        if example_limit(run, self.max_tokens) is None and not local:
            return f"no limit on the length of an example is known for target {run.target.name}: name a --model"
        return super().applies_to(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows over the limit."""
        limit = example_limit(run, self.max_tokens)
        return [row for row, tokens in counted(batch) if tokens.total > limit.tokens] if limit is not None else ()

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, on the whole row."""
        limit, tokens = example_limit(run, self.max_tokens), tokens_of(record, run)
        if limit is None or tokens is None or run.tokens is None or tokens.total <= limit.tokens:
            return
        left, _ = after_truncation(record.chat, run.tokens, limit.tokens)
        exact = row_is_exact(record, run)
        yield self.hit(
            _message(tokens.total, limit, left, run, exact),
            severity=_severity(left, run, exact),
            evidence={
                "tokens": tokens.total,
                "limit": limit.tokens,
                "limit_origin": limit.origin,
                "exact": exact,
                "tokenizer": run.tokens.name,
                "trained_tokens": left.trained,
                "trained_tokens_left": left.left,
            },
            fix=_fix(record.chat, run.tokens, limit.tokens),
        )


def _severity(left: Trainable, run: Run, exact: bool) -> Severity:
    lost = run.target.overflow == "reject" or left.last_cut
    return Severity.ERROR if lost and exact else Severity.WARNING


def _message(total: int, limit: Limit, left: Trainable, run: Run, exact: bool) -> str:
    about = "" if exact else "about "
    if run.target.overflow == "reject":
        outcome = f"{run.target.name} refuses such a row"
    elif left.last_cut:
        outcome = f"cutting it leaves {left.left:,} of {left.trained:,} trained tokens and loses the end of the answer"
    else:
        outcome = "cutting it loses nothing that is trained on"
    return (
        f"the row has {about}{total:,} tokens, {total - limit.tokens:,} more than the {limit.tokens:,} allowed by "
        f"{limit.origin}; {outcome}"
    )


def _fix(chat: Chat, counter: TokenCounter, limit: int) -> Fix:
    """Remove the turns after the last answer that fits; drop the row where none does."""
    if chat.chosen or chat.rejected or not all(message.at for message in chat.messages):
        return DROP_ROW
    ends = [
        index + 1
        for index, message in enumerate(chat.messages[:-1])
        if message.role == "assistant" and not message.calls and message.weight in (ABSENT, None, 1)
    ]
    keep = _longest_that_fits(chat, ends, counter, limit)
    if keep is None or len({message.at for message in chat.messages}) < len(chat.messages):
        return DROP_ROW
    removed = tuple(PointerEdit("remove", message.at) for message in reversed(chat.messages[keep:]))
    return Fix(Applicability.UNSAFE, f"end the conversation after message {keep}", removed)


def _longest_that_fits(chat: Chat, ends: Sequence[int], counter: TokenCounter, limit: int) -> int | None:
    """The largest of ``ends`` (ascending) whose messages fit; found by halving, for length grows with every turn."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        part = msgspec.structs.replace(chat, messages=chat.messages[: ends[middle]])
        left, problem = after_truncation(part, counter, limit)
        if problem is None and left.longest <= limit:
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else None
