"""PII903: names of persons, and how many there are. What else identifies somebody is PII901's and PII902's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from audit.identifiers.names import find_names, triggers
from audit.identifiers.placeholders import masked
from audit.model import Applicability, Json, Measure, Message, Severity
from audit.rule import Batch, Context, DatasetRule, Hit, Product, Run, Span, Status, TextRule
from audit.rules.privacy.masking import masking
from audit.rules.privacy.too_many import too_many


class PersonName(TextRule, DatasetRule, frozen=True):
    """A text names a person.

    A name makes all that is said beside it personal data, and it is the first of the eighteen identifiers of HIPAA's
    Safe Harbor. This is a heuristic: what follows a title (``Dr.``, ``Frau``, ``Mme``), an introduction ("my name is")
    or a label (``Patient:``) counts, and a given name common in the United States before a surname. Famous people and
    people in stories have names as well, and a name that is not common is missed where no such word is beside it. The
    measure ``privacy.person_names`` is the density: names per 1,000 words. ``strict`` (set by the policy ``hipaa``)
    takes given names that stand alone too.

    Bad:
        {"messages": [{"role": "user", "content": "Write a reminder for Mary Whitfield."}, {"role": "assistant", "content": "Please remember to call back."}]}
        {"messages": [{"role": "user", "content": "Guten Tag, mein Name ist Jürgen Adler."}, {"role": "assistant", "content": "Was kann ich tun?"}]}
    Good:
        {"messages": [{"role": "user", "content": "Which river runs through Paris?"}, {"role": "assistant", "content": "The Seine."}]}
    Do: mask the names (`audit fix --unsafe-fixes` writes typed placeholders) where nobody needs them.
    """  # noqa: E501

    code: ClassVar[str] = "PII903"
    name: ClassVar[str] = "person-name"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = frozenset({"texts"})
    everywhere: ClassVar[bool] = True

    strict: bool = False

    def triggers(self, run: Run) -> Sequence[str]:
        """Titles, introductions, labels, and known given names before a word with a capital."""
        return triggers(self.strict)

    def find(self, text: str, message: Message, run: Run) -> Iterable[Span]:
        """One span for a text with names, at the first of them."""
        names = find_names(text, self.strict)
        if names.cut:
            yield too_many(names, self.severity)
        if not names or names.cut:
            return
        first = names[0]
        what = "a name of a person" if len(names) == 1 else f"{len(names)} names of persons, the first"
        yield Span(
            start=first.start,
            end=first.end,
            message=f"{what} of {first.end - first.start} characters",
            evidence={
                "kind": "person_name",
                "count": len(names),
                "different": len({one.value for one in names}),
                "sure": any(one.sure for one in names),
            },
            fix=masking(text, lambda text: masked(text, names)),
            key="person_name",
        )

    def start(self) -> Json:
        """Names, words, and rows with a name."""
        return [0, 0, 0]

    def take(self, state: Any, batch: Batch, run: Run) -> Json:
        """The names and words of what is said in the rows added."""
        for text in batch.texts:
            names = len(find_names(text, self.strict))
            state[0] += names
            state[1] += len(text.split())
            state[2] += names > 0
        return state

    def merge(self, first: Any, second: Any) -> Json:
        """The sums."""
        return [one + other for one, other in zip(first, second, strict=True)]

    def finish(self, state: Any, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """``privacy.person_names``: names per 1,000 words (as white space parts them), n words; None without words."""
        names, words, rows = state
        yield self.measure(
            "privacy.person_names",
            round(1000 * names / words, 3) if words else None,
            n=words,
            unit="names per 1,000 words",
            table={"names": names, "words": words, "rows_with_names": rows},
        )
