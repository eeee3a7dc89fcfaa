"""What a model's name says: encoding, limit, price and dates, from dated tables only."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tokens.models import lifecycle, resolve_model
from audit.tokens.prices import auto_epochs, training_price


@pytest.mark.parametrize(
    ("model", "encoding", "limit"),
    [
        ("gpt-4o", "o200k_base", 65_536),
        ("gpt-4o-mini-2024-07-18", "o200k_base", 65_536),
        ("ft:gpt-4.1-mini-2025-04-14:acme:suffix:id", "o200k_base", 65_536),
        ("ft:gpt-4o-2024-08-06:acme::id:ckpt-step-100", "o200k_base", 65_536),
        ("gpt-3.5-turbo-0125", "cl100k_base", 16_385),
        ("gpt-35-turbo", "cl100k_base", 16_385),
        ("gpt-4", "cl100k_base", None),
        ("gpt-5.2-pro", "o200k_base", None),
        ("gpt-6-luna", "o200k_base", None),
        ("ft:o4-mini-2025-04-16:o::i", "o200k_base", None),
        ("openai/gpt-oss-20b", "o200k_harmony", None),
        ("OpenAI/GPT-4o", "o200k_base", 65_536),
    ],
)
def test_a_name_resolves_to_its_encoding_and_limit(model: str, encoding: str, limit: int | None) -> None:
    info = resolve_model(model)
    assert (info.encoding, info.max_tokens, info.assumed) == (encoding, limit, False)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "o10", "gpt-4.7", "gpt-40", "", "mistralai/Mistral-7B"])
def test_a_name_nobody_knows_is_assumed(model: str) -> None:
    info = resolve_model(model)
    assert info.assumed
    assert info.encoding == "o200k_base"


@given(st.text())
def test_no_name_raises(model: str) -> None:
    assert resolve_model(model).name == model
    assert lifecycle(model).model == model


@pytest.mark.parametrize(
    ("model", "day", "state", "left"),
    [
        ("gpt-3.5-turbo-0125", date(2026, 11, 21), "shut down", -29),
        ("gpt-4o-2024-08-06", date(2026, 11, 21), "closing", 46),
        ("gpt-4o-2024-08-06", date(2027, 1, 6), "closed", 0),
        ("ft:gpt-4o-2024-08-06:o::i", date(2027, 1, 14), "shut down", -8),
        ("gpt-oss-20b", date(2030, 1, 1), "open", None),
        ("azure/gpt-4o", date(2027, 2, 1), "unknown", None),
        ("some-model", date(2027, 2, 1), "unknown", None),
    ],
)
def test_a_model_stands_where_the_table_says_on_a_day(model: str, day: date, state: str, left: int | None) -> None:
    life = lifecycle(model, day)
    assert (life.state, life.days_left) == (state, left)


def test_a_price_is_quoted_for_the_family_and_never_for_a_stranger() -> None:
    price = training_price("ft:gpt-4o-2024-08-06:acme::id")
    assert price is not None
    assert (price.model, price.per_million) == ("gpt-4o", 25.0)
    for model in ("gpt-4o-audio-preview", "gpt-5", "azure/gpt-4o", "llama-3", "gpt-4", "o4-mini"):
        assert training_price(model) is None, model


@pytest.mark.parametrize(
    ("examples", "epochs"), [(0, 0), (1, 25), (5, 20), (10, 10), (33, 3), (34, 3), (8_333, 3), (8_334, 2), (60_000, 1)]
)
def test_epochs_are_those_the_service_chooses(examples: int, epochs: int) -> None:
    assert auto_epochs(examples) == epochs
