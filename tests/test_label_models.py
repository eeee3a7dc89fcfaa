"""What a model says of labels: confident learning, out-of-fold probabilities, the power of one artefact."""

from __future__ import annotations

import random

import numpy as np
import pytest

from audit.statistics.confident_learning import find_label_errors
from audit.statistics.out_of_fold import class_probabilities, share_words
from audit.statistics.predictive_power import chance_of, predictive_power


def test_a_label_is_doubted_when_another_class_reaches_its_threshold() -> None:
    given = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]])
    errors = find_label_errors(given, probabilities)
    assert errors.thresholds == pytest.approx([0.6, 0.8])
    assert errors.rows.tolist() == [2]
    assert errors.suggested.tolist() == [1]
    assert errors.margins == pytest.approx([0.8])


def test_the_confident_joint_is_calibrated_to_the_given_labels() -> None:
    given = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]])
    errors = find_label_errors(given, probabilities)
    assert errors.joint.sum() == pytest.approx(1)
    assert errors.joint.sum(axis=1) == pytest.approx([0.5, 0.5])
    assert errors.share == pytest.approx(1 / 6)


def test_perfect_probabilities_doubt_nothing() -> None:
    given = np.array([0, 1, 2] * 5)
    errors = find_label_errors(given, np.eye(3)[given])
    assert errors.rows.size == 0
    assert errors.share == pytest.approx(0)


def test_planted_errors_are_found_and_their_share_estimated() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 2000)
    given = np.where(generator.random(2000) < 0.1, (truth + 1) % 4, truth)
    probabilities = np.full((2000, 4), 0.05)
    probabilities[np.arange(2000), truth] = 0.85
    errors = find_label_errors(given, probabilities)
    assert sorted(errors.rows) == np.flatnonzero(given != truth).tolist()
    assert errors.share == pytest.approx((given != truth).mean(), abs=1e-9)


def test_every_probability_comes_from_a_model_that_has_not_seen_the_text() -> None:
    """A word that stands in one text alone tells nothing, however telling it would be in training."""
    texts = [f"same words unique{i}" for i in range(40)]
    codes = [i % 2 for i in range(40)]
    probabilities = class_probabilities(texts, codes, seed=0)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(40))
    assert np.abs(probabilities - 0.5).max() < 0.2


def test_the_same_seed_gives_the_same_probabilities() -> None:
    texts = [f"{'good' if i % 2 else 'bad'} thing {i % 7}" for i in range(60)]
    codes = [i % 2 for i in range(60)]
    first, second = (class_probabilities(texts, codes, seed=3) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert (first.argmax(axis=1) == codes).all()


def test_texts_without_a_common_word_have_nothing_to_learn_from() -> None:
    assert not share_words(["one two", "three", "", "four"])
    assert share_words(["one two", "two"])
    assert not share_words(["a" * 5000, "b" * 5000])


def test_a_value_that_decides_the_class_has_all_the_power() -> None:
    classes = [i % 2 for i in range(100)]
    power = predictive_power([str(one) for one in classes], classes, [i // 2 % 5 for i in range(100)])
    assert (power.balanced_accuracy, power.gain) == (1.0, 1.0)


def test_a_value_of_its_own_for_every_row_has_no_power() -> None:
    classes = [i % 2 for i in range(100)]
    assert predictive_power([str(i) for i in range(100)], classes, [i // 2 % 5 for i in range(100)]).gain <= 0


def test_a_rare_class_counts_as_much_as_a_frequent_one() -> None:
    classes = [0] * 90 + [1] * 10
    power = predictive_power(["same"] * 100, classes, [i % 5 for i in range(100)])
    assert power.balanced_accuracy == pytest.approx(0.5)


def test_shuffled_values_are_no_better_than_chance() -> None:
    generator = random.Random(0)
    classes = [generator.randrange(3) for _ in range(300)]
    folds = [generator.randrange(5) for _ in range(300)]
    told = predictive_power([str(generator.randrange(4)) for _ in range(300)], classes, folds).told
    assert chance_of(told, classes, seed=0) > 0.05
    assert chance_of(classes, classes, seed=0) == pytest.approx(0.001)
