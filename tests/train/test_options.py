"""What `[train]` may say, how flags are laid over it, and what the defaults depend on."""

from __future__ import annotations

import pytest

from audit.config.sections import TRAIN_KEYS
from audit.config.settings import Settings
from audit.errors import ConfigError, UsageError
from audit.model import Json
from audit.train.options import HOSTED_ONLY, TrainOptions, read_options, split_assignment


def options(section: dict[str, Json] | None = None, **given: Json) -> TrainOptions:
    return read_options(Settings(sections={"train": section or {}}), given)


def test_the_file_knows_every_setting_but_the_seed_of_the_run() -> None:
    assert sorted(TRAIN_KEYS) == sorted({*TrainOptions.__struct_fields__, *HOSTED_ONLY, "provider"} - {"seed"})


def test_a_flag_wins_over_the_file_and_the_file_over_the_run() -> None:
    settings = Settings(model="gpt2", epochs=5, max_tokens=99, seed=3, sections={"train": {"epochs": 2, "lr": 0.1}})
    read = read_options(settings, {"lr": "0.5"})
    assert (read.model, read.epochs, read.max_length, read.seed, read.lr) == ("gpt2", 2, 99, 3, 0.5)


def test_the_seed_that_is_given_wins_over_that_of_the_run() -> None:
    assert read_options(Settings(seed=3), {"seed": "7"}).seed == 7
    assert read_options(Settings(seed=3)).seed == 3


def test_several_values_may_be_written_with_commas() -> None:
    assert options(model="m", lora_targets="q_proj, v_proj").lora_targets == ("q_proj", "v_proj")
    assert options({"lora_targets": "q_proj"}, model="m").lora_targets == ("q_proj",)
    assert options(model="m", lora_targets="all-linear").lora_targets == "all-linear"
    assert options(curve="0.5,1", betas="0.9, 0.95").curve == (0.5, 1.0)


@pytest.mark.parametrize(("name", "most"), [("warmup", "at most 1"), ("lr_floor", "at most 1"), ("dropout", "below 1")])
def test_what_is_said_of_a_share_is_what_is_allowed(name: str, most: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is a share and must be {most}"):
        options(**{name: 1.5})


def test_the_learning_rate_depends_on_the_method() -> None:
    assert options().settled.lr == 1e-3
    assert options(model="m").settled.lr == 2e-4
    assert options(model="m", method="full").settled.lr == 2e-5


@pytest.mark.parametrize(
    "given",
    [
        {"lr": 0}, {"lr": "nan"}, {"epochs": -1}, {"hold_out": 1}, {"batch_size": 0}, {"heads": 3}, {"curve": (0.0,)},
        {"method": "lora"}, {"task": "chatt"}, {"warmup": 2}, {"betas": (0.9,)}, {"betas": (0.9, 1.0)},
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_by_name(given: dict[str, Json]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        options(**given)


def test_an_assignment_names_a_setting() -> None:
    assert split_assignment("batch-size=4") == ("batch_size", "4")
    with pytest.raises(UsageError, match="there is no setting 'batchsize'") as raised:
        split_assignment("batchsize=4")
    assert raised.value.hint == 'did you mean "batch_size"?'
    with pytest.raises(UsageError, match="it has no ="):
        split_assignment("lr")


def test_what_belongs_to_a_provider_is_named_all_at_once() -> None:
    with pytest.raises(ConfigError, match="suffix, beta are settings of a run at a provider"):
        options({"provider": "local", "suffix": "x", "beta": 0.1})


def test_a_value_of_another_kind_is_told_in_words() -> None:
    with pytest.raises(ConfigError, match=r"lr must be a number, not 'abc'"):
        options(lr="abc")
    with pytest.raises(ConfigError, match="over_length must be error or drop or truncate, not 'x'"):
        options(over_length="x")
