"""OUT203: answers in another form than is due: none of the labels, no JSON, no call of a tool. Judges no content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice
from typing import ClassVar, Final, NamedTuple

from audit.model import ABSENT, Json, Measure, Severity
from audit.outputs.table import NO_ANSWER, OUT_OF_SET, Outputs
from audit.policy.words import plural
from audit.quality.structured import json_answer
from audit.quality.tool_calls import calls_in, due_calls, tool_names
from audit.read.fields import is_short
from audit.read.shapes.predictions import OUTPUT
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.labels.reporting import quoted
from audit.rules.outputs.answer_texts import AnswerText, answer_texts
from audit.rules.outputs.figures import (
    NEEDS,
    NOT_ESTIMABLE,
    Figure,
    arm_measure,
    arms_to_report,
    by_seed,
    by_seed_at,
    enumerated,
    named,
    share,
    why_not_judged,
)
from audit.rules.outputs.nearest_rows import nearest_to, related_of

INVALID_JSON: Final = "invalid JSON"
ANOTHER_TYPE: Final = "another JSON type"
NO_CALL: Final = "no tool call"
MALFORMED_CALL: Final = "malformed tool call"
UNKNOWN_TOOL: Final = "unknown tool"
KINDS: Final = (INVALID_JSON, ANOTHER_TYPE, NO_CALL, MALFORMED_CALL, UNKNOWN_TOOL)
LIKE_A_LABEL: Final = 0.05
LEAST_AS_LABEL: Final = 2
"""A short answer out of the set may be a label that no true answer has where it has this share of an arm's answers, and
is given so many times."""
MOST_ANSWERS: Final = 10
"""Different answers out of the set that a table shows."""


class WrongForm(DatasetRule, frozen=True):
    """An answer has another form than is due: none of the labels, no valid JSON, or no call of a tool.

    A program that reads the answers fails on it. JSON is due where the true answer is an object or a list, a call where
    the true answer calls a tool that the row declares; it is read as models write it (`tool_calls`, `<tool_call>`, a
    bare object with name and arguments). JSON in a fence of Markdown is not valid JSON. Reported are at most `shown`
    outputs of each arm, the base aside, which nobody signs. An answer out of the set is wrong for OUT201; where the set
    is known from true answers alone and these have one label only, nothing is out of it. With the training rows
    (`--against`) every finding names the three that are nearest. Measures for
    each arm: ``outputs.out_of_set`` (labels) and ``outputs.malformed`` (JSON and calls).

    Bad:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Case 11"}], "output": "grant", "truth": "grant"}
        {"row_id": "a2", "arm": "tuned", "messages": [{"role": "user", "content": "Case 12"}], "output": "perhaps", "truth": "grant"}
        {"row_id": "b1", "arm": "tuned", "messages": [{"role": "user", "content": "Case 21"}], "output": "deny", "truth": "deny"}
        {"row_id": "b2", "arm": "tuned", "messages": [{"role": "user", "content": "Case 22"}], "output": "deny", "truth": "deny"}
    Good:
        {"row_id": "a1", "arm": "tuned", "messages": [{"role": "user", "content": "Name them"}], "output": "[\\"Ada\\"]", "truth": "[\\"Ada\\"]"}
        {"row_id": "b1", "arm": "tuned", "messages": [{"role": "user", "content": "And him"}], "output": "{\\"name\\": \\"Alan\\"}", "truth": "{\\"name\\": \\"Alan\\"}"}
    Do: train on answers of one form, name the form in the prompt, or decode with a grammar.
    """  # noqa: E501

    code: ClassVar[str] = "OUT203"
    name: ClassVar[str] = "wrong-form"
    severity: ClassVar[Severity] = Severity.WARNING
    needs: ClassVar[frozenset[Product]] = NEEDS
    judges: ClassVar = "outputs"

    shown: int = 10

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The share of answers in a wrong form of every arm, and a hit for each of the first."""
        outputs = context.outputs()
        reported = arms_to_report(outputs, run)
        for arm in outputs.asked_arms:
            part = outputs.of(arm)
            part = part.where(part.decided != NO_ANSWER)
            judge = self._out_of_set if outputs.classes else self._malformed
            found = judge(context, part, arm, run)
            yield from (one for one in found if isinstance(one, Measure) or arm in reported)

    # ------------------------------------------------------------------ labels

    def _out_of_set(self, context: Context, part: Outputs, arm: str, run: Run) -> Iterator[Hit | Measure]:
        reason = why_not_judged(context.outputs(), arm) or _why_open(part)
        outside = part.where(part.decided == OUT_OF_SET)
        figure = Figure(value=None, n=0, reason=reason) if reason else _outside(part)
        given = Counter((quoted(text.output), is_short(text.output)) for text in answer_texts(context, outside))
        counts = sorted(((text, n) for (text, _), n in given.items()), key=_by_count)
        least = max(LEAST_AS_LABEL, LIKE_A_LABEL * len(part))
        others = {text for (text, short), n in given.items() if part.probability is None and short and n >= least}
        table: dict[str, Json] = {
            "answers": [{"text": text, "n": n, "as_label": text in others} for text, n in counts[:MOST_ANSWERS]],
            "by_seed": [] if reason else by_seed(part, _outside),
        }
        sentence = f"{arm}: {figure.words}." if reason else f"{arm}: {_told_labels(part, figure, counts, others)}."
        yield arm_measure(self, "outputs.out_of_set", arm, figure, sentence, table)
        if reason:
            return
        labels = f"the {len(part.classes)} labels {enumerated([quoted(name) for name in part.classes])}"
        for text in islice(answer_texts(context, outside), self.shown):
            said = quoted(text.output)
            what = "seems to be a label that no true answer has; it is none of" if said in others else "is none of"
            yield self._hit(context, run, outside, text, arm, f"{said} {what} {labels}", "out of set")

    # ------------------------------------------------------------------ JSON and calls

    def _malformed(self, context: Context, part: Outputs, arm: str, run: Run) -> Iterator[Hit | Measure]:
        import numpy as np

        reason = why_not_judged(context.outputs(), arm)
        if reason:
            figure = Figure(value=None, n=0, reason=reason)
            yield arm_measure(self, "outputs.malformed", arm, figure, f"{arm}: {reason}.", {"by_seed": []})
            return
        places: list[int] = []
        problems: list[str] = []
        shown: list[tuple[AnswerText, str]] = []
        for text in answer_texts(context, part):
            if (due := _due(text)) is not None:
                places.append(text.at)
                problems.append(_problem(text.output, due))
                if problems[-1] and len(shown) < self.shown:
                    shown.append((text, problems[-1]))
        if not places:
            return
        part_due = part.where(np.array(places, dtype=np.int64))
        marks = np.array([problem != "" for problem in problems], dtype=np.bool_)
        figure = share(marks, part_due.cluster)
        kinds = Counter(problem for problem in problems if problem)
        table: dict[str, Json] = {
            "kinds": {kind: kinds[kind] for kind in KINDS},
            "by_seed": by_seed_at(part_due, lambda at: share(marks[at], part_due.cluster[at])),
        }
        what = f" ({named(sorted(kinds.items(), key=_by_count))})" if kinds else ""
        sentence = f"{arm}: {figure.words} of {figure.n:,} answers that are due as JSON or as a call are not{what}."
        yield arm_measure(self, "outputs.malformed", arm, figure, sentence, table)
        for text, problem in shown:
            yield self._hit(context, run, part, text, arm, f"{problem}: {quoted(text.output)}", problem)

    def _hit(
        self, context: Context, run: Run, part: Outputs, text: AnswerText, arm: str, message: str, problem: str
    ) -> Hit:
        (nearest,) = nearest_to(part, [text.at], context, run) if run.trained_on is not None else ((),)
        return self.hit(
            message,
            OUTPUT,
            row=int(part.rows[text.at]),
            key=problem,
            related=related_of(nearest),
            evidence={"arm": arm, "seed": int(part.seed[text.at]), "problem": problem},
        )


class _Due(NamedTuple):
    """What an answer has to be: calls of one of ``tools``, or JSON of the type of ``value``."""

    tools: Sequence[str]
    value: Json


def _due(text: AnswerText) -> _Due | None:
    """What is due by the true answer; None where that is neither JSON nor a call."""
    tools = tool_names(text.data.get("tools"))
    if tools and due_calls(text.truth, tools):
        return _Due(tools, ABSENT)
    value = json_answer(text.truth)
    return None if value is ABSENT else _Due((), value)


def _problem(output: str, due: _Due) -> str:
    """What is wrong with the form of an answer; "" for nothing."""
    if due.tools:
        calls = calls_in(output)
        if not calls:
            return NO_CALL if calls is None else MALFORMED_CALL
        return "" if all(call.name in due.tools for call in calls) else UNKNOWN_TOOL
    value = json_answer(output)
    if value is ABSENT:
        return INVALID_JSON
    return "" if isinstance(value, dict) == isinstance(due.value, dict) else ANOTHER_TYPE


def _why_open(part: Outputs) -> str:
    """Why the labels that are known may not be all there are; "" where they may."""
    if len(part.classes) > 1 or part.probability is not None:
        return ""
    return f"{NOT_ESTIMABLE}the true answers have one label only, so that nobody knows the others"


def _outside(part: Outputs) -> Figure:
    return share(part.decided == OUT_OF_SET, part.cluster)


def _told_labels(part: Outputs, figure: Figure, counts: list[tuple[str, int]], others: Set[str]) -> str:
    if not figure.hits:
        return f"every one of {plural(figure.n, 'answer')} is a label"
    said = f"{figure.words} of {plural(figure.n, 'answer')} are none of the {len(part.classes)} labels: {named(counts)}"
    if not others:
        return said
    what = "a label" if len(others) == 1 else "labels"
    return f"{said}; {enumerated(sorted(others))} may be {what} that no true answer has"


def _by_count(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]
