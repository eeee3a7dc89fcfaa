"""Made-up rows for cells: the same ones wherever rows stand, none that the data has, and each refusal is counted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.clusters import NearSettings
from audit.engine.drive import Means, driving
from audit.engine.executors import Inline
from audit.errors import UsageError
from audit.read.marks import is_synthetic, made_of
from audit.read.rows import RowsReader
from audit.remedy.balance.augment.judging import Lines
from audit.remedy.balance.augment.near import NearCopies, nearly_the_same
from audit.rule import Run
from audit.targets import load_target
from tests.remedy.augmented import GENDER, SEX, Made, made, row

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat"
PEOPLE = ["baker", "teacher", "farmer", "driver", "nurse", "lawyer", "cook", "guard", "clerk", "tailor"]
PLACES = ["in the town", "at the station", "near the river", "behind the school", "on the bridge"]
ROWS = [row(f"The {who} lost her car {where}.") for who in PEOPLE for where in PLACES]
MEN = [row(f"The {who} lost his dog {where}.") for who in PEOPLE[:2] for where in PLACES]


def raws(found: Made) -> list[bytes]:
    return sorted(one.raw for one in found.rows)


def test_as_many_rows_are_made_as_are_wanted() -> None:
    found = made(ROWS + MEN, {"gender male": 17, "gender female": 4})
    assert {name: count.made for name, count in found.counts.items()} == {"gender female": 4, "gender male": 17}
    assert all(is_synthetic(data) for data in found.data)


def test_what_could_not_be_made_is_told_by_cell() -> None:
    found = made(ROWS + MEN, {"gender male": 60})
    count = found.counts["gender male"]
    assert (count.wanted, count.made, count.sources) == (60, 50, 50)


def test_nothing_is_wanted_of_a_cell_with_enough() -> None:
    found = made(ROWS + MEN, {"gender male": 0})
    assert (found.rows, found.counts) == ([], {})


@pytest.mark.parametrize("kind", ["counterfactual", "noise"])
def test_shuffled_rows_give_the_same_rows(kind: Any) -> None:
    shuffled = [*ROWS, *MEN]
    Random(7).shuffle(shuffled)
    wanted = {"gender male": 9, "gender female": 3}
    assert raws(made(ROWS + MEN, wanted, kind=kind)) == raws(made(shuffled, wanted, kind=kind))


@pytest.mark.parametrize("kind", ["counterfactual", "noise"])
def test_the_seed_chooses(kind: Any) -> None:
    first, again, other = (made(ROWS + MEN, {"gender male": 5}, kind=kind, seed=seed) for seed in (1, 1, 2))
    assert first.rows == again.rows
    assert raws(first) != raws(other)


def test_a_packed_file_gives_what_a_plain_one_gives(tmp_path: Path) -> None:
    lines = "".join(json.dumps(one) + "\n" for one in ROWS + MEN).encode()
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines))
    plain, packed = (made(str(tmp_path / name), {"gender male": 5}) for name in ("a.jsonl", "b.jsonl.gz"))
    assert plain.rows == packed.rows


def test_an_unknown_kind_and_paraphrases_without_a_paraphraser_are_refused() -> None:
    with pytest.raises(UsageError, match="not by magic"):
        made(MEN, 1, kind="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="need somebody"):
        made(MEN, 1, kind="paraphrase")


def test_twins_of_nothing_but_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="another group"):
        made([row("a", "yes")] * 9 + [row("b", "no")] * 9, 1, attributes=SEX, by=("label",))


def test_a_row_is_used_as_often_as_it_may_be() -> None:
    rows = [row(f"The woman has {n} questions about the service.") for n in range(2, 5)] + [row("He left.")]
    assert made(rows, {"gender female": 20}, kind="noise").counts["gender female"].made == 3 * 2
    assert made(rows, {"gender male": 20}).counts["gender male"].made == 3


def test_the_bytes_of_a_row_stay_where_nothing_changes(tmp_path: Path) -> None:
    raw = '{"x" :  1.50, "messages":[{"role":"user","content":"Caf\\u00e9: she lost her car."},'
    raw += '{"content":"Ok","role":"assistant"}] ,"y":1e5}'
    (tmp_path / "a.jsonl").write_text(raw + "\n" + json.dumps(MEN[0]) + "\n")
    (one,) = made(str(tmp_path / "a.jsonl"), {"gender male": 1}).rows
    head, tail = one.raw.split(b"he lost his car.")
    assert head == b'{"x" :  1.50, "messages":[{"role":"user","content":"Caf\\u00e9: '
    assert tail.startswith(b'"},{"content":"Ok","role":"assistant"}] ,"y":1e5, "metadata": {"audit": {"synthetic": ')


def test_rows_that_cannot_carry_the_mark_are_refused(tmp_path: Path) -> None:
    lines = [json.dumps({**row("She lost her car."), "metadata": "none"}), json.dumps(row("He left."))]
    lines.append('{"messages": [], ' + json.dumps(row("She lost her dog."))[1:])
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = made(str(tmp_path / "a.jsonl"), {"gender male": 3})
    assert found.rows == []
    assert found.counts["gender male"].refused == {"unwritable": 2}


HOSTILE: Sequence[Any] = [
    7,
    None,
    [],
    {},
    {"messages": 3},
    {"messages": [{"role": "user"}]},
    {"messages": [{"role": "user", "content": None}, {"role": 5, "content": [1, {"type": "text", "text": "she"}]}]},
    row("She said \ud800 her car."),
    row("She \u202e lost\x00 her car.", metadata=None),
    {"messages": [{"role": "user", "content": "the woman " * 3000}, {"role": "assistant", "content": ""}]},
    {**row("The woman left."), "metadata": {"audit": {"synthetic": False}}},
    {**row("The woman came."), "metadata": {"audit": 5}},
]


@pytest.mark.parametrize("kind", ["counterfactual", "noise"])
def test_hostile_rows_are_passed_over(kind: Any, tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in [*HOSTILE, *ROWS[:3], *MEN[:3]]]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "{not json", "", "\t"]))
    found = made(str(tmp_path / "a.jsonl"), 5, kind=kind)
    assert found.rows
    for one in found.rows:
        assert made_of(json.loads(one.raw)) is not None


_texts = st.sampled_from(["she ", "her car ", "the woman ", "he ", "his ", "lost ", "a b c ", "`x` ", "\ud800", "12 "])


@settings(max_examples=25)
@given(st.lists(st.lists(_texts, min_size=1, max_size=6).map("".join), min_size=1, max_size=6), st.integers(0, 3))
def test_every_made_up_row_is_of_its_cell_and_says_something_new(texts: list[str], seed: int) -> None:
    rows = [row(text) for text in [*texts, "The man is here.", "The woman is here."]]
    first = made(rows, 4, seed=seed)
    said = {json.dumps(one["messages"]) for one in rows}
    for one in first.data:
        assert json.dumps(one["messages"]) not in said
        said.add(json.dumps(one["messages"]))
    before = made(rows, 0).counts
    assert before == {}
    assert all(count.made <= min(count.wanted, count.sources) for count in first.counts.values())


# ----------------------------------------------------------------------------- near copies

LONG = " ".join(f"word{n} other{n} third{n}" for n in range(30))


def near(data: Sequence[str], texts: Sequence[str], sources: Sequence[int]) -> list[bool]:
    run = Run(target=load_target("generic"))
    reader = RowsReader([row(text) for text in data])
    with driving([reader], (), run, Means(executor=Inline()), wanted=frozenset({"rows"})) as (_, context):
        return list(NearCopies(context, NearSettings()).refuse(texts, sources))


def test_a_near_copy_of_another_row_is_refused_and_of_its_source_is_not() -> None:
    assert near([f"{LONG} she", "short"], [f"{LONG} he\nYes."], [0]) == [False]
    assert near([f"{LONG} she", "short"], [f"{LONG} he\nYes."], [1]) == [True]


def test_of_two_made_up_rows_that_are_near_each_other_the_first_stays() -> None:
    assert near(["a", "b"], [f"{LONG} he", f"{LONG} she"], [0, 1]) == [False, True]
    assert near(["a", "b"], [f"{LONG} he", f"{LONG} she"], [0, 0]) == [False, False]


def test_rows_with_numbers_of_their_own_are_no_near_copies() -> None:
    assert near([f"{LONG} 17"], [f"{LONG} 18", f"{LONG} 17 18"], [1, 1]) == [False, True]


def test_a_row_that_was_refused_stands_in_nobodys_way() -> None:
    texts = [f"{LONG} a b", f"x y z {LONG[:-60]} q r s t u v w {LONG[-60:]}"]
    assert near([f"{LONG} a"], [texts[0]], [5]) == [True]


@pytest.mark.parametrize("count", [5, 150])
def test_few_and_many_rows_give_the_same_near_copies(count: int) -> None:
    data = [" ".join(f"r{number}w{n}" for n in range(40)) for number in range(count)]
    texts = [data[0] + " he", data[1] + " he", " ".join(f"new{n}" for n in range(40))]
    assert near(data, texts, [0, 3, 2]) == [False, True, False]


def test_later_rows_are_compared_with_earlier_ones() -> None:
    run = Run(target=load_target("generic"))
    reader = RowsReader([row(f"a{n}") for n in range(150)])
    with driving([reader], (), run, Means(executor=Inline()), wanted=frozenset({"rows"})) as (_, context):
        copies = NearCopies(context, NearSettings())
        assert copies.refuse([f"{LONG} one"], [0]) == [False]
        assert copies.refuse(["short"], [1]) == [False]
        assert copies.refuse([f"{LONG} two", f"{LONG} three"], [1, 0]) == [True, False]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("I hate it.", "I HATE it!", True),
        ("I hate it.", "I hat it.", False),
        (LONG, f"{LONG} more", True),
        (LONG, LONG.replace("other", "ohter"), False),
        (LONG, "short", False),
    ],
)
def test_a_turn_is_near_its_source_by_shingles_or_if_short_by_its_words(
    before: str, after: str, expected: bool
) -> None:
    assert nearly_the_same(before, after, NearSettings()) is expected


def test_lines_at_hand_are_read_like_a_file() -> None:
    lines = Lines([b'{"a": 1}', b"{}"])
    (chunk,) = lines
    assert chunk.lines == [b'{"a": 1}', b"{}"]
    assert (lines.summary.lines, lines.summary.bytes) == (2, 12)


# ----------------------------------------------------------------------------- real data


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")
def test_winobias_has_most_of_its_twins_already() -> None:
    found = made(str(DATA / "winobias.jsonl.gz"), {"gender female": 100}, attributes=GENDER)
    count = found.counts["gender female"]
    assert count.refused["exists"] > 1400
    assert count.made < 40
    assert {data["metadata"]["gender"] for data in found.data} <= {"female", "unknown"}


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")
def test_twins_of_adult_change_sex_in_text_and_field_and_keep_the_label() -> None:
    sex = {"sex": {"field": "metadata.sex"}}
    wanted = {"sex Female, label >50K": 30}
    found = made(str(DATA / "adult.jsonl.gz"), wanted, attributes=sex, by=("sex", "label"))
    assert len(found.rows) == 30
    for data in found.data:
        assert data["metadata"]["sex"] == "Female"
        assert data["messages"][-1]["content"] == ">50K"
        assert "sex: Female" in data["messages"][1]["content"]
        assert "Husband" not in data["messages"][1]["content"]
