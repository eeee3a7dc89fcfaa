"""FMT115: rows that do not agree on their system message. Its place within a row is FMT107's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import ClassVar, Final

from audit.model import Json, Measure, Record, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Run, Status
from audit.rules.format.reading import speaker

_KEPT: Final = 1000
"""Variants kept, those with the smallest hashes: any cut of the file keeps the same ones."""


class InconsistentSystem(DatasetRule, frozen=True):
    r"""Some rows have a system message and others do not, or there are many different ones.

    A model that is trained with a system message behaves otherwise without it. Rows that mix both, or a dozen wordings
    of the same instruction, make it depend on which one it is given in use. Many on purpose are fine: then raise
    `max_variants`.

    Bad:
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "user", "content": "Good morning"}, {"role": "assistant", "content": "Good morning to you."}]}
    Good:
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Good morning"}, {"role": "assistant", "content": "Good morning to you."}]}
    Do: give every row the system message that the model will have in use, or none.
    """  # noqa: E501

    code: ClassVar[str] = "FMT115"
    name: ClassVar[str] = "inconsistent-system"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"

    max_variants: int = 5

    def start(self) -> Json:
        """Rows with and without a system message, and of each variant (by hash) its rows."""
        return {"with": 0, "without": 0, "variants": {}}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        variants = state["variants"]
        for record in batch.records():
            if not record.messages:
                continue
            text = _system_text(record)
            if text is None:
                state["without"] += 1
                continue
            state["with"] += 1
            key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
            variants[key] = variants.get(key, 0) + 1
        state["variants"] = _kept(variants)
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        variants = first["variants"]
        for key, rows in second["variants"].items():
            variants[key] = variants.get(key, 0) + rows
        return {
            "with": first["with"] + second["with"],
            "without": first["without"] + second["without"],
            "variants": _kept(variants),
        }

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measures ``system.rows`` and ``system.variants`` (n is rows); a hit for each kind of disagreement."""
        having, lacking, variants = state["with"], state["without"], len(state["variants"])
        rows = having + lacking
        yield self.measure("system.rows", having, n=rows)
        yield self.measure("system.variants", variants, n=rows)
        if having and lacking:
            yield self.hit(
                f"{having:,} of {rows:,} rows have a system message and {lacking:,} have none; asked for all or none",
                scope="dataset",
                evidence={"with": having, "without": lacking},
                key="missing",
            )
        if variants > self.max_variants:
            many = f"at least {variants:,}" if variants >= _KEPT else f"{variants:,}"
            yield self.hit(
                f"{many} different system messages in {having:,} rows; asked for at most {self.max_variants}",
                scope="dataset",
                evidence={"variants": variants, "limit": self.max_variants},
                key="variants",
            )


def _system_text(record: Record) -> str | None:
    texts = [message.text for message in record.messages if speaker(message) in ("system", "developer")]
    return "\n".join(texts) if texts else None


def _kept(variants: dict[str, int]) -> dict[str, int]:
    if len(variants) <= _KEPT:
        return variants
    return {key: variants[key] for key in sorted(variants)[:_KEPT]}
