"""What ``audit fix`` says of a fix: every figure of the report, in plain words, and how to take it back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from audit.model import DropRow, Finding, Fix, Place, Result, Severity
from audit.model.values import Applicability
from audit.remedy.fix.effect import Change, CostEffect, CostOf, Effect, LabelEffect, TokensEffect
from audit.remedy.fix.group_effect import GroupEffect, GroupsEffect
from audit.remedy.fix.report import FileFixed, FixReport, Left
from audit.remedy.ledger import Account
from audit.reports import render as render_result
from audit.reports import summary
from audit.reports.fix_text import account, effect_text, render
from audit.reports.text import Paint
from audit.reports.view import RuleNote, View

NOTES = {
    "DUP401": RuleNote("exact-duplicate", "drop"),
    "ENC003": RuleNote("byte-order-mark", "safe"),
    "FMT106": RuleNote("not-alternating", "unsafe"),
    "TOK301": RuleNote("too-long"),
}
ROWS = Account(rows_in=8_792, untouched=8_787, edited=3, dropped=2)
FILE = FileFixed(
    path="train.jsonl",
    output="train.fixed.jsonl",
    rejected="train.fixed.rejected.jsonl",
    ledger="train.fixed.ledger.jsonl",
    rows=ROWS,
    input_sha256="ab",
    output_sha256="cd",
)
GROUP = GroupEffect(
    group="f",
    before=400,
    after=300,
    removed=100,
    share_before=0.5,
    share_after=0.428571,
    removal_rate=0.25,
    interval=(0.21, 0.295),
    verdict="FAIL",
)
EFFECT = Effect(
    rows=Change(8_792, 8_790),
    removed=2,
    edited=3,
    tokens=TokensEffect(total=Change(10_000, 9_000), trainable=Change(4_000, 4_000), exact=False),
    cost=CostEffect(
        before=CostOf(12.5, 3.0, 10_000),
        after=CostOf(11.25, 3.0, 9_000),
        currency="USD",
        model="gpt-4o",
        as_of="2026-01-01",
    ),
    labels=(
        LabelEffect(label="yes", rows=Change(10, 10), share_before=0.5, share_after=0.555556),
        LabelEffect(label="no", rows=Change(10, 8), share_before=0.5, share_after=0.444444),
    ),
    groups=(
        GroupsEffect(
            attribute="sex",
            kind="declared",
            groups=(
                GROUP,
                msgspec.structs.replace(GROUP, group="m", verdict="PASS", removed=0, after=400, removal_rate=0.0),
                msgspec.structs.replace(GROUP, group="x", verdict="INCONCLUSIVE", too_few=True),
                msgspec.structs.replace(GROUP, group="unknown", verdict="NOT_ASSESSED", compared=False),
            ),
            verdict="FAIL",
        ),
    ),
    notes=("sex: f is removed more often.",),
)
REPORT = FixReport(
    files=(FILE,),
    rows=ROWS,
    by_code={"ENC003": {"edited": 3}, "DUP401": {"dropped": 2}},
    left={
        "TOK301": Left(findings=4, severity="warning", grade=None),
        "FMT106": Left(findings=12, severity="error", grade="unsafe"),
    },
    fails=True,
    wrote=True,
    effect=msgspec.to_builtins(EFFECT),
)


def text(report: FixReport = REPORT, **more: Any) -> str:
    return "".join(render(msgspec.structs.replace(report, **more), View(rules=NOTES)))


def test_the_whole_text() -> None:
    assert text() == (
        "wrote train.fixed.jsonl: 8,790 of 8,792 rows (3 edited, 2 dropped, 0 quarantined, 8,787 untouched)\n"
        "\n"
        "code    what             done     rows\n"
        "DUP401  exact-duplicate  dropped     2\n"
        "ENC003  byte-order-mark  edited      3\n"
        "\n"
        "left\n"
        "code    severity  findings  what\n"
        "FMT106  error           12  not-alternating\n"
        "TOK301  warning          4  too-long\n"
        "--unsafe-fixes would mend 12 findings of FMT106\n"
        "\n"
        "tokens: about 10,000 -> 9,000 (-10.00 %); trained on 4,000 -> 4,000 (no change)\n"
        "training cost: $12.50 -> $11.25 (gpt-4o as of 2026-01-01, epochs 3)\n"
        "\n"
        "label  before  after  share\n"
        "no         10      8  50.00 % -> 44.44 %\n"
        "\n"
        "sex      before  after  share               removed  of the group\n"
        "f           400    300  50.00 % -> 42.86 %      100  25.00 % (21.0 to 29.5)  more often than the rest\n"
        "unknown     400    300  50.00 % -> 42.86 %      100  25.00 % (21.0 to 29.5)  not compared\n"
        "x           400    300  50.00 % -> 42.86 %      100  25.00 % (21.0 to 29.5)  too few rows\n"
        "m           400    400  50.00 % -> 42.86 %        0  0.00 % (21.0 to 29.5)\n"
        "\n"
        "note: sex: f is removed more often.\n"
        "\n"
        "rejected rows: train.fixed.rejected.jsonl\n"
        "ledger: train.fixed.ledger.jsonl\n"
        "to undo: audit fix --undo train.fixed.jsonl\n"
    )


def test_what_did_not_change_is_not_shown() -> None:
    same = msgspec.structs.replace(
        EFFECT,
        tokens=TokensEffect(total=Change(5, 5), trainable=Change(5, 5), exact=True),
        cost=None,
        labels=EFFECT.labels[:1],
        groups=(msgspec.structs.replace(EFFECT.groups[0], groups=EFFECT.groups[0].groups[1:2]),),
        notes=(),
    )
    shown = text(effect=msgspec.to_builtins(same))
    assert not any(word in shown for word in ("tokens:", "cost", "label  ", "sex", "note:"))


def test_a_file_with_nothing_to_fix_says_so() -> None:
    rows = Account(rows_in=5, untouched=5)
    file = msgspec.structs.replace(FILE, output=None, rejected=None, ledger=None, rows=rows)
    shown = text(FixReport(files=(file,), rows=rows))
    assert shown == "train.jsonl: nothing to fix in 5 rows\n"


def test_changes_to_a_file_as_a_whole_are_said() -> None:
    rows = msgspec.structs.replace(ROWS, blank=3, blank_removed=3)
    report = msgspec.structs.replace(REPORT, whole_file={"train.jsonl": ("utf-8", "lf")})
    said = account(msgspec.structs.replace(FILE, rows=rows), report)
    assert said.endswith(r"; written as UTF-8 without a byte order mark, line ends made \n, 3 blank lines removed")


def test_what_would_be_written_is_not_called_written() -> None:
    shown = text(wrote=False)
    assert shown.startswith("train.jsonl: would become 8,790 of 8,792 rows")
    assert "to undo" not in shown
    assert "would be" in shown


def test_an_interrupted_fix_says_only_that_nothing_was_written() -> None:
    assert text(partial=True, wrote=False) == "interrupted: nothing was written\n"


def test_a_refusal_says_why_and_what_would_have_been_removed_by_rule() -> None:
    shown = text(wrote=False, refused="40 % of the rows would be removed")
    assert "refused: 40 % of the rows would be removed\n" in shown
    assert "DUP401  exact-duplicate  dropped" in shown


def test_every_flag_that_would_help_is_named_with_its_rules() -> None:
    shown = text(
        left={
            "DUP401": Left(findings=1, severity="warning", grade="drop"),
            "ENC003": Left(findings=2, severity="error", grade="safe"),
            "FMT105": Left(findings=3, severity="error", grade="unsafe"),
            "FMT106": Left(findings=12, severity="error", grade="unsafe"),
            "TOK301": Left(findings=4, severity="warning", grade="shown"),
        }
    )
    assert "a safe fix could not be applied to 2 findings of ENC003\n" in shown
    assert "--unsafe-fixes would mend 3 findings of FMT105 and 12 findings of FMT106\n" in shown
    assert "--drop would remove the rows with 1 finding of DUP401\n" in shown


def test_what_could_not_be_done_or_judged_again_is_said() -> None:
    left = {"DUP401": Left(findings=1, severity="warning", grade="drop", before=True)}
    shown = text(decisions_unused=2, not_judged_again=("DEM101", "DUP401", "SPL504"), left=left)
    assert "2 decisions could not be carried out: there is no such row, or it has no label to change\n" in shown
    assert "DUP401  warning          1  exact-duplicate (before the fix)\n" in shown
    named = "3 rules on the data as a whole (DEM101, DUP401, SPL504)"
    assert f"not run again: {named}; `audit check train.fixed.jsonl` says what is true now\n" in shown


def test_what_was_left_behind_in_another_shape_is_counted() -> None:
    assert "/input/x: not carried     3\n" in text(lost={"/input/x: not carried": 3})


def test_what_cannot_be_undone_is_said() -> None:
    shown = text(files=(msgspec.structs.replace(FILE, path="-", can_undo=False),))
    assert "cannot be undone: - is no file and was not kept\n" in shown
    assert "to undo" not in shown


def test_json_lines_under_the_name_of_a_json_file_are_called_so() -> None:
    assert account(msgspec.structs.replace(FILE, output="x.json"), REPORT).endswith("; written as JSON Lines")


def test_an_input_that_was_written_over_says_where_it_is_kept_and_how_it_comes_back() -> None:
    file = msgspec.structs.replace(FILE, output="my data.jsonl", backup="my data.jsonl.bak")
    shown = text(files=(file,))
    assert "as it was: my data.jsonl.bak\n" in shown
    assert "to undo: audit fix --undo 'my data.jsonl' --in-place\n" in shown


def test_hostile_names_and_groups_come_out_inert() -> None:
    group = msgspec.structs.replace(GROUP, group="\x1b[31m##[group]\u202ex\n")
    groups = (msgspec.structs.replace(EFFECT.groups[0], groups=(group,), attribute="a\x07"),)
    labels = (msgspec.structs.replace(EFFECT.labels[1], label="\r::error::"),)
    effect = msgspec.structs.replace(EFFECT, groups=groups, labels=labels, notes=("\x1b]0;title\x07",))
    shown = text(effect=msgspec.to_builtins(effect), files=(msgspec.structs.replace(FILE, output="\x1b[2J.jsonl"),))
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "##[" not in shown


def test_many_labels_and_groups_are_counted() -> None:
    labels = tuple(msgspec.structs.replace(EFFECT.labels[1], label=f"label {n}") for n in range(30))
    shown = text(effect=msgspec.to_builtins(msgspec.structs.replace(EFFECT, labels=labels)))
    assert "... 20 more labels\n" in shown


def test_colours_are_used_only_when_asked_for() -> None:
    assert "\x1b[" not in text()
    assert "\x1b[" in "".join(render(REPORT, View(rules=NOTES, color=True)))


# ----------------------------------------------------------------------------- what a check says of fixes


def found(grade: Applicability | None) -> Finding:
    fix = None if grade is None else Fix(grade, "mend it", (DropRow(),) * (grade is not Applicability.SHOWN))
    return Finding(
        code="FMT106", severity=Severity.ERROR, scope="row", message="wrong", place=Place(file="a", line=1), fix=fix
    )


@pytest.mark.parametrize(
    ("grades", "said"),
    [
        ([None, Applicability.SHOWN], ""),
        ([Applicability.SAFE], "1 finding can be fixed: 1 [*] with `audit fix`"),
        (
            [Applicability.SAFE] * 9 + [Applicability.UNSAFE] * 2 + [Applicability.DROP, None],
            "12 findings can be fixed: 9 [*] with `audit fix`, 2 with --unsafe-fixes, 1 with --drop",
        ),
    ],
)
def test_a_check_counts_what_can_be_fixed_and_with_which_flag(grades: list[Applicability | None], said: str) -> None:
    findings = tuple(map(found, grades))
    assert summary.fixes(findings) == said
    shown = "".join(render_result(Result(findings=findings, rows=1), "text", View(rules=NOTES)))
    assert (said + "\n" if said else "PASS") in shown


def test_a_cost_is_told_in_its_own_currency() -> None:
    before, after = CostOf(12.5, 3.0, 2), CostOf(11.25, 3.0, 1)
    cost = CostEffect(before=before, after=after, currency="EUR", model="m", as_of="2026-01-01")
    effect = Effect(rows=Change(2, 1), removed=1, edited=0, cost=cost)
    told = "".join(effect_text(msgspec.to_builtins(effect), Paint(False)))
    assert "training cost: EUR 12.50 -> EUR 11.25 (m as of" in told
