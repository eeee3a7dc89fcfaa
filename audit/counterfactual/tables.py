"""Swaps of a group that a prompt states in a field (``sex: Male``), with fields that go with it, and their controls.

The control moves as many numbers of other fields, the nearest ones, by one step of the data (57 years to 58). Where the
rows have no such numbers it writes the swapped values in another spelling, in the same places: as other rows spell the
group, or in upper or lower case. Spelling comes second because a small model may never have seen "male": one trained on
Adult changed 14 % of its labels with the case of a word, and 5 % with the sex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from audit.attributes.levels import level_key
from audit.counterfactual.axes import axis_of
from audit.counterfactual.coupling import Couplings
from audit.counterfactual.profiles import Profile, Stated, profile_of
from audit.counterfactual.result import NotSwapped, Reason
from audit.counterfactual.steps import MOSTLY, Steps
from audit.counterfactual.swapping import swap
from audit.counterfactual.variants import OFF_MANIFOLD, Partners, Prompt, PromptEdit
from audit.lexicons import load
from audit.rule import Attribute
from audit.statistics.rates import UNCOMPARED

AGREEING: Final = 0.95
"""The share of rows whose group a field must state to be taken for the attribute's, unless it bears its name."""


class Swapped(NamedTuple):
    """A swap of a table to one group: the edits and those of its control (() for none), or why there is none."""

    source: str
    target: str
    edits: tuple[PromptEdit, ...] = ()
    control: tuple[PromptEdit, ...] = ()
    reason: str = ""


class TableSwaps:
    """Swaps one attribute in prompts that state it in a field; what fields go with it is read from all of them."""

    def __init__(self, questions: Sequence[Prompt], attribute: Attribute, given: Partners) -> None:
        self._attribute, self._given = attribute, given
        self._profiles = {one.row: profile_of(one.messages) for one in questions}
        names = {one.row: one.groups.get(attribute.name, "") for one in questions}
        groups = {row: _group(name) for row, name in names.items()}
        self.field = _field(attribute, self._profiles, groups)
        self._spellings: dict[str, Counter[str]] = {}
        self._names: dict[str, Counter[str]] = {}
        rows = []
        for row, group in groups.items():
            profile = self._profiles[row]
            values = profile.values() if profile is not None else {}
            value = values.pop(self.field or "", "")
            if group and level_key(value) == group:
                self._spellings.setdefault(group, Counter())[value] += 1
                self._names.setdefault(group, Counter())[names[row]] += 1
                rows.append((group, values))
        self._couplings = Couplings(rows)
        self._steps = Steps(values for _, values in rows)
        movable = sum(any(self._steps.step(*one) for one in values.items()) for _, values in rows)
        self._in_numbers = bool(rows) and movable >= MOSTLY * len(rows)
        self.partners: dict[str, dict[str, str]] = {field: dict(pairs) for field, pairs in given.items()}
        """The coupled values that were met, given ones among them."""

    def swaps(self, prompt: Prompt) -> Iterator[Swapped]:
        """The swap to every other group, in the order of their names, or one that says why there is none."""
        group = _group(prompt.groups.get(self._attribute.name, ""))
        profile = self._profiles[prompt.row]
        reason = self._refused(group, profile)
        if reason or profile is None:
            yield Swapped(group, "", reason=reason)
            return
        for target in sorted(self._spellings):
            if target != group:
                yield self._swap(prompt, profile, group, target)

    def _refused(self, group: str, profile: Profile | None) -> str:
        stated = {level_key(one.value) for one in profile.fields if one.key == self.field} if profile else set()
        if not stated:
            return "not_stated"
        if not group:
            return "unknown_group"
        if len(stated) > 1:
            return "several_groups"
        if stated != {group}:
            return "stated_otherwise"
        return "one_group" if len(self._spellings) < 2 else ""

    def _swap(self, prompt: Prompt, profile: Profile, group: str, target: str) -> Swapped:
        source, named = _usual(self._names[group]), _usual(self._names[target])
        spelt = _usual(self._spellings[target])
        edits = []
        for field in profile.fields:
            try:
                after = spelt if field.key == self.field else self._coupled(field, group, target)
            except NotSwapped:
                return Swapped(source, named, reason=OFF_MANIFOLD)
            if after is not None:
                edits.append(_edit(profile, field, after))
        if self._mentioned_elsewhere(str(prompt.messages[profile.message]["content"]), edits):
            return Swapped(source, named, reason="mentioned_elsewhere")
        return Swapped(source, named, tuple(edits), tuple(self._control(profile, edits, group)))

    def _coupled(self, field: Stated, group: str, target: str) -> str | None:
        """What the value of another field becomes: as was given, as the data or the lexicon has it, or None where it
        stays. Raises NotSwapped where the value does not go with the other group."""
        if field.key in self._given:
            return self._given[field.key].get(field.value)
        other = self._by_lexicon(field, group, target)
        if other is None and self._couplings.is_strange(field.key, field.value, target):
            other = self._couplings.partner(field.key, field.value, group, target)
            if other is None:
                raise NotSwapped(_STRANGE)
        if other is not None:
            self.partners.setdefault(field.key, {})[field.value] = other
        return other

    def _by_lexicon(self, field: Stated, group: str, target: str) -> str | None:
        """The value exchanged as a word, where the groups are those of a lexicon: a husband for a wife."""
        axis = axis_of(self._attribute)
        if axis is None:
            return None
        one = swap(field.value, axis, group, target)
        return one.text if not one.skipped else None

    def _control(self, profile: Profile, edits: Sequence[PromptEdit], group: str) -> Sequence[PromptEdit]:
        """As many edits within the group; none where so many cannot be made."""
        touched = {edit.start for edit in edits}
        if self._in_numbers:
            others = [field for field in profile.fields if field.start not in touched and field.key != self.field]
            others.sort(key=lambda field: (min(abs(field.start - start) for start in touched), field.start))
            moved = [
                _edit(profile, field, after)
                for field in others
                if (after := self._steps.step(field.key, field.value)) is not None
            ]
        else:
            same = [field for field in profile.fields if field.start in touched]
            moved = [
                _edit(profile, field, after) for field in same if (after := self._respelt(field, group)) != field.value
            ]
        return sorted(moved[: len(edits)]) if len(moved) >= len(edits) else ()

    def _respelt(self, field: Stated, group: str) -> str:
        """The same value spelt otherwise; as it is where that cannot be."""
        known = self._spellings[group] if field.key == self.field else Counter()
        others = sorted((one for one in known if one != field.value), key=lambda one: (-known[one], one))
        ways = (*others, field.value.lower(), field.value.capitalize(), field.value.upper())
        return next((way for way in ways if way != field.value), field.value)

    def _mentioned_elsewhere(self, text: str, edits: Sequence[PromptEdit]) -> bool:
        axis = axis_of(self._attribute)
        if axis is None:
            return False
        places = [(edit.start, edit.end) for edit in edits]
        mentions = load(axis).find(text, "en")
        return any(not any(start <= one.start and one.end <= end for start, end in places) for one in mentions)


_STRANGE: Final[Reason] = "coupled"


def _group(name: str) -> str:
    """What all spellings of a group share, "" for none."""
    group = level_key(name)
    return "" if group in UNCOMPARED else group


def _field(attribute: Attribute, profiles: Mapping[int, Profile | None], groups: Mapping[int, str]) -> str | None:
    """The field that states the attribute: the one that says the group of nearly all rows that have it, of several the
    one that bears the attribute's name; None for none."""
    there: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row, profile in profiles.items():
        if profile is not None and groups[row]:
            values = profile.values()
            there.update(values.keys())
            right.update(key for key, value in values.items() if level_key(value) == groups[row])
    names = {level_key(attribute.name), level_key(attribute.where.replace("/", ".").rpartition(".")[2])}
    fitting = [
        key for key, rows in right.items() if rows >= (0.5 if level_key(key) in names else AGREEING) * there[key]
    ]
    return min(fitting, key=lambda key: (level_key(key) not in names, -right[key], key), default=None)


def _usual(spellings: Mapping[str, int]) -> str:
    return min(spellings, key=lambda one: (-spellings[one], one))


def _edit(profile: Profile, field: Stated, after: str) -> PromptEdit:
    return PromptEdit(profile.message, field.start, field.end, field.written(field.value), field.written(after))
