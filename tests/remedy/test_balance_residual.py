"""The association that is left: none in rows under full weights, and what caps and unequal answers leave of it."""

from __future__ import annotations

from array import array

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.model import Measure
from audit.remedy.balance.cells import Cells
from audit.remedy.balance.residual import residual
from audit.remedy.balance.weights import weigh
from audit.statistics.weighting import cramers_v
from tests.remedy.balance_cells import ADULT, SEX, cells, row, rows_of

COUNTS = {("f", "yes"): 6, ("f", "no"): 14, ("m", "yes"): 12, ("m", "no"): 8}
ROWS = rows_of(COUNTS)
BEFORE = pytest.approx(0.301511, abs=1e-6)  # scipy's uncorrected V of [[14, 6], [8, 12]]


def only(measures: tuple[Measure, ...]) -> Measure:
    (measure,) = measures
    return measure


def in_cell(found: Cells, name: str, tokens: int, others: int) -> list[int]:
    """So many supervised tokens for the rows of a cell."""
    return [tokens if found.name(cell) == name else others for cell in found.of]


def test_full_weights_leave_nothing_in_the_rows() -> None:
    found = cells(ROWS, favourable=["yes"])
    measure = only(residual(found, weigh(found, cap=None)))
    assert (measure.name, measure.attribute, measure.n) == ("balance.residual_v", "sex", 40)
    assert measure.value == 0.0
    assert measure.by_construction
    assert measure.table["before"] == BEFORE
    assert measure.table["loss_mass"] is None
    assert measure.table["sentence"] == "label and sex are independent in the weighted rows (V 0.302 before)"


def test_equal_answers_leave_nothing_in_the_loss() -> None:
    found = cells(ROWS)
    measure = only(residual(found, weigh(found), [3] * 40))
    assert (measure.table["loss_mass_before"], measure.table["loss_mass"]) == (BEFORE, 0.0)
    assert measure.table["sentence"].endswith("(V 0.302 before), and in what is trained on")


def test_labels_of_unequal_length_leave_nothing_in_the_loss() -> None:
    # A label that is longer for both groups weighs more, for both.
    found = cells(ROWS)
    tokens = [6 if found.levels(cell)[-1] == "no" else 5 for cell in found.of]
    assert only(residual(found, weigh(found), tokens)).table["loss_mass"] == 0.0


def test_answers_of_unequal_length_by_group_are_told() -> None:
    found = cells(ROWS)
    measure = only(residual(found, weigh(found), in_cell(found, "sex f, label yes", 30, 10)))
    table = weigh(found).by_cell
    weighted = [[14 * table[0] * 10, 6 * table[1] * 30], [8 * table[2] * 10, 12 * table[3] * 10]]
    assert measure.value == 0.0
    assert measure.table["loss_mass"] == pytest.approx(cramers_v(weighted), abs=1e-9)
    assert measure.table["sentence"] == (
        "independence of label and sex holds for rows (V 0.302 before), not for what is trained on: V 0.255, since "
        "rows differ in supervised tokens"
    )


def test_a_cap_and_little_strength_are_named_as_the_reason() -> None:
    found = cells(ROWS)
    measure = only(residual(found, weigh(found, cap=1.2, strength=0.9)))
    assert 0 < measure.value < 0.3
    assert measure.table["sentence"].endswith(
        "(V 0.302 before), since the strength is 0.9 and the cap of 1.2 holds 2 cells down"
    )


def test_an_aim_that_makes_it_worse_says_so() -> None:
    found = cells(rows_of({("f", "yes"): 50, ("f", "no"): 50, ("m", "yes"): 9, ("m", "no"): 1}))
    measure = only(residual(found, weigh(found, aim="representation", expected={"sex": "uniform"})))
    assert measure.value > measure.table["before"]
    assert measure.table["sentence"].startswith("the label goes with sex more than before: ")
    assert measure.table["sentence"].endswith("since the aim is representation")


def test_the_share_of_the_favourable_label_is_one_for_all_groups() -> None:
    found = cells(ROWS, favourable=["yes"])
    rates = only(residual(found, weigh(found), [2] * 40)).table["selection_rates"]
    assert [rate["group"] for rate in rates] == ["f", "m"]
    assert [rate["before"] for rate in rates] == pytest.approx([0.3, 0.6])
    assert [rate["rows"] for rate in rates] == pytest.approx([0.45, 0.45])
    assert [rate["loss_mass"] for rate in rates] == pytest.approx([0.45, 0.45])


def test_attributes_are_looked_at_one_by_one_and_together() -> None:
    attributes = {**SEX, "age": {"field": "metadata.age"}}
    rows = [
        row(label, sex=sex, age=age)
        for (sex, age, label), n in {
            ("f", "old", "yes"): 9,
            ("f", "old", "no"): 5,
            ("f", "new", "yes"): 6,
            ("f", "new", "no"): 20,
            ("m", "old", "yes"): 7,
            ("m", "old", "no"): 8,
            ("m", "new", "yes"): 30,
            ("m", "new", "no"): 6,
        }.items()
        for _ in range(n)
    ]
    found = cells(rows, ["label", "sex", "age"], attributes, favourable=["yes"])
    measures = residual(found, weigh(found))
    assert [measure.attribute for measure in measures] == ["sex", "age", "sex,age"]
    assert [measure.value for measure in measures] == [0.0, 0.0, 0.0]
    names = [rate["group"] for rate in measures[-1].table["selection_rates"]]
    assert names == ["f, new", "f, old", "m, new", "m, old"]
    assert measures[-1].table["selection_rates"][1]["before"] == pytest.approx(9 / 14)


def test_copies_count_as_weights() -> None:
    found = cells(ROWS)
    # 14 and 6 of 20 for both groups.
    copies = [{"sex f, label no": 1, "sex f, label yes": 1}.get(found.name(cell), 0) for cell in found.of]
    first = [at for at, cell in enumerate(found.of) if found.name(cell) == "sex m, label yes"][:3]
    second = [at for at, cell in enumerate(found.of) if found.name(cell) == "sex m, label no"][:7]
    for at in (*first, *second):
        copies[at] = 1
    measure = only(residual(found, array("H", copies)))
    assert (measure.value, measure.table["before"]) == (0.0, BEFORE)


def test_rows_are_compared_with_the_weights_that_they_had() -> None:
    found = cells(ROWS)
    base = in_cell(found, "sex f, label yes", 21, 1)
    measure = only(residual(found, weigh(found, base=base, cap=None)))
    assert measure.table["before"] == pytest.approx(cramers_v([[14, 126], [8, 12]]), abs=1e-9)
    assert measure.value == 0.0


def test_nothing_is_left_to_tell_without_label_or_attribute() -> None:
    for by in (["label"], ["sex"]):
        found = cells(ROWS, by)
        assert residual(found, [1.0] * 40) == ()
    single = cells([*rows_of({("f", "yes"): 20, ("f", "no"): 20})])
    assert residual(single, [1.0] * 40) == ()


def test_rows_without_supervised_tokens_leave_the_loss_open() -> None:
    found = cells(ROWS)
    measure = only(residual(found, weigh(found), [0] * 40))
    assert measure.table["loss_mass"] is None
    msgspec.json.encode(measure)


@settings(max_examples=25)
@given(st.lists(st.integers(5, 60), min_size=4, max_size=4), st.integers(1, 9), st.integers(1, 9))
def test_the_loss_is_independent_when_weights_take_its_tokens_in(counts: list[int], one: int, other: int) -> None:
    # Weighed by tokens, as if they were weights that rows had, the loss is independent and the rows are not.
    found = cells(rows_of(dict(zip(COUNTS, counts, strict=True))))
    tokens = in_cell(found, "sex f, label yes", one, other)
    weights = weigh(found, base=tokens, cap=None)
    assert only(residual(found, weights.values)).value == pytest.approx(0, abs=1e-9)


@pytest.mark.skipif(not ADULT.is_file(), reason="the shared data folder is absent")
def test_adult_is_independent_of_sex_and_the_cap_of_two_leaves_a_little() -> None:
    found = cells(ADULT, ["label", "sex"], SEX, label="metadata.label", favourable=[">50K"])
    full, held = (only(residual(found, weigh(found, cap=cap))) for cap in (None, 2.0))
    assert full.table["before"] == pytest.approx(0.216, abs=5e-4)
    assert full.value == 0.0
    assert held.value == pytest.approx(0.0203, abs=5e-4)
    assert [rate["before"] for rate in full.table["selection_rates"]] == pytest.approx([0.109, 0.306], abs=5e-4)
    assert [rate["rows"] for rate in full.table["selection_rates"]] == pytest.approx([0.241, 0.241], abs=5e-4)
