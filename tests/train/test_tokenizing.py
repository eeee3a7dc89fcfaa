"""The learnt tokenizer writes every text and changes none; a base model's is taken over as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from audit.errors import ConfigError, InputError
from audit.model import Chat, Message, ToolCall
from audit.tokens.huggingface import ChatTokenizer, load_chat_tokenizer
from audit.train.models import templates
from audit.train.models.tokenizing import learn, tiny_template, tokenizer_for, vocabulary_of
from audit.train.options import TrainOptions

TEXTS = [f"the quick brown fox {n % 7} jumps, {n % 11} times: \u732b" for n in range(80)]
LEARN = """
import sys
from pathlib import Path
from audit.train.models.tokenizing import learn
learn([f"a{n % 13}b{n % 7} word{n % 5}" for n in range(400)], Path(sys.argv[1]), size=400)
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    folder = tmp_path_factory.mktemp("learnt")
    return tokenizer_for(TrainOptions(vocabulary=340), lambda: TEXTS, folder, allow_download=False)


def message(role: str, content: object) -> Message:
    return Message(role=role, content=content, at="", role_at="", content_at="")


@given(st.text())
@example("  two blanks before, and one after ")
@example("\x00\x85\u3000\ufeff \n\n\t x<|end|>y")
@example("")
def test_every_text_comes_back_as_it_was(learnt: ChatTokenizer, text: str) -> None:
    ids = learnt.backend.encode(text, add_special_tokens=False).ids
    assert learnt.backend.decode(ids, skip_special_tokens=False) == text


def test_there_are_no_more_entries_than_asked_for(learnt: ChatTokenizer) -> None:
    known = vocabulary_of(learnt)
    assert 262 < known.size <= 340


def test_padding_is_not_what_ends_a_turn(learnt: ChatTokenizer) -> None:
    known = vocabulary_of(learnt)
    assert known.pad != known.end
    assert learnt.backend.id_to_token(known.end) == "<|end|>"


def test_control_tokens_in_the_rows_teach_no_pieces_of_them(tmp_path: Path) -> None:
    learn(["<|end|> <|user|>"] * 50, tmp_path, size=400)
    entries = load_chat_tokenizer(str(tmp_path)).backend.get_vocab()
    assert [entry for entry in entries if "<|" in entry and entry not in templates.CONTROL] == []


def test_a_lone_surrogate_is_learnt_from_without_a_crash(tmp_path: Path) -> None:
    learn(["\ud800 x"] * 3, tmp_path, size=300)
    assert (tmp_path / "tokenizer.json").is_file()


def test_the_order_of_the_rows_and_the_number_of_threads_change_nothing(tmp_path: Path) -> None:
    written = []
    for threads in ("1", "4"):
        folder = tmp_path / threads
        folder.mkdir()
        environment = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
        subprocess.run([sys.executable, "-c", LEARN, str(folder)], check=True, env=environment)
        written.append((folder / "tokenizer.json").read_bytes())
    assert written[0] == written[1]
    for name, texts in (("forth", TEXTS), ("back", TEXTS[::-1])):
        (tmp_path / name).mkdir()
        learn(texts, tmp_path / name, size=340)
    assert (tmp_path / "forth/tokenizer.json").read_bytes() == (tmp_path / "back/tokenizer.json").read_bytes()


def test_the_answer_and_its_end_are_trained_and_nothing_else() -> None:
    chat = Chat(messages=(message("system", "s"), message("user", "u"), message("assistant", " a ")))
    (sample,) = tiny_template().render(chat).samples
    assert [(piece.text, piece.trained) for piece in sample.pieces] == [
        ("<|system|>s<|end|><|user|>u<|end|><|assistant|>", False),
        (" a <|end|>", True),
    ]


def test_parts_of_text_are_read_and_other_parts_are_refused() -> None:
    parts = [{"type": "text", "text": "x"}, {"type": "refusal", "refusal": "y"}]
    chat = Chat(messages=(message("user", parts), message("assistant", "z")))
    assert tiny_template().render(chat).samples[0].text == "<|user|>xy<|end|><|assistant|>z<|end|>"
    image = Chat(messages=(message("user", [{"type": "image_url"}]), message("assistant", "z")))
    assert "neither text nor refusal" in str(tiny_template().render(image).problem)


def test_tools_and_calls_are_laid_out_as_json_and_a_call_is_trained() -> None:
    call = ToolCall(id="1", name="f", arguments='{"x": "\u00e9"}', at="", id_at="", name_at="", arguments_at="")
    asked = msgspec.structs.replace(message("assistant", None), calls=(call,))
    tools = [{"type": "function", "function": {"name": "f"}}]
    chat = Chat(messages=(message("user", "u"), asked, message("tool", "3")), tools=tools)
    (sample,) = tiny_template().render(chat).samples
    assert sample.text == (
        '<|system|>[{"type": "function", "function": {"name": "f"}}]<|end|><|user|>u<|end|><|assistant|>'
        '[{"type": "function", "id": "1", "function": {"name": "f", "arguments": {"x": "\u00e9"}}}]<|end|>'
        "<|tool|>3<|end|>"
    )
    (trained,) = [piece.text for piece in sample.pieces if piece.trained]
    assert json.loads(trained.removesuffix("<|end|>"))[0]["function"]["arguments"] == {"x": "\u00e9"}


def test_an_unknown_role_is_refused() -> None:
    assert "no role narrator" in str(tiny_template().render(Chat(messages=(message("narrator", "x"),))).problem)


def test_a_tokenizer_that_is_learnt_again_in_the_same_folder_is_read_again(tmp_path: Path) -> None:
    options = TrainOptions(vocabulary=300)
    first = tokenizer_for(options, lambda: ["aaaa bbbb"] * 9, tmp_path, allow_download=False)
    second = tokenizer_for(options, lambda: ["some other words"] * 9, tmp_path, allow_download=False)
    assert first.backend.get_vocab() != second.backend.get_vocab()


Base = Callable[..., str]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    def make(*entries: str, **config: object) -> str:
        folder = tmp_path / "base"
        folder.mkdir()
        vocabulary = {entry: number for number, entry in enumerate(("[UNK]", "hi", *entries))}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.add_special_tokens([entry for entry in entries if entry[0] in "<["])
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"unk_token": "[UNK]", **config}), "utf-8")
        return str(folder)

    return make


def over(model: str, folder: Path, **given: object) -> ChatTokenizer:
    options = TrainOptions(model=model, **given)  # type: ignore[arg-type]
    return tokenizer_for(options, list, folder, allow_download=False)


def test_a_base_models_tokenizer_is_taken_over_byte_for_byte(base: Base, tmp_path: Path) -> None:
    model = base(chat_template="{{ messages[0].content }}")
    tokenizer = over(model, tmp_path / "run")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "run" / name).read_bytes() == Path(model, name).read_bytes()
    assert tokenizer.template is not None


def test_a_missing_chat_template_is_refused_with_a_way_out(base: Base, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no chat template") as caught:
        over(base(), tmp_path / "run")
    assert 'chat_template = "chatml"' in str(caught.value.hint)


def test_a_template_whose_control_tokens_are_no_entries_is_refused_by_their_names(base: Base, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"writes <\|im_end\|>, which"):
        over(base("<|im_start|>"), tmp_path / "run", chat_template="chatml")


def test_chatml_is_laid_over_and_its_end_becomes_the_end(base: Base, tmp_path: Path) -> None:
    model = base("<|im_start|>", "<|im_end|>", chat_template="theirs", eos_token="[UNK]")
    tokenizer = over(model, tmp_path / "run", chat_template="chatml")
    assert tokenizer.names["eos_token"] == "<|im_end|>"
    assert "chat_template" not in json.loads((tmp_path / "run/tokenizer_config.json").read_text("utf-8"))
    chat = Chat(messages=(message("user", "hi"), message("assistant", "hi")))
    assert tokenizer.template is not None
    (sample,) = tokenizer.template.render(chat).samples
    assert sample.text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhi<|im_end|>\n"
    assert [piece.text for piece in sample.pieces if piece.trained] == ["hi<|im_end|>"]


def test_a_template_may_be_a_file_of_ones_own(base: Base, tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}!", "utf-8")
    tokenizer = over(base(), tmp_path / "run", chat_template=str(tmp_path / "mine.jinja"))
    assert tokenizer.template is not None
    assert tokenizer.template.source == "{{ messages[0].content }}!"


@pytest.mark.parametrize("source", [None, "{% if %}"])
def test_a_template_file_that_is_missing_or_broken_is_refused(base: Base, tmp_path: Path, source: str | None) -> None:
    if source is not None:
        (tmp_path / "mine.jinja").write_text(source, "utf-8")
    with pytest.raises(ConfigError, match=r"chat_template .*mine\.jinja"):
        over(base(), tmp_path / "run", chat_template=str(tmp_path / "mine.jinja"))


def test_an_encoder_without_a_template_reads_the_words_in_its_own_frame(base: Base, tmp_path: Path) -> None:
    model = base("[CLS]", "[SEP]", cls_token="[CLS]", sep_token="[SEP]")
    tokenizer = over(model, tmp_path / "run", task="classify")
    chat = Chat(messages=(message("system", "s"), message("user", "hi"), message("assistant", "yes")))
    assert tokenizer.template is not None
    assert tokenizer.template.prompt(chat).samples[0].text == "[CLS]s[SEP]hi[SEP]"


def test_named_tokens_that_only_the_kind_of_model_knows_are_written_down(base: Base, tmp_path: Path) -> None:
    model = base("[CLS]", "[SEP]", "[PAD]", "[MASK]")
    Path(model, "tokenizer_config.json").write_text('{"do_lower_case": true}', "utf-8")
    Path(model, "config.json").write_text('{"model_type": "bert"}', "utf-8")
    tokenizer = over(model, tmp_path / "run", task="classify")
    assert (tokenizer.names["cls_token"], tokenizer.names["sep_token"]) == ("[CLS]", "[SEP]")
    assert (tmp_path / "run/tokenizer.json").read_bytes() == Path(model, "tokenizer.json").read_bytes()


def test_older_files_are_converted(tmp_path: Path) -> None:
    model = tmp_path / "base"
    model.mkdir()
    (model / "vocab.txt").write_text("\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hi")), "utf-8")
    (model / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    tokenizer = over(str(model), tmp_path / "run", task="classify")
    assert tokenizer.backend.encode("hi hi", add_special_tokens=False).ids == [5, 5]
    assert (tokenizer.names["cls_token"], tokenizer.names["pad_token"]) == ("[CLS]", "[PAD]")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model folder"):
        over(str(tmp_path / "nowhere"), tmp_path / "run")
