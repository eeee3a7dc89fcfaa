"""The section on training: curves, what each run read, how it ended, what let it begin, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Final

from audit.model import Json
from audit.model.dossier import LossPoint, Training
from audit.reports.html import charts
from audit.reports.html.blocks import Block, Cell, Figure, Section, Table, Text, facts
from audit.reports.html.hosted import hosted
from audit.reports.html.listed import folded
from audit.reports.html.overview import verdict_cell
from audit.reports.html.words import NONE, count, ratio, scalar, share
from audit.reports.summary import plural

MOST_RUNS: Final = 40
MOST_NOTES: Final = 8
MOST_LINES: Final = 6
"""Lines of a chart: more have no look of their own."""


def training(trainings: Sequence[Training]) -> Section | None:
    """The runs, those of one arm together; None without a run."""
    if not trainings:
        return None
    runs = list(trainings[:MOST_RUNS])
    blocks: list[Block] = [*_curves(runs), _outcome(runs), *hosted(runs, [name_of(run) for run in runs])]
    blocks += [_read(runs), *_gates(runs), *_price([run for run in runs if run.hosted is None])]
    blocks += _waivers(runs)
    blocks += folded("Settings, files and seals of every run", _settings(runs))
    if len(trainings) > MOST_RUNS:
        blocks.insert(0, Text(f"The first {MOST_RUNS} of {len(trainings):,} runs are shown."))
    return Section("training", "Training", tuple(blocks))


def name_of(run: Training) -> str:
    """What a run is called: its arm with its seed, or its folder."""
    return f"{run.arm}, seed {run.seed}" if run.arm else run.folder or "run"


def _arms(runs: Sequence[Training]) -> Mapping[str, list[Training]]:
    """Replicates of an arm together; a run that no evaluation names stands alone."""
    found: dict[str, list[Training]] = {}
    for run in runs:
        found.setdefault(run.arm or run.folder, []).append(run)
    return found


def _curves(runs: Sequence[Training]) -> Iterator[Block]:
    """One line for each arm, the mean of its runs, of the training loss and of the validation loss."""
    for kind, title in (("train", "Loss on the rows trained on"), ("validation", "Loss on validation rows")):
        lines = []
        for arm, some in _arms(runs).items():
            curve = _mean([run.curve for run in some], kind)
            if len(curve) > 1:
                lines.append((arm, curve, _last(some, kind)))
        if lines:
            yield _curve(title, kind, lines[:MOST_LINES], _unit(runs))


def _unit(runs: Sequence[Training]) -> str:
    """What the losses are measured in; a provider does not say."""
    own = "in nats for each trained token" if any(run.hosted is None for run in runs) else ""
    theirs = "as the provider measured it" if any(run.hosted is not None for run in runs) else ""
    return f"{own}, or {theirs}" if own and theirs else own or theirs


def _mean(curves: Sequence[Sequence[LossPoint]], kind: str) -> list[tuple[float, float]]:
    """The mean loss of several runs at the steps at which all of them have one."""
    found = [{one.step: value for one in curve if (value := getattr(one, kind)) is not None} for curve in curves]
    shared = sorted(set.intersection(*map(set, found))) if found else []
    return [(float(step), fmean(one[step] for one in found)) for step in shared]


def _last(runs: Sequence[Training], kind: str) -> list[float]:
    """The last loss of each run that has one."""
    ends = [[value for one in run.curve if (value := getattr(one, kind)) is not None] for run in runs]
    return [some[-1] for some in ends if some]


def _curve(
    title: str, kind: str, lines: Sequence[tuple[str, list[tuple[float, float]], list[float]]], unit: str
) -> Figure:
    drawn = [(arm, curve[len(curve) // 10 :] if kind == "train" else curve) for arm, curve, _ in lines]
    said = [f"{arm} {_at_the_end(ends)}" for arm, _, ends in lines]
    rows = tuple(
        (
            Cell(arm),
            Cell(str(len(ends))),
            Cell(ratio(curve[0][1])),
            Cell(ratio(fmean(ends))),
            Cell(ratio(stdev(ends)) if len(ends) > 1 else NONE),
        )
        for arm, curve, ends in lines
    )
    table = Table(title, ("Arm", "Runs", "First point", "Last point, mean", "Spread (sd)"), rows, right=(1, 2, 3, 4))
    sentence = f"Mean over the runs of an arm, {unit}; at the end: {', '.join(said)}."
    if kind == "train":
        sentence += " Every point is the mean of the steps since the one before; the first tenth is not drawn."
    chart = charts.line(drawn, words=lambda step: f"step {count(step)}", levels=lambda loss: f"{loss:g}")
    return Figure(title, sentence, chart, table)


def _at_the_end(ends: Sequence[float]) -> str:
    spread = f" (from {ratio(min(ends))} to {ratio(max(ends))} over {len(ends)} seeds)" if len(ends) > 1 else ""
    return f"{ratio(fmean(ends))}{spread}"


def _alike(rows: Sequence[tuple[Training, tuple[Cell, ...]]]) -> tuple[tuple[Cell, ...], ...]:
    """One line for all runs of which the same is to be said."""
    same: dict[tuple[Cell, ...], list[Training]] = {}
    for run, cells in rows:
        same.setdefault(cells, []).append(run)
    return tuple((Cell(names_of(runs)), *cells) for cells, runs in same.items())


def names_of(runs: Sequence[Training]) -> str:
    """What some runs are called: ``raw, seeds 0, 1, 2``."""
    told = []
    for arm, some in _arms(runs).items():
        seeds = ", ".join(str(run.seed) for run in some)
        told.append(f"{arm}, seeds {seeds}" if len(some) > 1 else name_of(some[0]))
    return "; ".join(told[:8]) + (f" and {len(told) - 8} more" if len(told) > 8 else "")


def _outcome(runs: Sequence[Training]) -> Table:
    head = ("Run", "Model", "Steps", "Ended", "Best", "Weights in the model")
    rows = [
        (
            run,
            (
                Cell(run.model, _trained(run)),
                Cell(f"{run.steps:,}" if run.steps or not run.hosted else NONE, _planned(run)),
                Cell(_ended(run)),
                Cell(
                    NONE if run.best_step is None else f"step {run.best_step:,}",
                    "" if run.best_value is None else f"{run.best_measure} {ratio(run.best_value)}",
                ),
                Cell(run.weights or (run.hosted.tuned if run.hosted else "") or NONE),
            ),
        )
        for run in runs
    ]
    return Table("How each run ended", head, _alike(rows), right=(2,))


def _trained(run: Training) -> str:
    """How much of the model was trained; of a provider's nobody knows how large it is."""
    if run.hosted is not None:
        return run.method
    return f"{run.method}, {count(run.parameters_trained)} of {count(run.parameters)} parameters"


def _planned(run: Training) -> str:
    return "" if run.hosted is not None else f"of {run.planned:,} planned"


def _ended(run: Training) -> str:
    if run.state != "finished":
        return "NOT FINISHED: what follows holds only as far as it went"
    if run.hosted is not None:
        return run.hosted.status or NONE
    return run.stopped or "took all its steps"


def _read(runs: Sequence[Training]) -> Table:
    head = ("Run", "Rows read", "Trained on", "Effective rows", "Trained tokens", "Left out", "Row weights")
    rows = [
        (
            run,
            (
                Cell(count(run.rows)),
                Cell(count(run.used), f"{run.truncated:,} cut" if run.truncated else ""),
                Cell(count(round(run.effective_rows)), share(run.effective_rows / run.used) if run.used else ""),
                Cell(count(run.trained_tokens), f"of {count(run.tokens)}") if run.tokens else Cell(NONE),
                Cell(count(sum(run.dropped.values())), ", ".join(f"{why} {n:,}" for why, n in run.dropped.items())),
                Cell(_row_weights(run)),
            ),
        )
        for run in runs
    ]
    return Table("What each run read (effective rows: Kish's)", head, _alike(rows), right=(1, 2, 3, 4, 5))


def _row_weights(run: Training) -> str:
    if not run.weighted:
        return "equal"
    return "unequal, lowered to copies of rows" if run.hosted else "unequal"


def _gates(runs: Sequence[Training]) -> Iterator[Block]:
    """What the data was judged by before each run."""
    rows = []
    for run in runs:
        gate = run.gate
        if gate is not None:
            unmet = [clause.name for clause in gate.clauses if clause.verdict != "PASS"]
            waiver = f"waived by {run.waived_by}: {run.waived_why}" if run.waived_by else NONE
            said = (
                verdict_cell(gate.verdict),
                Cell(gate.policy, gate.as_of),
                Cell(", ".join(unmet) or "all demands met"),
                Cell(waiver),
            )
            rows.append((run, said))
    if rows:
        head = ("Run", "Gate", "Policy", "Not met or undecided", "Waiver")
        yield Table("What the data was judged by before training", head, _alike(rows))


def _waivers(runs: Sequence[Training]) -> Iterator[Block]:
    waived = [run for run in runs if run.waived_by]
    if waived:
        yield Text(f"{plural(len(waived), 'run')} began although the gate said FAIL, on somebody's word.", "unsure")


def _price(runs: Sequence[Training]) -> Iterator[Block]:
    if not runs:
        return
    head = ("Runs", "Time", "Processor time", "Peak memory", "Energy")
    rows = tuple(
        (
            Cell(names_of(some)),
            Cell(_range([run.seconds or None for run in some], _time)),
            Cell(_range([run.cpu_seconds or None for run in some], _time)),
            Cell(_range([run.peak_memory_bytes for run in some], lambda size: f"{size / 2**30:.2f} GiB")),
            Cell(_range([run.energy_kwh for run in some], lambda kwh: f"{count(1000 * kwh)} Wh")),
        )
        for some in _arms(runs).values()
    )
    yield Table("What a run cost, from the cheapest to the dearest of an arm", head, rows, right=(1, 2, 3, 4))
    methods = dict.fromkeys(run.energy_method for run in runs if run.energy_method)
    machines = dict.fromkeys(run.machine for run in runs if run.machine)
    told = [f"Energy: {'; '.join(methods)}."] if methods else []
    told += [f"Computed on {'; '.join(machines)}."] if machines else []
    if told:
        yield Text(" ".join(told), "quiet")


def _range(values: Sequence[float | None], words: Callable[[float], str]) -> str:
    """The smallest and the largest figure of some runs; ``not measured`` where none was taken."""
    found = [value for value in values if value is not None]
    if not found:
        return "not measured"
    ends = dict.fromkeys((words(min(found)), words(max(found))))
    return " to ".join(ends)


def _time(seconds: float) -> str:
    return NONE if not seconds else f"{seconds:,.0f} s" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def _settings(runs: Sequence[Training]) -> Iterator[Block]:
    for some in _arms(runs).values():
        run = some[0]
        settings = ", ".join(f"{key} {_setting(value)}" for key, value in run.settings.items())
        yield facts(
            ("Run", name_of(run)),
            ("Settings", settings),
            *((f"sha256 of {name}", Cell(sha256, code=True)) for name, sha256 in list(run.inputs.items())[:8]),
            ("Seals", Cell(" ".join(f"{one.seed}: {one.seal or 'not sealed'}" for one in some[:10]), code=True)),
            *(("Note", note) for note in run.notes[:MOST_NOTES]),
        )


def _setting(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {scalar(one)}" for key, one in value.items())
    return f"{value:g}" if isinstance(value, float) else scalar(value)
