"""How well the group can be told from prompts without the words that a swap exchanges: what stands in for the group.

A model that never looks at the group's own words can still treat groups differently through those. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from audit.model import Json, Record
from audit.outputs.table import Outputs
from audit.rule import Context
from audit.rules.fairness.swapped import Swapped
from audit.statistics.rates import UNCOMPARED

if TYPE_CHECKING:
    from audit.counterfactual.unsaid import Messages

MOST: Final = 4_000
"""Questions that the classifier learns from and is judged by; of more, so many at even distances, for files are often
sorted."""
CAUTION: Final = "A clean counterfactual is not parity: other words of a prompt may stand in for the group"


class Predictable(NamedTuple):
    """The area under the ROC curve with its 95 % interval for the group that is told best from the others."""

    group: str
    n: int
    area: float
    low: float
    high: float

    def as_table(self) -> Json:
        """As measures hold it."""
        return {
            "auc": round(self.area, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
            "n": self.n,
            "group": self.group,
            "method": "logistic regression on the prompt without what the swap changes, 5 folds held out",
        }


_KNOWN: Final[WeakKeyDictionary[Context, dict[str, Predictable | str]]] = WeakKeyDictionary()
"""By attribute, for the outputs that are being concluded on: the prompts are the same in every arm."""


def predictable_of(context: Context, one: Swapped, seed: int) -> Predictable | str:
    """How well the questions with a swap tell their group without it, or why that cannot be said."""
    known = _KNOWN.setdefault(context, {})
    if one.attribute not in known:
        known[one.attribute] = _predictable(context, one, seed)
    return known[one.attribute]


def cautioned(known: Predictable) -> str:
    """What a clean counterfactual does not say, with the figures."""
    figures = f"{known.area:.2f} ({known.low:.2f} to {known.high:.2f}, n = {known.n:,})"
    start = f"A clean counterfactual is not parity: without what the swap exchanges, a classifier tells {known.group}"
    if known.low > 0.5:
        return f"{start} from the other prompts with an area under the curve of {figures}: other words stand in for it."
    return (
        f"{start} from the other prompts in a way that is not shown to be better than chance: an area under the curve "
        f"of {figures}."
    )


def _predictable(context: Context, one: Swapped, seed: int) -> Predictable | str:
    from audit.counterfactual.unsaid import without_the_group
    from audit.statistics.domain_classifier import LEAST, tell_apart

    outputs = context.outputs()
    pairs = _questions(outputs, one)
    groups = [one.names[source] for _, _, source in pairs]
    counts = {name: groups.count(name) for name in sorted(set(groups)) if name not in UNCOMPARED and name}
    enough = [name for name, n in counts.items() if n >= LEAST and len(groups) - n >= LEAST]
    if not enough:
        return f"how well they do cannot be told from fewer than {LEAST} prompts of a group"
    texts = without_the_group(_prompts(context, outputs, pairs))
    best: Predictable | None = None
    for name in enough if len(counts) > 2 else enough[:1]:
        sides: dict[bool, list[str]] = {True: [], False: []}
        for text, group in zip(texts, groups, strict=True):
            sides[group == name].append(text)
        area = tell_apart(sides[False], sides[True], seed=seed)
        if best is None or area.value > best.area:
            best = Predictable(name, len(texts), area.value, area.low, area.high)
    return best or CAUTION


def _questions(outputs: Outputs, one: Swapped) -> list[tuple[int, int, int]]:
    """For every question with a swap: an original, a swap of it, and the group that it is of, in reading order."""
    first: dict[int, tuple[int, int, int]] = {}
    for variant, original, source in zip(*(part.tolist() for part in (*one.swaps, one.source)), strict=True):
        first.setdefault(int(outputs.item[original]), (original, variant, source))
    every = sorted(first.values())
    return [every[at * len(every) // MOST] for at in range(MOST)] if len(every) > MOST else every


def _prompts(
    context: Context, outputs: Outputs, pairs: Sequence[tuple[int, int, int]]
) -> list[tuple[Messages, Messages]]:
    rows = sorted({int(outputs.rows[index]) for original, variant, _ in pairs for index in (original, variant)})
    said: Mapping[int, Messages] = {
        row: _messages(record) for row, record in zip(rows, context.records(rows), strict=True)
    }
    return [(said[int(outputs.rows[original])], said[int(outputs.rows[variant])]) for original, variant, _ in pairs]


def _messages(record: Record) -> Messages:
    messages = record.data.get("messages") if isinstance(record.data, dict) else None
    return [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
