"""Answers to a question, to its swaps and to their controls, side by side. Compares nothing and judges nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from audit.attributes.levels import level_key, plain_text
from audit.outputs.table import GREEDY, VARIANTS, Outputs
from audit.rule import Context
from audit.rules.fairness.withheld import LEAST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Marks = NDArray[np.bool_]

UNNAMED: Final = ""
"""The attribute of swaps of which nothing says what was swapped."""


class Said(NamedTuple):
    """What a swap exchanged: the attribute and its groups, "" where nothing says so."""

    attribute: str
    source: str
    target: str


class Sides(NamedTuple):
    """Outputs beside those to the question itself, both as indices (k,) in ``Outputs``, of one kind of variant."""

    variant: Codes
    original: Codes

    def where(self, marks: Marks) -> Sides:
        """Those that are marked."""
        return Sides(self.variant[marks], self.original[marks])


class Swapped(NamedTuple):
    """The swaps and controls of one arm on one attribute: ``source`` and ``target`` (k,) of the swaps are codes in
    ``names``. ``unmatched`` outputs have no output to the question itself beside them."""

    arm: str
    attribute: str
    names: tuple[str, ...]
    swaps: Sides
    source: Codes
    target: Codes
    controls: Sides
    unmatched: int

    def directions(self) -> list[tuple[int, int]]:
        """Which group was exchanged for which, as codes, in the order of the codes."""
        return sorted(set(zip(self.source.tolist(), self.target.tolist(), strict=True)))


_SAID: Final[WeakKeyDictionary[Context, Mapping[int, Said]]] = WeakKeyDictionary()
"""What each pair of the outputs that are being concluded on exchanges: two rules ask."""


def swapped_of(context: Context, arm: str, *, given: bool = False) -> list[Swapped]:
    """The swaps of an arm by attribute, in the order of the configuration; ``given`` for the scored answers of the rows
    instead of what the model answered."""
    import numpy as np

    outputs, said = context.outputs(), _said(context)
    own = (outputs.arm == outputs.arms.index(arm)) & (outputs.given == given) & (outputs.sample != GREEDY)
    originals = _by_place(outputs, np.flatnonzero(own & (outputs.variant == 0)))
    found: dict[str, list[tuple[int, int, Said]]] = {}
    unmatched: Counter[str] = Counter()
    for index in np.flatnonzero(own & (outputs.variant > 0)).tolist():
        original = originals.get(_place(outputs, index))
        what = said[_pair(outputs, index)]
        if original is None:
            unmatched[what.attribute] += 1
        else:
            found.setdefault(what.attribute, []).append((index, original, what))
    order = [*outputs.groups, UNNAMED]
    attributes = sorted(
        {*found, *unmatched}, key=lambda name: (order.index(name) if name in order else len(order), name)
    )
    return [_joined(outputs, arm, name, found.get(name, ()), unmatched[name]) for name in attributes]


def _joined(
    outputs: Outputs, arm: str, attribute: str, found: Sequence[tuple[int, int, Said]], unmatched: int
) -> Swapped:
    import numpy as np

    swaps = [one for one in found if VARIANTS[int(outputs.variant[one[0]])] == "swap"]
    controls = [one for one in found if VARIANTS[int(outputs.variant[one[0]])] == "control"]
    names = dict.fromkeys(outputs.groups[attribute].names if attribute in outputs.groups else ())
    names |= dict.fromkeys(name for _, _, what in swaps for name in (what.source, what.target))
    codes = {name: code for code, name in enumerate(names)}
    return Swapped(
        arm,
        attribute,
        tuple(names),
        _sides(swaps),
        np.array([codes[what.source] for _, _, what in swaps], dtype=np.int64),
        np.array([codes[what.target] for _, _, what in swaps], dtype=np.int64),
        _sides(controls),
        unmatched,
    )


def _sides(found: Iterable[tuple[int, int, Said]]) -> Sides:
    import numpy as np

    both = np.array([(variant, original) for variant, original, _ in found], dtype=np.int64).reshape(-1, 2)
    return Sides(both[:, 0], both[:, 1])


def _by_place(outputs: Outputs, indices: Codes) -> dict[tuple[int, int, int], int]:
    return {_place(outputs, index): index for index in reversed(indices.tolist())}


def _place(outputs: Outputs, index: int) -> tuple[int, int, int]:
    """What the answers to a question and to its variants share: the question, the seed and the sample."""
    return int(outputs.item[index]), int(outputs.seed[index]), int(outputs.sample[index])


def _pair(outputs: Outputs, index: int) -> int:
    """The number of a pair; below 0 that of a question whose variant names none."""
    pair = int(outputs.pair[index])
    return pair if pair >= 0 else -1 - int(outputs.item[index])


def group_and_reference(one: Swapped, outputs: Outputs, first: int, second: int) -> tuple[int, int]:
    """The group and its reference: the configured one, else the one with more outputs, of equals the first."""
    groups = outputs.groups.get(one.attribute)
    wanted = groups.reference_group if groups is not None else ""
    if wanted in one.names and one.names.index(wanted) in (first, second):
        reference = one.names.index(wanted)
    else:
        sizes = [_size(outputs, one, code) for code in (first, second)]
        reference = first if sizes[0] >= sizes[1] else second
    return (second if reference == first else first), reference


def _size(outputs: Outputs, one: Swapped, code: int) -> int:
    groups = outputs.groups.get(one.attribute)
    return int((groups.codes == code).sum()) if groups is not None and code < len(groups.names) else 0


def least_clusters(one: Swapped, outputs: Outputs) -> int:
    """Clusters below which nothing is claimed."""
    groups = outputs.groups.get(one.attribute)
    return groups.attribute.min_n if groups is not None else LEAST


# ----------------------------------------------------------------------------- what was swapped


def _said(context: Context) -> Mapping[int, Said]:
    """What every pair exchanges, read from one output of each, a swap where there is one."""
    import numpy as np

    found = _SAID.get(context)
    if found is None:
        outputs = context.outputs()
        variants = np.flatnonzero((outputs.variant > 0) & (outputs.rows >= 0))
        first: dict[int, int] = {}
        for index in variants[np.argsort(outputs.variant[variants], kind="stable")].tolist():
            first.setdefault(_pair(outputs, index), index)
        originals = _by_item(outputs)
        rows = outputs.rows[list(first.values())].tolist() if first else []
        found = {}
        for (pair, index), record in zip(first.items(), context.records(rows), strict=True):
            data = record.data if isinstance(record.data, dict) else {}
            found[pair] = _declared(data.get("swapped"), outputs) or _told(outputs, index, originals)
        _SAID[context] = found
    return found


def _by_item(outputs: Outputs) -> dict[int, int]:
    import numpy as np

    return {int(outputs.item[index]): index for index in np.flatnonzero(outputs.variant == 0)[::-1].tolist()}


def _declared(given: object, outputs: Outputs) -> Said | None:
    """What the output itself says, its groups named as the attribute names them."""
    if not isinstance(given, dict):
        return None
    attribute, source, target = (given.get(key) for key in ("attribute", "from", "to"))
    if not (isinstance(attribute, str) and isinstance(source, str) and isinstance(target, str)):
        return None
    attribute, source, target = map(plain_text, (attribute, source, target))
    groups = outputs.groups.get(attribute)
    known = {level_key(name): name for name in groups.names} if groups is not None else {}
    return Said(attribute, *(known.get(level_key(name), name) for name in (source, target)))


def _told(outputs: Outputs, index: int, originals: Mapping[int, int]) -> Said:
    """What the groups of the output tell: the attribute of which it is of another group than its question; where it is
    of no other, and one attribute is configured, that one."""
    original = originals.get(int(outputs.item[index]))
    if original is None:
        return Said(UNNAMED, "", "")
    for name, groups in outputs.groups.items():
        if groups.codes[index] != groups.codes[original]:
            return Said(name, groups.names[int(groups.codes[original])], groups.names[int(groups.codes[index])])
    return Said(*_only(outputs, original))


def _only(outputs: Outputs, original: int) -> Iterator[str]:
    if len(outputs.groups) != 1:
        yield from (UNNAMED, "", "")
        return
    ((name, groups),) = outputs.groups.items()
    yield from (name, groups.names[int(groups.codes[original])], "another group")
