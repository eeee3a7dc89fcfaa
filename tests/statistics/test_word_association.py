"""Words that go with groups: planted ones are found, random ones are not, and the figures are those of the formula."""

from __future__ import annotations

from math import erfc, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.statistics.word_association import PRIOR, word_associations

TOTALS = np.array([400, 600])


def test_the_figures_are_those_of_the_formula() -> None:
    one = word_associations(np.array([[30, 20]]), TOTALS).one(0, 0)
    prior, share = PRIOR * 1000, 50 / 1000
    here, there = 30 + prior * share, 20 + prior * share
    not_here, not_there = 370 + prior * (1 - share), 580 + prior * (1 - share)
    ratio = log(here / not_here) - log(there / not_there)
    z = ratio / sqrt(1 / here + 1 / not_here + 1 / there + 1 / not_there)
    assert (one.log_odds_ratio, one.z) == pytest.approx((ratio, z))
    assert one.p == pytest.approx(erfc(z / sqrt(2)))
    assert (one.documents, one.of, one.elsewhere, one.of_elsewhere) == (30, 400, 20, 600)


def test_a_word_that_only_one_group_has_is_kept() -> None:
    found = word_associations(np.array([[8, 0], [10, 90]]), np.array([100, 900])).found()
    assert found[0][:6] == (0, 0, 8, 100, 0, 900)
    assert found[0].z > 3


def test_two_groups_are_one_test_with_two_signs() -> None:
    result = word_associations(np.array([[30, 20], [9, 9]]), TOTALS)
    assert result.tests == 2
    assert result.z[:, 0].tolist() == pytest.approx((-result.z[:, 1]).tolist())
    assert result.q[:, 0].tolist() == result.q[:, 1].tolist()


def test_random_words_are_hardly_ever_found() -> None:
    rng = np.random.default_rng(4)
    words = rng.integers(5, 500, size=5000)
    here = rng.hypergeometric(words, 1000 - words, 400)
    result = word_associations(np.stack([here, words - here], axis=1), TOTALS)
    assert np.mean(result.p[:, 0] < 0.05) < 0.05
    assert result.found(0.05) == []


def test_planted_words_are_found_among_random_ones() -> None:
    rng = np.random.default_rng(4)
    documents = rng.binomial([400, 300, 300], 0.05, size=(2000, 3))
    documents[:10, 1] = rng.binomial(300, 0.2, size=10)
    found = word_associations(documents, np.array([400, 300, 300])).found(0.05)
    assert {one.word for one in found} == set(range(10))
    assert all(one.group == 1 for one in found if one.z > 0)


def test_rare_words_are_not_tested() -> None:
    result = word_associations(np.array([[4, 0], [40, 60]]), TOTALS)
    assert result.tests == 1
    assert result.p[0].tolist() == [1.0, 1.0]


def test_clusters_make_words_less_sure() -> None:
    documents = np.array([[60, 30], [50, 50]])
    plain, clustered = word_associations(documents, TOTALS), word_associations(documents, TOTALS, design_effect=4)
    assert clustered.log_odds_ratio == pytest.approx(plain.log_odds_ratio)
    assert clustered.z == pytest.approx(plain.z / 2)
    assert clustered.documents.tolist() == documents.tolist()


@given(
    st.integers(0, 5).flatmap(
        lambda groups: st.tuples(
            st.lists(st.integers(0, 40), min_size=groups, max_size=groups),
            st.lists(st.lists(st.integers(0, 40), min_size=groups, max_size=groups), max_size=6),
        )
    )
)
def test_no_table_makes_a_figure_that_is_none(drawn: tuple[list[int], list[list[int]]]) -> None:
    totals, rows = drawn
    documents = np.minimum(np.array(rows, dtype=np.int64).reshape(len(rows), len(totals)), totals)
    result = word_associations(documents.astype(np.int64), np.array(totals, dtype=np.int64))
    assert np.isfinite(result.z).all()
    assert ((result.q >= 0) & (result.q <= 1)).all()
    assert (result.q >= result.p - 1e-12).all()


def test_the_order_of_words_changes_nothing_but_their_order() -> None:
    documents = np.random.default_rng(1).binomial(TOTALS, 0.3, size=(50, 2))
    order = np.random.default_rng(2).permutation(50)
    assert word_associations(documents[order], TOTALS).q.tolist() == (
        word_associations(documents, TOTALS).q[order].tolist()
    )
