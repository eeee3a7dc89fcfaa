"""What becomes of a row: which tokens are trained, what they weigh, and why some rows have none to give."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from audit.errors import UsageError
from audit.model import Json, Record
from audit.render import Piece, Sample
from audit.render.jinja import JinjaTemplate
from audit.tokens.huggingface import ChatTokenizer
from audit.train.data.encode import Encoder, RowIn, RowOut, Unusable
from audit.train.data.examples import Example
from audit.train.options import TrainOptions
from tests.train.chats import CHATML, NAMES, bpe, encoder_of, record, talk, template_of, tokenizer_of, trained_texts

THREE = record(
    {
        "messages": [
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "First 🙂."},
            {"role": "user", "content": "Two?"},
            {"role": "assistant", "content": "Second.", "weight": 0},
            {"role": "user", "content": "Three?"},
            {"role": "assistant", "content": "Thïrd."},
        ]
    }
)


def out(encoder: Encoder, row: Record, weight: float = 1.0, label: str | None = None) -> RowOut | Unusable:
    return encoder.encode_all([RowIn(row, 0, weight, label)])[0]


def made(encoder: Encoder, row: Record, weight: float = 1.0, label: str | None = None) -> list[Example]:
    found = out(encoder, row, weight, label)
    assert not isinstance(found, Unusable), found
    return list(found.examples)


def reason(encoder: Encoder, row: Record, weight: float = 1.0, label: str | None = None) -> str:
    found = out(encoder, row, weight, label)
    assert isinstance(found, Unusable)
    return found.reason


# ----------------------------------------------------------------------------- which tokens


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("chatml", [["First 🙂.<|im_end|>", "Thïrd.<|im_end|>"]]),
        ("llama3", [["First 🙂.<|eot_id|>", "Thïrd.<|eot_id|>"]]),
        ("mistral", [[" First 🙂.</s>", " Thïrd.</s>"]]),
        ("gemma", [["First 🙂.<end_of_turn>", "Thïrd.<end_of_turn>"]]),
        ("generation", [["First 🙂.<|im_end|>", "Thïrd.<|im_end|>"]]),
        (
            "thinking",
            [["<think>\n\n</think>\n\nFirst 🙂.<|im_end|>"], ["<think>\n\n</think>\n\nThïrd.<|im_end|>"]],
        ),
    ],
)
def test_the_trained_tokens_of_every_family_spell_its_answers(family: str, expected: list[list[str]]) -> None:
    encoder = encoder_of(family)
    assert trained_texts(encoder.tokenizer, made(encoder, THREE)) == expected


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: "<|" not in text and "|>" not in text
)
_TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": _WORDS},
    optional={"weight": st.sampled_from([0, 1, 0.5])},
)
_CHATML = encoder_of("generation")


@given(st.lists(_TURN, min_size=1, max_size=6))
def test_the_trained_tokens_of_any_chat_are_the_contents_of_its_trained_turns_and_their_ends(
    turns: list[dict[str, Json]],
) -> None:
    found = out(_CHATML, record({"messages": turns}))
    wanted = [turn for turn in turns if turn["role"] == "assistant" and turn.get("weight") != 0]
    if not wanted:
        assert isinstance(found, Unusable)
        return
    assert not isinstance(found, Unusable), found
    (texts,) = trained_texts(_CHATML.tokenizer, found.examples)
    assert texts == [turn["content"] + "<|im_end|>" for turn in wanted]
    weights = found.examples[0].weights
    assert sorted(set(weights[weights > 0])) == sorted({float(turn.get("weight", 1)) for turn in wanted})


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=6)), min_size=1, max_size=6), st.integers(0, 2))
def test_every_token_belongs_to_the_piece_that_it_begins_in(parts: list[tuple[bool, str]], kind: int) -> None:
    tokenizer = (_BYTES, _METASPACE, _WORDY)[kind]
    sample = Sample(
        tuple(Piece(text, trained=trained, message=at) for at, (trained, text) in enumerate(parts)), joined=True
    )
    text = sample.text.encode("utf-8", "replace").decode()
    offsets = tokenizer.backend.encode(text, add_special_tokens=False).offsets
    owner = [at for at, (_, said) in enumerate(parts) for _ in said]
    encoded = tokenizer.encode(sample)
    assert len(encoded.ids) == len(offsets) == len(encoded.trained)
    for (start, end), trained, message in zip(offsets, encoded.trained, encoded.messages, strict=True):
        if start == end:
            continue
        first = start
        while first < end - 1 and not parts[owner[first]][0] and text[first].isspace():
            first += 1
        assert (trained, message) == (parts[owner[first]][0], owner[first])


def metaspace() -> Tokenizer:
    """One token per character, words with a mark before them, as SentencePiece has it."""
    vocabulary = {letter: index for index, letter in enumerate(["<unk>", "▁", "▁a", *"abcdefghé ."])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[("▁", "a")], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return backend


_BYTES = tokenizer_of()
_METASPACE = ChatTokenizer("metaspace", metaspace())
_WORDY = ChatTokenizer("wordy", bpe([], ["  a", " b", "\n\nc", "a b a b a b"] * 20, 300))


def test_a_token_over_the_border_is_trained_where_only_white_space_of_it_stands_before() -> None:
    sample = Sample((Piece("a "), Piece("b", trained=True, message=1)), joined=True)
    assert _WORDY.encode(sample).trained == (False, True)


def test_an_emoji_of_several_tokens_is_trained_whole() -> None:
    sample = Sample((Piece("🙂"), Piece("🙂", trained=True, message=1), Piece("🙂")), joined=True)
    encoded = _BYTES.encode(sample)
    each = len(encoded.ids) // 3
    assert each > 1
    assert encoded.trained == (False,) * each + (True,) * each + (False,) * each


def test_what_a_shape_says_of_training_wins_over_the_role() -> None:
    encoder = encoder_of("generation")
    disliked = record({"prompt": "a", "completion": "b", "label": False})
    assert disliked.shape == "kto"
    assert reason(encoder, disliked) == "nothing_trained"


def test_the_mask_last_trains_the_last_answer_alone() -> None:
    encoder = encoder_of(mask="last")
    assert trained_texts(encoder.tokenizer, made(encoder, THREE)) == [["Thïrd.<|im_end|>"]]


def test_of_two_answers_the_chosen_one_is_trained() -> None:
    row = record({"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "good"}],
        "rejected": [{"role": "assistant", "content": "bad"}]})  # fmt: skip
    encoder = encoder_of("generation")
    (found,) = encoder.encode_all([RowIn(row, 0)])
    assert isinstance(found, RowOut)
    assert found.preferred
    assert trained_texts(encoder.tokenizer, found.examples) == [["good<|im_end|>"]]


def test_many_rows_give_what_each_gives_alone() -> None:
    encoder = encoder_of("thinking")
    rows = [THREE, talk(("user", "x")), talk(("user", "y"), ("assistant", "z"))]
    together = encoder.encode_all([RowIn(row, at) for at, row in enumerate(rows)])
    for row, found in zip(rows, together, strict=True):
        alone = out(encoder, row)
        if isinstance(alone, Unusable):
            assert found == alone
        else:
            assert isinstance(found, RowOut)
            assert [one.ids.tolist() for one in found.examples] == [one.ids.tolist() for one in alone.examples]


def test_the_first_token_is_never_trained_because_nothing_stands_before_it() -> None:
    template = JinjaTemplate("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}", CHATML)
    tokenizer = ChatTokenizer("bare", bpe(["<|im_end|>"]), template, None, CHATML)
    (one,) = made(Encoder(tokenizer, TrainOptions()), talk(("assistant", "ab")))
    assert one.weights[0] == 0
    assert set(one.weights[1:].tolist()) == {1.0}


# ----------------------------------------------------------------------------- what a user may not expect


def encoder_with(source: str) -> Encoder:
    """An encoder with a template of ChatML's control tokens."""
    names, more = NAMES["chatml"], ["<|im_start|>"]
    template = JinjaTemplate(source, names, control=[*names.values(), *more])
    return Encoder(ChatTokenizer("x", bpe([*names.values(), *more]), template, None, names), TrainOptions())


_TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
_REST = "{{ m.content }}<|im_end|>\n{% endfor %}"
_ASKED = "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_is_trained_where_the_template_writes_it_and_told_where_it_does_not(key: str) -> None:
    answer = {"role": "assistant", "content": "Hello.", key: "Greet.\n"}
    row = record({"messages": [{"role": "user", "content": "Hi"}, answer]})
    knowing = encoder_with(_TURNS + "{% if m." + key + " %}({{ m." + key + " | trim }}){% endif %}" + _REST)
    found, told = out(knowing, row), out(encoder_with(_TURNS + _REST), row)
    assert isinstance(found, RowOut)
    assert isinstance(told, RowOut)
    assert "(Greet.)Hello.<|im_end|>" in trained_texts(knowing.tokenizer, found.examples)[0][0]
    assert (found.unwritten_reasoning, told.unwritten_reasoning) == (False, True)


def test_reasoning_within_an_answer_that_the_template_cuts_off_is_told() -> None:
    row = talk(("user", "a"), ("assistant", "<think>hm</think>b"))
    kept, cut = (
        out(encoder_with(_TURNS + rest), row) for rest in (_REST, _REST.replace("content", "content.split('>')[-1]"))
    )
    assert isinstance(kept, RowOut)
    assert isinstance(cut, RowOut)
    assert (kept.unwritten_reasoning, cut.unwritten_reasoning) == (False, True)


def test_answers_that_do_not_go_on_from_the_prompt_are_counted_and_their_header_is_not_trained() -> None:
    encoder = encoder_with(_TURNS + _REST + _ASKED)
    found = out(encoder, talk(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "<think>\nd")))
    assert isinstance(found, RowOut)
    assert found.off_prompt == 1
    assert trained_texts(encoder.tokenizer, found.examples) == [["b<|im_end|>", "d<|im_end|>"]]


def test_a_call_that_the_template_leaves_out_makes_a_row_unusable() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    row = record({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls":
        [call]}]})  # fmt: skip
    assert reason(encoder_with(_TURNS + _REST), row) == "refused_by_template"


# ----------------------------------------------------------------------------- weights


def test_a_token_weighs_what_its_row_times_its_message_does() -> None:
    row = record({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.5},
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]})  # fmt: skip
    (one,) = made(encoder_of(), row, weight=3.0)
    assert one.weights[one.weights > 0].tolist() == [1.5, 1.5, 3.0, 3.0]


def test_by_example_the_weights_of_a_row_are_divided_by_its_trained_tokens() -> None:
    (one,) = made(encoder_of(unit="example"), talk(("user", "a"), ("assistant", "Hello there")), weight=2.0)
    assert one.weights.sum() == pytest.approx(2.0)
    assert (one.weights > 0).sum() > 2


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf"), "2", 10**400])
def test_a_message_whose_weight_is_none_is_not_guessed(weight: Json) -> None:
    row = talk(("user", "a"), ("assistant", "b"))
    answer = msgspec.structs.replace(row.messages[1], weight=weight)
    chat = msgspec.structs.replace(row.chat, messages=(row.messages[0], answer))
    assert reason(encoder_of(), msgspec.structs.replace(row, chat=chat)) == "bad_weight"


@pytest.mark.parametrize("mark", [{"train": False}, {"weight": 0}])
def test_an_answer_of_which_a_part_says_whether_it_is_trained_is_not_trained_as_a_whole(mark: dict[str, Json]) -> None:
    parts: Json = [{"type": "text", "text": "not this", **mark}, {"type": "text", "text": "this"}]
    row = talk(("user", "a"), ("assistant", "b"))
    chat = msgspec.structs.replace(
        row.chat, messages=(row.messages[0], msgspec.structs.replace(row.messages[1], content=parts))
    )
    assert reason(encoder_of(), msgspec.structs.replace(row, chat=chat)) == "bad_weight"


@pytest.mark.parametrize("weight", [-1.0, 1e13, float("nan"), float("inf")])
def test_a_row_whose_weight_is_none_is_not_guessed(weight: float) -> None:
    assert reason(encoder_of(), THREE, weight) == "bad_weight"


# ----------------------------------------------------------------------------- rows that give nothing


def test_every_reason_has_a_row() -> None:
    plain = encoder_of("generation")
    assert reason(plain, record({"odd": 1})) == "unreadable"
    assert reason(encoder_of("mistral"), talk(("assistant", "a"))) == "refused_by_template"
    assert reason(plain, talk(("user", "a"))) == "nothing_trained"
    assert reason(encoder_of("generation", limit=3), THREE) == "over_length"


def test_a_turn_that_the_template_leaves_out_has_no_tokens() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}U{{ m.content }}{% elif m.content %}{% generation %}"
        "{{ m.content }}{% endgeneration %}{{ eos_token }}{% else %}{% generation %}{% endgeneration %}{% endif %}"
        "{% endfor %}"
    )
    tokenizer = ChatTokenizer("odd", bpe(["<|im_end|>"]), JinjaTemplate(source, CHATML), None, CHATML)
    row = talk(("user", "a"), ("assistant", ""), ("user", "b"), ("assistant", "c"))
    assert reason(Encoder(tokenizer, TrainOptions()), row) == "turn_without_tokens"


@pytest.mark.parametrize("end", ["", "\n", "</end>"])
def test_an_answer_without_a_token_that_ends_it_is_refused_where_the_tokenizer_has_one(end: str) -> None:
    source = "{% for m in messages %}\n{{ m.role }}: {{ m.content }}" + end + "{% endfor %}"
    with_end = ChatTokenizer("x", bpe(["<|im_end|>"]), JinjaTemplate(source, CHATML), None, CHATML)
    without = ChatTokenizer("x", bpe(), JinjaTemplate(source))
    row = talk(("user", "a"), ("assistant", "b"))
    assert reason(Encoder(with_end, TrainOptions()), row) == "end_not_trained"
    assert len(made(Encoder(without, TrainOptions()), row)) == 1


def test_an_end_that_the_tokenizer_does_not_know_as_a_token_is_no_end() -> None:
    tokenizer = ChatTokenizer("x", bpe(["</s>"]), template_of("generation"), None, {"eos_token": "</s>"})
    assert reason(Encoder(tokenizer, TrainOptions()), THREE) == "end_not_trained"


def test_padding_alone_ends_no_turn_but_may_be_the_end_token_too() -> None:
    pad_only = ChatTokenizer("x", bpe(["<|pad|>"]), None, None, {"pad_token": "<|pad|>"})
    same = ChatTokenizer("x", bpe(["<|end|>"]), None, None, {"pad_token": "<|end|>", "eos_token": "<|end|>"})
    assert pad_only.ends == frozenset()
    assert same.ends == {same.backend.token_to_id("<|end|>")}


def test_a_tokenizer_without_a_template_is_an_error_of_the_user() -> None:
    with pytest.raises(UsageError, match="no chat template"):
        Encoder(ChatTokenizer("x", bpe()), TrainOptions())


@pytest.mark.parametrize("content", ["\ud800", "\x00", "a" * 5000, "\ufdd0\ufdd1", "{{ 7 * 7 }}", "<|im_end|>"])
def test_hostile_contents_never_raise(content: str) -> None:
    for family in NAMES:
        found = out(encoder_of(family), talk(("user", content), ("assistant", content)))
        assert isinstance(found, Unusable) or found.examples


# ----------------------------------------------------------------------------- length


def lengths() -> tuple[int, int]:
    """Of ``THREE`` in tokens: up to the end of its first answer, and whole."""
    (one,) = made(encoder_of("generation"), THREE)
    first_end = int(np.flatnonzero((one.weights[:-1] > 0) & (one.weights[1:] == 0))[0]) + 1
    return first_end, len(one.ids)


@pytest.mark.parametrize("choice", ["error", "drop"])
def test_a_row_that_is_longer_than_the_limit_is_told(choice: str) -> None:
    assert reason(encoder_of("generation", lengths()[1] - 1, over_length=choice), THREE) == "over_length"


def test_a_row_as_long_as_the_limit_is_whole() -> None:
    (found,) = encoder_of("generation", lengths()[1]).encode_all([RowIn(THREE, 0)])
    assert isinstance(found, RowOut)
    assert not found.truncated


def test_a_row_is_cut_behind_the_last_answer_that_fits_whole() -> None:
    first, whole = lengths()
    for limit in range(first, whole - 1):
        encoder = encoder_of("generation", limit, over_length="truncate")
        (found,) = encoder.encode_all([RowIn(THREE, 0)])
        assert isinstance(found, RowOut)
        assert found.truncated
        expected = "First 🙂.<|im_end|>" if limit < whole - 1 else "Thïrd.<|im_end|>"
        assert trained_texts(encoder.tokenizer, found.examples)[0][-1] == expected
        assert all(len(one.ids) <= limit for one in found.examples)


def test_a_row_of_which_no_answer_fits_is_too_long() -> None:
    assert reason(encoder_of("generation", lengths()[0] - 1, over_length="truncate"), THREE) == "over_length"


def test_of_several_samples_those_that_fit_are_kept() -> None:
    row = talk(("user", "a"), ("assistant", "b"), ("user", "c " * 50), ("assistant", "d"))
    (found,) = encoder_of("thinking", 60, over_length="truncate").encode_all([RowIn(row, 0)])
    assert isinstance(found, RowOut)
    assert found.truncated
    assert len(found.examples) == 1


# ----------------------------------------------------------------------------- classes


def classifier(**options: Json) -> Encoder:
    return encoder_of("generation", options.pop("limit", None), ("yes", "no"), task="classify", **options)


def test_a_classifier_reads_the_prompt_and_neither_answer_nor_metadata() -> None:
    row = talk(("system", "s"), ("user", "Is it?"), ("assistant", "SECRET"), metadata={"label": "SECRET"})
    encoder = classifier()
    (one,) = made(encoder, row, 2.0, "no")
    text = encoder.tokenizer.backend.decode(one.ids.tolist(), skip_special_tokens=False)
    assert re.sub(r"<\|im_(start|end)\|>", "|", text) == "|system\ns|\n|user\nIs it?|\n|assistant\n"
    assert (one.label, one.weight, one.weights.any()) == (1, 2.0, False)


def test_no_word_after_the_answer_is_read_either() -> None:
    encoder = classifier()
    (one,) = made(encoder, talk(("user", "Is it?"), ("assistant", "SECRET"), ("user", "SECRET")), 1.0, "no")
    assert "SECRET" not in encoder.tokenizer.backend.decode(one.ids.tolist())


def test_rows_that_have_no_one_known_class_are_told() -> None:
    row = talk(("user", "a"), ("assistant", "yes"))
    assert reason(classifier(), row) == "no_label"
    assert reason(classifier(), row, label="maybe") == "unseen_label"
    assert reason(classifier(), THREE, label="yes") == "several_answers"
    assert reason(classifier(limit=3), row, label="yes") == "over_length"


def test_a_prompt_that_is_too_long_keeps_its_beginning_and_its_last_token() -> None:
    row = talk(("user", "one two three four five six seven"), ("assistant", "yes"))
    (whole,) = made(classifier(), row, label="yes")
    (cut,) = made(classifier(limit=8, over_length="truncate"), row, label="yes")
    assert cut.ids.tolist() == [*whole.ids[:7].tolist(), int(whole.ids[-1])]


def test_a_chat_with_classes_has_them_beside_its_tokens() -> None:
    encoder = encoder_of("generation", classes=("yes", "no"))
    row = talk(("user", "a"), ("assistant", "no"))
    assert [made(encoder, row, label=label)[0].label for label in ("no", "other", None)] == [1, -1, -1]


# ----------------------------------------------------------------------------- tokenizers that are written again


def test_a_tokenizer_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    from audit.tokens.huggingface import load_chat_tokenizer

    bpe(["<a>"]).save(str(tmp_path / "tokenizer.json"))
    first = load_chat_tokenizer(str(tmp_path))
    assert load_chat_tokenizer(str(tmp_path)) is first
    bpe(["<longer>"]).save(str(tmp_path / "tokenizer.json"))
    assert load_chat_tokenizer(str(tmp_path)).backend.token_to_id("<longer>") is not None
