"""OUT213: outputs that contradict each other are told by kind, with the first places."""

from __future__ import annotations

from typing import Any

import audit

ATTRIBUTES = {"attributes": {"sex": {"field": "metadata.sex"}}}


def found(rows: list[dict[str, Any]]) -> dict[str, int]:
    result = audit.check(rows, select=["OUT213"], sections=ATTRIBUTES)
    return {str(one.evidence["kind"]): int(one.evidence["n"]) for one in result.findings}


def row(at: int, arm: str = "raw", **more: Any) -> dict[str, Any]:
    asked = [{"role": "user", "content": f"Case {at}"}]
    told = {"row_id": f"{at}#1", "arm": arm, "seed": 0, "sample": 0, "messages": asked, "output": "grant"}
    return {**told, "truth": "grant", "attributes": {"sex": "f"}, **more}


def test_two_arms_seeds_samples_and_variants_are_no_repetition() -> None:
    swap = {"variant": "swap", "pair_id": "p"}
    rows = [row(1), row(1, "tuned"), row(1, seed=1), row(1, sample=1), row(1, **swap), row(1, variant="control")]
    assert found(rows) == {}


def test_the_same_output_twice_is_told() -> None:
    assert found([row(1), row(2), row(1), row(1)]) == {"repeated": 2}


def test_a_question_with_two_true_answers_or_groups_is_told() -> None:
    rows = [row(1), row(1, "tuned", truth="deny"), row(2), row(2, "tuned", attributes={"sex": "m"})]
    more = [row(at, truth="deny") for at in range(3, 9)]  # enough of them to be labels
    assert found(rows + more) == {"truth": 1, "group of sex": 1}


def test_a_swap_may_be_of_another_group() -> None:
    assert found([row(1), row(1, variant="swap", pair_id="p", attributes={"sex": "m"})]) == {}


def test_scores_that_are_no_probabilities_are_told() -> None:
    assert found([row(1, label_scores={"grant": 1.2, "deny": 0.1}), row(2)]) == {"scores": 1}
