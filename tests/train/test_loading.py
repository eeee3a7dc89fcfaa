"""A model is loaded as it was trained, from wherever it lies; an adapter only on the base it was trained on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from audit.errors import InputError
from audit.train.models.heads import classify
from audit.train.models.loading import load
from audit.train.models.prepared import Prepared
from audit.train.models.saving import save
from tests.train.small_models import CLASSES, base_model, moved, prepared, settled

IDS = torch.tensor([[7, 8, 9, 10, 11]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = model.eval()(input_ids=IDS).logits
    return out


def run(folder: Path, classes: tuple[str, ...] = (), **given: Any) -> tuple[Prepared, Path]:
    """A run folder with a model in it."""
    made = prepared(folder, classes, **given)
    moved(made.model)
    save(made, folder / "tokenizer", folder / "run/model", settled(**given), classes)
    return made, folder / "run"


@pytest.mark.parametrize("given", [{}, {"precision": "fp64"}])
def test_a_run_and_its_model_folder_are_the_same_model(tmp_path: Path, given: dict[str, str]) -> None:
    made, folder = run(tmp_path, **given)
    for place in (folder, folder / "model"):
        loaded = load(str(place))
        assert torch.equal(logits(loaded.model), logits(made.model))
        assert (loaded.task, loaded.classes, loaded.max_length, loaded.causal) == ("chat", (), 256, True)
        assert not loaded.model.training
        assert loaded.tokenizer.template is not None
        assert "model.safetensors" in loaded.files
    assert load(str(folder), dtype=torch.float32).model.dtype == torch.float32


@pytest.mark.parametrize("model", ["tiny", "llama"])
def test_a_classifier_keeps_its_classes_in_order(tmp_path: Path, model: str) -> None:
    name = model if model == "tiny" else str(base_model(tmp_path / model, model))
    made, folder = run(tmp_path, CLASSES, task="classify", method="full", model=name)
    loaded = load(str(folder))
    assert (loaded.task, loaded.classes, loaded.causal) == ("classify", CLASSES, model != "tiny")
    lengths = torch.tensor([5])
    with torch.no_grad():
        assert torch.equal(classify(loaded.model, IDS, lengths), classify(made.model.eval(), IDS, lengths))


def test_a_model_that_others_wrote_is_loaded_by_its_configuration(tmp_path: Path) -> None:
    made, folder = run(tmp_path, CLASSES, task="classify")
    (folder / "model/audit-model.json").unlink()
    loaded = load(str(folder))
    assert (loaded.task, loaded.classes) == ("classify", CLASSES)
    assert torch.equal(logits(loaded.model), logits(made.model))
    chat = load(str(base_model(tmp_path / "gpt2")))
    assert (chat.task, chat.classes, chat.name, chat.max_length) == ("chat", (), "gpt2", 64)


@pytest.fixture
def adapter(tmp_path: Path) -> tuple[Prepared, Path]:
    return run(tmp_path, model=str(base_model(tmp_path / "base", "llama")), method="lora")


def test_an_adapter_finds_its_base_beside_its_run(adapter: tuple[Prepared, Path]) -> None:
    made, folder = adapter
    loaded = load(str(folder))
    assert torch.equal(logits(loaded.model), logits(made.model))
    assert {"adapter_model.safetensors", "base/model.safetensors"} <= set(loaded.files)


def test_an_adapter_of_a_classifier_brings_its_head(tmp_path: Path) -> None:
    base = str(base_model(tmp_path / "base", "llama"))
    made, folder = run(tmp_path, CLASSES, model=base, method="lora", task="classify")
    loaded = load(str(folder))
    assert loaded.classes == CLASSES
    assert torch.equal(logits(loaded.model), logits(made.model))


def test_a_base_that_lies_elsewhere_is_found_where_one_starts_or_is_told(
    adapter: tuple[Prepared, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, folder = adapter
    elsewhere = tmp_path / "far/away/from/it"
    elsewhere.parent.mkdir(parents=True)
    (tmp_path / "base").rename(elsewhere)
    with pytest.raises(InputError, match="an adapter to the model base, which was not found"):
        load(str(folder))
    assert torch.equal(logits(load(str(folder), base=str(elsewhere)).model), logits(made.model))
    elsewhere.rename(elsewhere.parent / "base")
    monkeypatch.chdir(elsewhere.parent)
    assert torch.equal(logits(load(str(folder)).model), logits(made.model))


def scale(folder: Path) -> None:
    tensors = load_file(str(folder / "model.safetensors"))
    save_file({name: each * 1.001 for name, each in tensors.items()}, folder / "model.safetensors", {"format": "pt"})


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (scale, r"model\.safetensors changed"),
    "configuration": (
        lambda folder: (folder / "config.json").write_text((folder / "config.json").read_text() + " "),
        r"config\.json changed",
    ),
    "a file more": (lambda folder: (folder / "model.safetensors.index.json").write_text("{}"), "index.json changed"),
    "a file less": (lambda folder: (folder / "generation_config.json").unlink(), r"generation_config\.json changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_base_that_changed_is_refused_by_name(adapter: tuple[Prepared, Path], tmp_path: Path, change: str) -> None:
    make, message = CHANGES[change]
    make(tmp_path / "base")
    with pytest.raises(InputError, match=message):
        load(str(adapter[1]))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def lose(file: Path) -> None:
    tensors = load_file(str(file))
    tensors.pop(min(tensors))
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (cut, "the adapter run cannot be read"),
        (lose, "does not fit its model"),
        (Path.unlink, "holds no adapter_model.safetensors"),
    ],
)
def test_a_broken_adapter_is_refused(
    adapter: tuple[Prepared, Path], fault: Callable[[Path], object], message: str
) -> None:
    fault(adapter[1] / "model/adapter_model.safetensors")
    with pytest.raises(InputError, match=message):
        load(str(adapter[1]))


def test_a_broken_sheet_is_refused(tmp_path: Path) -> None:
    _, folder = run(tmp_path)
    for content in ("{", "[]", '{"task": "fly"}', "[" * 100_000):
        (folder / "model/audit-model.json").write_text(content, "utf-8")
        with pytest.raises(InputError, match=r"audit-model\.json cannot be read"):
            load(str(folder))


def test_a_merged_model_needs_no_base(tmp_path: Path) -> None:
    base = base_model(tmp_path / "base", "llama")
    made, folder = run(tmp_path, model=str(base), method="lora", merge=True)
    shutil.rmtree(base)
    torch.testing.assert_close(logits(load(str(folder)).model), logits(made.model), rtol=1e-4, atol=1e-4)


def test_a_run_may_start_from_the_model_of_another(tmp_path: Path) -> None:
    first, folder = run(tmp_path, chat_template=None)
    second = prepared(tmp_path / "second", model=str(folder), method="full")
    assert torch.equal(logits(first.model), logits(second.model))
    assert second.base.name == "run"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        load(str(tmp_path))
