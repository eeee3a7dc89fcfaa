"""LBL605: labels that can be told without understanding the prompt. What a prompt means is not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final, NamedTuple

from audit.labels.recognise import NEEDS, NO_LABEL, Labels, recognise, sample
from audit.model import Json, Measure, Severity
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.labels.artefacts import LABEL_IN_PROMPT, artefacts, read_prompts
from audit.rules.labels.reporting import plain
from audit.rules.made_rows import Made
from audit.statistics.predictive_power import Power, chance_of, predictive_power

FOLDS: Final = 5
LEAST_OF_CLASS: Final = 5
"""Rows of the smallest class that is looked at: one for each fold."""
_TELLING: Final = 3
"""Values of an artefact that a finding lists."""


class _Judged(NamedTuple):
    """Rows that are looked at, with class and fold of each, and the labels by class."""

    rows: Sequence[int]
    classes: Sequence[int]
    folds: Sequence[int]
    labels: Sequence[str]


class LabelArtefact(DatasetRule, frozen=True):
    """One artefact of the data (length, first word, last character, file, place) alone tells the label.

    A model takes the shortest way: if all complaints end with "!", it learns the mark and not the complaint, does well
    on the test part of the same data and badly in use. Looked at, each by itself: length of the prompt (in tenths),
    first word, case of the first letter, last character, white space, system prompt, the presence of a link, mention,
    line break, quotation, exclamation or question mark, digit or markup, the file, the place in the file (in tenths),
    and which label stands in the prompt word for word. For each, the class of every row is told from the rows of the
    other four fifths that have the same value, and balanced accuracy is compared with chance: found when the gain is at
    least ``min_gain`` of what there is to gain and shuffled labels are told as well with p < ``max_p``. At most
    ``max_rows`` rows are used, chosen by content; with fewer than ``min_rows`` nothing is said. Measure:
    ``labels.artefact_gain``, the largest gain; the table has each artefact.

    Bad:
        {"messages": [{"role": "user", "content": "Cold soup!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "No call back!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "Broke at once!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "Buttons missing!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "Paint comes off!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "My bill is wrong!"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "When do you open"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "Does it come in red"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "How long is it"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "Where is your shop"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "Is delivery free"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "Which size fits"}, {"role": "assistant", "content": "question"}]}
    Good:
        {"messages": [{"role": "user", "content": "Cold soup"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "When do you open"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "No call back"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "Is delivery free"}, {"role": "assistant", "content": "question"}]}
        {"messages": [{"role": "user", "content": "Paint comes off"}, {"role": "assistant", "content": "complaint"}]}
        {"messages": [{"role": "user", "content": "Which size fits"}, {"role": "assistant", "content": "question"}]}
    Do: collect the classes in the same way, or take the artefact out of the prompts; shuffle a sorted file.
    """

    code: ClassVar[str] = "LBL605"
    name: ClassVar[str] = "label-artefact"
    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = "preview"
    needs: ClassVar[frozenset[Product]] = NEEDS | {"marks"}
    example: ClassVar[dict[str, Json]] = {"rules": {"LBL605": {"min_rows": 10}, "LBL602": {"min_rows": 1}}}

    min_gain: float = 0.3
    max_p: float = 0.01
    min_rows: int = 50
    max_rows: int = 20_000

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every artefact that tells the label, and one measure."""
        judged = _judged(recognise(context, run), context, self.max_rows)
        if len(judged.rows) < self.min_rows or len(judged.labels) < 2:
            yield self.measure("labels.artefact_gain", n=0)
            return
        table: list[Json] = []
        prompts = read_prompts(judged.rows, context)
        for name, values in artefacts(prompts, judged.labels).items():
            power = predictive_power(values, judged.classes, judged.folds)
            found: dict[str, Json] = {
                "artefact": name,
                "balanced_accuracy": round(power.balanced_accuracy, 4),
                "gain": round(power.gain, 4),
            }
            if power.gain >= self.min_gain:
                found["p"] = chance_of(power.told, judged.classes, run.seed)
                if found["p"] < self.max_p:
                    yield self._hit(name, found, _telling(values, judged, power), len(judged.labels))
            table.append(found)
        largest = max((entry["gain"] for entry in table), default=None)
        yield self.measure("labels.artefact_gain", largest, table=table, n=len(judged.rows))

    def _hit(self, name: str, found: dict[str, Json], telling: Json, classes: int) -> Hit:
        much = (
            f"balanced accuracy {found['balanced_accuracy']:.2f} over {classes:,} classes, {found['gain']:.0%} of the "
            f"way from chance to certainty (bound {self.min_gain:.0%}, p {found['p']:.3f})"
        )
        said = "tells the answer" if name == LABEL_IN_PROMPT else "alone tells the label"
        return self.hit(
            f"{name} {said}: {much}",
            scope="dataset",
            key=name,
            evidence={**found, "telling": telling},
        )


def _judged(labels: Labels, context: Context, most: int) -> _Judged:
    """The rows that are looked at. Rows that say the same are in one fold, so that none is told from its copy."""
    labelled = [row for row, code in enumerate(labels.codes) if code != NO_LABEL]
    rows = sample(context, Made(context).without_copies(labelled), most)
    counts = Counter(labels.codes[row] for row in rows)
    kept = sorted(code for code, count in counts.items() if count >= LEAST_OF_CLASS)
    index = {code: at for at, code in enumerate(kept)}
    rows = [row for row in rows if labels.codes[row] in index]
    identities = context.column("conversation")
    return _Judged(
        rows=rows,
        classes=[index[labels.codes[row]] for row in rows],
        folds=[identities[row] % FOLDS for row in rows],
        labels=[labels.labels[code].text for code in kept],
    )


def _telling(values: Sequence[str], judged: _Judged, power: Power) -> Json:
    """The values that tell most rows right, with the label that they tell."""
    right: Counter[tuple[str, int]] = Counter()
    for value, told, of in zip(values, power.told, judged.classes, strict=True):
        if told == of:
            right[value, of] += 1
    rows = Counter(values)
    first = sorted(right.items(), key=lambda entry: (-entry[1], entry[0]))[:_TELLING]
    return [
        {"value": plain(value), "label": plain(judged.labels[of]), "rows": rows[value], "of_label": count}
        for (value, of), count in first
    ]
