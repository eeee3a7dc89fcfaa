"""What each stage did and how it ended, in sentences that need no knowledge of the tools. Computes no figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from audit.cli.pipeline.manifest import Entry
from audit.cli.pipeline.running import Piped, State
from audit.reports.summary import plural
from audit.reports.visible import visible

Figures = Mapping[str, Any]
MOST: Final = 3
"""Demands and changes that are told in full."""
_STATES: Final[Mapping[State, str]] = {
    "unchanged": " (unchanged, taken from before)",
    "ran": "",
    "left out": "",
    "would run": "",
    "may change": "",
}


def told(entry: Entry, state: State, number: int) -> Iterator[str]:
    """The lines of one stage: ``1 check: ...``, with more below it where there is more to say."""
    if entry.reason:
        yield f"{number} {entry.name}: left out, {visible(entry.reason)}\n"
        return
    first, *more = _LINES[entry.name](entry.figures)
    yield f"{number} {entry.name}: {visible(first)}{_STATES[state]}\n"
    yield from (f"    {visible(line)}\n" for line in more)


def planned_text(plan: Piped, rows: int | None, steps: int | None) -> Iterator[str]:
    """What would be done."""
    said = {"would run": "would run", "may change": "would run if the stage before it changes what it reads"}
    for number, entry in enumerate(plan.entries, start=1):
        state = plan.states[entry.name]
        what = f"left out, {visible(entry.reason)}" if entry.reason else said.get(state, "unchanged, taken from before")
        yield f"{number} {entry.name}: {what}\n"
    if rows is not None:
        yield f"{plural(rows, 'row')} are read"
        yield f"; each run is trained for about {plural(steps, 'step')}\n" if steps is not None else "\n"
    yield f"nothing was written to {visible(plan.folder)}\n"


# ----------------------------------------------------------------------------- one stage


def _check(figures: Figures) -> list[str]:
    found = figures["findings"]
    counts = ", ".join(plural(found.get(kind, 0), kind) for kind in ("error", "warning", "note"))
    lines = [f"{plural(figures['rows'], 'row')} as they came: {counts}"]
    rules = ", ".join(f"{code} {name} {number:,}" for code, name, number in figures["rules"])
    return [*lines, *([f"most serious: {rules}"] if rules else []), *_rates(figures["rates"])]


def _fix(figures: Figures) -> list[str]:
    line = f"{plural(figures['rows_in'], 'row')} in: {figures['edited']:,} mended, {figures['removed']:,} removed"
    return [f"{line}, {figures['rows_out']:,} out; {plural(figures['left'], 'finding')} left"]


def _split(figures: Figures) -> list[str]:
    rows = ", ".join(f"{name} {number:,}" for name, number in figures["rows"].items())
    return [f"{rows}; {plural(figures['kept_together'], 'row')} kept together with rows that say the same"]


def _balance(figures: Figures) -> list[str]:
    low, high = figures["weights"]
    by = " and ".join(figures["by"])
    how = f"weights from {low:.2f} to {high:.2f}" if not figures["lowered"] else figures["lowered"]
    line = f"{plural(figures['balanced'], 'row')} to train on, {figures['method']} by {by}: {how}"
    cells = ", ".join(
        f"{' '.join(str(level) for level in levels.values())} x{weight:.2f}"
        for levels, _, weight in figures["cells"][:8]
    )
    worth = f"they are worth {figures['ess']:,.0f} rows of equal weight"
    return [f"{line}; {worth}", *([cells] if cells and not figures["lowered"] else [])]


def _gate(figures: Figures) -> list[str]:
    policy = f" by policy {figures['policy']}" if figures.get("policy") else ""
    waived = f", waived by {figures['waived']}" if figures.get("waived") else ""
    return [f"{verdict(figures)}{policy} for {plural(figures['rows'], 'row')}{waived}", *_clauses(figures)]


def _train(figures: Figures) -> list[str]:
    runs = figures["runs"]
    lines = [f"{plural(len(runs), 'model')} trained ({runs[0]['model']})" if runs else "nothing to train"]
    for run in runs:
        accuracy = f", accuracy {100 * run['accuracy']:.1f} % on validation rows" if run["accuracy"] is not None else ""
        loss = f", loss {run['loss']:.3f}" if run["loss"] is not None else ""
        size = f"{plural(run['rows'], 'row')}, {plural(run['steps'], 'step')}"
        lines.append(f"{run['arm']} (seed {run['seed']}): {size}{loss}{accuracy}")
    return lines


def _evaluate(figures: Figures) -> list[str]:
    accuracy = ", ".join(f"{arm} {100 * value:.1f} %" for arm, value in figures["accuracy"] if value is not None)
    line = f"{verdict(figures)} for {plural(figures['rows'], 'answer')}"
    return [f"{line}; accuracy {accuracy}" if accuracy else line, *_rates(figures["rates"]), *_clauses(figures)]


def _report(figures: Figures) -> list[str]:
    return [str(figures["path"])]


_LINES: Final[Mapping[str, Callable[[Figures], list[str]]]] = {
    "check": _check,
    "fix": _fix,
    "split": _split,
    "balance": _balance,
    "gate": _gate,
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
}


def verdict(figures: Figures) -> str:
    """A verdict in words."""
    return str(figures["verdict"]).replace("_", " ")


def _rates(rates: Sequence[Figures]) -> list[str]:
    """``sex: approved for female 63.1 % of 656, male 89.6 % of 1,330``, with the arm before it where there are arms."""
    lines = []
    for one in rates:
        groups = ", ".join(
            f"{group} {100 * rate:.1f} % of {n:,}" for group, n, rate in one["groups"] if rate is not None
        )
        arm = f"{one['arm']}, " if one["arm"] else ""
        lines.append(f"{arm}{one['attribute']}: {' or '.join(one['favourable'])} for {groups}")
    return lines


def _clauses(figures: Figures) -> list[str]:
    clauses = figures["clauses"]
    lines = [f"{name}: {said.replace('_', ' ')}. {sentence}" for name, said, sentence in clauses[:MOST]]
    return [*lines, *([f"and {len(clauses) - MOST} more demands"] if len(clauses) > MOST else [])]


# ----------------------------------------------------------------------------- the whole


def summary(piped: Piped) -> Iterator[str]:
    """What a reader without the tools wants to know: rows, bias found, what was done, what the models do, verdicts."""
    figures: dict[str, Figures] = {entry.name: entry.figures for entry in piped.entries if not entry.reason}
    yield "\nIn short\n"
    for line in _in_short(figures):
        yield f"  {visible(line)}\n"
    for entry in piped.entries:
        if entry.reason and entry.name in ("gate", "train", "evaluate"):
            yield f"  Not done: {entry.name} ({visible(entry.reason)}).\n"
    if piped.stopped:
        yield f'  Stopped: {visible(piped.stopped)}. [run] waive = "who: why" goes on and is recorded.\n'
    if "report" in figures:
        yield f"  Report: {visible(piped.folder)}/{visible(str(figures['report']['path']))}\n"


def _in_short(figures: Mapping[str, Figures]) -> Iterator[str]:
    if rows := figures.get("fix"):
        yield (
            f"Rows: {rows['rows_in']:,} came in, {rows['edited']:,} were mended, {rows['removed']:,} removed, "
            f"{rows['rows_out']:,} were kept."
        )
    meant = _meant(figures)
    for found in figures.get("check", {}).get("rates", ()):
        if found["attribute"] in meant:
            yield f"The data: {_spread(found)}"
    if done := figures.get("balance"):
        yield f"What was done: {done['balanced']:,} training rows were weighed by {' and '.join(done['by'])}."
    yield from _models(figures.get("evaluate", {}), meant)
    if gate := figures.get("gate"):
        waived = f", waived by {gate['waived']}" if gate.get("waived") else ""
        yield f"Verdict on the data: {verdict(gate)}{waived}."
    if judged := figures.get("evaluate"):
        yield f"Verdict on the model: {verdict(judged)}."
        if judged.get("unable"):
            yield f"Nothing can be concluded: {judged['unable']}."
        open_ = [name for name, said, _ in judged["clauses"] if said in ("NOT_ASSESSED", "INCONCLUSIVE")]
        if open_:
            yield f"Could not be judged: {', '.join(open_)}."


def _meant(figures: Mapping[str, Figures]) -> set[str]:
    """The attributes that rows were weighed by; all, where they were weighed by none."""
    all_ = {found["attribute"] for name in ("check", "evaluate") for found in figures.get(name, {}).get("rates", ())}
    return all_ & set(figures.get("balance", {}).get("by", ())) or all_


def _models(figures: Figures, meant: set[str]) -> Iterator[str]:
    for one in figures.get("rates", ()):
        if one["attribute"] in meant:
            yield f"The model {one['arm']}: {_spread(one)}"
    for arm, value in figures.get("accuracy", ()):
        if value is not None:
            yield f"The model {arm} is right in {100 * value:.1f} % of the test rows."
    changes = sorted(figures.get("changes", ()), key=lambda change: change[0] not in meant)  # stable
    yield from (sentence for _, sentence in changes[:MOST])


def _spread(found: Figures) -> str:
    """Lowest and highest rate of an attribute, and their ratio."""
    rated = sorted((rate, group, n) for group, n, rate in found["groups"] if rate is not None and n)
    what, attribute = " or ".join(found["favourable"]), found["attribute"]
    if len(rated) < 2:
        return f"too few groups of {attribute} to compare."
    (low, worst, n), (high, best, m) = rated[0], rated[-1]
    if low == high:
        return f"by {attribute}, all groups get {what} in {100 * low:.1f} %."
    ratio = f": {low / high:.2f} times as often" if high else ""
    least = f"{worst} gets {what} in {100 * low:.1f} % of {n:,}"
    return f"by {attribute}, {least}, {best} in {100 * high:.1f} % of {m:,}{ratio}."
