"""A base model is read whole from safetensors, hashed and named, or refused for a reason; nothing begins at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import RobertaConfig, T5Config

from audit.errors import AuditError, ConfigError, InputError, UsageError
from audit.train.models.base import Base, changed, locate
from audit.train.models.preparing import length_limit, prepare
from audit.train.models.reading import looks_ahead, positions_of
from audit.train.models.saving import save
from audit.train.models.tokenizing import learn
from tests.train.small_models import CLASSES, SIZE, base_model, network, prepared, settled, tokenizer_of


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return base_model(tmp_path / "base")


def test_the_base_model_is_named_with_its_licence_and_the_hash_of_every_file(base: Path, tmp_path: Path) -> None:
    told = prepared(tmp_path, model=str(base), method="full").base
    assert (told.name, told.revision, told.licence) == ("base", None, "apache-2.0")
    weights = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
    assert told.files["model.safetensors"] == weights
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} <= set(told.files)


def test_a_relative_place_is_recorded_as_it_was_written(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("./base", allow_download=False).name == "./base"
    assert locate(str(base), allow_download=False).name == "base"


def test_the_licence_is_found_in_the_configuration_where_there_is_no_card(base: Path) -> None:
    (base / "README.md").write_text("# license: none of this is front matter\nlicense: mit\n", "utf-8")
    assert locate(str(base), allow_download=False).base().licence is None
    edit(base, license="mit")
    assert locate(str(base), allow_download=False).base().licence == "mit"


def test_the_built_in_model_has_no_files(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    assert made.base == Base("tiny")
    assert (made.max_length, made.causal, made.task) == (256, True, "chat")
    assert made.parameters.total == made.parameters.trained == sum(each.numel() for each in made.model.parameters())
    assert set(made.trainable) == {name for name, _ in made.model.named_parameters()}


def test_the_built_in_classifier_is_an_encoder_with_the_classes_in_order(tmp_path: Path) -> None:
    made = prepared(tmp_path, CLASSES, task="classify")
    assert not made.causal
    assert made.model.config.id2label == dict(enumerate(CLASSES))


def test_the_weights_are_single_precision_unless_double_is_asked_for(base: Path, tmp_path: Path) -> None:
    for precision, dtype in (("auto", torch.float32), ("fp64", torch.float64)):
        made = prepared(tmp_path, model=str(base), method="full", precision=precision)
        assert {each.dtype for each in made.model.parameters()} == {dtype}


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_new_head_is_drawn_from_the_seed_and_the_rest_is_the_base(tmp_path: Path, kind: str) -> None:
    folder = str(base_model(tmp_path / kind, kind))

    def weights(seed: int) -> dict[str, torch.Tensor]:
        return dict(
            prepared(tmp_path / "t", CLASSES, model=folder, task="classify", seed=seed).model.state_dict().items()
        )

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    differ = {name for name in first if not torch.equal(first[name], other[name])}
    assert differ
    assert all(any(part in name for part in ("score", "classifier", "pooler")) for name in differ)


def test_the_end_and_the_padding_are_told_to_the_model(base: Path, tmp_path: Path) -> None:
    config = prepared(tmp_path, model=str(base)).model.get_base_model().config
    assert (config.eos_token_id, config.pad_token_id) == (4, 5)


def edit(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | values), "utf-8")


def drop_weight(folder: Path) -> None:
    tensors = load_file(str(folder / "model.safetensors"))
    save_file({name: each for name, each in tensors.items() if "h.1.ln_1" not in name}, folder / "model.safetensors")


def pickle_only(folder: Path) -> None:
    torch.save(load_file(str(folder / "model.safetensors")), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def cut(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "a configuration that is not JSON": (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
    "an unknown kind of model": (lambda folder: edit(folder, model_type="no-such"), "cannot be read"),
    "code of its own": (
        lambda folder: edit(folder, model_type="theirs", auto_map={"AutoConfig": "x.Y"}),
        "cannot be read",
    ),
    "a weight that is missing": (drop_weight, "missing, or of another shape"),
    "another shape": (lambda folder: edit(folder, n_embd=32), "missing, or of another shape"),
    "pickled weights": (pickle_only, "weights of base cannot be read"),
    "weights that are cut": (cut, "weights of base cannot be read"),
    "no tokenizer": (
        lambda folder: [file.unlink() for file in (*folder.glob("token*"), folder / "chat_template.jinja")],
        "base holds no tokenizer",
    ),
    "an adapter": (lambda folder: (folder / "adapter_config.json").write_text("{}"), "is an adapter and no model"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_base_model_that_cannot_be_read_is_refused(base: Path, tmp_path: Path, fault: str) -> None:
    break_it, message = FAULTS[fault]
    break_it(base)
    with pytest.raises(AuditError, match=message):
        prepared(tmp_path, model=str(base), method="full")


def test_pickled_weights_are_refused_with_a_way_out(base: Path, tmp_path: Path) -> None:
    pickle_only(base)
    with pytest.raises(InputError) as caught:
        prepared(tmp_path, model=str(base), method="full")
    assert "save_pretrained" in str(caught.value.hint)


def test_an_encoder_cannot_be_trained_to_chat(tmp_path: Path) -> None:
    folder = base_model(tmp_path / "bert", "bert")
    with pytest.raises(InputError, match="writes no text: it looks ahead"):
        prepared(tmp_path, model=str(folder), method="full")


def test_an_encoder_with_a_decoder_is_refused(base: Path, tmp_path: Path) -> None:
    T5Config().save_pretrained(str(base))
    with pytest.raises(InputError, match="encoder with a decoder"):
        prepared(tmp_path, model=str(base), method="full")


def test_whether_a_model_looks_ahead_is_seen_and_not_believed() -> None:
    assert not looks_ahead(network("gpt2"))
    assert not looks_ahead(network("llama"))
    assert looks_ahead(network("bert"))


def test_a_head_needs_two_classes(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one class"):
        prepared(tmp_path, ("only",), model=str(base), task="classify")


def test_a_tokenizer_with_more_entries_than_the_model_has_embeddings_is_refused(base: Path, tmp_path: Path) -> None:
    larger = tmp_path / "larger"
    larger.mkdir()
    learn([f"many different words {n} {n * n}" for n in range(200)], larger, size=SIZE + 40)
    options = settled(model=str(larger), method="full")
    tokenizer = tokenizer_of(options, tmp_path / "t")
    with pytest.raises(InputError, match=f"embeddings for {SIZE} only"):
        prepare(settled(model=str(base)), tokenizer, tmp_path / "t", (), allow_download=False)


def test_the_longest_row_is_what_the_model_reads_or_less(base: Path) -> None:
    (base / "model.safetensors").unlink()
    assert length_limit(settled(model=str(base))) == 64
    assert length_limit(settled(model=str(base), max_length=20)) == 20
    assert (length_limit(settled()), length_limit(settled(max_length=20))) == (1024, 20)
    with pytest.raises(ConfigError, match=r"max_length = 65, and .* reads 64"):
        length_limit(settled(model=str(base), max_length=65))


def test_the_roberta_family_counts_positions_from_behind_its_padding() -> None:
    assert positions_of(RobertaConfig(max_position_embeddings=514, pad_token_id=1)) == 512


def test_a_hub_name_that_is_not_on_this_machine_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="nobody/nothing is not on this machine") as caught:
        locate("nobody/nothing", allow_download=False)
    assert "--allow-download" in str(caught.value.hint)


def test_a_model_that_was_fetched_before_is_read_with_its_commit(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "hub/models--some--model"
    (cached / "snapshots").mkdir(parents=True)
    base.rename(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = locate("some/model", allow_download=False).base()
    assert (found.name, found.revision, found.licence) == ("some/model", commit, "apache-2.0")
    assert "model.safetensors" in found.files


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "/no/such/folder", "", "bad name"])
def test_what_is_neither_a_folder_nor_a_hub_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no model folder"):
        locate(name, allow_download=False)


def test_a_folder_has_no_revision(base: Path) -> None:
    with pytest.raises(UsageError, match="revision"):
        locate(str(base), "main", allow_download=False)


def test_files_that_changed_went_or_came_are_named() -> None:
    assert changed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}) == ["b", "c", "d"]


def test_the_libraries_say_nothing_on_the_way(base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = prepared(tmp_path, CLASSES, model=str(base), task="classify", method="lora", gradient_checkpointing=True)
    save(made, tmp_path / "tokenizer", tmp_path / "model", settled(model=str(base), method="lora"), CLASSES)
    assert capfd.readouterr() == ("", "")


def test_a_model_is_the_same_for_the_same_files(base: Path, tmp_path: Path) -> None:
    def state(**given: Any) -> dict[str, torch.Tensor]:
        return dict(prepared(tmp_path / "t", model=str(base), **given).model.state_dict())

    first, second = state(), state()
    assert all(torch.equal(first[name], second[name]) for name in first | second)
