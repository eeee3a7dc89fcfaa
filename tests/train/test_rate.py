"""The learning rate over a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.train.core.rate import rate_at


def rates(total: int, **more: object) -> list[float]:
    return [rate_at(step, total, lr=1.0, **more) for step in range(1, total + 1)]  # type: ignore[arg-type]


def test_the_rate_rises_to_full_and_falls_to_the_floor() -> None:
    told = rates(10, warmup=0.2, floor=0.1)
    assert told[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert told[-1] == pytest.approx(0.1)
    assert told[2:] == sorted(told[2:], reverse=True)


def test_half_way_down_a_cosine_is_half_the_rate_and_so_is_a_line() -> None:
    assert rates(11, schedule="cosine")[5] == pytest.approx(0.5)
    assert rates(11, schedule="linear")[5] == pytest.approx(0.5)
    assert rates(11, schedule="cosine")[2] > rates(11, schedule="linear")[2]


def test_a_constant_rate_stays_after_the_rise() -> None:
    assert rates(6, schedule="constant", warmup=1 / 6, floor=0.0) == [0.5, 1, 1, 1, 1, 1]


@given(
    total=st.integers(1, 300),
    warmup=st.floats(0, 1),
    floor=st.floats(0, 1),
    schedule=st.sampled_from(["cosine", "linear", "constant"]),
)
def test_the_rate_is_full_once_and_never_0_before(total: int, warmup: float, floor: float, schedule: str) -> None:
    told = rates(total, warmup=warmup, floor=floor, schedule=schedule)
    assert max(told) == 1.0
    assert told[0] > 0
    assert all(0 <= rate <= 1 for rate in told)
