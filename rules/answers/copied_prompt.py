"""ANS806: answers that give the prompt back. Answers that many rows share are DUP4's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import ClassVar, Final

from audit.errors import ConfigError
from audit.model import DROP_ROW, Applicability, Record, Severity
from audit.read.dialogue import exchange
from audit.read.patterns import pattern
from audit.rule import Batch, Hit, Product, RecordRule, Run, Status

_PROBE: Final = 16
_MOST_UNITS: Final = 5_000
"""Words (or characters of scripts without spaces) of a text that are compared."""
_UNIT: Final = pattern(r"[^\W_぀-ヿ㐀-鿿가-힯]+|[぀-ヿ㐀-鿿가-힯]")


@cache
def _asked_for() -> re.Pattern[str]:
    """Tasks whose right answer is nearly the text that was given. Compiled when the first row needs it."""
    return re.compile(  # Tasks whose right answer is nearly the text that was given.
        r"\b(?:correct\w*|fix|grammar\w*|grammatical\w*|proof-?read\w*|spell\w*|typos?|punctuat\w*|capitali[sz]\w*"
        r"|repeat\w*|cop(?:y|ied)|echo|rewrit\w*|re-?phras\w*|paraphras\w*|translat\w*|edit\w*"
        r"|convert\w*|format\w*|re-?order\w*|sort\w*|replac\w*|remov\w*|insert\w*|add|complet\w*|continu\w*"
        r"|fill|chang\w*|transform\w*|modif\w*|refactor\w*|improv\w*|optimi[sz]\w*|debug\w*|quot\w*|verbatim"
        r"|transcri\w*"
        r"|say after me|same (?:text|sentence|words)|lower-?case|upper-?case|extract\w*|highlight\w*"
        r"|annotat\w*|tag|mask\w*|redact\w*|simplif\w*|shorten\w*|clean\w*"
        r"|korrigier\w*|verbesser\w*|wiederhol\w*|übersetz\w*|umformulier\w*|corrig\w*|répèt\w*|répét\w*"
        r"|tradui\w*|reformul\w*|repit\w*|repet\w*|traduc\w*|traduz\w*|reescrib\w*|reescrev\w*|ripet\w*"
        r"|riscriv\w*)\b"
        r"|改正|纠正|修改|重复|复述|翻译|改写|校对|润色|訂正|修正|繰り返|翻訳|言い換|書き換|校正|صحح"
        r"|كرر|ترجم|أعد|सुधार|दोहरा|अनुवाद|исправ|повтор|перевед|перепиш",
        re.IGNORECASE,
    )


class CopiedPrompt(RecordRule, frozen=True):
    """The answer gives the prompt back and says hardly anything of its own.

    The model learns to repeat the question. Reported is an answer of at least ``min_characters`` characters that agrees
    with the last prompt (or with its last paragraph, of at least as many characters) in more than ``share``: twice the
    longest common subsequence of words (of characters in scripts without spaces) over the words of both. Prompts that
    ask to correct, repeat, rewrite, translate, sort, fill in or extract are left out.

    Bad:
        {"messages": [{"role": "user", "content": "Which of the large rivers of northern Europe flow into the Baltic Sea, and which of them freeze in winter?"}, {"role": "assistant", "content": "Which of the large rivers of northern Europe flow into the Baltic Sea, and which of them freeze in winter?"}]}
    Good:
        {"messages": [{"role": "user", "content": "Correct the grammar: Which of the large rivers of northern Europe flows into the Baltic Sea, and which of them freeze in winter?"}, {"role": "assistant", "content": "Which of the large rivers of northern Europe flow into the Baltic Sea, and which of them freeze in winter?"}]}
    Do: write the answer, or drop the row.
    """  # noqa: E501

    code: ClassVar[str] = "ANS806"
    name: ClassVar[str] = "answer-copies-prompt"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.DROP
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})

    share: float = 0.9
    min_characters: int = 80

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for an option that no run can use."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f'"share" of ANS806 is {self.share:g}', hint="it is a share, from 0 to 1")
        if self.min_characters < 1:
            raise ConfigError(f'"min_characters" of ANS806 is {self.min_characters}', hint="it is at least 1")
        return super().applies_to(run)

    def suspects(self, batch: Batch, run: Run) -> Sequence[int]:
        """Rows of which a few samples of the answer stand in the prompt."""
        least = self.min_characters
        return [
            row
            for row, prompt, answer in batch.exchanges
            if len(answer) >= least and len(prompt) >= least and _samples_stand_in(answer, prompt)
        ]

    def check(self, record: Record, run: Run) -> Iterable[Hit]:
        """One hit for the answer."""
        said = exchange(record)
        prompts = [message.text for message in said.prompt if message.role == "user"]
        if not prompts or not said.answer:
            return
        answer, prompt = said.answer[-1], prompts[-1]
        text = answer.text
        if len(text) < self.min_characters or not _samples_stand_in(text, prompt) or _asked_for().search(prompt):
            return
        alike = max(agreement(part, text) for part in self._parts(prompt))
        if alike > self.share:
            yield self.hit(
                f"the answer agrees with the prompt in {alike:.0%} of their words; asked for at most {self.share:.0%}",
                answer.content_at,
                evidence={"agreement": round(alike, 3), "characters": len(text)},
                fix=DROP_ROW,
            )

    def _parts(self, prompt: str) -> list[str]:
        """The prompt, and its last paragraph where that is long enough."""
        last = prompt.rstrip().rpartition("\n\n")[2]
        return [prompt, last] if self.min_characters <= len(last) < len(prompt) else [prompt]


def _samples_stand_in(answer: str, prompt: str) -> bool:
    """Whether two of three short samples of the answer stand in the prompt: true of nearly every copy."""
    size = len(answer)
    places = (size // 8, size // 2, size * 7 // 8 - _PROBE)
    return sum(answer[at : at + _PROBE] in prompt for at in places) >= 2


def agreement(first: str, second: str) -> float:
    """Twice the length of the longest common subsequence of words over the words of both, 0 to 1.

    The first 5,000 words of each. Bit-parallel, after Hyyrö (2004), "Bit-parallel LCS-length computation revisited".
    """
    one = [unit.casefold() for unit in _UNIT.findall(first[: 10 * _MOST_UNITS])[:_MOST_UNITS]]
    other = [unit.casefold() for unit in _UNIT.findall(second[: 10 * _MOST_UNITS])[:_MOST_UNITS]]
    if not one or not other:
        return 0.0
    places: dict[str, int] = {}
    for place, unit in enumerate(one):
        places[unit] = places.get(unit, 0) | 1 << place
    every = (1 << len(one)) - 1
    rows = every
    for unit in other:
        matched = rows & places.get(unit, 0)
        rows = ((rows + matched) | (rows - matched)) & every
    return 2 * (len(one) - rows.bit_count()) / (len(one) + len(other))
