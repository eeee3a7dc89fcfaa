"""What ``audit fix`` says in a terminal: what was written, by which rule, what is left, what it did to the data as a
whole, and how to take it back. Puts words to a ``FixReport``; computes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from audit.model import Json, Severity
from audit.remedy.fix.effect import CostEffect, Effect, LabelEffect, TokensEffect
from audit.remedy.fix.group_effect import GroupEffect, GroupsEffect
from audit.remedy.fix.report import FileFixed, FixReport, Grade, Left
from audit.remedy.fix.undo import UndoReport
from audit.reports.paths import portable
from audit.reports.summary import percent, plural, shell_word
from audit.reports.text import Paint, columns
from audit.reports.view import View
from audit.reports.visible import shortened, visible

MOST_LABELS: Final = 10
"""Labels whose rows changed that are shown, those with most rows first; the JSON form has all."""
MOST_GROUPS: Final = 12
"""Groups of one attribute that are shown, those that lose most rows first."""
LONGEST_CELL: Final = 40

WHOLE_FILE: Final[Mapping[str, str]] = {
    "utf-8": "written as UTF-8 without a byte order mark",
    "jsonl": "written as JSON Lines",
    "lf": r"line ends made \n",
}
_ORDER: Final = ("edited", "dropped", "quarantined", "copied", "added")


def render(report: FixReport, view: View) -> Iterator[str]:
    """The text form, in pieces that end with a newline."""
    paint = Paint(view.color)
    if report.partial:
        yield paint.severity(Severity.WARNING, "interrupted: nothing was written") + "\n"
        return
    for output in report.recovered:
        yield f"an earlier run was killed; what it had written is in place now: {_shown(output)}\n"
    for file in report.files:
        yield paint(account(file, report), "1") + "\n"
    if report.refused:
        yield paint.severity(Severity.ERROR, f"refused: {visible(report.refused)}") + "\n"
    yield from by_rule(report, view, paint)
    yield from _left(report, view, paint)
    if report.effect is not None and report.changed:
        yield from effect_text(report.effect, paint)
    yield from _closing(report)


# ----------------------------------------------------------------------------- what was done


def account(file: FileFixed, report: FixReport) -> str:
    """``wrote train.fixed.jsonl: 8,790 of 8,792 rows (3 edited, 2 dropped, 0 quarantined, 8,787 untouched)``."""
    rows = file.rows
    parts = f"{rows.edited:,} edited, {rows.dropped:,} dropped, {rows.quarantined:,} quarantined"
    kept = f"{rows.rows_out:,} of {plural(rows.rows_in, 'row')} ({parts}, {rows.untouched:,} untouched)"
    whole = list(report.whole_file.get(file.path, ()))
    if (file.output or "").lower().endswith((".json", ".json.gz")) and "jsonl" not in whole:
        whole.append("jsonl")
    extra = [WHOLE_FILE.get(name, name) for name in whole]
    if rows.blank_removed:
        extra.append(f"{plural(rows.blank_removed, 'blank line')} removed")
    more = f"; {', '.join(extra)}" if extra else ""
    if file.output is not None and report.wrote:
        return f"wrote {_shown(file.output)}: {kept}{more}"
    changed = bool(rows.edited or rows.removed or extra)
    if not changed:
        return f"{visible(file.path)}: nothing to fix in {plural(rows.rows_in, 'row')}"
    return f"{visible(file.path)}: would become {kept}{more}"


def by_rule(report: FixReport, view: View, paint: Paint) -> Iterator[str]:
    """A table of what each rule had done to how many rows."""
    body = [
        [code, _name(code, view), action, f"{rows:,}"]
        for code, actions in sorted(report.by_code.items())
        for action, rows in sorted(actions.items(), key=lambda item: _place(item[0]))
        if rows
    ]
    if body:
        done = "done" if report.wrote else "would be"
        yield "\n"
        yield from columns(("code", "what", done, "rows"), body, right=(3,), paint=paint)


def _place(action: str) -> tuple[int, str]:
    return _ORDER.index(action) if action in _ORDER else len(_ORDER), action


def _name(code: str, view: View) -> str:
    return "decided by people" if code == "review" else visible(view.note(code).name) or "-"


# ----------------------------------------------------------------------------- what is left


def _left(report: FixReport, view: View, paint: Paint) -> Iterator[str]:
    if report.decisions_unused:
        unused = plural(report.decisions_unused, "decision")
        yield f"\n{unused} could not be carried out: there is no such row, or it has no label to change\n"
    if report.lost:
        yield "\nleft behind when rows were written in another shape:\n"
        yield from columns(
            ("what", "rows"),
            [[visible(what), f"{rows:,}"] for what, rows in report.lost.items()],
            right=(1,),
            paint=paint,
        )
    if report.left:
        yield from _findings_left(report.left, view, paint)
    if report.not_judged_again:
        rules = plural(len(report.not_judged_again), "rule")
        named = ", ".join(map(visible, report.not_judged_again))
        outputs = [file.output for file in report.files if file.output is not None]
        now = " ".join(visible(shell_word(_near(output))) for output in outputs) if report.wrote else "OUT"
        yield f"\nnot run again: {rules} on the data as a whole ({named}); `audit check {now}` says what is true now\n"


def _findings_left(left: Mapping[str, Left], view: View, paint: Paint) -> Iterator[str]:
    found = sorted(left.items(), key=lambda item: (Severity(item[1].severity).rank, item[0]))
    body = [[code, entry.severity, f"{entry.findings:,}", _what(code, entry, view)] for code, entry in found]
    yield "\n" + paint("left", "1") + "\n"
    severities = [Severity(entry.severity) for _, entry in found]
    yield from columns(("code", "severity", "findings", "what"), body, right=(2,), paint=paint, severities=severities)
    for grade, words in _HINTS:
        if some := [f"{plural(entry.findings, 'finding')} of {code}" for code, entry in found if entry.grade == grade]:
            yield f"{words} {_joined(some)}\n"


def _what(code: str, entry: Left, view: View) -> str:
    return f"{_name(code, view)} (before the fix)" if entry.before else _name(code, view)


_HINTS: Final[Sequence[tuple[Grade, str]]] = (
    ("safe", "a safe fix could not be applied to"),
    ("unsafe", "--unsafe-fixes would mend"),
    ("drop", "--drop would remove the rows with"),
)


def _joined(parts: Sequence[str]) -> str:
    """``12 findings of FMT106, 3 findings of DUP403 and 2 findings of ENC001``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# ----------------------------------------------------------------------------- the effect


def effect_text(found: Json, paint: Paint) -> Iterator[str]:
    """What changed of tokens, cost, labels and groups; ``found`` is an ``Effect`` as JSON."""
    effect = msgspec.convert(found, Effect)
    lines = [*_tokens(effect.tokens), *_cost(effect.cost)]
    if lines:
        yield "\n" + "".join(lines)
    yield from _labels([entry for entry in effect.labels if entry.rows.before != entry.rows.after], paint)
    for entry in effect.groups:
        if any(group.removed for group in entry.groups):
            yield from _groups(entry, paint)
    yield "\n" if effect.notes else ""
    for note in effect.notes:
        yield f"note: {visible(note)}\n"


def _tokens(tokens: TokensEffect | None) -> Iterator[str]:
    if tokens is None:
        return
    about = "" if tokens.exact else "about "
    total, trainable = tokens.total, tokens.trainable
    if total.before != total.after or trainable.before != trainable.after:
        yield (
            f"tokens: {about}{total.before:,} -> {total.after:,} ({_relative(total.before, total.after)}); "
            f"trained on {trainable.before:,} -> {trainable.after:,} ({_relative(trainable.before, trainable.after)})\n"
        )


def _cost(cost: CostEffect | None) -> Iterator[str]:
    if cost is None or cost.before.cost == cost.after.cost:
        return
    before, after = cost.before, cost.after
    money = "$" if cost.currency == "USD" else f"{visible(cost.currency)} "
    epochs = f"{before.epochs:g}" if before.epochs == after.epochs else f"{before.epochs:g} -> {after.epochs:g}"
    yield (
        f"training cost: {money}{before.cost:,.2f} -> {money}{after.cost:,.2f} "
        f"({visible(cost.model)} as of {cost.as_of}, epochs {epochs})\n"
    )


def _relative(before: int, after: int) -> str:
    if before == 0 or before == after:
        return "no change" if before == after else "new"
    change = (after - before) / before
    return f"{'-' if change < 0 else '+'}{percent(abs(change))}"


def _labels(changed: Sequence[LabelEffect], paint: Paint) -> Iterator[str]:
    if not changed:
        return
    shown = sorted(changed, key=lambda entry: (-entry.rows.before, entry.label))[:MOST_LABELS]
    body = [
        [
            shortened(entry.label, LONGEST_CELL),
            f"{entry.rows.before:,}",
            f"{entry.rows.after:,}",
            f"{percent(entry.share_before)} -> {percent(entry.share_after)}",
        ]
        for entry in shown
    ]
    yield "\n"
    yield from columns(("label", "before", "after", "share"), body, right=(1, 2), paint=paint)
    yield _more(len(changed) - len(shown), "label")


def _groups(entry: GroupsEffect, paint: Paint) -> Iterator[str]:
    shown = sorted(entry.groups, key=lambda group: (-group.removal_rate, group.group))[:MOST_GROUPS]
    head = (shortened(entry.attribute, LONGEST_CELL), "before", "after", "share", "removed", "of the group", "")
    yield "\n"
    yield from columns(head, [_group(group) for group in shown], right=(1, 2, 4), paint=paint)
    yield _more(len(entry.groups) - len(shown), "group")


def _group(group: GroupEffect) -> list[str]:
    low, high = group.interval
    return [
        shortened(group.group, LONGEST_CELL),
        f"{group.before:,}",
        f"{group.after:,}",
        f"{percent(group.share_before)} -> {percent(group.share_after)}",
        f"{group.removed:,}",
        f"{percent(group.removal_rate)} ({100 * low:.1f} to {100 * high:.1f})",
        "not compared" if not group.compared else "too few rows" if group.too_few else _SAID.get(group.verdict, ""),
    ]


_SAID: Final[Mapping[str, str]] = {"FAIL": "more often than the rest"}


def _more(count: int, noun: str) -> str:
    return f"... {plural(count, f'more {noun}')}\n" if count > 0 else ""


# ----------------------------------------------------------------------------- how to take it back


def _closing(report: FixReport) -> Iterator[str]:
    if not report.wrote:
        return
    yield "\n"
    for file in report.files:
        if file.rejected is not None:
            yield f"rejected rows: {_shown(file.rejected)}\n"
        if file.ledger is not None:
            yield f"ledger: {_shown(file.ledger)}\n"
        if file.backup is not None:
            yield f"as it was: {_shown(file.backup)}\n"
        if not file.can_undo:
            yield f"cannot be undone: {visible(file.path)} is no file and was not kept\n"
        elif file.output is not None and file.ledger is not None:
            in_place = " --in-place" if file.backup is not None else ""
            yield f"to undo: audit fix --undo {visible(shell_word(_near(file.output)))}{in_place}\n"


def undone(report: UndoReport) -> str:
    """``restored train.restored.jsonl: 8,792 rows, byte for byte as they were before the fix``."""
    rows = plural(report.rows, "row")
    return f"restored {_shown(report.restored)}: {rows}, byte for byte as the input of the fix was\n"


def _shown(path: str) -> str:
    return visible(_near(path))


def _near(path: str) -> str:
    """The path as it was named, an absolute one from the working directory where it lies in it."""
    return portable(path) if os.path.isabs(path) else path
