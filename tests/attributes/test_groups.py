"""From codes to groups: every row is in one, spellings are put together, and too many groups are said to be so."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.attributes import groups as module
from audit.attributes.groups import MOST_GROUPS, MOST_NAMED, Groups, Mentioned, declared, mentioned
from audit.attributes.levels import Value
from audit.rule import Attribute

SEX = Attribute(name="sex", source="field", where="metadata.sex")
GENDER = Attribute(name="gender", source="lexicon", where="gender", kind="mention")
WORDS = st.sampled_from(["F", "f", " F ", "M", "m", "none", "?", "", "Ｍ", "x y", "x  Y", "multiple", "unknown"])
VALUES = st.none() | WORDS | st.lists(WORDS, min_size=2, max_size=3, unique=True).map(lambda v: tuple(sorted(v)))


def of(values: Sequence[Value], attribute: Attribute = SEX) -> Groups:
    table = list(dict.fromkeys(values))
    return declared(attribute, array("I", map(table.index, values)), table)


def sizes(found: Groups) -> dict[str, int]:
    return {name: list(found.codes).count(code) for code, name in enumerate(found.groups)}


def test_spellings_are_one_group_and_are_told() -> None:
    found = of(["F", "F", " f", "M", None, "?", "n/a"])
    assert sizes(found) == {"F": 3, "M": 1, "unknown": 3}
    assert found.variants == {"F": {" f": 1, "F": 2}}
    assert list(found.members("F")) == [0, 1, 2]
    assert found.notes == ('taken for unknown: "?" 1, "n/a" 1',)
    assert found.reason == ""


def test_a_row_of_several_groups_is_multiple_and_a_member_of_each() -> None:
    found = of([("a", "b"), "a", ("?", "b"), "b"])
    assert sizes(found) == {"a": 1, "b": 2, "multiple": 1}
    assert list(found.members("a")) == [0, 1]
    assert list(found.members("b")) == [0, 2, 3]
    assert list(found.members("multiple")) == [0]


def test_two_spellings_of_one_group_in_a_row_are_one_group() -> None:
    assert sizes(of([("A", "a")])) == {"A": 1}


def test_numbers_stand_by_size_and_many_of_them_are_said_to_be_many() -> None:
    assert of(["10", "9", "-1"]).groups == ("-1", "9", "10")
    found = of([str(number) for number in range(21)])
    assert found.notes[0].startswith("21 different numbers are taken for as many groups")
    assert not found.reason


def test_bands_stand_by_size_before_what_is_no_number() -> None:
    age = Attribute(name="age", source="field", where="age", bands=(25, 40))
    assert of(["40+", "old", "<25", "25-39", None], age).groups == ("<25", "25-39", "40+", "old", "unknown")


@pytest.mark.parametrize("count", [MOST_GROUPS + 1, MOST_NAMED + 1])
def test_too_many_groups_are_not_judged_and_every_row_still_has_one(count: int) -> None:
    numbers, names = of([str(i) for i in range(count)]), of([f"g{i}" for i in range(count)])
    assert numbers.reason.startswith(f"it has {count:,} different numbers")
    assert "bands" in numbers.reason
    assert names.reason.startswith(f"it has {count:,} groups")
    assert len(names.codes) == len(numbers.codes) == count
    assert names.similar == ()


def test_the_reference_is_spelt_as_the_data_is() -> None:
    given = Attribute(name="sex", source="field", where="s", reference={"f": 0.5, "D": 0.5}, reference_group="f")
    found = of(["F", "F", "M"], given)
    assert found.expected == {"F": 0.5, "D": 0.5}
    assert found.reference_group == "F"
    assert found.notes == ("the reference names groups that no row has: D", "the reference gives no share to M")


def test_a_uniform_reference_is_of_the_groups_that_there_are() -> None:
    given = Attribute(name="sex", source="field", where="s", reference="uniform", reference_group="x")
    found = of(["F", "M", None], given)
    assert found.expected == {"F": 0.5, "M": 0.5}
    assert found.notes == ("the reference_group x has no rows",)
    assert of([None], given).expected == {}
    assert of([]).groups == ()


@given(st.lists(VALUES, max_size=30))
def test_counts_of_the_groups_add_up_to_the_rows(values: list[Value]) -> None:
    found = of(values)
    assert sum(sizes(found).values()) == len(values)
    assert all(sizes(found).values()) or any(isinstance(value, tuple) for value in values)
    for group in found.groups[: len(found.groups) - sum(name in ("multiple", "unknown") for name in found.groups)]:
        inside = set(found.members(group))
        assert {row for row, code in enumerate(found.codes) if found.groups[code] == group} <= inside
    assert all(sum(spelt.values()) >= len(found.members(name)) for name, spelt in found.variants.items())


@given(st.lists(VALUES, max_size=30))
def test_many_rows_give_what_few_give(values: list[Value]) -> None:
    few = of(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MANY", 0)
        many = of(values)
        assert many.codes == few.codes
        assert [many.members(name) for name in many.groups] == [few.members(name) for name in few.groups]


def test_a_row_without_a_mention_is_none_and_unknown_where_nobody_looked() -> None:
    table = [
        Mentioned(("male/he", "male/man"), "en"),
        Mentioned((), "en"),
        Mentioned((), "not covered"),
        Mentioned(("female/she", "male/he"), "en"),
        Mentioned(("female/she",), "not covered"),
        Mentioned((), "undetermined"),
    ]
    found = mentioned(GENDER, array("I", [0, 1, 2, 3, 4, 1, 5]), table, ("female", "male", "trans"))
    assert found.groups == ("female", "male", "multiple", "none", "unknown")
    assert list(found.codes) == [1, 3, 4, 2, 0, 3, 4]
    assert list(found.members("male")) == [0, 3]
    assert found.coverage == {"en": 4, "not covered": 2, "undetermined": 1}
    assert [found.terms[code] for code in found.term_codes] == [table[i].terms for i in (0, 1, 2, 3, 4, 1, 5)]
