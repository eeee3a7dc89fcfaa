"""Reads the rows of a run once: which split each is in, its weight, label and groups. Encodes none of them."""

from __future__ import annotations

import contextlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import PurePath
from typing import Any, Final

import msgspec

from audit.api.preparing import make_run, means, readers_of
from audit.attributes.levels import UNKNOWN
from audit.config.settings import Settings
from audit.engine.dependence import clusters_of
from audit.engine.drive import Driven, Progress, driving
from audit.engine.finish import DATA, TRAIN, Finished
from audit.engine.row_ids import row_ids
from audit.errors import InputError, UsageError
from audit.labels.recognise import NEEDS as LABELS
from audit.labels.recognise import NO_LABEL, recognise
from audit.model import ABSENT, Record, Related
from audit.read.fields import value_at
from audit.read.marks import WEIGHT, weight_at
from audit.rule import Product, Run
from audit.train.data.examples import NO_GROUP
from audit.train.options import TrainOptions

VALIDATION: Final = "validation"
_SAME: Final = {"valid": VALIDATION, "val": VALIDATION, "dev": VALIDATION, "eval": VALIDATION, "training": TRAIN}
"""Other names of splits, as data sets on the hub use them."""


class FileRead(msgspec.Struct, frozen=True):
    """A data file as it was read: SHA-256 of its bytes (of rows from Python as lines of JSON), its rows, its base name,
    and the split that it was named for ("" for none)."""

    sha256: str
    rows: int
    base: str = ""
    split: str = ""


class Rows:
    """All rows of a run, by ordinal (0-based, in reading order). Rows can be read again while ``gathering`` lasts.

    ``splits`` holds the ordinals of every split, ascending: ``train``, ``validation`` where there is one, and others
    that are neither trained nor evaluated on. ``weights`` is what each row counts for, 1.0 where it says nothing, and
    ``weight_at`` the field that is configured to say it.
    ``labels`` is the label of each row or None, ``no_labels`` why there are none; ``classes`` are those of the training
    rows in the order in which they first appear there. ``groups`` holds for every configured attribute the index in
    ``members`` of each row, -1 for unknown. ``files`` are named by their base name.
    """

    def __init__(self, finished: Finished, driven: Driven, run: Run, options: TrainOptions) -> None:
        self._finished = finished
        self.weight_at = run.fields.weight
        self.total = finished.rows
        self.splits = _splits(finished, run, options)
        self.weights = finished.weights
        self.labels, self.no_labels = _labels(finished, run)
        first = (self.labels[row] for row in self.splits[TRAIN])
        self.classes: tuple[str, ...] = tuple(dict.fromkeys(label for label in first if label is not None))
        self.groups: dict[str, array[int]] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        for attribute in run.attributes:
            self.members[attribute.name], self.groups[attribute.name] = _groups(finished, attribute.name)
        self.files, self._names = _files(driven)
        self._ids: Mapping[int, str] | None = None

    def records(self, ordinals: Sequence[int]) -> Iterator[Record]:
        """The rows read again, in the order asked for; of one that cannot be parsed a record with an empty chat."""
        return self._finished.records(ordinals)

    def row_ids(self, ordinals: Iterable[int]) -> list[str]:
        """``CONTENT_ID#N`` of each row (``audit.engine.row_ids``)."""
        if self._ids is None:
            self._ids = row_ids(self._finished, range(self.total))
        ids = self._ids
        return [ids[row] for row in ordinals]

    def place(self, ordinal: int) -> Related:
        """File (as named in ``files``) and line of a row."""
        place = self._finished.place(ordinal)
        return msgspec.structs.replace(place, file=self._names.get(place.file or "", place.file))

    def has_bad_weight(self, record: Record) -> bool:
        """Whether a row names a weight that is no finite number of 0 or more."""
        return self.says_weight(record) and weight_at(record.data, self.weight_at) is None

    def says_weight(self, record: Record) -> bool:
        """Whether a row has something where weights of rows are looked for."""
        return value_at(record.data, self.weight_at or WEIGHT) is not ABSENT

    def has_unused_weight(self, record: Record) -> bool:
        """Whether a row has a number other than 1 as ``weight`` that nothing configured asks for."""
        weight = record.data.get("weight") if self.weight_at is None and isinstance(record.data, dict) else None
        return isinstance(weight, int | float) and not isinstance(weight, bool) and weight != 1


@contextlib.contextmanager
def gathering(
    data: Any, settings: Settings, options: TrainOptions, progress: Callable[[Progress], None] | None = None
) -> Iterator[Rows]:
    """The rows of ``data`` (as for ``audit.check``) and of the splits that the settings name.

    Splits are the named ones, or those of the field ``[data] splits``; ``valid``, ``dev`` and ``eval`` mean validation.
    Without any split all rows are for training. Where no validation split is named, ``hold_out`` of the training rows
    are kept for it: rows of one group, copies, and rows with one prompt stay together, and which are taken follows from
    the seed and from what they say, not from where they stand.

    Raises UsageError where no split is for training or a class is asked for and no row has one, InputError without
    rows, and KeyboardInterrupt where the reading was interrupted.
    """
    run = make_run(settings)
    wanted = _needs(run)
    readers = readers_of(data, settings)
    with driving(readers, (), run, means(settings), progress, wanted=wanted) as (driven, finished):
        if driven.partial:
            raise KeyboardInterrupt
        rows = Rows(finished, driven, run, options)
        if options.task == "classify" and len(rows.classes) < 2:
            found = rows.no_labels or f"the training rows have {len(rows.classes)} different labels"
            raise UsageError(
                f"there is nothing to classify: {found}", hint='name the label: [data] label = "metadata.label"'
            )
        yield rows


def _needs(run: Run) -> frozenset[Product]:
    needs: set[Product] = {*LABELS, "rows", "weights", "prompt", "clusters"}
    if run.attributes:
        needs.add("attributes")
    if run.fields.group is not None:
        needs.add("group")
    return frozenset(needs)


# ----------------------------------------------------------------------------- splits


def _splits(finished: Finished, run: Run, options: TrainOptions) -> dict[str, Sequence[int]]:
    names = [split_name(name) for name in finished.splits]
    found: dict[str, array[int]] = {}
    for row, code in enumerate(finished.split_codes):
        found.setdefault(names[code], array("Q")).append(row)
    if not finished.rows:
        raise InputError("there are no rows to train on")
    if TRAIN not in found:
        raise UsageError(
            f"no split is called {TRAIN}, and only that is trained on: {', '.join(sorted(found))}",
            hint=f"--split {TRAIN}=FILE",
        )
    splits: dict[str, Sequence[int]] = {TRAIN: found.pop(TRAIN), **dict(sorted(found.items()))}
    if options.hold_out and VALIDATION not in splits:
        kept, held = _held_out(splits[TRAIN], finished, options)
        if not kept or not held:
            raise UsageError(
                f"hold_out {options.hold_out:g} of {len(splits[TRAIN]):,} rows leaves none for "
                f"{VALIDATION if kept else 'training'}: rows with one prompt or of one group stay together",
                hint=f"another share or seed, or --split {VALIDATION}=FILE",
            )
        splits[TRAIN], splits[VALIDATION] = kept, held
    return splits


def split_name(name: str) -> str:
    """The name under which a split is known: synonyms are one, and rows outside all splits are for training."""
    folded = name.strip().casefold()
    return TRAIN if folded == DATA else _SAME.get(folded, folded)


def _held_out(train: Sequence[int], finished: Finished, options: TrainOptions) -> tuple[Sequence[int], Sequence[int]]:
    """The rows that stay, and those that are held out. A cluster is drawn by the smallest of its prompts' keys."""
    prompts = finished.column("prompt")
    alike = array("Q", (cluster + 1 for cluster in finished.clusters()))
    clusters = clusters_of(finished.rows, [alike, prompts])
    keys: dict[int, int] = {}
    for row in train:
        key = prompts[row] or finished.column("conversation")[row]
        keys[clusters[row]] = min(key, keys.get(clusters[row], key))
    drawn = {cluster: _drawn(options.seed, key) < options.hold_out for cluster, key in keys.items()}
    kept, held = array("Q"), array("Q")
    for row in train:
        (held if drawn[clusters[row]] else kept).append(row)
    return kept, held


def _drawn(seed: int, key: int) -> float:
    """A number in [0, 1) for a seed and a key of 64 bits."""
    digest = blake2b(f"{seed}:hold_out:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


# ----------------------------------------------------------------------------- what rows are


def _labels(finished: Finished, run: Run) -> tuple[Sequence[str | None], str]:
    labels = recognise(finished, run)
    if not labels:
        return [None] * finished.rows, labels.reason
    texts = [label.text for label in labels.labels]
    return [None if code == NO_LABEL else texts[code] for code in labels.codes], ""


def _groups(finished: Finished, name: str) -> tuple[tuple[str, ...], array[int]]:
    """The groups of an attribute but ``unknown``, and the index of each row's. All are unknown where they cannot be
    judged (a sidecar that does not fit, too many groups)."""
    column = finished.attribute(name)
    if column.reason:
        return (), array("i", [NO_GROUP]) * finished.rows
    members = tuple(group for group in column.groups if group != UNKNOWN)
    table = {group: code for code, group in enumerate(members)}
    codes = [table.get(group, NO_GROUP) for group in column.groups]
    return members, array("i", (codes[code] for code in column.codes))


def _files(driven: Driven) -> tuple[dict[str, FileRead], dict[str, str]]:
    """What was read, by name, and the names by path. Two files with one base name are told apart by a number."""
    seen: Counter[str] = Counter()
    found: dict[str, FileRead] = {}
    names: dict[str, str] = {}
    for summary in driven.summaries:
        name = PurePath(summary.path).name or summary.path
        seen[name] += 1
        names[summary.path] = name if seen[name] == 1 else f"{name} ({seen[name]})"
        count = driven.outcome.rows_by_source.get(summary.path, 0)
        split = "" if summary.role == DATA else summary.role
        found[names[summary.path]] = FileRead(summary.sha256, count, name, split)
    return found, names
