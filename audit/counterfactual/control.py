"""A control for a swap: as many words changed, at or near the same places, and the group as it was.

An answer that changes under the control too has changed because the text was edited, not because of the group.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence

from audit.counterfactual.articles import article_edit
from audit.counterfactual.english import english
from audit.counterfactual.result import Edit, NotSwapped, Swap, cased_like, with_edits
from audit.counterfactual.swapping import swap
from audit.counterfactual.words import Word, words_of


def control_swap(
    text: str,
    axis: str,
    source_group: str | None = None,
    target_group: str | None = None,
    *,
    language: str = "en",
) -> Swap:
    """The control of ``swap`` with the same arguments: a text of the same group with as many edited words.

    A word that the swap edits is replaced by another for the same group where there is one ("man", "guy"); for every
    other one the nearest word with a synonym that says nothing of any group is. Skipped with the reason of the swap
    where there is no swap, and with ``no_control`` where fewer words can be replaced than the swap replaces.
    """
    swapped = swap(text, axis, source_group, target_group, language=language)
    if swapped.skipped:
        return swapped
    try:
        edits = _edits(text, swapped)
    except NotSwapped:
        return Swap(text=text, axis=axis, reason="no_control")
    group = swapped.groups[0] if swapped.groups else ""
    return Swap(text=with_edits(text, edits), axis=axis, edits=edits, groups=(group, group))


def _edits(text: str, swapped: Swap) -> tuple[Edit, ...]:
    words = words_of(text)
    touched = {edit.start for edit in swapped.edits}
    at_starts = {word.start: at for at, word in enumerate(words)}
    places = [at_starts[edit.start] for edit in swapped.edits if edit.before.lower() not in ("a", "an")]
    chosen: dict[int, str] = {}
    wanting: list[int] = []
    for at in places:
        other = english().within.get(words[at].base) if swapped.axis == "gender" else None
        if other is None:
            wanting.append(at)
        else:
            chosen[at] = other
    synonyms = {at: other for at, other in _synonyms(words) if words[at].start not in touched}
    free = sorted(synonyms)
    for at in wanting:
        place = _take_nearest(free, at)
        chosen[place] = synonyms[place]
    return tuple(sorted(edit for at in chosen for edit in _written(text, words[at], chosen[at])))


def _take_nearest(free: list[int], at: int) -> int:
    """Take the nearest place out of a sorted list, of two as near the earlier one. Raises NotSwapped for none."""
    if not free:
        raise NotSwapped("no_control")
    after = bisect(free, at)
    if after == len(free) or (after > 0 and at - free[after - 1] <= free[after] - at):
        after -= 1
    return free.pop(after)


def _synonyms(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    """Places with a word that has a synonym, and the synonym. Words with an odd capital stay."""
    synonyms = english().synonyms
    for at, word in enumerate(words):
        plain = word.text.islower() or (word.first and word.text.istitle()) or word.text.isupper()
        if word.base in synonyms and plain and not word.clitic and _fits(words, at):
            yield at, synonyms[word.base]


def _fits(words: Sequence[Word], at: int) -> bool:
    """Whether the neighbours leave the synonym room: "because of" is not "since of"."""
    base, neighbours = words[at].base, english().neighbours
    before = words[at - 1].base if at else ""
    then = words[at + 1].base if at + 1 < len(words) else ""
    if then in neighbours["not_before"].get(base, ()) or before in neighbours["not_after"].get(base, ()):
        return False
    return base not in neighbours["only_before"] or then in neighbours["only_before"][base]


def _written(text: str, word: Word, other: str) -> Iterator[Edit]:
    after = cased_like(word.stem, other)
    article = article_edit(text, word.start, word.stem, after)
    if article is not None:
        yield article
    yield Edit(word.start, word.start + len(word.stem), word.stem, after)
