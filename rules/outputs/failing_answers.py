"""The wrong answers of the judged arm, each with the training rows that lie nearest to it. For OUT204; reports nothing.

Of free text nobody can say by a rule what is wrong: shown are the answers that share the fewest words with the truth,
of the first replicate alone, since comparing texts takes time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from audit.model import Json, Measure
from audit.outputs.arms import roles
from audit.outputs.table import OUT_OF_SET, Outputs
from audit.policy.words import percent, plural
from audit.quality.overlap import token_f1
from audit.rule import Context, ReferenceRow, Rule, Run
from audit.rules.labels.reporting import beginning
from audit.rules.outputs.nearest_rows import Near, NearestRows, nearest_of
from audit.rules.outputs.prompts import AskedText, asked_texts

SHOWN: Final = 20
NO_ANSWER: Final = "no answer"
LAST: Final = 2.0
"""By what missing answers are ordered."""
LITTLE: Final = 0.5
"""Token F1 with the truth below which free text counts as far from it."""
EXCERPT: Final = 300
"""Characters of a text that are shown."""


class _Failing(NamedTuple):
    """An output by its index in the arm's, why it fails, and by what it is ordered, the worst first."""

    at: int
    why: str
    order: float


def failing_answers(rule: Rule, outputs: Outputs, context: Context, run: Run) -> Iterator[Measure]:
    """``outputs.failing`` of the judged arm: how many outputs fail, and up to twenty of them to different questions."""
    arm = roles(outputs, run).judged
    part = outputs.of(arm)
    if run.trained_on is None or not len(part):
        return
    if not outputs.classes:
        part = outputs.of(arm, outputs.seeds(arm)[0])
    failing = _labels(part) if outputs.classes else _texts(part, context)
    known = int((part.truth >= 0).sum()) if outputs.classes else len(part)
    worst = _of_different_questions(part, sorted(failing, key=lambda one: (one.order, one.at)))
    yield rule.measure(
        "outputs.failing",
        len(failing),
        n=known,
        arm=arm,
        table={
            "arm": arm,
            "kind": "wrong label" if outputs.classes else "missing or far from the truth",
            "shown": len(worst),
            "seed": int(part.seed[0]) if not outputs.classes else None,
            "sentence": _sentence(arm, len(failing), known, worst),
            "examples": list(_examples(part, worst, context, nearest_of(context, run), run.trained_on.rows)),
        },
    )


def _sentence(arm: str, failing: int, known: int, worst: Sequence[_Failing]) -> str:
    shown = f"; {len(worst):,} of them to different questions are shown" if len(worst) < failing else ""
    return f"{arm}: {failing:,} of {plural(known, 'output')} fail{shown}."


def _labels(part: Outputs) -> list[_Failing]:
    """Answers that are not the true label, the surest first; those that are missing last."""
    wrong = (part.truth >= 0) & (part.decided != part.truth)
    found = []
    for at in wrong.nonzero()[0].tolist():
        decided = int(part.decided[at])
        sure = 0.0
        if decided >= 0 and part.probability is not None:
            sure = float(part.probability[at, decided])
        why = "wrong label" if decided >= 0 else "out of set" if decided == OUT_OF_SET else NO_ANSWER
        found.append(_Failing(at, why, LAST if why == NO_ANSWER else -sure if sure == sure else 0.0))
    return found


def _texts(part: Outputs, context: Context) -> list[_Failing]:
    """Answers that share few words with the truth, the fewest first; those that are missing last."""
    found = []
    for one in asked_texts(context, part):
        if not part.answered[one.at]:
            found.append(_Failing(one.at, NO_ANSWER, LAST))
        elif one.truth and (shared := token_f1(one.output, one.truth)) < LITTLE:
            found.append(_Failing(one.at, f"shares {percent(round(shared, 2))} of its words with the truth", shared))
    return found


def _of_different_questions(part: Outputs, failing: Iterable[_Failing]) -> list[_Failing]:
    seen: dict[int, _Failing] = {}
    for one in failing:
        if part.rows[one.at] >= 0 and len(seen) < SHOWN:
            seen.setdefault(int(part.item[one.at]), one)
    return list(seen.values())


def _examples(
    part: Outputs,
    worst: Sequence[_Failing],
    context: Context,
    index: NearestRows,
    rows: Sequence[ReferenceRow],
) -> Iterator[Json]:
    import numpy as np

    shown = part.where(np.array([one.at for one in worst], dtype=np.int64))
    texts = list(asked_texts(context, shown))
    near = index.of([f"{one.said}\n{one.output}" for one in texts])
    for at, (failing, text, nearest) in enumerate(zip(worst, texts, near, strict=True)):
        place = context.place(int(shown.rows[at]))
        yield {
            "row_id": shown.items[int(shown.item[at])],
            "seed": int(shown.seed[at]),
            **_excerpts(text),
            "why": failing.why,
            "place": {"file": place.file, "line": place.line},
            "nearest": [_near(one, rows[one.row]) for one in nearest],
        }


def _excerpts(text: AskedText) -> dict[str, Json]:
    return {
        "prompt": beginning(text.said, EXCERPT),
        "output": beginning(text.output, EXCERPT),
        "truth": beginning(text.truth, EXCERPT) if text.truth else None,
    }


def _near(one: Near, row: ReferenceRow) -> Json:
    told: dict[str, Json] = {"file": one.file, "line": one.line, "similarity": one.similarity}
    return {**told, "prompt": beginning(row.prompt, EXCERPT), "answer": beginning(row.answer, EXCERPT)}
