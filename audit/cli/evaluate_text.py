"""An evaluation as text for a terminal: the arms side by side, the verdict, what changed and what nobody can say.

Computes no figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.model import Severity
from audit.outputs.evaluation import SEEN
from audit.reports.summary import decided, percent, plural
from audit.reports.text import LONGEST_MESSAGE, Paint, columns
from audit.reports.visible import shortened, visible

if TYPE_CHECKING:
    from audit.model import Json, Measure, Result
    from audit.train.evaluation.report import ArmAccount, EvaluateReport

LONGEST: Final = 40
"""Characters of a name in a table."""
MOST_ROWS: Final = 12
"""Groups of an attribute that are shown; the report has all of them."""
NOT_ESTIMABLE: Final = "not estimable"
GRAVE: Final = (Severity.ERROR.value, Severity.WARNING.value)
MOST_FINDINGS: Final = 8
"""Errors and warnings that are shown; the report has all of them."""
MOST_SENTENCES: Final = 10
"""Sentences on what changed; the report has all of them."""


def render_evaluation(report: EvaluateReport, path: Path | None, *, color: bool = False) -> Iterator[str]:
    """The lines of an evaluation, in pieces that end with a newline."""
    paint = Paint(color)
    if report.result is None:
        yield f"interrupted: the same command goes on with {visible(report.folder)}\n"
        return
    notes = report.evaluation.notes
    yield from (f"{paint(f'WARNING: {visible(note)}', '1;33')}\n" for note in notes if note.startswith(SEEN))
    yield from _asked(report)
    yield "\n"
    yield from _arms(report, report.result)
    yield from _unknown_truths(report.result, paint)
    yield from _groups(report.result)
    yield "\n"
    yield from _said(report.result)
    yield from (f"note: {visible(note)}\n" for note in notes if not note.startswith(SEEN))
    yield from _findings(report.result, paint)
    yield f"\n{_verdict(report)}\n"
    times = "once" if report.scored == 1 else f"{report.scored} times"
    yield f"This test set has been scored {times} in this folder.\n"
    if path is not None:
        yield f"report: {visible(str(path))}\n"


def _asked(report: EvaluateReport) -> Iterator[str]:
    evaluation, roles = report.evaluation, report.evaluation.roles
    rows = max((one.questions for one in report.accounts), default=0)
    names = ", ".join(visible(one.name) for one in evaluation.data)
    split = f", split {visible(evaluation.split)}" if evaluation.split else ""
    yield f"asked: {plural(rows, 'question')} of {names}{split}\n"
    said = [f"{word} {visible(name)}" for word, name in _roles(roles.judged, roles.compared, roles.base) if name]
    yield f"arms: {', '.join(said)}\n"
    variants = evaluation.counterfactual
    if variants.swaps:
        yield f"with another group in the prompt: {variants.swaps:,} swaps, {variants.controls:,} controls\n"


def _roles(judged: str, compared: str, base: str) -> Sequence[tuple[str, str]]:
    return (("judged is", judged), ("compared with", compared), ("base is", base))


# ----------------------------------------------------------------------------- the arms


def _arms(report: EvaluateReport, result: Result) -> Iterator[str]:
    """A line for each arm: outputs, missing, quality, tokens, seconds. Costs are tokens and seconds: the table of
    prices holds those of training, not of asking."""
    right, quality = _values(result, "outputs.accuracy"), _values(result, "outputs.quality")
    is_text = not right and bool(quality)
    body = []
    for arm, accounts in _by_arm(report.accounts).items():
        body.append(
            [
                shortened(arm, LONGEST),
                str(len(accounts)),
                f"{sum(one.n for one in accounts):,}",
                f"{sum(one.missing for one in accounts):,}",
                _text_quality(quality.get(arm)) if is_text else _share(right.get(arm)),
                _figure([one.prompt_tokens for one in accounts]),
                _figure([one.output_tokens for one in accounts]),
                _seconds(accounts),
            ]
        )
    judged = "text quality" if is_text else "right"
    heads = ("arm", "seeds", "outputs", "missing", judged, "prompt tokens", "output tokens", "seconds per 1,000")
    yield from columns(heads, body, right=range(1, len(heads)))
    yield from _shortened(report.accounts)


def _shortened(accounts: Sequence[ArmAccount]) -> Iterator[str]:
    for one in accounts:
        if one.shortened:
            yield (
                f"{visible(one.arm)} (seed {one.seed}): in {plural(one.shortened, 'prompt')} not all of the "
                f"{one.examples} examples fitted\n"
            )


def _by_arm(accounts: Sequence[ArmAccount]) -> Mapping[str, list[ArmAccount]]:
    found: dict[str, list[ArmAccount]] = {}
    for one in accounts:
        found.setdefault(one.arm, []).append(one)
    return found


def _values(result: Result, name: str) -> Mapping[str, float]:
    return {
        measure.arm: float(measure.value)
        for measure in result.measures
        if measure.name == name and measure.arm and isinstance(measure.value, int | float) and not measure.group
    }


def _share(value: float | None) -> str:
    return "" if value is None else percent(value)


def _text_quality(value: float | None) -> str:
    """From 0 to 1, as OUT208 explains it."""
    return "" if value is None else f"{value:.3f}"


def _unknown_truths(result: Result, paint: Paint) -> Iterator[str]:
    """Of what the share of right answers is, where that is not all."""
    for measure in result.measures:
        unknown = measure.table.get("without_truth") if isinstance(measure.table, Mapping) else None
        if measure.name == "outputs.accuracy" and isinstance(unknown, int) and unknown:
            said = (
                f"warning: {visible(str(measure.arm))}: {unknown:,} of {plural(unknown + measure.n, 'output')} have no "
                f"truth among the labels; right is a share of the other {measure.n:,}"
            )
            yield f"{paint(said, '33')}\n"


def _figure(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):,.1f}" if known else ""


def _seconds(accounts: Sequence[ArmAccount]) -> str:
    """Seconds by the clock for a thousand questions, on this machine or of this server."""
    if any(one.seconds is None for one in accounts):
        return ""
    outputs = sum(one.n for one in accounts)
    return f"{1000 * sum(one.seconds or 0.0 for one in accounts) / outputs:,.1f}" if outputs else ""


# ----------------------------------------------------------------------------- groups


def _groups(result: Result) -> Iterator[str]:
    """For each plain attribute a table: the selection rate of each group by arm, difference, ratio, and the gap of the
    true positive rates."""
    rates = [measure for measure in result.measures if measure.name == "selection_rate" and _is_plain(measure)]
    for attribute in dict.fromkeys(measure.attribute for measure in rates):
        arms = [measure for measure in rates if measure.attribute == attribute]
        names = list(dict.fromkeys(str(one.get("group")) for measure in arms for one in _listed(measure)))[:MOST_ROWS]
        body = [[shortened(str(measure.arm), LONGEST), *_row(result, measure, names)] for measure in arms]
        yield f"\nselection rate by {visible(str(attribute))}\n"
        heads = ("arm", *(shortened(name, LONGEST) for name in names), "difference", "ratio", "TPR difference")
        yield from columns(heads, body, right=range(1, len(heads)))


def _is_plain(measure: Measure) -> bool:
    return isinstance(measure.table, Mapping) and not measure.table.get("exploratory") and measure.arm is not None


def _listed(measure: Measure) -> Sequence[Mapping[str, Json]]:
    groups = measure.table.get("groups", ()) if isinstance(measure.table, Mapping) else ()
    return [one for one in groups if isinstance(one, Mapping) and one.get("n")]


def _row(result: Result, measure: Measure, names: Sequence[str]) -> Iterator[str]:
    rates = {str(one.get("group")): one.get("rate") for one in _listed(measure)}
    for name in names:
        rate = rates.get(name)
        yield percent(rate) if isinstance(rate, int | float) else ""
    for name in ("demographic_parity_difference", "impact_ratio", "equal_opportunity_difference"):
        value = _value(result, name, measure)
        yield NOT_ESTIMABLE if value is None else f"{value:.3f}"


def _value(result: Result, name: str, like: Measure) -> float | None:
    for measure in result.measures:
        if (measure.name, measure.arm, measure.attribute) == (name, like.arm, like.attribute):
            return float(measure.value) if isinstance(measure.value, int | float) else None
    return None


# ----------------------------------------------------------------------------- what is said


def _said(result: Result) -> Iterator[str]:
    """What changed between the arms, and to what it can be laid: sentences of the measures."""
    changes = [measure for measure in result.measures if measure.name == "arms.change" and measure.table]
    whole = [measure for measure in changes if measure.group is None]
    sentences = list(dict.fromkeys(filter(None, map(_sentence, whole))))
    for sentence in sentences[:MOST_SENTENCES]:
        yield f"- {visible(sentence)}\n"
    more = len(sentences) - MOST_SENTENCES if len(sentences) > MOST_SENTENCES else 0
    if more or len(whole) < len(changes):
        yield f"- and {more + len(changes) - len(whole):,} more, most of them of single groups, in the report\n"
    for measure in result.measures:
        if measure.name == "arms.attribution" and (sentence := _sentence(measure)):
            yield f"{visible(sentence)}\n"


def _sentence(measure: Measure) -> str:
    told = measure.table.get("sentence") if isinstance(measure.table, Mapping) else None
    return told if isinstance(told, str) else ""


def _findings(result: Result, paint: Paint) -> Iterator[str]:
    """Errors and warnings, the worst first: code and message."""
    grave = [one for one in result.findings if one.severity is not Severity.INFO]
    shown = sorted(grave, key=lambda one: one.severity.rank)[:MOST_FINDINGS]
    total = sum(n for counts in result.counts.values() for name, n in counts.items() if name in GRAVE)
    if shown:
        yield "\n"
    for one in shown:
        yield f"{paint.severity(one.severity)} {one.code} {shortened(one.message, LONGEST_MESSAGE)}\n"
    if total > len(shown):
        yield f"... {total - len(shown):,} more in the report\n"


def _verdict(report: EvaluateReport) -> str:
    if report.unable:
        return f"no verdict: {visible(report.unable)}"
    gate = report.result.gate if report.result else None
    if gate is None:
        return str(report.result.verdict if report.result else "")
    lines = [decided(gate)]
    lines += [f"  {clause.verdict.replace('_', ' ')}: {visible(clause.sentence)}" for clause in gate.clauses]
    return "\n".join(lines)
