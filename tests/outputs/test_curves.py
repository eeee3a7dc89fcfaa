"""What a learning curve says of itself: where the losses end, and on which side of each other."""

from __future__ import annotations

import pytest

from audit.outputs.curves import learnt
from audit.rule import ArmFacts, CurvePoint


@pytest.mark.parametrize(("validation", "said"), [(0.9, "0.1 nats for each token below"), (1.2, "0.2 nats for each")])
def test_a_validation_loss_below_the_training_loss_is_told_so(validation: float, said: str) -> None:
    points = (
        CurvePoint(step=1, epoch=0.5, train_loss=1.5, validation_loss=2.0),
        CurvePoint(step=2, epoch=1.0, train_loss=1.0, validation_loss=validation),
    )
    sentence = learnt(ArmFacts(arm="raw", curve=points)).sentence
    assert said in sentence
    assert ("above the training loss" in sentence) == (validation > 1)
