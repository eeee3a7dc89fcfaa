"""The product ``outputs``: what rows of predictions say, column by column, while they are read. Judges nothing.

Whatever has the wrong type counts as not said: the rules on structure tell of it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from audit.attributes.levels import AS_GIVEN, plain_text
from audit.engine.batch import ParsedBatch
from audit.engine.membership import Interned
from audit.labels.spelling import spelling_key
from audit.model import Json
from audit.read.shapes.predictions import GIVEN, PREDICTIONS

if TYPE_CHECKING:
    from audit.outputs.table import Groups, Outputs
    from audit.rule import AttributeColumn

MOST_CLASSES: Final = 200
"""Different labels beyond which answers are free text."""
LONGEST_LABEL: Final = 100
"""Characters of a label; a longer answer is text."""
LEAST_REPEATS: Final = 2
"""How many questions must have each of the true answers on average for them to be labels, where none were scored."""
UNNAMED: Final = "model"
"""What the arm of outputs is called that do not say whose they are."""
ROUNDING: Final = 1e-3
"""By how much probabilities may be beyond 1."""
_NO_SEED: Final = 0
_SMALL: Final = 1 << 62
"""Whole numbers beyond it are not taken."""

_NAMES: Final = ("arm", "row_id", "variant", "pair_id", "cluster", "prompt_sha256", "error", "finish_reason")
"""Keys whose values are kept as a number and a name."""
_COUNTS: Final = ("seed", "sample", "prompt_tokens", "output_tokens")


class OutputColumns:
    """Columns over the outputs that were read, and the ordinal of the row of each, counted from the first row read."""

    def __init__(self) -> None:
        self.rows = array("Q")
        self.names: dict[str, Interned[str | None]] = {name: Interned(1 << 31) for name in _NAMES}
        self.counts: dict[str, array[int]] = {name: array("q") for name in _COUNTS}
        self.texts: dict[str, Interned[str | None]] = {name: Interned(1 << 31) for name in ("truth", "output")}
        self.scores: dict[str, array[float]] = {}
        self.numbers: dict[str, array[float]] = {name: array("d") for name in ("label_mass", "seconds", "nll")}
        self.nll_tokens = array("q")
        self.characters = array("q")

    def take(self, batch: ParsedBatch, before: int) -> None:
        """Add the outputs of a batch, ``before`` which so many rows were read."""
        for place, row in enumerate(batch.with_content):
            odd = batch.odd.get(row)
            if odd is not None and odd.shape == PREDICTIONS.name:
                self._add(odd.data, before + place)

    def _add(self, data: Mapping[str, Json], ordinal: int) -> None:
        self.rows.append(ordinal)
        for key, interned in self.names.items():
            interned.extend((_name(key, data.get(key)),))
        for key, counts in self.counts.items():
            counts.append(_whole(data.get(key), _NO_SEED if key in ("seed", "sample") else -1))
        output, truth = data.get("output"), data.get("truth")
        self.texts["truth"].extend((_label(truth),))
        self.texts["output"].extend((_label(output),))
        self.characters.append(len(output.strip()) if isinstance(output, str) else -1)
        self._score(data.get("label_scores"))
        logprobs = data.get("token_logprobs")
        known = [-one for one in map(_number, logprobs if isinstance(logprobs, list) else ()) if not math.isnan(one)]
        self.nll_tokens.append(len(known))
        self.numbers["nll"].append(math.fsum(known) if known else math.nan)
        for key in ("label_mass", "seconds"):
            value = data.get(key)
            self.numbers[key].append(_number(value))

    def _score(self, scores: Json) -> None:
        """Add the probabilities of the labels; a label that comes up later had none so far."""
        before = len(self.rows) - 1
        for label, value in scores.items() if isinstance(scores, dict) else ():
            if label in self.scores or len(self.scores) <= MOST_CLASSES:
                column = self.scores.setdefault(label, array("d"))
                column.extend([math.nan] * (before - len(column)))
                column.append(_number(value))

    def merge(self, later: OutputColumns, rows: int) -> None:
        """Add the outputs of a later part, ahead of which ``rows`` rows were read."""
        for label, column in later.scores.items():
            if label in self.scores or len(self.scores) <= MOST_CLASSES:
                own = self.scores.setdefault(label, array("d"))
                own.extend([math.nan] * (len(self.rows) - len(own)))
                own.extend(column)
        self.rows.extend(row + rows for row in later.rows)
        for names, others in ((self.names, later.names), (self.texts, later.texts)):
            for key, interned in names.items():
                interned.merge(others[key])
        for key, counts in self.counts.items():
            counts.extend(later.counts[key])
        for key, numbers in self.numbers.items():
            numbers.extend(later.numbers[key])
        self.nll_tokens.extend(later.nll_tokens)
        self.characters.extend(later.characters)

    def table(self, attributes: Mapping[str, AttributeColumn], favourable: Sequence[str]) -> Outputs:
        """The columns as rules read them; ``attributes`` are over all rows of the run."""
        import numpy as np

        from audit.outputs.table import OUT_OF_SET, Outputs

        rows = np.frombuffer(self.rows, dtype=np.uint64).astype(np.int64)
        classes = self._classes(favourable)
        keys = {spelling_key(name): number for number, name in enumerate(classes)}
        codes = {name: _codes(interned) for name, interned in self.names.items()}
        variants = list(map(_variant, _values(self.names["variant"])))
        items, item = self._items()
        characters = np.frombuffer(self.characters, dtype=np.int64)
        answered = (characters > 0) & (codes["error"] < 0)
        finishes = _values(self.names["finish_reason"])
        given = np.array([name == GIVEN for name in finishes], dtype=bool)
        decided = self._coded("output", keys)
        probability = self._probabilities(classes, keys)
        impossible = _impossible(probability, len(rows))
        if probability is not None:
            probability[impossible] = np.nan
        errors, error = _first_words(_values(self.names["error"]), codes["error"])
        return Outputs(
            rows=rows,
            arms=_arm_names(_values(self.names["arm"])),
            arm=_by_number(self.names["arm"]),
            seed=_array(self.counts["seed"]),
            sample=_array(self.counts["sample"]),
            variant=np.array(variants, dtype=np.int64)[_by_number(self.names["variant"])],
            items=items,
            item=item,
            pair=codes["pair_id"],
            cluster=np.where(codes["cluster"] >= 0, codes["cluster"], item + len(self.names["cluster"].values)),
            prompt=codes["prompt_sha256"],
            classes=classes,
            truth=np.maximum(self._coded("truth", keys), -1),
            decided=np.where(answered, np.where(decided >= 0, decided, OUT_OF_SET), -2),
            answered=answered,
            given=given[_by_number(self.names["finish_reason"])],
            errors=errors,
            error=error,
            finishes=tuple(name or "" for name in finishes),
            finish=_by_number(self.names["finish_reason"]),
            mass=_array(self.numbers["label_mass"], "d"),
            probability=probability,
            impossible=impossible,
            nll=_array(self.numbers["nll"], "d"),
            nll_tokens=_array(self.nll_tokens),
            characters=characters,
            prompt_tokens=_array(self.counts["prompt_tokens"]),
            output_tokens=_array(self.counts["output_tokens"]),
            seconds=_array(self.numbers["seconds"], "d"),
            groups={name: _groups(column, rows) for name, column in attributes.items()},
        )

    def _classes(self, favourable: Sequence[str]) -> tuple[str, ...]:
        """The labels that were scored and the true ones; where none were scored the true answers, if they are few,
        answer one question after the other, and are no JSON. One for each spelling key, sorted."""
        truths = self.texts["truth"]
        names = [name for name in truths.values if name is not None]
        if self.scores:
            found = _of_spellings([*sorted(self.scores), *filter(None, sorted(names))])
            return found if len(found) <= MOST_CLASSES else ()
        if not names or "" in names or len(names) > MOST_CLASSES or any(name[:1] in ("{", "[") for name in names):
            return ()
        questions = len(set(zip(self._items()[1].tolist(), truths.codes, strict=True)))
        if questions < LEAST_REPEATS * len(names):
            return ()
        return _of_spellings([*sorted(names), *favourable])

    def _coded(self, key: str, keys: Mapping[str, int]) -> Any:
        """The class of every text, -1 for none."""
        import numpy as np

        interned = self.texts[key]
        numbers = [-1 if text is None else keys.get(spelling_key(text), -1) for text in interned.values]
        return np.array([*numbers, -1], dtype=np.int64)[_by_number(interned)]

    def _items(self) -> tuple[tuple[str, ...], Any]:
        """The names of the questions, and the number of that of every output; one without a name is its own."""
        import numpy as np

        codes = _codes(self.names["row_id"])
        names = [name or "" for name in self.names["row_id"].values]
        nameless = np.flatnonzero(codes < 0)
        codes[nameless] = len(names) + np.arange(len(nameless))
        return (*names, *[""] * len(nameless)), codes

    def _probabilities(self, classes: Sequence[str], keys: Mapping[str, int]) -> Any:
        import numpy as np

        if not classes or not self.scores:
            return None
        table = np.full((len(self.rows), len(classes)), np.nan)
        for label, column in sorted(self.scores.items()):  # of two spellings of one label in a row the first counts
            there, scores = table[: len(column), keys[spelling_key(label)]], np.frombuffer(column)
            there[:] = np.where(np.isnan(there), scores, there)
        scored = ~np.isnan(table).all(axis=1)
        table[scored] = np.nan_to_num(table[scored])  # a true label that was not scored has no probability
        return table


def _impossible(probability: Any, n: int) -> Any:
    """Which outputs have label scores that are no probabilities: outside 0 to 1, or more than 1 together."""
    import numpy as np

    if probability is None:
        return np.zeros(n, dtype=bool)
    with np.errstate(invalid="ignore"):
        outside = (probability < -ROUNDING) | (probability > 1 + ROUNDING)
        found: Any = outside.any(axis=1) | (np.nansum(probability, axis=1) > 1 + ROUNDING)
    return found


def _name(key: str, value: Json) -> str | None:
    """A name as it was given; the id of a row may also be a whole number."""
    if key == "row_id" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _SMALL:
        return str(value)
    return value if isinstance(value, str) and (value or key != "row_id") else None


def _variant(name: str | None) -> int:
    """The code of a variant: none said is the question itself, another word is no question that was asked here."""
    from audit.outputs.table import OTHER_VARIANT, VARIANTS

    said = name or VARIANTS[0]
    return VARIANTS.index(said) if said in VARIANTS else OTHER_VARIANT


def _of_spellings(labels: Sequence[str]) -> tuple[str, ...]:
    """One label of every spelling key, the first, sorted."""
    by_spelling: dict[str, str] = {}
    for label in labels:
        by_spelling.setdefault(spelling_key(label), label)
    return tuple(sorted(by_spelling.values()))


def _label(value: Json) -> str | None:
    """A text that may be a label: stripped, "" for one that is too long, None for none."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if len(text) <= LONGEST_LABEL else ""


def _number(value: Json) -> float:
    """A number that can be computed with, NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _SMALL:
        return math.nan
    return float(value)


def _whole(value: Json, missing: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _SMALL else missing


def _arm_names(names: Sequence[str | None]) -> tuple[str, ...]:
    """The names of the arms, each another; outputs without one are of ``UNNAMED``."""
    given = [plain_text(name or UNNAMED) for name in names]
    taken = {name for name, said in zip(given, names, strict=True) if said}
    found: dict[str, None] = {}
    for name, said in zip(given, names, strict=True):
        if not said and name in taken:
            name += " (no name)"
        while name in found:
            name += " (another)"
        found[name] = None
    return tuple(found)


def _values(interned: Interned[str | None]) -> list[str | None]:
    return interned.values or [None]


def _by_number(interned: Interned[Any]) -> Any:
    import numpy as np

    return np.frombuffer(interned.codes, dtype=np.uint32).astype(np.int64)


def _codes(interned: Interned[str | None]) -> Any:
    """The number of every name, -1 where there is none."""
    import numpy as np

    numbers = [-1 if name is None else number for number, name in enumerate(interned.values)]
    return np.array([*numbers, -1], dtype=np.int64)[_by_number(interned)]


def _array(column: array[Any], kind: str = "q") -> Any:
    import numpy as np

    return np.frombuffer(column, dtype=np.int64 if kind == "q" else np.float64)


def _first_words(errors: Sequence[str | None], codes: Any) -> tuple[tuple[str, ...], Any]:
    """The fixed words that errors begin with, and their number for every output."""
    import numpy as np

    words = ["" if error is None else error.partition(":")[0] for error in errors]
    names = tuple(sorted({word for word, error in zip(words, errors, strict=True) if error is not None}))
    places = {name: place for place, name in enumerate(names)}
    numbers = [-1 if error is None else places[word] for word, error in zip(words, errors, strict=True)]
    return names, np.array([*numbers, -1], dtype=np.int64)[codes]


def _groups(column: AttributeColumn, rows: Any) -> Groups:
    import numpy as np

    from audit.outputs.table import Groups

    codes = np.frombuffer(column.codes, dtype=np.uint16)  # type: ignore[call-overload]
    names = tuple(name.removesuffix(AS_GIVEN) for name in column.groups)  # predictions hold the names of groups
    return Groups(column.attribute, names, codes[rows].astype(np.int64), column.reference_group, column.reason)
