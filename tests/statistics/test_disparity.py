"""Verdicts on rates by group: known figures, the four verdicts, and what may not change them."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.statistics.disparity import Disparity, Question, compare, of_all, verdicts
from audit.statistics.rates import GroupRate, rate_table, rates_of
from audit.statistics.score import Scale

ADULT = [GroupRate("F", 1_179, 10_771), GroupRate("Male", 6_662, 21_790)]


def by_name(disparity: Disparity) -> dict[str, str]:
    return {one.group: one.verdict for one in disparity.groups}


@st.composite
def rates(draw: st.DrawFn) -> list[GroupRate]:
    groups = []
    for name in range(draw(st.integers(1, 5))):
        n = draw(st.one_of(st.just(0), st.integers(1, 3_000)))
        groups.append(GroupRate(f"g{name}", draw(st.integers(0, n)), n, draw(st.none() | st.floats(0.1, n + 1))))
    return groups


@st.composite
def questions(draw: st.DrawFn) -> Question:
    scale: Scale = draw(st.sampled_from(["ratio", "difference"]))
    return Question(
        scale=scale,
        tolerance=draw(st.floats(0.3, 1) if scale == "ratio" else st.floats(0, 0.5)),
        reference=draw(st.sampled_from(["best", "rest", "g0"])),
        side=draw(st.sampled_from(["low", "high", "both"])),
        cells=draw(st.integers(1, 10)),
    )


def test_adult_fails_with_the_known_figures() -> None:
    disparity = compare(ADULT, Question(), what=">50K")
    women = disparity.groups[0]
    assert (disparity.verdict, disparity.worst, women.verdict) == ("FAIL", "F", "FAIL")
    assert women.estimate == pytest.approx(0.358, abs=5e-4)
    assert women.interval == pytest.approx((0.338, 0.379), abs=5e-4)
    assert disparity.sentence == (
        "F gets >50K in 10.9 % of 10,771 rows, Male in 30.6 % of 21,790: "
        "0.358 times as often (0.338 to 0.379), below the tolerance of 0.8."
    )


def test_forty_rows_decide_nothing_and_say_how_many_would() -> None:
    disparity = compare([GroupRate("F", 6, 20), GroupRate("M", 9, 20)], Question())
    assert disparity.verdict == "INCONCLUSIVE"
    assert all(one.too_few and one.interval for one in disparity.groups)
    assert disparity.required_n is not None
    assert f"{disparity.required_n:,} rows would show parity" in disparity.sentence


def test_parity_in_many_rows_passes() -> None:
    disparity = compare([GroupRate(name, 3_000, 10_000) for name in "abc"], Question())
    assert disparity.verdict == "PASS"
    assert disparity.sentence.startswith("All 3 groups are within the tolerance of 0.8 against the best.")


def test_near_the_tolerance_nothing_decides() -> None:
    disparity = compare([GroupRate("a", 2_410, 10_000), GroupRate("b", 3_000, 10_000)], Question())
    assert [one.undecidable for one in disparity.groups] == [True, False]
    assert "undecidable so near the tolerance" in disparity.sentence


def test_no_tolerance_at_all_can_be_broken_and_not_shown() -> None:
    exactly = Question(scale="difference", tolerance=0.0, reference="rest")
    parity = compare([GroupRate("a", 300, 1_000), GroupRate("b", 300, 1_000)], exactly)
    assert (parity.verdict, parity.required_n) == ("INCONCLUSIVE", None)
    assert compare([GroupRate("a", 200, 1_000), GroupRate("b", 300, 1_000)], exactly).verdict == "FAIL"


def test_one_group_is_not_compared() -> None:
    disparity = compare([GroupRate("a", 3, 100), GroupRate("unknown", 3, 100)], Question())
    assert (disparity.verdict, disparity.worst) == ("NOT_ASSESSED", None)
    assert disparity.sentence == "Fewer than two groups have rows, so nothing can be compared."
    assert compare([], Question()).verdict == "NOT_ASSESSED"


def test_no_hits_have_no_ratio_but_a_difference() -> None:
    groups = [GroupRate("a", 0, 1_000), GroupRate("b", 0, 1_000)]
    assert compare(groups, Question()).verdict == "NOT_ASSESSED"
    assert compare(groups, Question(scale="difference", tolerance=0.1)).verdict == "PASS"


def test_a_group_without_rows_is_shown_and_spoils_nothing() -> None:
    disparity = compare([*ADULT, GroupRate("X", 0, 0)], Question())
    assert by_name(disparity) == {"F": "FAIL", "Male": "PASS", "X": "NOT_ASSESSED"}
    assert disparity.groups[2].sentence == "X has no rows."


@pytest.mark.parametrize("level", ["unknown", "none", "multiple"])
def test_levels_that_are_no_groups_are_left_out(level: str) -> None:
    assert compare([*ADULT, GroupRate(level, 1, 5_000)], Question()) == compare(ADULT, Question())


def test_a_named_reference_is_what_the_others_are_compared_with() -> None:
    disparity = compare(ADULT, Question(reference="Male"))
    assert [(one.group, one.reference) for one in disparity.groups] == [("F", "Male")]


def test_an_unknown_reference_names_the_groups_there_are() -> None:
    with pytest.raises(ValueError, match="no group is called X; there are F, Male"):
        compare(ADULT, Question(reference="X"))


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two groups are called F"):
        compare([*ADULT, ADULT[0]], Question())


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"tolerance": 1.5}, {"alpha": 0.0}, {"cells": 0}])
def test_what_cannot_be_asked_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"tolerance|error"):
        Question(**wrong)  # type: ignore[arg-type]


def test_a_higher_rate_is_adverse_where_the_question_says_so() -> None:
    errors = [GroupRate("a", 300, 1_000), GroupRate("b", 100, 1_000)]
    assert by_name(compare(errors, Question(side="high"))) == {"a": "FAIL", "b": "PASS"}
    assert by_name(compare(errors, Question(side="high", reference="rest"))) == {"a": "FAIL", "b": "PASS"}
    assert by_name(compare(errors, Question(side="both", reference="rest"))) == {"a": "FAIL", "b": "FAIL"}


def test_a_small_group_at_the_top_fails_nobody() -> None:
    groups = [GroupRate("a", 300, 1_000), GroupRate("b", 310, 1_000), GroupRate("tiny", 9, 9)]
    assert by_name(compare(groups, Question())) == {"a": "PASS", "b": "PASS", "tiny": "INCONCLUSIVE"}


def test_too_few_expected_hits_fail_nobody() -> None:
    groups = [GroupRate("a", 0, 40), GroupRate("b", 6, 60)]
    assert compare(groups, Question()).verdict == "INCONCLUSIVE"


def test_rows_worth_fewer_have_wider_intervals_and_need_more() -> None:
    whole = compare([GroupRate("a", 250, 1_000), GroupRate("b", 300, 1_000)], Question())
    fewer = compare([GroupRate("a", 250, 1_000, 250.0), GroupRate("b", 300, 1_000, 250.0)], Question())
    low, high = (one.groups[0].interval or (0.0, 0.0) for one in (whole, fewer))
    assert high[0] < low[0]
    assert (fewer.groups[0].required_n or 0) > 3 * (whole.groups[0].required_n or 0)
    assert "worth 250 independent ones" in fewer.groups[0].sentence


def test_more_gating_cells_leave_less_of_alpha() -> None:
    groups = [GroupRate("a", 210, 1_000), GroupRate("b", 310, 1_000)]
    assert compare(groups, Question()).verdict == "FAIL"
    assert compare(groups, Question(cells=20)).verdict == "INCONCLUSIVE"


def test_the_screen_is_not_the_verdict() -> None:
    screened = compare([GroupRate("a", 230, 1_000), GroupRate("b", 300, 1_000)], Question()).groups[0]
    assert (screened.screen, screened.verdict) == (True, "INCONCLUSIVE")
    assert not compare([GroupRate("a", 7, 40), GroupRate("b", 10, 40)], Question()).groups[0].screen


@pytest.mark.parametrize("reference", ["best", "rest"])
def test_names_and_order_change_only_the_order(reference: str) -> None:
    groups = [GroupRate("a", 20, 90), GroupRate("b", 45, 150), GroupRate("c", 45, 150), GroupRate("d", 400, 1_000)]
    asked = Question(reference=reference)
    first = compare(groups, asked)
    for order in permutations(groups):
        again = compare(order, asked)
        assert {one.group: one for one in again.groups} == {one.group: one for one in first.groups}
        assert (again.sentence, again.worst, again.omnibus_p) == (
            first.sentence,
            first.worst,
            pytest.approx(first.omnibus_p),
        )
    renamed = compare([GroupRate(f"z{rate.group}", rate.hits, rate.n) for rate in groups], asked)
    assert [one.interval for one in renamed.groups] == [one.interval for one in first.groups]


@settings(deadline=None)
@given(rates(), questions())
def test_any_counts_get_a_verdict_that_its_intervals_bear_out(groups: list[GroupRate], asked: Question) -> None:
    disparity = compare(groups, asked)
    assert msgspec.json.decode(msgspec.json.encode(disparity), type=Disparity) == disparity
    assert disparity.verdict == of_all([one.verdict for one in disparity.groups])
    assert all(one.sentence for one in disparity.groups)
    for one in disparity.groups:
        if one.interval and one.pass_interval and asked.side == "low":
            parity = 1.0 if asked.scale == "ratio" else 0.0
            assert (
                one.interval[0] <= one.pass_interval[0] + 1e-9 <= one.pass_interval[1] + 2e-9 <= one.interval[1] + 3e-9
            )
            assert one.verdict != "FAIL" or one.interval[1] < asked.limit + 1e-7 <= parity + 1e-7
            assert one.verdict != "PASS" or one.pass_interval[0] > asked.limit - 1e-7


@settings(deadline=None)
@given(rates(), questions())
def test_the_verdicts_alone_are_those_of_the_comparison(groups: list[GroupRate], asked: Question) -> None:
    assessed = [one.verdict for one in compare(groups, asked).groups if one.n]
    assert verdicts(groups, asked) == assessed or asked.reference == "g0"


@settings(deadline=None)
@given(rates(), questions())
def test_a_gate_reads_the_same_verdict_out_of_the_table(groups: list[GroupRate], asked: Question) -> None:
    said = compare(groups, asked)
    table = msgspec.json.decode(
        msgspec.json.encode(rate_table(groups, attribute="sex", kind="declared", disparity=said))
    )
    assert compare(rates_of(table), asked) == said


@pytest.mark.parametrize("name", ["\ud800", "<script>", "a\x1b[31m", "", "x" * 5_000])
def test_any_name_will_do(name: str) -> None:
    assert compare([GroupRate(name, 3, 50), GroupRate("b", 9, 50)], Question()).groups[0].group == name


def test_a_comparison_loads_neither_numpy_nor_scipy() -> None:
    code = (
        "import sys\n"
        "from audit.statistics.disparity import Question, compare\n"
        "from audit.statistics.rates import GroupRate\n"
        "compare([GroupRate('a', 3, 50), GroupRate('b', 9, 50), GroupRate('c', 9, 50)], Question())\n"
        "assert not {'numpy', 'scipy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
