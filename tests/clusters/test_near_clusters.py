"""Near duplicates: all planted pairs are found, however the rows are divided, and large groups stay cheap."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.clusters import NearBuilder, NearCluster, NearClusters, NearSettings, find_template
from audit.clusters.leaders import FREE, assign
from audit.clusters.units import units

VOCABULARY = [f"word{k}" for k in range(3000)]


def again(texts: Sequence[str]) -> Callable[[Sequence[int]], Iterator[str]]:
    return lambda rows: (texts[row] for row in rows)


def near(texts: Sequence[str], *, template: Sequence[int] = (), threshold: float = 0.8) -> NearClusters:
    builder = NearBuilder(NearSettings(threshold=threshold), template)
    builder.add(texts)
    return builder.finish(again(texts))


def sentence(rng: random.Random, length: int = 60) -> list[str]:
    return rng.choices(VOCABULARY, k=length)


def edited(words: Sequence[str], changes: int, rng: random.Random) -> list[str]:
    changed = list(words)
    for at in rng.sample(range(len(words)), changes):
        changed[at] = rng.choice(VOCABULARY)
    return changed


def mixture(seed: int, rows: int) -> list[str]:
    """Random rows, half of them edited copies of an earlier one (0 to 4 words of 60), some copies of those."""
    rng = random.Random(seed)
    made: list[list[str]] = []
    for _ in range(rows):
        known = bool(made) and rng.random() < 0.5
        made.append(edited(rng.choice(made), rng.randrange(5), rng) if known else sentence(rng))
    return [" ".join(words) for words in made]


def jaccard(one: str, other: str) -> float:
    a, b = (set(zip(*(units(text)[k:] for k in range(5)), strict=False)) for text in (one, other))
    return len(a & b) / len(a | b)


def similar_pairs(texts: Sequence[str], threshold: float = 0.8) -> dict[tuple[int, int], float]:
    rows = range(len(texts))
    found = {(a, b): jaccard(texts[a], texts[b]) for a, b in combinations(rows, 2)}
    return {pair: similarity for pair, similarity in found.items() if similarity >= threshold}


# ----------------------------------------------------------------------------- what is found


@pytest.mark.parametrize(("rows", "threshold"), [(90, 0.8), (240, 0.8), (240, 0.5)])
def test_every_similar_pair_is_found_and_no_other(rows: int, threshold: float) -> None:
    texts = mixture(3, rows)
    found = {(a, b): similarity for a, b, similarity in near(texts, threshold=threshold).pairs()}
    assert found == similar_pairs(texts, threshold)


@pytest.mark.parametrize("rows", [90, 240])
def test_every_member_is_itself_similar_to_its_survivor(rows: int) -> None:
    texts = mixture(4, rows)
    for cluster in near(texts).clusters:
        for member, similarity in zip(cluster.members, cluster.similarity, strict=True):
            assert similarity == jaccard(texts[cluster.survivor], texts[member]) >= 0.8


@pytest.mark.parametrize("rows", [90, 240])
def test_no_two_survivors_are_similar(rows: int) -> None:
    texts = mixture(5, rows)
    found = near(texts)
    gone = {member for cluster in found.clusters for member in cluster.members}
    assert all(a in gone or b in gone for a, b, _ in found.pairs())


def test_the_longest_row_survives_and_the_first_of_equally_long_ones() -> None:
    words = sentence(random.Random(1), 80)
    short, long = " ".join(words[:70]), " ".join(words)
    assert list(near([short, long, long.upper(), "other"]).clusters) == [NearCluster(1, (0, 2), (66 / 76, 1.0))]


def test_clusters_are_no_chains() -> None:
    words = sentence(random.Random(2), 100)
    rows = [" ".join(words[start : start + 70]) for start in (0, 6, 12)]
    assert list(near(rows).clusters) == [NearCluster(0, (1,), (60 / 72,))]


def test_clusters_are_sorted_by_their_first_row() -> None:
    texts = mixture(6, 240)
    found = near(texts)
    firsts = [min(cluster.survivor, *cluster.members) for cluster in found.clusters]
    assert firsts == sorted(firsts)
    for at, cluster in enumerate(found.clusters):
        assert {found.cluster_of(row) for row in (cluster.survivor, *cluster.members)} == {at}
    alone = set(range(240)) - {row for c in found.clusters for row in (c.survivor, *c.members)}
    assert {found.cluster_of(row) for row in (*alone, -1, 10**9)} == {None}


def test_clusters_can_be_indexed_like_any_sequence() -> None:
    found = near(mixture(6, 90)).clusters
    assert [found[-1]] == list(found)[-1:] == found[-1:]
    with pytest.raises(IndexError):
        found[len(found)]


def test_exactly_the_threshold_is_enough() -> None:
    words = sentence(random.Random(3), 49)  # 45 shingles; five go and five come
    rows = [" ".join(words), " ".join([*words[5:], *VOCABULARY[:5]])]
    assert jaccard(*rows) == 0.8
    assert [pair for *pair, _ in near(rows).pairs()] == [[0, 1]]
    assert not list(near(rows, threshold=0.8000001).pairs())


@pytest.mark.parametrize("copies", [2, 200])
def test_short_rows_take_no_part(copies: int) -> None:
    row = " ".join(VOCABULARY[:19])
    assert near(["", *[row] * copies]) == near([])
    assert near([row + " x"] * copies).rows == copies


def test_a_template_makes_no_duplicates() -> None:
    header = " ".join(VOCABULARY[:300])
    texts = [f"{header} {' '.join(sentence(random.Random(row), 25))}" for row in range(150)]
    template = find_template(texts, NearSettings())
    (cluster,) = near(texts).clusters
    assert len(cluster.members) == 149
    assert not list(near(texts, template=template).pairs())
    assert not list(near(texts[:90], template=template).pairs())


def test_hostile_rows_are_only_rows() -> None:
    odd = [
        "",
        "\ud800 " * 50,
        "\x00" * 100,
        "w" * 1_000_000,
        "漢" * 1000,
        "a " * 1000,
        "e\u0301 \u0301" * 30,
        "😀" * 99,
    ]
    texts = (odd + mixture(7, 120)) * 2
    found = near(texts)
    assert {(row, row + len(texts) // 2) for row in (4, 5, 6)} <= {(a, b) for a, b, _ in found.pairs()}


def test_rows_that_changed_meanwhile_are_no_error() -> None:
    texts = mixture(8, 200)
    builder = NearBuilder(NearSettings())
    builder.add(texts)
    assert {similarity for *_, similarity in builder.finish(lambda rows: ("gone" for _ in rows)).pairs()} == {1.0}


# ----------------------------------------------------------------------------- however it is divided


def divided(texts: Sequence[str], cuts: Sequence[int], folder: str | None, flush: bool) -> NearClusters:
    bounds = [0, *sorted(cuts), len(texts)]
    builders = []
    for first, end in pairwise(bounds):
        builder = NearBuilder(NearSettings(), (), folder)
        for row in range(first, end, 7):
            builder.add(texts[row : min(row + 7, end)])
        if flush:
            builder.flush()
        builders.append(pickle.loads(pickle.dumps(builder)))
    merged = builders[0]
    for builder in builders[1:]:
        merged = merged.merge(builder)
    assert merged.rows == len(texts)
    return merged.finish(again(texts))


@settings(max_examples=20)
@given(
    rows=st.sampled_from([60, 160]),
    cuts=st.lists(st.integers(0, 160), max_size=4),
    flush=st.booleans(),
    spill=st.booleans(),
)
def test_any_division_gives_the_same_result(
    rows: int, cuts: list[int], flush: bool, spill: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    texts = ["", *mixture(9, rows)]
    folder = str(tmp_path_factory.mktemp("spill")) if spill else None
    assert divided(texts, [min(cut, rows) for cut in cuts], folder, flush) == near(texts)


def test_few_rows_are_compared_one_by_one_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    for template in (False, True):
        texts = mixture(10, 100)
        if template:
            texts = [" ".join(VOCABULARY[:40]) + " " + text for text in texts]
        shared = find_template(texts, NearSettings())
        assert bool(shared) is template
        monkeypatch.setattr("audit.clusters.builder.FEW_ROWS", 100)
        few = near(texts, template=shared)
        monkeypatch.setattr("audit.clusters.builder.FEW_ROWS", 0)
        many = near(texts, template=shared)
        assert list(few.pairs()) == list(many.pairs())
        assert list(few.clusters) == list(many.clusters)
        assert few.rows == many.rows


def test_small_slices_and_chunks_give_the_same_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = mixture(11, 800)
    whole = near(texts)
    for name, size in (
        ("candidates._SLICE", 50),
        ("sets._CHUNK", 500),
        ("sets._PAIRS", 25),
        ("jaccard._CELLS", 300),
        ("search._COMPARED", 40),
    ):
        monkeypatch.setattr(f"audit.clusters.{name}", size)
    monkeypatch.setattr("audit.clusters.builder._PART_ROWS", 10)
    monkeypatch.setattr("audit.clusters.builder.BLOCK", 3000)
    builder = NearBuilder(NearSettings(), (), str(tmp_path))
    builder.add(texts)
    assert builder.finish(again(texts)) == whole
    assert list(tmp_path.glob("*.sketch"))
    assert not list(tmp_path.glob("*.sets"))


def test_only_candidates_are_read_again() -> None:
    rng = random.Random(12)
    texts = [" ".join(sentence(rng)) for _ in range(500)]
    texts[400] = texts[100] + " more"
    asked: list[int] = []

    def reread(rows: Sequence[int]) -> Iterator[str]:
        assert list(rows) == sorted(rows)
        asked.extend(rows)
        return again(texts)(rows)

    builder = NearBuilder(NearSettings())
    builder.add(texts)
    assert [pair for *pair, _ in builder.finish(reread).pairs()] == [[100, 400]]
    assert asked == [100, 400]


def test_a_small_file_needs_no_numpy() -> None:
    script = (
        "import sys; from audit.clusters import *; s = NearSettings(); t = ['a b c d e f g h i j ' * 3] * 30\n"
        "b = NearBuilder(s, find_template(t, s)); b.add(t); print(len(b.finish(iter).clusters), 'numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert out.stdout.split() == ["1", "False"]


# ----------------------------------------------------------------------------- large groups


def test_a_template_that_many_rows_share_costs_no_square() -> None:
    rng = random.Random(13)
    shared = " ".join(sentence(rng, 60))
    texts = [f"{shared} {' '.join(sentence(rng, 30))}" for _ in range(20_000)]
    texts[15_000] = texts[10] + " end"
    found = near(texts)
    assert (10, 15_000) in {(a, b) for a, b, _ in found.pairs()}
    assert found.compared < 20 * len(texts)


def test_many_copies_of_a_row_are_one_comparison_each_at_most() -> None:
    texts = [" ".join(VOCABULARY[:50])] * 20_000 + [" ".join(VOCABULARY[1:50])]
    found = near(texts)
    (cluster,) = found.clusters
    assert (cluster.survivor, len(cluster.members)) == (0, 20_000)
    assert found.compared == 1
    assert len(list(found.pairs())) < 20_100


def test_a_large_true_cluster_has_one_survivor() -> None:
    rng = random.Random(14)
    base = sentence(rng, 120)
    texts = [" ".join(edited(base, 1, rng)) for _ in range(3000)] + [" ".join([*base, "end"])]
    (cluster,) = near(texts).clusters
    assert (cluster.survivor, len(cluster.members)) == (3000, 3000)


def test_rows_of_one_table_are_told_apart() -> None:
    rng = random.Random(15)
    fields = [f"the field number {k} of this record has value {{}} in it" for k in range(20)]
    texts = [
        " ".join(field.format(rng.randrange(10) if k < 8 else "none") for k, field in enumerate(fields)) + f" id{row}"
        for row in range(2500)
    ]
    found = near(texts)
    listed = {(a, b) for a, b, _ in found.pairs()}
    gone = set(found.redundant.row)
    sample = {(a, b) for a in range(0, 2500, 250) for b in range(2500) if a < b and jaccard(texts[a], texts[b]) >= 0.8}
    settled = {(a, b) for a, b in sample if (a, b) in listed or a in gone or b in gone}
    assert len(sample) > 20
    assert len(settled) >= 0.99 * len(sample)


# ----------------------------------------------------------------------------- leaders


def test_a_row_that_is_taken_takes_none() -> None:
    assert list(assign(4, [(0, 1), (1, 2), (2, 3)])) == [FREE, 0, FREE, 2]


def test_the_first_survivor_takes_a_row() -> None:
    assert list(assign(3, [(0, 2), (1, 2)])) == [FREE, FREE, 0]
