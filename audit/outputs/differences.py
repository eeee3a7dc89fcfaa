"""What the replicates of two arms differ in, by the records of their runs, and whether that is one thing.

A change between two arms can be laid to what they differ in only where that is a single thing, checked from the records
of the runs and not from what somebody says. Judges no output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Json
from audit.rule import ArmFacts

WEIGHTS: Final = "row weights"
ROWS: Final = "training rows"
_CAUSES: Final[Mapping[str, str]] = {
    "train.weights": WEIGHTS,
    "train.content": ROWS,
    "train.sequences": ROWS,
    "train.tokens": ROWS,
    "train.whole": ROWS,
    "train.order": "order of the training rows",
    "order": "order of the batches",
    "base": "base model",
    "base_files": "base model",
    "tokenizer": "tokenizer",
    "template": "chat template",
    "denominator": "denominator of the loss",
    "strategy": "how steps are cut into passes",
    "token_budget": "how steps are cut into passes",
    "classes": "classes",
    "validation": "validation rows",
    "machine": "machine",
    "config.seed": "seed",
}
"""In plain words: the keys of ``audit.train.runs.identity``, or what they begin with."""
_FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    "denominator": frozenset({WEIGHTS, ROWS}),
    "order": frozenset({ROWS}),
    "train.order": frozenset({ROWS}),
    "token_budget": frozenset({ROWS}),
    "tokenizer": frozenset({ROWS}),
}
"""What differs because something else does: the mean weight of a batch, the order of other rows, and the tokenizer of
``tiny``, which is learnt from the rows (of another model it does not follow)."""
_LONGEST: Final = 40
"""Characters of a value that are shown."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that replicates differ in: ``keys`` of their identity, in the pairs of ``seeds``. ``before`` is the
    value in the compared arm and ``after`` that in the judged one, of the first key and seed."""

    cause: str
    keys: tuple[str, ...]
    seeds: tuple[int, ...]
    before: str
    after: str


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What the arms ``judged`` and ``compared`` differ in, over ``pairs`` of replicates with one seed.

    ``unknown`` are pairs of which a record is missing; ``unpaired`` the seeds that only one arm has. ``follows`` are
    keys that differ because something else does.
    """

    judged: str
    compared: str
    pairs: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    unpaired: Mapping[str, tuple[int, ...]] = {}
    differs: tuple[Difference, ...] = ()
    follows: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether every pair has both records, and there is a pair."""
        return bool(self.pairs) and not self.unknown

    @property
    def only(self) -> str | None:
        """The one thing that all pairs differ in; None where there are several, or none, or that is not known."""
        if not self.known or len(self.differs) != 1 or self.differs[0].seeds != self.pairs:
            return None
        return self.differs[0].cause

    @property
    def sentence(self) -> str:
        """What they differ in, and whether a change between them can be laid to it."""
        return _sentence(self)


def differences(
    arms: Sequence[ArmFacts], judged: str, compared: str, paired: Iterable[int] | None = None
) -> Differences:
    """What the replicates of two arms differ in, those of one seed paired.

    ``paired`` are the seeds of which both arms have outputs, whether or not a record is known; without, those of the
    facts.
    """
    facts = {name: {one.seed: one for one in arms if one.arm == name} for name in (judged, compared)}
    seeds = sorted(paired) if paired is not None else sorted(facts[judged].keys() & facts[compared].keys())
    found: dict[str, tuple[set[str], set[int], tuple[str, str]]] = {}
    follows: set[str] = set()
    unknown = []
    for seed in seeds:
        one, other = facts[judged].get(seed), facts[compared].get(seed)
        if one is None or other is None or not one.identity or not other.identity:
            unknown.append(seed)
            continue
        causes, consequences = _of_pair(flat(other.identity), flat(one.identity))
        follows |= consequences
        for cause, (keys, shown) in causes.items():
            known = found.setdefault(cause, (set(), set(), shown))
            known[0].update(keys)
            known[1].add(seed)
    return Differences(
        judged=judged,
        compared=compared,
        pairs=tuple(seeds),
        unknown=tuple(unknown),
        unpaired={name: tuple(sorted(facts[name].keys() - set(seeds))) for name in (judged, compared)},
        differs=tuple(
            Difference(cause=cause, keys=tuple(sorted(keys)), seeds=tuple(sorted(of)), before=shown[0], after=shown[1])
            for cause, (keys, of, shown) in sorted(found.items())
        ),
        follows=tuple(sorted(follows)),
    )


def flat(identity: Mapping[str, Json]) -> dict[str, Json]:
    """The values of nested objects by dotted key, sorted."""
    return dict(sorted(_flattened("", identity)))


def _flattened(before: str, values: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, dict) and value:
            yield from _flattened(f"{name}.", value)
        else:
            yield name, value


def _of_pair(
    before: Mapping[str, Json], after: Mapping[str, Json]
) -> tuple[dict[str, tuple[set[str], tuple[str, str]]], set[str]]:
    """Causes with their keys and the values shown, and the keys that differ because of them."""
    keys = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    parts = {key for key in keys if key.startswith("train.") and key != "train.whole"}
    keys = [key for key in keys if key != "train.whole" or not parts]  # the hash of the other three
    named = {key: _cause(key) for key in keys}
    from_rows = before.get("base") == after.get("base") == "tiny"
    follows = {
        key
        for key in keys
        if _FOLLOWS.get(key, frozenset()) & (set(named.values()) - {named[key]}) and (key != "tokenizer" or from_rows)
    }
    causes: dict[str, tuple[set[str], tuple[str, str]]] = {}
    for key in keys:
        if key not in follows:
            shown = (_shown(before.get(key)), _shown(after.get(key)))
            causes.setdefault(named[key], (set(), shown))[0].add(key)
    return causes, follows


def _cause(key: str) -> str:
    """What a key stands for, by itself or by what it begins with; a setting is called by its name."""
    start = key.partition(".")[0]
    if key in _CAUSES:
        return _CAUSES[key]
    if start == "config":
        return f"setting {key.partition('.')[2]}"
    return _CAUSES.get(start, key)


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _sentence(one: Differences) -> str:
    both = f"{one.judged} and {one.compared}"
    if not one.pairs:
        return f"Effect of remediation not attributable: {both} have no seed in common, so nothing is paired."
    if one.unknown:
        which = "any" if len(one.unknown) == len(one.pairs) else f"{len(one.unknown)} of the {len(one.pairs)}"
        return (
            f"Effect of remediation not attributable: what {both} differ in is not known, since the records of "
            f"{which} of their pairs of runs are missing."
        )
    pairs = f"all {len(one.pairs)} pairs of seeds" if len(one.pairs) > 1 else "their one pair of seeds"
    if not one.differs:
        return f"Effect of remediation not attributable: by their records {both} do not differ at all in {pairs}."
    if len(one.differs) == 1 and one.only is None:
        return (
            f"Effect of remediation not attributable: {both} differ in their {_with_seeds(one.differs[0], one)}, and "
            f"in the other pairs of seeds in nothing."
        )
    if one.only is None:
        listed = ", ".join(_with_seeds(difference, one) for difference in one.differs)
        return f"Effect of remediation not attributable: {both} differ in more than one thing: {listed}."
    if len(one.pairs) == 1:
        return (
            f"{both} differ only in their {one.only}: what changed between these two models can be laid to that, but "
            f"one pair cannot tell what the method does from what the seed does."
        )
    return f"{both} differ only in their {one.only} in {pairs}, so what changed between them can be laid to that."


def _with_seeds(difference: Difference, of: Differences) -> str:
    some = difference.seeds != of.pairs
    return f"{difference.cause} (seeds {', '.join(map(str, difference.seeds))})" if some else difference.cause
