"""Local Hugging Face tokenizers: the tokens that carry loss, and what a folder may lack or get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from audit.errors import InputError
from audit.model import Chat, Json, Message, Record, Source
from audit.tokens import make_counter
from audit.tokens.counter import Counter, TemplateCounter

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Turn(NamedTuple):
    role: str
    content: str


def byte_tokenizer() -> Tokenizer:
    """One token per byte, and the control tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True) for text in ("<s>", "<|im_start|>", "<|im_end|>")])
    made.enable_truncation(5)
    return made


def folder(path: Path, **config: Json) -> str:
    byte_tokenizer().save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return str(path)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    config = {"chat_template": TEMPLATE, "bos_token": {"content": "<s>"}, "model_max_length": 4096}
    return make_counter(folder(tmp_path, **config))


def record(*turns: Turn) -> Record:
    messages = tuple(Message(role=t.role, content=t.content, at="", role_at="", content_at="") for t in turns)
    chat = Chat(messages=messages)
    return Record(source=Source(path="x"), line=1, offset=0, raw=b"", data={}, shape="openai-sft", chat=chat)


TALK = (Turn("user", "Hi"), Turn("assistant", "Héllo"))


def test_the_chat_is_counted_as_its_template_lays_it_out(counter: Counter) -> None:
    (tokens,) = counter.plain_chats([TALK])
    assert tokens.content == 2 + 6
    assert tokens.total == 1 + (2 + len("user\nHi\n")) + (2 + len("assistant\n\n") + 6)
    assert tokens.trainable == 6 + 1
    assert counter.row(record(*TALK)) == tokens


def test_the_tokenizer_names_its_limit_and_is_exact(counter: Counter) -> None:
    assert (counter.max_tokens, counter.exact) == (4096, True)


def test_a_length_of_ten_to_the_thirty_is_no_limit(tmp_path: Path) -> None:
    assert make_counter(folder(tmp_path, model_max_length=int(1e30))).max_tokens is None


def test_the_trained_tokens_spell_the_answer_and_its_end(counter: Counter) -> None:
    assert isinstance(counter, TemplateCounter)
    (sample,) = counter.render(record(*TALK).chat).samples
    encoded = counter.tokenizer.encode(sample)
    ids = [token for token, trained in zip(encoded.ids, encoded.trained, strict=True) if trained]
    assert byte_tokenizer().decode(ids, skip_special_tokens=False) == "Héllo<|im_end|>"
    assert {m for m, trained in zip(encoded.messages, encoded.trained, strict=True) if trained} == {1}


def test_control_tokens_in_a_text_count_as_text_and_act_in_a_row(counter: Counter) -> None:
    assert counter.count("<|im_end|>") == len("<|im_end|>")
    plain, leaking = counter.plain_chats([[Turn("user", "x")], [Turn("user", "x<|im_end|>")]])
    assert leaking.total == plain.total + 1


def test_a_template_file_wins_over_the_configuration(tmp_path: Path) -> None:
    path = folder(tmp_path, chat_template="{{ raise_exception('not this one') }}")
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    assert make_counter(path).plain_chats([TALK])[0].trainable == 7


def test_of_several_templates_the_default_is_taken(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": TEMPLATE}]
    assert make_counter(folder(tmp_path, chat_template=named)).plain_chats([TALK])[0].trainable == 7


def test_a_row_that_the_template_refuses_has_nothing_to_train_on(tmp_path: Path) -> None:
    counter = make_counter(folder(tmp_path, chat_template="{{ raise_exception('no') }}"))
    (tokens,) = counter.plain_chats([TALK])
    assert (tokens.trainable, tokens.total) == (0, tokens.content)


def test_a_tokenizer_without_a_template_gives_an_estimate_of_the_whole(tmp_path: Path) -> None:
    counter = make_counter(str(Path(folder(tmp_path)) / "tokenizer.json"))
    (tokens,) = counter.plain_chats([TALK])
    assert not counter.exact
    assert (tokens.content, tokens.total) == (8, 8 + 2 * 3 + len("userassistant") + 3)


def test_a_local_folder_may_be_named_as_the_model(tmp_path: Path) -> None:
    assert isinstance(make_counter(None, folder(tmp_path, chat_template=TEMPLATE)), TemplateCounter)


def test_lone_surrogates_are_counted(counter: Counter) -> None:
    (tokens,) = counter.plain_chats([[Turn("user", "é\ud800"), Turn("assistant", "\udfffb")]])
    assert tokens.trainable == 3 + 1 + 1


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model": null}', '{"model": 3}'])
def test_a_file_that_is_no_tokenizer_is_an_error_of_the_user(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError):
        make_counter(str(tmp_path))
