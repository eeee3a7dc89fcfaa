"""What replicates differ in: one thing, to which a change can be laid; several; nothing; or not known."""

from __future__ import annotations

import copy
from typing import Any

from audit.outputs.differences import Differences, differences
from audit.rule import ArmFacts

IDENTITY: dict[str, Any] = {
    "base": "tiny",
    "base_files": {},
    "config": {"lr": 0.001, "seed": 0, "betas": [0.9, 0.98]},
    "denominator": 64.0,
    "machine": {"torch": "2.13.0", "threads": 1},
    "order": "cc62",
    "tokenizer": "469d",
    "template": "348b",
    "train": {"content": "d5ca", "order": "d820", "weights": "7095", "whole": "983c"},
    "validation": None,
}


def run(arm: str, seed: int = 0, **changed: Any) -> ArmFacts:
    """A replicate; ``changed`` are values by dotted key, written with double underscores."""
    identity = copy.deepcopy(IDENTITY)
    identity["config"]["seed"] = seed
    for name, value in changed.items():
        *path, last = name.split("__")
        at = identity
        for step in path:
            at = at[step]
        at[last] = value
    return ArmFacts(arm=arm, seed=seed, kind="run", identity=identity)


def between(*arms: ArmFacts) -> Differences:
    return differences(arms, "remediated", "raw")


def test_arms_that_differ_only_in_their_weights_are_told_so() -> None:
    seeds = range(5)
    arms = [run("raw", seed) for seed in seeds]
    arms += [run("remediated", seed, train__weights="b771", train__whole="d79f", denominator=63.0) for seed in seeds]
    found = between(*arms)
    assert found.only == "row weights"
    assert found.follows == ("denominator",)
    assert "differ only in their row weights in all 5 pairs of seeds" in found.sentence


def test_a_denominator_that_nothing_explains_is_a_difference() -> None:
    assert between(run("raw"), run("remediated", denominator=63.0)).only == "denominator of the loss"


def test_one_pair_cannot_tell_the_method_from_the_seed() -> None:
    found = between(run("raw"), run("remediated", train__weights="b771"))
    assert found.only == "row weights"
    assert "one pair cannot tell" in found.sentence


def test_several_differences_are_named_and_nothing_is_laid_to_them() -> None:
    found = between(run("raw"), run("remediated", train__weights="b771", config__lr=0.01))
    assert found.only is None
    assert found.sentence.startswith("Effect of remediation not attributable")
    assert "row weights" in found.sentence
    assert "setting lr" in found.sentence


def test_a_difference_in_some_pairs_only_is_told_with_its_seeds() -> None:
    arms = [run("raw", 0), run("raw", 1), run("remediated", 0, train__weights="b")]
    found = between(*arms, run("remediated", 1, train__weights="b", machine__torch="2.12"))
    assert found.only is None
    assert "machine (seeds 1)" in found.sentence


def test_one_difference_in_some_pairs_only_is_not_told_as_several() -> None:
    arms = [run("raw", 0), run("raw", 1), run("remediated", 0, train__weights="b"), run("remediated", 1)]
    found = between(*arms)
    assert found.only is None
    assert "more than one thing" not in found.sentence
    assert "differ in their row weights (seeds 0), and in the other pairs of seeds in nothing" in found.sentence


def test_other_rows_explain_their_order_and_the_tokenizer_that_is_learnt_from_them() -> None:
    changed = {"train__content": "x", "train__order": "y", "order": "z", "tokenizer": "t"}
    found = between(run("raw"), run("remediated", **changed))
    assert found.only == "training rows"
    assert found.follows == ("order", "tokenizer", "train.order")


def test_the_tokenizer_of_another_model_does_not_follow_from_the_rows() -> None:
    changed = {"base": "gpt2", "train__content": "x", "tokenizer": "t"}
    found = between(run("raw", base="gpt2"), run("remediated", **changed))
    assert [one.cause for one in found.differs] == ["tokenizer", "training rows"]


def test_runs_that_are_the_same_explain_nothing() -> None:
    found = between(run("raw"), run("remediated"))
    assert found.only is None
    assert "do not differ at all" in found.sentence


def test_without_records_nothing_is_known() -> None:
    found = between(run("raw"), ArmFacts(arm="remediated", seed=0))
    assert not found.known
    assert "records of any of their pairs" in found.sentence


def test_seeds_that_only_one_arm_has_are_not_paired() -> None:
    found = between(run("raw", 0), run("raw", 1), run("remediated", 1, train__weights="b"), run("remediated", 2))
    assert found.pairs == (1,)
    assert found.unpaired == {"remediated": (2,), "raw": (0,)}
    assert "no seed in common" in between(run("raw", 0), run("remediated", 1)).sentence
