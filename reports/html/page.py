"""The report as one HTML file: puts the sections in their order and hands them to the templates. Computes no figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple

import msgspec

from audit.model import Result, Severity
from audit.model.dossier import Dossier, dossier_of
from audit.reports import summary
from audit.reports.disparity import beside
from audit.reports.html import closing, dataset, overview
from audit.reports.html.arms import Arms
from audit.reports.html.arms_change import arms_change
from audit.reports.html.blocks import Block, Cell, Heading, Section, Text
from audit.reports.html.counterfactuals import counterfactuals
from audit.reports.html.earlier import earlier
from audit.reports.html.environment import environment, own, policy
from audit.reports.html.examples import MOST, examples
from audit.reports.html.fairness import fairness
from audit.reports.html.masking import Withheld, withheld
from audit.reports.html.model_fairness import model_fairness, verdicts
from audit.reports.html.model_overview import overview as model_overview
from audit.reports.html.model_quality import quality
from audit.reports.html.model_safety import safety
from audit.reports.html.remediation import remediation
from audit.reports.html.tables import Measures
from audit.reports.html.training import training
from audit.reports.view import View

WORST: Final = ("FAIL", "NOT_ASSESSED", "INCONCLUSIVE", "PASS")
"""Verdicts, the one that decides first (design: fairness, run verdict)."""


MOST_NOTES: Final = 8
MOST_OF_BOTH: Final = 8
"""Examples of each half, where a report has both."""


class Half(NamedTuple):
    """One of the judgements that a report is about, what it is called, and what of it is withheld."""

    name: str
    result: Result
    hidden: Withheld


def render(result: Result, view: View) -> Iterator[str]:
    """The document, in pieces. It asks for nothing from any network and can be read without its script.

    It is about the whole dossier of the view where there is one, else about the result alone.
    """
    numbers = count(1)
    dossier = view.dossier or dossier_of(result)
    halves = halves_of(dossier, result, view)
    outcomes = [
        Outcome(half.name, overview.verdict_cell(half.result.verdict), headline(half, dossier)) for half in halves
    ]
    held = halves[0].result.evidence
    stream = (
        environment()
        .get_template("page.html.j2")
        .stream(
            kind=_kind(dossier),
            verdict=overview.verdict_cell(min((half.result.verdict for half in halves), key=WORST.index)),
            outcomes=outcomes,
            judged=_judged(halves, dossier, view),
            tool=f"{held.tool} {held.version}".strip() or "audit",
            sections=sections(dossier, halves, view),
            policy=policy(),
            css=own("report.css"),
            js=own("report.js"),
            number=lambda: next(numbers),
        )
    )
    stream.enable_buffering(200)
    yield from stream


def headline(half: Half, dossier: Dossier) -> str:
    """The judgement in a sentence, and what it does not say of groups."""
    said = beside(half.result, lambda text: _open(text, half.hidden), dossier.reaudit.judged)
    more = list(said) if half.result is dossier.outputs else []
    if more and (warned := summary.totals(half.result)[Severity.WARNING]) and half.result.gate is not None:
        more.append(f"{summary.plural(warned, 'warning')} in all.")
    lacking = [] if half.result is dossier.outputs else _lacking(dossier)
    return " ".join((overview.headline(half.result), *more, *(f"No model has come of {one}." for one in lacking)))


def _lacking(dossier: Dossier) -> list[str]:
    """The runs of which no model has come, and why: the verdict on their data says nothing of it."""
    return [f"{run.folder}: {run.lack}" for run in dossier.trainings if run.lack]


def _open(text: str, hidden: Withheld) -> bool:
    return not hidden.on or not hidden.silences(text, ("FAI201",))


class Outcome(NamedTuple):
    """A verdict as the head of the page shows it."""

    name: str
    verdict: Cell
    headline: str


def halves_of(dossier: Dossier, result: Result, view: View) -> Sequence[Half]:
    """The judgements of a dossier, that of the data first; the result itself where it holds none."""
    found = [("The data", dossier.data), ("The model", dossier.outputs)]
    there = [(name, one) for name, one in found if one is not None] or [("The data", result)]
    return [Half(name, one, withheld(one, on=view.mask)) for name, one in there]


def _kind(dossier: Dossier) -> str:
    if dossier.outputs is None:
        return "Audit of a training run" if dossier.data is None and dossier.trainings else "Audit of fine-tuning data"
    return "Audit of fine-tuning data and of the model" if dossier.data is not None else "Audit of a fine-tuned model"


def _facts(half: Half, dossier: Dossier, view: View) -> Sequence[str]:
    """What was judged: of outputs, whose they are, instead of the names of all their files."""
    told = overview.judged(half.result, view)
    arms = Arms(half.result, dossier.reaudit)
    if dossier.data is None and dossier.outputs is None and (lacking := _lacking(dossier)):
        return [f"the data of {', '.join(lacking)}", *told[1:]]
    if half.result is not dossier.outputs or not arms.judged:
        return told
    against = f", compared with {arms.compared}" if arms.compared else ""
    data = ", ".join(dossier.reaudit.data[:3])
    asked = f"{summary.plural(half.result.rows, 'output')}{f' to {data}' if data else ''}"
    return [f"{arms.judged}{against}", asked, *told[2:]]


def _judged(halves: Sequence[Half], dossier: Dossier, view: View) -> Sequence[str]:
    """What was judged: the files, then a few facts; of two judgements each with its name."""
    if len(halves) == 1:
        return _facts(halves[0], dossier, view)
    told = [_facts(half, dossier, view) for half in halves]
    facts = [f"{half.name.lower()}: {', '.join(some)}" for half, some in zip(halves, told, strict=True)]
    return [told[0][0], *facts]


def sections(dossier: Dossier, halves: Sequence[Half], view: View) -> Sequence[Section]:
    """The sections that have something to say, in their order."""
    data = next((half for half in halves if half.result is not dossier.outputs), None)
    model = next((half for half in halves if half.result is dossier.outputs), None)
    brief = len(halves) > 1
    bare = dossier.data is None and dossier.outputs is None
    found = [
        _both(halves, lambda half: _verdict(half, dossier, view)),
        None if bare else _both(halves, lambda half: overview.checked(_known(half.result, dossier), view, brief=brief)),
        _both(halves, lambda half: overview.rules(half.result, view, brief=brief)),
        *(_of_data(data.result, data.hidden, brief=brief) if data is not None and not bare else ()),
        remediation(dossier.remedies, dossier.trainings, view),
        training(dossier.trainings),
        *(of_model(dossier, model, data) if model is not None else ()),
        _examples(halves, view),
        *_earlier(dossier, halves, view),
        _both(halves, lambda half: closing.set_aside(half.result)),
        closing.terms(of_model=model is not None) if _needs_terms(halves) else None,
        _both(halves, lambda half: _evidence(half, halves, dossier, view)),
        closing.sign_off(),
    ]
    return [section for section in found if section is not None]


def _verdict(half: Half, dossier: Dossier, view: View) -> Section:
    """The demands and what was found; of outputs, how the groups fare and what speaks against the figures beside it."""
    section = overview.verdict(half.result, half.hidden, view)
    if half.result is not dossier.outputs:
        return section
    arms = Arms(half.result, dossier.reaudit)
    first = [Text(note, "unsure") for note in filter(None, (dossier.reaudit.unable, *_notes(dossier.reaudit.notes)))]
    return msgspec.structs.replace(section, blocks=(*first, *verdicts(arms), *section.blocks))


def _notes(notes: Sequence[str]) -> Iterator[str]:
    """The notes of an evaluation; those that differ only in the name of the run in one sentence."""
    same: dict[str, list[str]] = {}
    for note in notes:
        name, _, rest = note.partition(" ")
        same.setdefault(rest, []).append(name)
    for rest, names in list(same.items())[:MOST_NOTES]:
        yield f"{names[0]} {rest}" if len(names) == 1 else f"{', '.join(names)}: each {rest}"


def _known(result: Result, dossier: Dossier) -> Result:
    """The result without the reason that no curve is known where the section on training shows one."""
    if not any(run.curve for run in dossier.trainings):
        return result
    why = "the outputs were judged without the runs' records; the section on training shows their curves"
    skipped = (msgspec.structs.replace(s, reason=why) if s.code == "OUT206" else s for s in result.rules_skipped)
    return msgspec.structs.replace(result, rules_skipped=tuple(skipped))


def _both(halves: Sequence[Half], made: Callable[[Half], Section | None]) -> Section | None:
    """One section of what every judgement has to say to it, each under its name where there are two."""
    found = [(half, section) for half in halves if (section := made(half)) is not None]
    if not found:
        return None
    first = found[0][1]
    if len(halves) == 1:
        return first
    blocks: list[Block] = []
    for half, section in found:
        blocks += [Heading(half.name), *section.blocks]
    return Section(first.name, first.title, tuple(blocks))


def _of_data(result: Result, hidden: Withheld, *, brief: bool) -> Sequence[Section | None]:
    return (
        dataset.glance(result),
        dataset.tokens(result),
        dataset.duplicates(result),
        dataset.balance(result),
        fairness(result, hidden, brief=brief),
    )


def of_model(dossier: Dossier, model: Half, data: Half | None) -> Sequence[Section | None]:
    """The sections on the outputs of models, None for those that have nothing to say."""
    arms = Arms(model.result, dossier.reaudit)
    return (
        model_overview(dossier, arms, model.hidden, data.hidden if data is not None else Withheld(False)),
        quality(arms),
        model_fairness(arms, model.hidden),
        arms_change(arms, model.hidden),
        counterfactuals(arms, model.hidden),
        safety(arms),
    )


def _examples(halves: Sequence[Half], view: View) -> Section | None:
    """The examples of every judgement; several share the number that a report shows."""
    return _both(
        halves, lambda half: examples(half.result, half.hidden, view, most=MOST if len(halves) == 1 else MOST_OF_BOTH)
    )


def _earlier(dossier: Dossier, halves: Sequence[Half], view: View) -> Iterator[Section | None]:
    """The comparison with an earlier judgement of the same kind: that of the outputs where both are of outputs."""
    before = dossier.previous
    if before is None:
        return
    of_outputs = dossier_of(before).outputs is not None
    alike = [half for half in halves if (half.result is dossier.outputs) == of_outputs]
    half = (alike or halves)[0]
    yield earlier(half.result, before, half.hidden, withheld(before, on=view.mask), view)


def _evidence(half: Half, halves: Sequence[Half], dossier: Dossier, view: View) -> Section:
    """The evidence of a judgement; the settings of two that had the same stand once."""
    again = half is not halves[0] and half.result.evidence.config == halves[0].result.evidence.config
    return closing.evidence(half.result, view, dossier.reaudit, settings=not again, figures=len(halves) == 1)


def _needs_terms(halves: Sequence[Half]) -> bool:
    return any(half.result.gate or Measures(half.result).attributes() for half in halves)
