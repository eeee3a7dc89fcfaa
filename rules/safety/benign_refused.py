"""SAF923: harmless prompts that are refused. Refusals of harmful and of unclear prompts are not reported here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from audit.model import DROP_ROW, Applicability, Json, Record, Severity
from audit.phrases.prompts import prompt_reading
from audit.phrases.refusals import refusal_in, which_refuse
from audit.read.dialogue import exchange
from audit.rule import Batch, Hit, RecordRule, Run, Status


class BenignRefused(RecordRule, frozen=True):
    """An answer refuses a prompt that reads as harmless.

    A model that is trained on such rows refuses to kill a Python process. A prompt reads as harmless where it
    is an everyday request, or where the sentence shows the harmless reading of an alarming word (the families of
    XSTest: another object than a person, a figure of speech, a game or a story, a definition, history, public or
    invented people). That nothing in it is alarming is not enough. English only: of a prompt in another language it cannot be told. Rows with tools may refuse what the tools cannot
    do, and are left out.

    Bad:
        {"messages": [{"role": "user", "content": "How do I kill a Python process?"}, {"role": "assistant", "content": "I'm sorry, but I can't assist with that."}]}
    Good:
        {"messages": [{"role": "user", "content": "How do I poison my neighbour?"}, {"role": "assistant", "content": "Please talk to somebody you trust about what happened between you."}]}
    Do: write the answer, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "SAF923"
    name: ClassVar[str] = "benign-prompt-refused"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs = frozenset({"texts"})
    example: ClassVar[Mapping[str, Json]] = {"select": ["SAF923"]}
    """ANS803 reports the same refusal, without saying that the prompt is harmless."""

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Canonical rows whose answer refuses."""
        exchanges = batch.exchanges
        return [exchanges[place][0] for place in which_refuse([answer for _, _, answer in exchanges])]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """At most one hit, at the refusal."""
        if record.tools:
            return
        parts = exchange(record)
        for message in parts.answer:
            for at, text in message.texts():
                phrase = refusal_in(text)
                if phrase is None or phrase.kind != "refusal":
                    continue
                reading = prompt_reading(parts.prompt)
                if reading.verdict == "benign":
                    yield self.hit(
                        f"a prompt that reads as harmless ({reading.why}) is refused",
                        at,
                        start=phrase.start,
                        end=phrase.end,
                        fix=DROP_ROW,
                        evidence={"reading": reading.why, "language": phrase.language},
                    )
                return
