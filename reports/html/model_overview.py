"""The section on the re-audit as a whole: what was laid down before, whose outputs were judged, how rows came there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from audit.model import Result
from audit.model.dossier import Dossier, Training
from audit.reports.disparity import is_derived
from audit.reports.html.arms import Arms
from audit.reports.html.blocks import Block, Bullets, Cell, Section, Table, Text, facts
from audit.reports.html.listed import inner, number, objects, table_of, texts
from audit.reports.html.masking import Withheld, line
from audit.reports.html.tables import GroupTable, Measures, group_table
from audit.reports.html.words import NONE, count, ratio, scalar, share
from audit.reports.summary import plural

NOT_SAID: Final = "not stated"

RULES: Final[Mapping[str, str]] = {
    "label_scores": "the label with the largest summed probability of its tokens and end token, not normalised by "
    "length; the same for every arm",
    "text": "the text of the answer, as it was written; the same for every arm",
    "mixed": "the most probable label where probabilities are known, else the text of the answer",
}
"""How an output becomes a decision."""


def overview(dossier: Dossier, arms: Arms, hidden: Withheld, hidden_data: Withheld) -> Section | None:
    """What was laid down before anything was judged, the arms, and the rows of every group; None without outputs."""
    result = dossier.outputs
    if result is None:
        return None
    blocks: list[Block] = [
        Text("Laid down before the outputs were judged; what is not stated was not laid down."),
        _specification(dossier, result, arms),
    ]
    blocks += _arms(dossier, arms)
    blocks += _flow(dossier, arms, hidden, hidden_data)
    blocks.append(
        Text(
            "What every interval speaks of: these rows, these prompts and these runs. Rows that belong together, and "
            "the answers of several seeds to one question, count as one. Only an interval over at least 5 paired seeds "
            "speaks of the method of training; one that is marked as of these models does not. Accuracy is agreement "
            "with the labels of the test rows, and these may be unjust themselves.",
            "quiet",
        )
    )
    return Section("model", "The model: what was asked, of whom", tuple(blocks))


def _specification(dossier: Dossier, result: Result, arms: Arms) -> Block:
    gate, told = result.gate, dossier.reaudit
    rates = arms.of("selection_rate")
    demands = [clause.demand for clause in gate.clauses if clause.attribute] if gate else []
    decision = next((table_of(measure).get("rule") for measure in arms.of("outputs.decision")), None)
    favourable = next((texts(table_of(measure).get("favourable")) for measure in rates), [])
    scored = "" if told.scored is None else f"this test set was scored {_times(told.scored)} in this folder"
    return facts(
        ("Metric", "; ".join(dict.fromkeys(demands)) or "no demand on groups is declared by a policy"),
        ("Harm", told.harm or NOT_SAID),
        ("Favourable label", ", ".join(favourable) or "none is configured"),
        ("Reference", "; ".join(_references(arms)) or NOT_SAID),
        ("Tolerance", "; ".join(_questions(arms)) or "none"),
        ("Decision rule", RULES.get(scalar(decision), scalar(decision)) if decision else NOT_SAID),
        ("Policy", gate.policy if gate else "none was applied"),
        ("Policy sha256", Cell(gate.sha256, code=True) if gate else ""),
        ("Looks at this test set", scored or "not counted: no evaluation folder was named"),
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times: the more looks, the likelier a chance result"


def _references(arms: Arms) -> Iterator[str]:
    for attribute in arms.attributes():
        for measure in arms.of("selection_rate", attribute)[:1]:
            reference = inner(table_of(measure), "reference")
            if isinstance(reference.get("group"), str):
                yield f"{attribute}: {scalar(reference.get('group'))} ({scalar(reference.get('chosen'))})"


def _questions(arms: Arms) -> Iterator[str]:
    for attribute in arms.attributes():
        tables = [group_table(measure) for measure in arms.of("selection_rate", attribute)[:1]]
        for table in filter(None, tables):
            asked = table.question
            if asked.tolerance is not None:
                alpha = "" if asked.alpha is None else f", alpha {asked.alpha:g}, one-sided"
                yield f"{attribute}: {asked.scale} of selection rates {ratio(asked.tolerance)}{alpha}"


def _arms(dossier: Dossier, arms: Arms) -> Iterator[Block]:
    """Whose outputs were judged, and what they took."""
    missing = arms.by_arm("outputs.missing")
    head = ("Arm", "What it is", "Seeds", "Outputs", "Missing", "Seconds", "Model")
    rows = tuple(_arm(name, dossier, arms, missing) for name in arms)
    if rows:
        yield Table("Arms: whose outputs were judged", head, rows, right=(2, 3, 4, 5))
    notes = texts(table_of(arms.measures.first("arms.attribution")).get("notes"))
    if notes:
        yield Bullets(tuple(notes))


def _arm(name: str, dossier: Dossier, arms: Arms, missing: Mapping[str, object]) -> tuple[Cell, ...]:
    found = arms.by_arm("outputs.missing").get(name) or arms.by_arm("selection_rate").get(name)
    table = table_of(found)
    asked = number(table.get("n")) or (found.n if found else 0)
    lost = number(table.get("hits")) if name in missing else None
    seeds = len(objects(table.get("by_seed")))
    seconds = dossier.reaudit.seconds.get(name)
    examples = dossier.reaudit.examples.get(name)
    models = [run for run in dossier.trainings if run.arm == name]
    prompt = f"{plural(examples, 'example')} in the prompt" if examples else ""
    return (
        Cell(name, arms.role(name)),
        Cell("computed from another arm" if is_derived(name) else prompt or "asked"),
        Cell(count(seeds) if seeds else NONE),
        Cell(NONE if is_derived(name) else count(asked)),
        Cell(NONE if lost is None else count(lost), share(lost / asked) if lost and asked else ""),
        Cell(NONE if seconds is None else count(round(seconds, 1))),
        Cell(models[0].model if models else NONE, ", ".join(run.folder for run in models[:6])),
    )


def _flow(dossier: Dossier, arms: Arms, hidden: Withheld, hidden_data: Withheld) -> Iterator[Block]:
    """How many rows of every group went in, were removed, were trained on and were scored."""
    for attribute in arms.attributes():
        columns = dict(_columns(attribute, dossier, arms))
        groups = sorted({group for counts in columns.values() for group in counts})
        if " x " in attribute or len(columns) < 2 or not groups:
            continue
        secret = {**hidden.of(attribute), **hidden_data.of(attribute)}
        shown = {head: _shown(counts, secret, on=hidden.on) for head, counts in columns.items()}
        body = tuple((Cell(group), *(Cell(by.get(group, NONE)) for by in shown.values())) for group in groups)
        yield Table(
            f"{attribute}: rows of each group, from the data to the test",
            ("Group", *shown),
            body,
            right=tuple(range(1, len(shown) + 1)),
        )


def _columns(attribute: str, dossier: Dossier, arms: Arms) -> Iterator[tuple[str, Mapping[str, int]]]:
    if dossier.data is not None:
        table = _first(Measures(dossier.data), attribute)
        if table is not None:
            yield "In the data", {one.group: one.n for one in table.groups if one.n is not None}
    for remedy in dossier.remedies:
        effect = remedy.effect if isinstance(remedy.effect, dict) else {}
        for entry in objects(effect.get("groups")):
            if entry.get("attribute") == attribute:
                removed = {scalar(one.get("group")): number(one.get("removed")) for one in objects(entry.get("groups"))}
                yield f"Removed by {remedy.command}", {group: int(n) for group, n in removed.items() if n is not None}
                left = {scalar(one.get("group")): number(one.get("after")) for one in objects(entry.get("groups"))}
                if any(n is not None for n in left.values()):
                    yield f"Left by {remedy.command}", {group: int(n) for group, n in left.items() if n is not None}
    judged = _judged(dossier.trainings, arms)
    if judged is not None and attribute in judged.groups:
        yield "Trained on", judged.groups[attribute]
    scored = arms.by_arm("selection_rate", attribute).get(arms.judged)
    table = group_table(scored) if scored is not None else None
    if table is not None:
        yield "Scored", {one.group: one.of_their_own for one in table.groups if one.of_their_own is not None}


def _first(measures: Measures, attribute: str) -> GroupTable | None:
    found = [group_table(m) for name in ("representation", "group_share") for m in measures.of(attribute, name)]
    return next(filter(None, found), None)


def _judged(trainings: Sequence[Training], arms: Arms) -> Training | None:
    """The run of the judged arm; any run where only one arm was trained."""
    own = [run for run in trainings if run.arm == arms.judged]
    return next(iter(own or trainings), None)


def _shown(counts: Mapping[str, int], secret: Mapping[str, str], *, on: bool) -> Mapping[str, str]:
    """The counts of a column in words, small ones and a second one beside a small one withheld."""
    reasons = {**line(counts), **{group: secret[group] for group in counts if group in secret}} if on else {}
    return {group: reasons.get(group) or count(n) for group, n in counts.items()}
