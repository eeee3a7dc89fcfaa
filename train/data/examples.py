"""What a model is trained on, in columns: token ids, the weight of each, and what is known of the row. No torch."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_CLASS: Final = -1
NO_GROUP: Final = -1

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


class Example(NamedTuple):
    """One sequence. ``weights[t]`` is what the loss of predicting ``ids[t]`` from what stands before it counts for;
    0 is not trained, and so is the first token, which nothing stands before. ``label`` is a class for a model with a
    classification head, whose weight is then ``weight``."""

    ids: Ints
    weights: Floats
    row: int
    label: int = NO_CLASS
    weight: float = 1.0


class _Columns:
    """Buffers that grow."""

    def __init__(self) -> None:
        self.ids = array("i")
        self.weights = array("d")
        self.starts = array("q", [0])
        self.rows = array("q")
        self.labels = array("i")
        self.row_weights = array("d")

    def add(self, one: Example) -> None:
        self.ids.frombytes(np.ascontiguousarray(one.ids, np.int32).tobytes())
        self.weights.frombytes(np.ascontiguousarray(one.weights, np.float64).tobytes())
        self.starts.append(len(self.ids))
        self.rows.append(one.row)
        self.labels.append(one.label)
        self.row_weights.append(one.weight)


class Examples:
    """Sequences in columns; immutable.

    ``ids`` and ``weights`` hold all tokens one after the other, ``starts`` (n + 1) where each sequence begins.
    ``rows`` is the ordinal of the row that each comes from (several where a template rewrites earlier turns),
    ``labels`` its class (an index of ``classes``, -1 for none), ``row_weights`` the weight of the whole sequence,
    ``groups`` its group for every attribute (an index of ``members``, -1 for unknown). ``row_ids`` is one for each
    sequence.
    """

    def __init__(
        self,
        examples: Iterable[Example],
        *,
        classes: Sequence[str] = (),
        groups: Mapping[str, Sequence[int]] | None = None,
        members: Mapping[str, Sequence[str]] | None = None,
        row_ids: Sequence[str] = (),
    ) -> None:
        """``groups`` holds a code for each sequence, in order. ``examples`` may be read as they are made: what is kept
        of each is 12 bytes a token."""
        columns = _Columns()
        for one in examples:
            columns.add(one)
        self.ids: Ints = np.frombuffer(columns.ids, np.int32)
        self.weights: Floats = np.frombuffer(columns.weights, np.float64)
        self.starts: NDArray[np.int64] = np.frombuffer(columns.starts, np.int64)
        self.rows: NDArray[np.int64] = np.frombuffer(columns.rows, np.int64)
        self.labels: Ints = np.frombuffer(columns.labels, np.int32)
        self.row_weights: Floats = np.frombuffer(columns.row_weights, np.float64)
        self.classes = tuple(classes)
        self.groups: dict[str, Ints] = {name: np.asarray(codes, np.int32) for name, codes in (groups or {}).items()}
        self.members: dict[str, tuple[str, ...]] = {name: tuple(told) for name, told in (members or {}).items()}
        self.row_ids = tuple(row_ids)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.diff(self.starts)

    def tokens_of(self, index: int) -> tuple[Ints, Floats]:
        """The ids and weights of one sequence."""
        start, end = self.starts[index], self.starts[index + 1]
        return self.ids[start:end], self.weights[start:end]

    @property
    def is_classified(self) -> bool:
        """Whether a class is predicted instead of tokens: rows have classes, and no token carries a weight."""
        return bool(self.classes) and not self.weights.any()

    def loss_weights(self) -> Floats:
        """What each sequence counts for in the loss, (n,): the sum of its token weights, without the first token, which
        nothing stands before; or its own weight where it has a class to predict."""
        if self.is_classified:
            return np.where(self.labels >= 0, self.row_weights, 0.0)
        owner, place = self.trained_places()
        sums: Floats = np.bincount(owner, self.weights[place], len(self)).astype(np.float64)
        return sums

    @property
    def trained(self) -> NDArray[np.int64]:
        """Trained tokens of each sequence, (n,)."""
        counts: NDArray[np.int64] = np.bincount(self.trained_places()[0], minlength=len(self)).astype(np.int64)
        return counts

    @property
    def predicted(self) -> NDArray[np.int64]:
        """What is predicted of each sequence, (n,): its trained tokens, or 1 where a class with a weight is."""
        return (self.loss_weights() != 0).astype(np.int64) if self.is_classified else self.trained

    def trained_places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The sequence of each token with a weight, and the token's place among all; never the first of a sequence."""
        places = np.flatnonzero(self.weights)
        owner = np.searchsorted(self.starts, places, side="right") - 1
        predicted = places > self.starts[owner]
        return owner[predicted], places[predicted]

    def described(
        self,
        *,
        classes: Sequence[str],
        groups: Mapping[str, Sequence[int]],
        members: Mapping[str, Sequence[str]],
        row_ids: Sequence[str],
    ) -> Examples:
        """The same sequences with what is known of their rows; the columns of tokens are shared."""
        made = copy(self)
        made.classes, made.row_ids = tuple(classes), tuple(row_ids)
        made.groups = {name: np.asarray(codes, np.int32) for name, codes in groups.items()}
        made.members = {name: tuple(told) for name, told in members.items()}
        return made

    @property
    def sha256(self) -> str:
        """Over everything that training on them depends on, in order."""
        total = hashlib.sha256()
        for column in (self.ids, self.weights, self.starts, self.labels, self.row_weights):
            total.update(np.ascontiguousarray(column).tobytes())
        for name in sorted(self.groups):
            total.update(name.encode() + np.ascontiguousarray(self.groups[name]).tobytes())
        total.update("\0".join((*self.classes, *self.row_ids)).encode("utf-8", "surrogatepass"))
        return total.hexdigest()
