"""Agreement of annotators: published tables, the libraries as oracles of the resampling, and what cannot be told."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from sklearn.metrics import cohen_kappa_score

from audit.statistics import agreement as module
from audit.statistics.agreement import Ratings, agreement

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units.
KRIPPENDORFF = {
    "A": "1 2 3 3 2 1 4 1 2 * * *",
    "B": "1 2 3 3 2 2 4 1 2 5 * 3",
    "C": "* 3 3 3 2 3 4 2 2 5 1 *",
    "D": "1 2 3 3 2 4 4 1 2 5 1 *",
}


def ratings(**columns: str) -> Ratings:
    return {
        who: {f"{unit:04}": value for unit, value in enumerate(column.split()) if value != "*"}
        for who, column in columns.items()
    }


def two(table: list[list[int]]) -> Ratings:
    """Two people from their table of counts: rows are the first one's categories, columns the second one's."""
    cells = [(str(a), str(b)) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]
    return ratings(a=" ".join(one for one, _ in cells), b=" ".join(other for _, other in cells))


def simulated(seed: int, rows: int, people: int, skill: float) -> Ratings:
    random_ = random.Random(seed)
    truth = [random_.choice("xyz") for _ in range(rows)]
    return ratings(
        **{
            f"p{person}": " ".join(t if random_.random() < skill else random_.choice("xyz*") for t in truth)
            for person in range(people)
        }
    )


def test_alpha_of_krippendorffs_example_is_the_published_one() -> None:
    found = agreement(ratings(**KRIPPENDORFF))
    assert found.alpha.value == pytest.approx(0.743, abs=0.0005)
    assert (found.rows, found.alpha.n) == (11, 11)  # the twelfth unit was judged by one observer


def test_alpha_of_two_observers_is_the_published_one() -> None:
    # Krippendorff (2011), section A: ten units in two categories, alpha = 0.095.
    found = agreement(ratings(a="0 1 0 0 0 0 0 0 1 0", b="1 1 1 0 0 1 0 0 0 0"))
    assert found.alpha.value == pytest.approx(0.095, abs=0.0005)


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),  # the worked example of grant proposals: 0.7 observed, 0.5 by chance
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),  # the same raw agreement of 60 % as the one above
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.4915),  # Cohen (1960), table 1: 200 cases, po .70, pc .41
    ],
)
def test_kappa_of_published_tables_is_the_published_one(table: list[list[int]], kappa: float) -> None:
    (pair,) = agreement(two(table)).pairs
    assert pair.kappa.value == pytest.approx(kappa, abs=0.0006)


def test_the_interval_of_kappa_is_close_to_that_of_its_large_sample_variance() -> None:
    # Fleiss, Cohen and Everitt (1969): for the table of Cohen (1960) the standard error is 0.0548 (statsmodels).
    from statsmodels.stats.inter_rater import cohens_kappa

    table = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    known = cohens_kappa(np.array(table))
    interval = agreement(two(table)).pairs[0].kappa.interval
    assert interval == pytest.approx((known.kappa_low, known.kappa_upp), abs=0.02)


@given(st.integers(0, 10_000), st.integers(12, 60), st.integers(2, 4))
def test_the_resampled_figures_are_those_of_the_libraries(seed: int, rows: int, people: int) -> None:
    """With every thing drawn once the figures of the resampling are the figures themselves."""
    said = simulated(seed, rows, people, 0.5)
    judged = module._judged_twice(said)
    names = sorted({category for values in judged.values() for category in values})
    drawn_once = pytest.MonkeyPatch()
    with drawn_once.context() as patch:
        patch.setattr(module, "_resampled", lambda counts, seed, figure: figure(np.asarray([counts], dtype=float)))
        if len(names) > 1:
            alphas = module._alphas(judged, names, 0)
            task = [(str(at), item, value) for item, values in judged.items() for at, value in enumerate(values)]
            assert alphas[0] == pytest.approx(AnnotationTask(data=task).alpha())
        common = sorted(said["p0"].keys() & said["p1"].keys())
        ours, theirs = ([said[who][item] for item in common] for who in ("p0", "p1"))
        if len({*ours, *theirs}) > 1:
            kinds = sorted({*ours, *theirs})
            cells = [(kinds.index(a), kinds.index(b)) for a, b in zip(ours, theirs, strict=True)]
            assert module._kappas(cells, len(kinds), 0)[0] == pytest.approx(cohen_kappa_score(ours, theirs))


def test_names_and_order_of_people_and_things_change_nothing() -> None:
    said = simulated(1, 80, 3, 0.7)
    turned = {f"q{who}": dict(reversed(values.items())) for who, values in reversed(said.items())}
    first, second = agreement(said), agreement(turned)
    assert first.alpha == second.alpha
    assert first.raw == second.raw


def test_an_interval_holds_the_true_figure_about_as_often_as_it_says() -> None:
    truth = agreement(simulated(0, 20_000, 3, 0.7)).alpha.value
    assert truth is not None
    found = [agreement(simulated(seed, 60, 3, 0.7)).alpha.interval for seed in range(1, 61)]
    held = sum(interval is not None and interval[0] <= truth <= interval[1] for interval in found)
    assert held >= 0.88 * len(found)


def test_nothing_is_estimated_from_too_little_overlap() -> None:
    found = agreement(ratings(a="x y x y x y x y x", b="x y x y y y x y x"))
    assert found.alpha.value is None
    assert found.pairs[0].raw.value is None
    assert found.alpha.reason == "not estimable: 9 judged by two or more, asked for 10"


def test_with_one_category_there_is_raw_agreement_and_no_other() -> None:
    found = agreement(ratings(a="x " * 20, b="x " * 20))
    assert found.raw.value == 1
    assert found.pairs[0].kappa.reason == found.alpha.reason == "not estimable: only one category was used"


def test_where_nobody_disagrees_there_is_no_interval() -> None:
    found = agreement(ratings(a="x y " * 10, b="x y " * 10))
    assert found.alpha.value == found.pairs[0].kappa.value == 1
    assert found.alpha.interval is None
    assert found.alpha.reason == "no interval: nobody disagrees"
    assert found.pairs[0].raw.interval is not None  # Wilson's needs no disagreement


def test_people_with_nothing_in_common_are_no_pair() -> None:
    assert agreement(ratings(a="x y * *", b="* * x y")).pairs == ()
