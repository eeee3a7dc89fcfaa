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
        trains = steps is not None and plan.states.get("train") in ("would run", "may change")
        told = f"; a run that is trained takes about {plural(steps or 0, 'step')}" if trains else ""
        yield f"{plural(rows, 'row')} are read{told}\n"
    yield f"nothing was written to {visible(plan.folder)}\n"


# ----------------------------------------------------------------------------- one stage


def _check(figures: Figures) -> list[str]:
    found = figures["findings"]
    counts = ", ".join(plural(found.get(kind, 0), kind) for kind in ("error", "warning", "note"))
    lines = [f"{plural(figures['rows'], 'row')} as they came: {counts}"]
    rules = ", ".join(f"{code} {name} {number:,}" for code, name, number in figures["rules"])
    bias = [f"{code}: {message}" for code, message in figures.get("bias", ())]
    return [*lines, *([f"most serious: {rules}"] if rules else []), *_rates(figures["rates"]), *bias]


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
        without = f" ({run['left_out']:,} left out: {_reasons(run)})" if run.get("left_out") else ""
        size = f"{plural(run['rows'], 'row')}{without}, {plural(run['steps'], 'step')}"
        lines.append(f"{run['arm']} (seed {run['seed']}): {size}{loss}{accuracy}")
    return lines


def _reasons(run: Figures) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in run["dropped"].items())


def _evaluate(figures: Figures) -> list[str]:
    line = f"{verdict(figures)} on {plural(figures['asked'], 'test row')}, {plural(figures['rows'], 'answer')} in all"
    right = [f"{_arm(arm)}: right in {100 * value:.1f} %" for arm, value in figures["accuracy"] if value is not None]
    return [
        line,
        *([f"accuracy on test rows: {'; '.join(right)}"] if right else []),
        *_rates(figures["rates"]),
        *_clauses(figures),
    ]


def _arm(name: str) -> str:
    """An arm as it is named to a reader: the one that was asked nothing says so."""
    model, _, how = name.partition(", ")
    return f"{model} with another cut-off" if how == "threshold only" else name


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
            f"{group} {100 * rate:.1f} % of {n:,}{' (too few to judge)' if group in one.get('few', ()) else ''}"
            for group, n, rate in one["groups"]
            if rate is not None
        )
        arm = f"{_arm(one['arm'])}, " if one["arm"] else ""
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
        yield f"  Stopped: {visible(piped.stopped)}.\n"
        yield '  Mend the data; or [run] waive = "who: why" goes on and is recorded.\n'
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
        yield f"The data: {_spread(found)}"
    yield from _bias(figures.get("check", {}))
    if done := figures.get("balance"):
        how = "were weighed" if done["method"] == "reweight" else f"went through {done['method']}"
        yield f"What was done: {done['balanced']:,} training rows {how} by {' and '.join(done['by'])}."
    for run in figures.get("train", {}).get("runs", ()):
        if run.get("left_out"):
            learnt = f"The model {run['arm']} (seed {run['seed']}) learnt from {run['rows']:,} rows"
            yield f"{learnt}; {run['left_out']:,} were left out: {_reasons(run)}."
    yield from _models(figures.get("evaluate", {}), meant)
    if came := figures.get("check"):
        yield f"Verdict on the data as it came: {verdict(came)} ({plural(came['findings'].get('error', 0), 'error')})."
    if gate := figures.get("gate"):
        waived = f", waived by {gate['waived']}" if gate.get("waived") else ""
        yield f"Verdict on the data that is trained on ({_made(figures)}): {verdict(gate)}{waived}."
    if judged := figures.get("evaluate"):
        yield f"Verdict on the model: {verdict(judged)}."
        if said := judged.get("no_demand"):
            yield f"  {said}"
        if judged.get("unable"):
            yield f"Nothing can be concluded: {judged['unable']}."
        open_ = [name for name, said, _ in judged["clauses"] if said in ("NOT_ASSESSED", "INCONCLUSIVE")]
        if open_:
            yield f"Could not be judged: {', '.join(open_)}."


def _bias(check: Figures) -> Iterator[str]:
    """Whether labels go with groups, by the rules that say so."""
    found = sorted({code for code, _ in check.get("bias", ())})
    if found:
        named = sorted(
            {
                message.removeprefix("screen (four fifths, not a verdict): ").partition(":")[0]
                for _, message in check["bias"]
            }
        )
        yield f"Bias found: labels go with {' and '.join(named)} ({', '.join(found)})."
    elif check.get("rates"):
        yield "Bias found: none that a rule speaks of."


def _made(figures: Mapping[str, Figures]) -> str:
    names = {"fix": "mended", "split": "split", "balance": "balanced"}
    return ", ".join(word for name, word in names.items() if name in figures) or "as it came"


def _meant(figures: Mapping[str, Figures]) -> set[str]:
    """The attributes that rows were weighed by; all, where they were weighed by none."""
    all_ = {found["attribute"] for name in ("check", "evaluate") for found in figures.get(name, {}).get("rates", ())}
    return all_ & set(figures.get("balance", {}).get("by", ())) or all_


def _models(figures: Figures, meant: set[str]) -> Iterator[str]:
    for one in figures.get("rates", ()):
        if one["attribute"] in meant:
            yield f"The model {_arm(one['arm'])}: {_spread(one)}"
    yield from _changed(figures, meant)


_OF_THE_WHOLE: Final = ("accuracy", "balanced_accuracy", "auc", "selection_rate")
_OF_GROUPS: Final = ("demographic_parity_difference", "equalised_odds_difference")


def _changed(figures: Figures, meant: set[str]) -> Iterator[str]:
    """What remediation changed, better or worse, a line each; then whose answers changed."""
    changes = figures.get("changes", ())
    told = [one for one in changes if one["metric"] in (_OF_THE_WHOLE if not one["attribute"] else _OF_GROUPS)]
    if told:
        pairs = told[0]["pairs"]
        one_pair = "; one pair of models cannot show an effect of the method" if pairs == 1 else ""
        yield f"From {told[0]['against']} to {told[0]['arm']}{one_pair}:"
    for one in sorted(told, key=lambda one: (one["attribute"] not in meant, bool(not one["attribute"]))):
        by = f" by {one['attribute']}" if one["attribute"] else ""
        moved = "rises" if one["to"] > one["from"] else "falls" if one["to"] < one["from"] else "stays"
        outcome = _OUTCOMES.get(one["outcome"], one["outcome"])
        yield f"  {one['title']}{by} {moved} from {one['from']:.3f} to {one['to']:.3f}: {outcome}"
        yield from (f"    behind that, {said}" for said in one["hides"])
    for one in figures.get("moves", ()):
        if one["attribute"] in meant:
            moved = f"{one['up']:.0f} turn favourable and {one['down']:.0f} no longer are"
            yield f"  {one['group']}: of {one['n']:,}, {moved}"
    if (more := len(changes) - len(told)) > 0:
        yield f"  and {more} more in the report"


_OUTCOMES: Final[Mapping[str, str]] = {"undecided": "not decided by so few rows", "changed": "changed"}


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
