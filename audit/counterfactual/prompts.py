"""Variants of questions that differ in the group alone, each with a control that differs within the group. Asks nobody.

A prompt that states the group in a field is swapped there (``tables``), any other in its words (``swapping``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from audit.counterfactual.axes import axis_of
from audit.counterfactual.control import control_swap
from audit.counterfactual.result import Swap
from audit.counterfactual.swapping import swap
from audit.counterfactual.tables import Swapped, TableSwaps
from audit.counterfactual.variants import Partners, Prompt, PromptEdit, Variant, VariantPlan, edited
from audit.model import Json
from audit.rule import Attribute

_SYSTEM = ("system", "developer")


class _Made(NamedTuple):
    """What came of one question: its variants, and the reasons for those that there are not."""

    variants: Sequence[Variant]
    reasons: Sequence[str]


def variants_of(
    questions: Sequence[Prompt],
    attributes: Sequence[Attribute],
    seed: int,
    most: int,
    *,
    coupled: Mapping[str, Partners] | None = None,
) -> VariantPlan:
    """Swaps and controls of the questions for every attribute, and how many there are not, by reason.

    Of at most ``most`` questions for each attribute, drawn with ``seed``. ``coupled`` says by attribute which values of
    other fields are exchanged with it; for other fields that is read from all ``questions``.
    """
    variants: list[Variant] = []
    skipped: Counter[str] = Counter()
    met: dict[str, Partners] = {}
    tried = 0
    for attribute in attributes:
        tables = TableSwaps(questions, attribute, (coupled or {}).get(attribute.name, {}))
        left = most
        for prompt in Random(f"{seed}/{attribute.name}").sample(questions, len(questions)):
            if left <= 0:
                break
            made = _made(prompt, attribute, tables)
            variants += made.variants
            skipped.update(made.reasons)
            tried += 1
            left -= bool(made.variants)
        if tables.partners:
            met[attribute.name] = {field: dict(sorted(pairs.items())) for field, pairs in tables.partners.items()}
    return _plan(variants, skipped, tried, met, [attribute.name for attribute in attributes])


def _plan(
    variants: list[Variant],
    skipped: Mapping[str, int],
    tried: int,
    met: Mapping[str, Partners],
    names: Sequence[str],
) -> VariantPlan:
    kinds = Counter(one.kind for one in variants)
    swaps = {(one.row, one.attribute, one.to_group) for one in variants if one.kind == "swap"}
    return VariantPlan(
        variants=tuple(sorted(variants, key=lambda one: (one.row, names.index(one.attribute)))),
        skipped={reason: n for reason, n in sorted(skipped.items()) if reason != "no_control"},
        tried=tried,
        swaps=len(swaps),
        controls=kinds["control"],
        without_control=skipped.get("no_control", 0),
        coupled=met,
    )


def _made(prompt: Prompt, attribute: Attribute, tables: TableSwaps) -> _Made:
    axis = axis_of(attribute)
    if tables.field is None and axis is not None:
        return _in_words(prompt, attribute, axis)
    found = list(tables.swaps(prompt))
    if axis is not None and found[0].reason == "not_stated":
        return _in_words(prompt, attribute, axis)
    return _from_swaps(prompt, attribute, found)


def _from_swaps(prompt: Prompt, attribute: Attribute, found: Sequence[Swapped]) -> _Made:
    """The variants of swaps; a control that several swaps share stands there once."""
    variants, reasons = [], [one.reason for one in found if one.reason]
    controls: set[tuple[PromptEdit, ...]] = set()
    for one in found:
        if one.reason:
            continue
        variants.append(_variant(prompt, attribute, one, one.edits))
        if not one.control:
            reasons.append("no_control")
        elif one.control not in controls:
            controls.add(one.control)
            variants.append(_variant(prompt, attribute, one, one.control, control=True))
    return _Made(variants, reasons)


def _variant(
    prompt: Prompt, attribute: Attribute, one: Swapped, edits: tuple[PromptEdit, ...], *, control: bool = False
) -> Variant:
    return Variant(
        row=prompt.row,
        kind="control" if control else "swap",
        messages=edited(prompt.messages, edits),
        pair_id=f"{prompt.row}/{attribute.name}/{one.target}",
        attribute=attribute.name,
        from_group=one.source,
        to_group=one.target,
        edits=edits,
    )


# ----------------------------------------------------------------------------- running text


def _in_words(prompt: Prompt, attribute: Attribute, axis: str) -> _Made:
    """The words of the group exchanged in every message; the whole prompt is skipped where one message cannot be."""
    swaps: dict[int, Swap] = {}
    for at, text, system in _texts(prompt.messages):
        if text is None:
            return _Made((), ["parts"])
        one = swap(text, axis)
        if not one.skipped:
            swaps[at] = one
        elif one.reason != "no_term" and not (system and one.reason == "several_groups"):
            return _Made((), [one.reason])
    groups = {pair for one in swaps.values() for pair in zip(one.groups[:1], one.groups[1:], strict=True)}
    if len(groups) != 1:
        return _Made((), ["several_groups" if groups else "no_term"])
    ((source, target),) = groups
    controls = {at: control_swap(str(prompt.messages[at]["content"]), axis) for at in swaps}
    separable = not any(one.skipped for one in controls.values())
    found = Swapped(source, target, _edits(swaps), _edits(controls) if separable else ())
    return _from_swaps(prompt, attribute, [found])


def _texts(messages: Sequence[Mapping[str, Json]]) -> Iterator[tuple[int, str | None, bool]]:
    """Every message with content: its number, its text (None where it is in parts), whether it is of the system."""
    for at, message in enumerate(messages):
        content = message.get("content")
        if content is not None:
            yield at, content if isinstance(content, str) else None, message.get("role") in _SYSTEM


def _edits(swaps: Mapping[int, Swap]) -> tuple[PromptEdit, ...]:
    return tuple(PromptEdit(at, *edit) for at, one in sorted(swaps.items()) for edit in one.edits)
