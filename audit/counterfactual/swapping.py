"""A text with the group of an axis exchanged, or the reason why it is not. Control swaps are in ``control``."""

from __future__ import annotations

from audit.counterfactual import gender
from audit.counterfactual.groups import exchanged_group
from audit.counterfactual.result import Edit, NotSwapped, Swap, with_edits
from audit.language import identify


def swap(
    text: str,
    axis: str,
    source_group: str | None = None,
    target_group: str | None = None,
    *,
    language: str = "en",
) -> Swap:
    """The text with its group exchanged for another, grammar kept: pronouns by their case, "a" and "an", capitals.

    Without groups, the only group of the axis that the text mentions is exchanged for its partner. Where nothing sure
    can be said the text comes back as it was, ``skipped``, with a reason. A swap that is not skipped can be undone:
    ``swap(swap(text).text).text == text`` with the groups the other way round. Raises ConfigError for an axis without
    a lexicon.
    """
    try:
        if language != "en":
            raise NotSwapped("language")
        groups, edits = _exchanged(text, axis, source_group, target_group)
        _check_language(text)
        swapped = with_edits(text, edits)
        _check_the_way_back(text, swapped, axis, groups, named=source_group is not None or target_group is not None)
    except NotSwapped as why:
        return Swap(text=text, axis=axis, reason=why.reason)
    return Swap(text=swapped, axis=axis, edits=edits, groups=groups)


def _exchanged(
    text: str, axis: str, source: str | None, target: str | None
) -> tuple[tuple[str, str], tuple[Edit, ...]]:
    if axis != gender.AXIS:
        return exchanged_group(text, axis, source, target)
    groups, edits = gender.exchanged(text)
    if (source or groups[0], target or groups[1]) != groups:
        raise NotSwapped("no_term" if source not in (None, groups[0]) else "unknown_form")
    return groups, edits


def _check_language(text: str) -> None:
    """Raises NotSwapped for a text that is surely in another language: "man" and "her" are words of several."""
    guess = identify(text)
    if guess.sure and guess.language != "en":
        raise NotSwapped("language")


def _check_the_way_back(text: str, swapped: str, axis: str, groups: tuple[str, str], *, named: bool) -> None:
    """Raises NotSwapped where swapping back is not possible or gives another text."""
    try:
        _check_language(swapped)
        back = _exchanged(swapped, axis, groups[1] if named else None, groups[0] if named else None)
    except NotSwapped:
        raise NotSwapped("not_invertible") from None
    if back[0] != groups[::-1] or with_edits(swapped, back[1]) != text:
        raise NotSwapped("not_invertible")
