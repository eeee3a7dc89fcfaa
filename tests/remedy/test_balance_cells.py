"""Rows fall into cells by what they say, and what cannot be balanced by is refused with a way out."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.remedy.balance import cells as module
from audit.remedy.balance.cells import OTHER_ROWS, cells_of, products
from tests.remedy.balance_cells import ADULT, SEX, cells, gathered, row, rows_of

ROWS = rows_of({("f", "yes"): 6, ("f", "no"): 14, ("m", "yes"): 12, ("m", "no"): 8})


def test_cells_are_all_combinations_with_their_rows() -> None:
    found = cells(ROWS)
    assert [found.name(cell) for cell in range(4)] == [
        "sex f, label no",
        "sex f, label yes",
        "sex m, label no",
        "sex m, label yes",
    ]
    assert found.counts == (14, 6, 8, 12)
    assert (found.n, found.shape, found.label) == (40, (2, 2), 1)


def test_every_row_knows_its_cell() -> None:
    found = cells(ROWS)
    names = [found.name(cell) for cell in found.of]
    assert names == [f"sex {one['metadata']['sex']}, label {one['messages'][1]['content']}" for one in ROWS]


def test_the_label_stands_last_however_it_was_named() -> None:
    assert [factor.name for factor in cells(ROWS, ["label", "sex", "label"]).factors] == ["sex", "label"]


def test_empty_combinations_are_cells() -> None:
    found = cells(rows_of({("f", "yes"): 20, ("m", "no"): 20, ("m", "yes"): 20}))
    assert {found.name(cell): found.counts[cell] for cell in range(4)}["sex f, label no"] == 0


def test_rows_without_a_label_or_a_group_are_left_out_and_counted_once() -> None:
    rows = [*ROWS, row("yes"), row("yes", sex="unknown"), row("", sex="f"), row(""), {"messages": 7}]
    found = cells(rows)
    assert found.left_out == {"no label": 3, "sex unknown": 2}
    assert list(found.of[-5:]) == [-1] * 5
    assert found.n + sum(found.left_out.values()) == len(rows)


def test_rows_that_mention_several_groups_or_none_are_levels() -> None:
    lexicon = {"gender": {"lexicon": "gender"}}
    texts = ["The man left.", "The woman left.", "A man and a woman left.", "It left."]
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]}
        for text in texts
        for _ in range(5)
    ]
    assert {"multiple", "none"} < set(cells(rows, ["gender"], lexicon).factors[0].levels)


def test_only_some_rows_may_be_asked_for() -> None:
    with gathered(ROWS, ("label", "sex")) as (context, run):
        found = cells_of(context, run, ("label", "sex"), rows=range(20))  # the women
    assert found.factors[0].levels == ("f",)
    assert found.counts == (14, 6)
    assert found.left_out == {OTHER_ROWS: 20}


def test_the_favourable_label_is_known() -> None:
    found = cells(ROWS, favourable=["Yes"])
    assert [found.factors[-1].levels[code] for code in found.favourable] == ["yes"]


def test_labels_that_may_be_one_are_named() -> None:
    found = cells(rows_of({("f", "yes"): 20, ("f", "Yes"): 20, ("m", "no"): 20}))
    assert found.notes == ("labels that differ in spelling alone are balanced as different ones: Yes/yes",)


def test_hostile_labels_can_be_written_out() -> None:
    rows = [row("\ud800x", sex="f") for _ in range(20)] + [row("no", sex="m") for _ in range(20)]
    for name in map(cells(rows).name, range(4)):
        name.encode()


def test_a_reference_travels_with_its_attribute() -> None:
    attributes = {"sex": {"field": "metadata.sex", "reference": {"F": 0.25, "M": 0.75}}}
    assert cells(ROWS, ["sex"], attributes).factors[0].expected == {"f": 0.25, "m": 0.75}
    attributes = {"sex": {"field": "metadata.sex", "reference": "uniform"}}
    assert cells(ROWS, ["sex"], attributes).factors[0].expected == "uniform"


@settings(max_examples=25)
@given(st.permutations(range(40)), st.sampled_from([{"f": "a", "m": "b"}, {"f": "z", "m": "y"}]))
def test_neither_order_nor_names_decide_about_cells(order: list[int], names: dict[str, str]) -> None:
    rows = [row(ROWS[at]["messages"][1]["content"], sex=names[ROWS[at]["metadata"]["sex"]]) for at in order]
    found, plain = cells(rows), cells(ROWS)
    counts = {found.levels(cell): found.counts[cell] for cell in range(4)}
    assert counts == {
        (names[sex], label): plain.counts[at] for at, (sex, label) in enumerate(product("fm", ("no", "yes")))
    }


# ----------------------------------------------------------------------------- what is refused


def refused(match: str, *given: object, **more: object) -> str:
    with pytest.raises(UsageError, match=match) as caught:
        cells(*given, **more)  # type: ignore[arg-type]
    return caught.value.hint or ""


def test_an_attribute_that_is_not_configured_is_refused() -> None:
    assert refused("no attribute 'race'", ROWS, ["label", "race"]) == '[attributes.race] field = "metadata.race"'
    assert refused("no attribute 'sxe'", ROWS, ["sxe"]) == 'did you mean "sex"?'


def test_nothing_to_balance_by_is_refused() -> None:
    assert refused("nothing to balance by", ROWS, []) == "--by label,sex"


def test_rows_without_labels_are_refused_with_the_reason() -> None:
    rows = [row("word " * (n + 20), sex="f") for n in range(40)]
    assert "[data] label" in refused("no label is recognised to balance by: 0 of 40 rows", rows)


def test_an_attribute_that_is_not_assessed_is_refused_with_the_reason() -> None:
    rows = [row("yes", sex=f"group {n}") for n in range(60)]
    assert refused("sex are not assessed: it has 60 groups", rows, ["sex"]) == "leave sex out of --by"


def test_an_empty_file_is_refused() -> None:
    assert "audit attributes" in refused("no row has a value for sex", [], ["sex"])


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 3)
    refused(r"sex and label make 4 cells \(sex 2, label 2\), and more than 3 are not balanced", ROWS)


def test_only_what_is_read_is_asked_for() -> None:
    with gathered([], ["sex"]) as (_, run):
        assert products(run, ["sex"]) == {"rows", "attributes"}
        assert "attributes" not in products(run, ["label"])
        assert "label" in products(run, ["label"])


@pytest.mark.skipif(not ADULT.is_file(), reason="the shared data folder is absent")
def test_adult_has_the_published_counts_whatever_the_number_of_processes() -> None:
    one, two = (cells(ADULT, ["label", "sex"], SEX, jobs, label="metadata.label") for jobs in (1, 2))
    assert {one.name(cell): one.counts[cell] for cell in range(4)} == {
        "sex Female, label <=50K": 9592,
        "sex Female, label >50K": 1179,
        "sex Male, label <=50K": 15128,
        "sex Male, label >50K": 6662,
    }
    assert one.of == two.of
