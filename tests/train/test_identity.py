"""What makes two runs one: every part that is compared, how a difference is named, and what may differ."""

from __future__ import annotations

import json

import msgspec
import pytest
import torch

from audit.train.options import TrainOptions
from audit.train.runs.chain import canonical
from audit.train.runs.identity import (
    Identity,
    ResumeRefused,
    compare,
    config_identity,
    data_identity,
    machine_identity,
    refuse,
)
from tests.train.run_folder import examples, identity, on

REORDERED = examples(((4, 5), (1, 2, 3), (6, 7, 8)))
SHORTER = examples(((1, 2, 3), (4, 5)))
OTHER_TEXT = examples(((1, 2, 3), (4, 5), (6, 7, 9)))
FILES = {"config.json": "3" * 64, "model.safetensors": "5" * 64}


def test_equal_runs_differ_in_nothing() -> None:
    assert compare(identity(), identity()) == ()
    refuse("step-00000001", identity(), identity())


@pytest.mark.parametrize(
    ("current", "name", "said", "hint"),
    [
        (identity(REORDERED), "train.order", "the order of the training data is", "give the data as it was"),
        (identity(SHORTER), "train.sequences", "the number of training sequences is 2 and was 3", "give the data"),
        (identity(OTHER_TEXT), "train.content", "the text of the training data (tokens) is", "give the data"),
        (identity(examples(weight=2.0)), "train.weights", "a weight or label of the training data is", "give the data"),
        (
            identity(options=TrainOptions(lr=0.5)),
            "config.lr",
            "the setting lr is 0.5 and was 0.001",
            "[train] lr: set it back to 0.001",
        ),
        (identity(tokenizer="9" * 64), "tokenizer", f"the tokenizer is {'9' * 12} and was {'1' * 12}", "put back"),
        (identity(template="9" * 64), "template", "the chat template is", "put back"),
        (
            identity(base_files=FILES),
            "base_files.model.safetensors",
            f"the base model's file model.safetensors is {'5' * 12} and was {'4' * 12}",
            "put back",
        ),
        (
            identity(machine=on(threads=1)),
            "machine.threads",
            "the number of threads is 1 and was 2",
            "[train] threads: set it back to 2",
        ),
        (
            identity(machine=on(torch="2.14.0")),
            "machine.torch",
            "the version of torch is '2.14.0' and was '2.13.0+cpu'",
            "install torch '2.13.0+cpu'",
        ),
        (identity(machine=on(torch_build="b" * 64)), "machine.torch_build", "the build of torch is", "go on where"),
        (
            identity(machine=on(cpu_capability="AVX2")),
            "machine.cpu_capability",
            "the CPU capability that torch uses is 'AVX2' and was 'AVX512'",
            "go on where the run began",
        ),
        (
            identity(token_budget=256),
            "token_budget",
            "the token budget of a micro-batch is 256 and was 512",
            "[train] token_budget: set it back to 512",
        ),
        (identity(strategy="full"), "strategy", "the strategy of the objective is 'full' and was 'gathered'", "put"),
        (identity(denominator=6.0), "denominator", "the denominator of the loss is 6.0 and was 5.0", "give the data"),
        (identity(classes=("a",)), "classes", 'the classes or their order is ["a"] and was []', "give the data"),
        (identity(order="8" * 64), "order", "the order in which examples are drawn is", "give the data"),
        (identity(machine=on(peft="0.19.0")), "machine.peft", "peft is '0.19.0' and was '0.18.0'", "install peft"),
        (identity(machine=on(device="cuda:0")), "machine.device", "device is 'cuda:0' and was 'cpu'", "[train] device"),
        (
            identity(validation=data_identity(examples())),
            "validation.sequences",
            "the number of validation sequences is 3 and was not there",
            "give the data",
        ),
    ],
)
def test_every_difference_is_refused_by_name_with_both_values_and_a_way_out(
    current: Identity, name: str, said: str, hint: str
) -> None:
    assert compare(identity(), current)[0] == name
    with pytest.raises(ResumeRefused) as refused:
        refuse("step-00000001", identity(), current)
    assert refused.value.what.startswith("step-00000001 cannot be gone on from: ")
    assert said in refused.value.what
    assert hint in (refused.value.hint or "")
    assert "another output folder" in (refused.value.hint or "")


def test_a_group_that_changed_is_told_from_changed_text() -> None:
    one, other = examples(), examples()
    other.groups = {"sex": other.labels}
    assert compare(identity(one), identity(other)) == ("train.whole",)


def test_settings_are_named_before_the_data_that_follows_from_them() -> None:
    other = identity(SHORTER, options=TrainOptions(hold_out=0.5, batch_size=8))
    assert compare(identity(), other) == ("config.hold_out", "config.batch_size", "train.sequences", "order")
    with pytest.raises(ResumeRefused) as refused:
        refuse("step-00000001", identity(), other)
    assert "[train] hold_out: set it back to" in str(refused.value.hint)


def test_many_differences_are_named_beyond_the_first_four() -> None:
    other = identity(options=TrainOptions(lr=1.0, batch_size=8, epochs=1, clip=2.0, warmup=0.0, betas=(0.5, 0.5)))
    with pytest.raises(ResumeRefused, match="; and 2 more: the setting "):
        refuse("step-00000001", identity(), other)


def test_settings_that_change_no_weight_may_differ() -> None:
    free = TrainOptions(keep=9, tensorboard=True, energy="off", merge=True)
    assert compare(identity(), identity(options=free)) == ()


def test_every_other_setting_is_compared_or_is_compared_by_its_content() -> None:
    compared = set(config_identity(TrainOptions().settled))
    not_compared = {"keep", "tensorboard", "energy", "merge", "curve"}
    by_content = {"model", "revision", "chat_template", "threads", "device", "token_budget", "canaries"}
    by_content |= {"canary_repeats"}
    assert compared | not_compared | by_content == set(TrainOptions.__struct_fields__)


def test_no_name_of_a_file_is_kept() -> None:
    told = msgspec.json.encode(identity(options=TrainOptions(model="/home/ann/m", chat_template="/home/ann/t.jinja")))
    assert b"ann" not in told


def test_an_identity_survives_json() -> None:
    one = identity(options=TrainOptions(class_weights={"\ud800": 1 / 3}, group_weights={"sex": {"F": 2.0}}))
    assert compare(one, msgspec.convert(json.loads(canonical(one)), Identity)) == ()


def test_the_machine_is_told_as_torch_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MKL_CBWR", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    one = machine_identity()
    torch.set_num_threads(before)
    assert (one.threads, one.torch) == (1, torch.__version__)
    assert one.cpu_capability
    monkeypatch.setenv("MKL_CBWR", "AVX2-secret")
    other = machine_identity()
    assert one.kernels != other.kernels
    assert b"secret" not in msgspec.json.encode(other)
