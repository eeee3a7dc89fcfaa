"""The threshold-only arm selects as many as the judged one, by its probabilities alone, and is no asked arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.api.judging import run_over
from audit.api.preparing import means, override, readers_of
from audit.config.settings import Settings
from audit.engine.drive import driving
from audit.outputs.table import Outputs
from audit.outputs.threshold import cut_off, favourable_codes, threshold_arm, threshold_arm_in

GIVEN = {"sections": {"data": {"favourable": "yes"}, "attributes": {"sex": {"field": "metadata.sex"}}}, "jobs": 1}


def row(arm: str, number: int, probability: float | None, *, seed: int = 0, output: str | None = None) -> Any:
    scores = None if probability is None else {"no": 1 - probability, "yes": probability}
    answer = output if output is not None else "yes" if probability and probability > 0.5 else "no"
    return {
        "row_id": f"r{number}",
        "arm": arm,
        "seed": seed,
        "messages": [{"role": "user", "content": f"Case {number}"}],
        "output": answer,
        "truth": "yes" if number % 2 else "no",
        "label_scores": scores,
        "attributes": {"sex": "m" if number % 3 else "f"},
    }


def outputs_of(rows: list[Any], **more: Any) -> Outputs:
    settings = override(Settings(), {**GIVEN, **more})
    readers = readers_of(rows, settings)
    run = run_over(readers, settings)
    with driving(readers, (), run, means(settings), None, wanted=frozenset({"outputs", "attributes"})) as (_, finished):
        return finished.outputs()


def both(n: int = 40, seeds: int = 1) -> list[Any]:
    rows = []
    for seed in range(seeds):
        rows += [row("raw", number, (number + 0.5) / n, seed=seed) for number in range(n)]
        rows += [row("remediated", number, 0.9 if number % 4 == seed % 4 else 0.1, seed=seed) for number in range(n)]
    return rows


def test_as_many_are_selected_as_by_the_judged_arm_of_the_same_seed() -> None:
    outputs = outputs_of(both(seeds=2))
    name = threshold_arm("raw")
    assert outputs.arms == ("raw", "remediated", name)
    assert outputs.asked_arms == ("raw", "remediated")
    for seed in (0, 1):
        derived, judged = outputs.of(name, seed), outputs.of("remediated", seed)
        assert (derived.decided == 1).sum() == (judged.decided == 1).sum() == 10
        assert (derived.rows == -1).all()
        likeliest = outputs.of("raw", seed).probability
        assert likeliest is not None
        assert set(np.flatnonzero(derived.decided == 1)) == set(np.argsort(likeliest[:, 1])[-10:])


def test_how_it_came_about_is_said_with_the_mean_cut_off() -> None:
    told = outputs_of(both(seeds=2)).derived[threshold_arm("raw")]
    assert told == (
        "raw with a cut-off of the probability of yes moved from 0.5 to 0.75 (mean of 2 seeds), which selects 25 % of "
        "its answers; remediated selects 25 %."
    )


@pytest.mark.parametrize("without", ["probabilities", "favourable", "compared"])
def test_where_it_cannot_be_made_the_outputs_stay_as_they_are(without: str) -> None:
    rows = both()
    if without == "probabilities":
        rows = [{**one, "label_scores": None} for one in rows]
    if without == "compared":
        rows = [one for one in rows if one["arm"] != "raw"]
    more = {"sections": {"data": {"favourable": "maybe"}}} if without == "favourable" else {}
    assert not outputs_of(rows, **more).derived


def test_an_arm_that_is_called_like_it_keeps_its_name() -> None:
    rows = [*both(), row(threshold_arm("raw"), 0, 0.5)]
    outputs = outputs_of(rows)
    assert list(outputs.derived) == [f"{threshold_arm('raw')} (derived)"]
    assert threshold_arm_in(outputs, "raw") == f"{threshold_arm('raw')} (derived)"


def test_both_rates_are_said_where_ties_leave_them_apart() -> None:
    rows = [row("raw", number, 0.3) for number in range(10)]
    rows += [row("remediated", number, 0.9 if number < 4 else 0.1) for number in range(10)]
    told = outputs_of(rows).derived[threshold_arm("raw")]
    assert told.endswith("which selects 0 % of its answers; remediated selects 40 %.")


def test_outputs_without_probabilities_stay_as_they_were_decided() -> None:
    rows = both()
    rows[39] = row("raw", 39, None, output="yes")
    derived = outputs_of(rows).of(threshold_arm("raw"))
    assert derived.decided[39] == 1


def test_favourable_labels_are_found_whatever_their_case() -> None:
    assert favourable_codes(outputs_of(both()), ["YES"]).tolist() == [1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_no_cut_off_comes_nearer_and_of_two_the_one_that_selects_fewer_is_taken(
    given: list[float], wanted: float
) -> None:
    scores = np.array(given)
    found = (scores >= cut_off(scores, wanted)).sum()
    possible = [(scores >= cut).sum() for cut in [*given, np.inf]]
    distances = [abs(count - wanted * len(scores)) for count in possible]
    nearest = [count for count, distance in zip(possible, distances, strict=True) if distance == min(distances)]
    assert found == min(nearest)
