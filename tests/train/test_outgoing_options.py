"""What a hosted run can be told: where it comes from, what fits, and what only a run on this machine knows."""

from __future__ import annotations

import pytest

from audit.config.load import FOUND
from audit.config.sections import TRAIN_KEYS
from audit.config.settings import Settings
from audit.errors import ConfigError
from audit.model import Json
from audit.train.hosted.options import HostedOptions, provider_of, read_options, told_options
from audit.train.options import TrainOptions

MODEL = "gpt-4o-mini-2024-07-18"


def settings(found: bool = False, **train: Json) -> Settings:
    origins = {"config_file": FOUND} if found else {}
    return Settings(sections={"train": {"model": MODEL, **train}}, config_file="audit.toml", origins=origins)


def test_settings_of_the_file_are_overruled_by_flags_which_may_be_texts() -> None:
    options = read_options(settings(provider="azure", epochs=3.0), {"epochs": "2", "wait": "false", "beta": "0.5"})
    assert (options.provider, options.epochs, options.wait, options.beta) == ("azure", 2, False, 0.5)


def test_every_setting_of_a_hosted_run_may_stand_in_the_file() -> None:
    assert set(HostedOptions.__struct_fields__) - {"seed"} <= set(TRAIN_KEYS) | {"model"}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("epochs", 51, "epochs must be from 1 to 50"),
        ("batch_size", 0, "batch_size must be from 1 to 256"),
        ("beta", 2.5, "beta must be at most 2"),
        ("learning_rate_multiplier", 0, "must be a finite number above 0"),
        ("timeout", "inf", "timeout must be from 0.001 to 3600, not inf"),
        ("poll_seconds", 1e300, "poll_seconds must be from 0.001 to 3600"),
        ("suffix", "x" * 65, "suffix must have 1 to 64 characters"),
        ("hold_out", 1, "hold_out is a share"),
        ("hold_out", "nan", "hold_out is a share"),
        ("seed", 2**31, "seed must be from 0"),
        ("attempt", 0, "attempt must be from 1"),
        ("lowering", "guess", "must be resample or oversample"),
        ("model", "", "no model was named"),
        ("model", "gpt\n4", "no model was named"),
        ("lora_r", 8, "lora_r: a provider takes no such setting"),
        ("suffixx", "a", "suffixx: there is no such setting"),
    ],
)
def test_what_does_not_fit_is_named(key: str, value: Json, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_options(settings(), {key: value})


def test_beta_belongs_to_preferences() -> None:
    with pytest.raises(ConfigError, match="beta belongs to method dpo"):
        read_options(settings(), {"beta": 0.1, "method": "supervised"})


@pytest.mark.parametrize("key", ["base_url", "key_variable"])
def test_a_file_that_nobody_named_may_not_say_where_data_and_key_go(key: str) -> None:
    with pytest.raises(ConfigError, match=r"nobody named audit\.toml"):
        read_options(settings(found=True, **{key: "http://localhost:1/v1"}))
    assert read_options(settings(found=True, **{key: "x"}), {key: "y"})
    assert read_options(settings(**{key: "x"}))


@pytest.mark.parametrize(("key", "value"), [("provider", "openai"), ("moderation", "warn"), ("attempt", 2)])
def test_a_file_that_nobody_named_may_not_start_a_paid_upload(key: str, value: Json) -> None:
    with pytest.raises(ConfigError, match=rf"audit\.toml says \[train\] {key}, and nobody named") as caught:
        read_options(settings(found=True, **{key: value}))
    assert "--config audit.toml" in str(caught.value.hint)
    assert read_options(settings(found=True, epochs=2, **{key: value}), {key: value}).epochs == 2
    assert read_options(settings(**{key: value}))
    assert read_options(settings(found=True, moderation="refuse", attempt=1))


@pytest.mark.parametrize("value", [1.25, "2.5", "some", "nan", "inf", True, "1" * 5000], ids=str)
def test_epochs_are_a_whole_number(value: Json) -> None:
    with pytest.raises(ConfigError, match="epochs must be a whole number from 1 to 50"):
        read_options(settings(epochs=value))


def test_rows_are_chosen_and_weighed_as_for_a_run_on_this_machine() -> None:
    options = read_options(settings(hold_out=0.2, class_weights="balanced", unusable="drop", seed=3))
    assert options.of_rows == TrainOptions(hold_out=0.2, class_weights="balanced", unusable="drop", seed=3)


def test_who_trains_is_said_by_a_flag_or_the_file_and_is_this_machine_otherwise() -> None:
    assert provider_of(Settings()) == "local"
    assert provider_of(settings(provider="azure")) == "azure"
    assert provider_of(settings(provider="azure"), {"provider": "openai"}) == "openai"
    with pytest.raises(ConfigError, match="provider must be one of") as caught:
        provider_of(settings(provider="opneai"))
    assert "openai" in (caught.value.hint or "")


def test_what_is_recorded_has_no_user_password_or_query_of_the_address() -> None:
    told = told_options(HostedOptions(model=MODEL, base_url="https://me:secret@example.org/v1?key=abc"))
    assert "secret" not in str(told)
    assert "abc" not in str(told)
