"""What is written is what transformers and peft read: the same logits, ids and texts; the same bytes; no place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from audit.errors import OutputError
from audit.model import Chat, Message
from audit.tokens.counter import make_counter
from audit.tokens.huggingface import load_chat_tokenizer
from audit.train.models import saving
from audit.train.models.prepared import Prepared, quietly
from audit.train.models.saving import merge, save
from audit.train.models.sheet import read_sheet
from tests.train.small_models import CHAT, CLASSES, base_model, moved, prepared, settled

IDS = torch.tensor([[7, 8, 9, 10, 11]])
TEXT = "  the quick <|end|> \u732b \n lazy"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(base_model(tmp_path_factory.mktemp("bases") / "llama", "llama"))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = model.eval()(input_ids=IDS).logits
    return out


def trained(folder: Path, classes: tuple[str, ...] = (), **given: Any) -> Prepared:
    made = prepared(folder, classes, **given)
    moved(made.model)
    return made


def write(made: Prepared, folder: Path, classes: tuple[str, ...] = (), **given: Any) -> Path:
    save(made, folder / "tokenizer", folder / "run/model", settled(**given), classes)
    return folder / "run/model"


def read(kind: Any, folder: str | Path) -> Any:
    with quietly():
        return kind.from_pretrained(str(folder))


def test_transformers_reads_a_chat_model_with_the_same_logits_ids_and_texts(tmp_path: Path) -> None:
    made = trained(tmp_path)
    folder = write(made, tmp_path)
    assert torch.equal(logits(read(AutoModelForCausalLM, folder)), logits(made.model))
    theirs, ours = read(AutoTokenizer, folder), load_chat_tokenizer(str(folder))
    assert theirs(TEXT).input_ids == ours.backend.encode(TEXT, add_special_tokens=False).ids
    assert theirs.decode(theirs(TEXT).input_ids) == TEXT
    assert (theirs.eos_token, theirs.pad_token) == ("<|end|>", "<|pad|>")


def as_messages(chat: list[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message(role=turn["role"], content=turn["content"], at="", role_at="", content_at="") for turn in chat)


@pytest.mark.parametrize("template", [None, "plain"])
def test_transformers_applies_the_template_as_we_do(tmp_path: Path, template: str | None) -> None:
    folder = write(prepared(tmp_path, chat_template=template), tmp_path)
    theirs, ours = read(AutoTokenizer, folder), load_chat_tokenizer(str(folder)).template
    assert ours is not None
    whole = theirs.apply_chat_template(CHAT, tokenize=False)
    assert whole == ours.render(Chat(messages=as_messages(CHAT))).samples[0].text
    opened = theirs.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert opened == ours.prompt(Chat(messages=as_messages(CHAT))).samples[0].text


def test_transformers_marks_the_same_tokens_as_the_assistants(tmp_path: Path) -> None:
    folder = write(prepared(tmp_path), tmp_path)
    told = read(AutoTokenizer, folder).apply_chat_template(
        CHAT, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    ours = load_chat_tokenizer(str(folder))
    assert ours.template is not None
    encoded = ours.encode(ours.template.render(Chat(messages=as_messages(CHAT))).samples[0])
    assert told["input_ids"] == list(encoded.ids)
    assert told["assistant_masks"] == [int(each) for each in encoded.trained]


@pytest.mark.parametrize("model", ["tiny", "base"])
def test_transformers_reads_a_classifier_with_its_classes(tmp_path: Path, base: str, model: str) -> None:
    given = {"task": "classify", "method": "full", "model": base if model == "base" else "tiny"}
    made = trained(tmp_path, CLASSES, **given)
    again = read(AutoModelForSequenceClassification, write(made, tmp_path, CLASSES, **given))
    assert again.config.id2label == dict(enumerate(CLASSES))
    assert torch.equal(logits(again), logits(made.model))


def test_peft_reads_an_adapter_with_the_same_logits(tmp_path: Path, base: str) -> None:
    made = trained(tmp_path, model=base)
    folder = write(made, tmp_path, model=base)
    assert not (folder / "model.safetensors").exists()
    with quietly():
        again = PeftModel.from_pretrained(read(AutoModelForCausalLM, base), str(folder))
    assert torch.equal(logits(again), logits(made.model))


@pytest.mark.parametrize("task", ["chat", "classify"])
def test_merged_weights_are_a_whole_model_and_the_adapter_lies_beside(tmp_path: Path, base: str, task: str) -> None:
    classes = CLASSES if task == "classify" else ()
    made = trained(tmp_path, classes, model=base, task=task, method="lora")
    before = logits(made.model)
    folder = write(made, tmp_path, classes, model=base, task=task, method="lora", merge=True)
    kind = AutoModelForSequenceClassification if task == "classify" else AutoModelForCausalLM
    torch.testing.assert_close(logits(read(kind, folder)), before, rtol=1e-4, atol=1e-4)
    assert torch.equal(logits(made.model), before)
    assert (folder / "adapter/adapter_model.safetensors").is_file()
    sheet = read_sheet(folder)
    assert sheet is not None
    assert sheet.merged
    assert 0 <= (sheet.merge_difference or 0.0) < 1e-5


def test_weights_of_half_precision_are_merged_in_single(tmp_path: Path, base: str) -> None:
    made = trained(tmp_path, model=base)
    made.model.to(torch.bfloat16)
    merged = merge(made)
    assert {each.dtype for each in merged.model.parameters()} == {torch.float32}
    assert merged.difference < 1e-5


def test_a_merge_that_changes_what_the_model_says_is_refused(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trained(tmp_path, model=base)
    monkeypatch.setattr(saving, "TOLERANCE", -1.0)
    with pytest.raises(OutputError, match="merging the adapter moves the logits"):
        write(made, tmp_path, model=base, merge=True)
    assert not (tmp_path / "run/model").exists()


def test_what_is_not_finite_is_not_merged(tmp_path: Path, base: str) -> None:
    made = prepared(tmp_path, model=base)
    moved(made.model, float("inf"))
    with pytest.raises((OutputError, ValueError)):
        write(made, tmp_path, model=base, merge=True)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_same_weights_give_the_same_bytes_and_no_place_on_this_machine(
    tmp_path: Path, base: str, method: str
) -> None:
    written = []
    for name in ("one", "a/longer/way"):
        (tmp_path / name).mkdir(parents=True)
        made = trained(tmp_path / name, model=base, method=method)
        folder = write(made, tmp_path / name, model=base, method=method)
        written.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert written[0] == written[1]
    assert "README.md" not in written[0]
    for content in written[0].values():
        assert str(tmp_path.parent).encode() not in content
        assert str(Path(base).parent).encode() not in content


def test_lists_of_layers_are_sorted_because_sets_have_no_order(tmp_path: Path, base: str) -> None:
    folder = write(prepared(tmp_path, model=base), tmp_path, model=base)
    targets = json.loads((folder / "adapter_config.json").read_text("utf-8"))["target_modules"]
    assert len(targets) == 14
    assert targets == sorted(targets)


def test_rows_are_counted_exactly_with_the_folder_of_a_model(tmp_path: Path) -> None:
    counter = make_counter(str(write(prepared(tmp_path), tmp_path)))
    assert counter.exact
    assert counter.template.render(Chat(messages=as_messages(CHAT))).problem is None


def test_what_was_there_before_is_replaced_whole(tmp_path: Path, base: str) -> None:
    write(prepared(tmp_path), tmp_path)
    folder = write(prepared(tmp_path, model=base), tmp_path, model=base)
    assert not (folder / "model.safetensors").exists()
    assert [file.name for file in folder.parent.iterdir()] == ["model"]


def test_the_sheet_says_what_was_trained_and_on_what(tmp_path: Path, base: str) -> None:
    made = prepared(tmp_path, CLASSES, model=base, task="classify", method="freeze", train_last=1)
    sheet = read_sheet(write(made, tmp_path, CLASSES, model=base, task="classify", method="freeze"))
    assert sheet is not None
    assert (sheet.task, sheet.method, sheet.classes) == ("classify", "freeze", CLASSES)
    assert (sheet.base, sheet.parameters, sheet.max_length) == (made.base, made.parameters, 64)
    assert sheet.template is not None
    assert not sheet.merged


def test_hostile_names_of_classes_come_back_as_they_were(tmp_path: Path) -> None:
    hostile = ("\ud800", "", "a\x00b", "</s>", "\u732b" * 50)
    made = prepared(tmp_path, hostile, task="classify")
    sheet = read_sheet(write(made, tmp_path, hostile, task="classify"))
    assert sheet is not None
    assert sheet.classes == hostile


def test_a_folder_that_cannot_be_written_is_an_error_of_the_user(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    (tmp_path / "run").write_text("a file", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        write(made, tmp_path)
