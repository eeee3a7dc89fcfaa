"""Which rows may not be torn apart: joins rows that share one of many identities to units. Puts none into a split.

What counts is written down in docs/decisions/0018-what-a-split-keeps-together.md.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from audit.clusters.answers import GROUP_ROWS_LINKED, links
from audit.engine.dependence import clusters_of
from audit.engine.origins import any_made
from audit.remedy.split.gathering import NUMBERS, SHORT, TERMS
from audit.rule import Context, NearClusters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONVERSATION: Final = "same conversation"
NORMALISED: Final = "same conversation but for case and punctuation"
PROMPT: Final = "same prompt"
NEAR: Final = "near-duplicates"
ALIKE: Final = "same prompt and nearly the same answer"
SEEN_IN_FILES: Final = "near-duplicates in the written files"
MADE_OF: Final = "copies and made-up rows with their source"
MASKED: Final = "same prompt but for identity terms"
NUMBERED: Final = "same prompt but for numbers"

MOST_NUMBERED: Final = 0.5
"""The share of the rows from which on numbers are what rows differ by, and not what templates are filled with."""
CONTENT_BYTES: Final = 16


class Reasons(NamedTuple):
    """What joins rows beside what they are, as SPL501 and DUP403 are configured.

    A prompt with more than ``max_answers`` different answers is an instruction. Two answers to one prompt are alike at
    ``answer_similarity`` or above, with at least ``min_answer_words`` words in both. ``groups`` and ``templates`` are
    paths of fields.
    """

    max_answers: int
    answer_similarity: float
    min_answer_words: int
    groups: Sequence[str]
    templates: Sequence[str]


class Identities(NamedTuple):
    """Columns of 64-bit identities by reason, in a fixed order; rows that share one (but 0) belong together."""

    columns: Mapping[str, NDArray[np.uint64]]
    notes: tuple[str, ...]


class UnitTable(NamedTuple):
    """The units of the rows that could be read, in the order of their names.

    ``rows`` are ordinals, ``of_row`` the unit of each of them; ``names`` are the smallest content ids in each unit,
    so that a unit is called the same wherever its rows stand. ``sizes`` counts its rows.
    """

    rows: NDArray[np.int64]  # (readable rows,)
    of_row: NDArray[np.int64]  # (readable rows,)
    names: Sequence[str]
    sizes: NDArray[np.int64]  # (units,)


def identities_of(context: Context, keys: Mapping[str, array[int]], reasons: Reasons) -> Identities:
    """Every reason for rows to stay together. ``keys`` are the columns of ``gathering.Keys``; a prompt that is short or
    an instruction joins only rows whose answers are one, or alike."""
    conversation = _uint64(context.column("conversation"))
    prompts = _prompts(context, keys[SHORT], reasons.max_answers)
    alike, notes = _alike(context, prompts, reasons)
    columns = {
        CONVERSATION: conversation,
        NORMALISED: _uint64(context.column("normalised")),
        PROMPT: prompts,
        NEAR: near_components(context.near_clusters(), context.rows),
        ALIKE: alike,
    }
    if any_made(context.marks):
        columns[MADE_OF] = _uint64(array("Q", (row + 1 for row in context.origins())))
    columns |= {f"group {path}": _uint64(keys[path]) for path in reasons.groups}
    columns |= {f"template {path}": _uint64(keys[path]) for path in reasons.templates}
    columns[MASKED] = _uint64(keys[TERMS])
    numbered = _uint64(keys[NUMBERS])
    share = _newly_joined(numbered, _uint64(context.column("prompt"))) / max(context.rows, 1)
    if share > MOST_NUMBERED:
        why = f"numbers were not masked: {share:.0%} of the rows have prompts that differ by numbers alone"
        return Identities(_without_unread(columns, conversation), (*notes, why))
    columns[NUMBERED] = numbered
    return Identities(_without_unread(columns, conversation), tuple(notes))


def _without_unread(
    columns: Mapping[str, NDArray[np.uint64]], conversation: NDArray[np.uint64]
) -> Mapping[str, NDArray[np.uint64]]:
    """Rows that cannot be read have no conversation: they belong to nothing."""
    return {name: column * (conversation != 0) for name, column in columns.items()}


def _prompts(context: Context, short: Sequence[int], max_answers: int) -> NDArray[np.uint64]:
    """The identity of every prompt; of instructions, together with the answer, as SPL501 tells them."""  # (rows,)
    import numpy as np

    prompts, answers = _uint64(context.column("prompt")), _uint64(context.column("answer"))
    pairs = np.unique(np.stack((prompts, answers)), axis=1) if len(prompts) else np.zeros((2, 0), np.uint64)
    found, different = np.unique(pairs[0], return_counts=True)
    many = different[np.searchsorted(found, prompts)] > max_answers if len(prompts) else np.zeros(0, bool)
    instruction = many | np.asarray(short, dtype=bool)
    mixed = _mixed(prompts, answers)
    return np.where(instruction, np.where(answers == 0, np.uint64(0), mixed), prompts)


def _mixed(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number for two: the finaliser of MurmurHash3 over both, never 0 (Appleby, MurmurHash3.cpp, fmix64)."""
    import numpy as np

    mixed = one * np.uint64(0x9E3779B97F4A7C15) ^ other
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return np.maximum(mixed ^ (mixed >> np.uint64(33)), np.uint64(1))


def near_components(near: NearClusters, rows: int) -> NDArray[np.uint64]:
    """For every row the number (from 1) of the rows that verified pairs and clusters link it with; 0 for none."""
    pairs = [(first, second) for first, second, _ in near.pairs()]
    return _components(pairs + [(cluster.survivor, row) for cluster in near.clusters for row in cluster.members], rows)


def _alike(context: Context, prompts: NDArray[np.uint64], reasons: Reasons) -> tuple[NDArray[np.uint64], Sequence[str]]:
    """For every row the number (from 1) of the rows that have its prompt and that answers alike link it with, 0 for
    none, and what to know of it. Rows whose prompt keeps them together anyway are not looked at."""
    groups = [group for group in context.groups("prompt") if (prompts[group] != prompts[group[0]]).any()]
    found = list(links(context, groups, reasons.answer_similarity, reasons.min_answer_words))
    conversations = context.column("conversation")
    large = [group for group in groups if len(group) > GROUP_ROWS_LINKED]
    left = sum(max(0, len({conversations[row] for row in group}) - GROUP_ROWS_LINKED) for group in large)
    why = f"the answers of {left:,} rows were compared with no other: over {GROUP_ROWS_LINKED:,} rows have their prompt"
    return _components(found, context.rows), (why,) if left else ()


def _components(pairs: Sequence[tuple[int, int]], rows: int) -> NDArray[np.uint64]:
    """For every row the number (from 1) of the rows that it is linked with, 0 for none."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return np.zeros(rows, np.uint64)
    here, there = np.array(pairs, dtype=np.int64).T
    graph = coo_array((np.ones(len(here), dtype=np.int8), (here, there)), shape=(rows, rows))
    _, labels = connected_components(graph, directed=False)
    linked = np.zeros(rows, bool)
    linked[here] = linked[there] = True
    return np.where(linked, labels.astype(np.uint64) + np.uint64(1), np.uint64(0))


def units_of(identities: Identities, contents: Sequence[int], rows: int) -> UnitTable:
    """The units of all rows that could be read. ``contents`` are their content ids, 16 bytes a row."""
    import numpy as np

    columns = list(identities.columns.values())
    readable = np.flatnonzero(identities.columns[CONVERSATION])
    roots = _uint64(clusters_of(rows, [array("Q", column.tobytes()) for column in columns]))[readable]
    halves = np.frombuffer(bytes(contents), dtype=">u8").reshape(-1, 2)[readable].astype(np.uint64)
    order = np.lexsort((halves[:, 1], halves[:, 0], roots))
    first = order[np.flatnonzero(np.diff(roots[order], prepend=np.uint64(rows)))] if len(order) else order
    by_name = first[np.lexsort((halves[first, 1], halves[first, 0]))]
    ranks = np.zeros(rows + 1, np.int64)
    ranks[roots[by_name].astype(np.int64)] = np.arange(len(by_name))
    of_row = ranks[roots.astype(np.int64)]
    names = [f"{high:016x}{low:016x}" for high, low in halves[by_name].tolist()]
    return UnitTable(readable, of_row, names, np.bincount(of_row, minlength=len(names)))


def with_links(identities: Identities, column: NDArray[np.uint64]) -> Identities:
    """The identities with near-duplicates that were seen in the written files."""
    before = identities.columns.get(SEEN_IN_FILES)
    name = SEEN_IN_FILES if before is None else f"{SEEN_IN_FILES} ({len(identities.columns)})"
    return Identities({**identities.columns, name: column}, identities.notes)


def joined_by(column: NDArray[np.uint64]) -> tuple[int, int]:
    """How many rows share an identity with another one, and how many different ones they share."""
    import numpy as np

    _, counts = np.unique(column[column != 0], return_counts=True)
    return int(counts[counts > 1].sum()), int((counts > 1).sum())


def _newly_joined(column: NDArray[np.uint64], known: NDArray[np.uint64]) -> int:
    """How many rows share an identity with a row that has another of the ``known`` ones."""
    import numpy as np

    has = column != 0
    pairs = np.unique(np.stack((column[has], known[has])), axis=1)
    found, different = np.unique(pairs[0], return_counts=True)
    return int(np.isin(column[has], found[different > 1]).sum())


def straddling(column: NDArray[np.uint64], splits: NDArray[np.int64]) -> int:
    """How many identities stand in rows of more than one split; ``splits`` are numbers of splits, one a row."""
    import numpy as np

    known = column != 0
    pairs = np.unique(np.stack((column[known], splits[known].astype(np.uint64))), axis=1)
    _, counts = np.unique(pairs[0], return_counts=True)
    return int((counts > 1).sum())


def numbered(contents: array[int]) -> NDArray[np.int32]:
    """For every row how many up to it have its content: the number in its row id (see ``audit.engine.row_ids``)."""
    import numpy as np

    halves = np.frombuffer(contents, np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: rows with one content stay in their order
    places = np.arange(len(order))
    new = np.any(np.diff(halves[order], axis=0, prepend=~halves[order[:1]]) != 0, axis=1)
    numbers = np.empty(len(order), np.int32)
    numbers[order] = places - np.maximum.accumulate(np.where(new, places, 0)) + 1
    return numbers


def _uint64(column: Sequence[int]) -> NDArray[np.uint64]:
    import numpy as np

    if isinstance(column, array) and column.typecode == "Q":
        return np.frombuffer(column, dtype=np.uint64) if len(column) else np.zeros(0, np.uint64)
    return np.array(column, dtype=np.uint64)
