"""Hugging Face templates: which parts of the text carry loss, and what becomes of templates that rewrite history."""

from __future__ import annotations

import pytest

from audit.errors import InputError
from audit.model import Chat, Json, Message, ToolCall
from audit.render import Rendered
from audit.render.jinja import JinjaTemplate

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKED = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}<|im_end|>\n{% endfor %}"
)
FORGETFUL = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% set text = message.content %}{% if not loop.last and '</think>' in text %}"
    "{% set text = text.split('</think>')[-1] %}{% endif %}{{ text }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
STRICT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]{% else %} {{ message.content }}{{ eos_token }}"
    "{% endif %}{% endfor %}"
)
CONTROL = ("<|im_start|>", "<|im_end|>")


def turn(role: Json, content: Json, **more: Json) -> Message:
    return Message(role=role, content=content, at="", role_at="", content_at="", **more)


def rendered(source: str, *messages: Message, tools: Json = None, **names: str) -> Rendered:
    return JinjaTemplate(source, names, control=CONTROL).render(Chat(messages=messages, tools=tools))


def trained(made: Rendered) -> list[list[tuple[str, int]]]:
    return [[(piece.text, piece.message) for piece in sample.pieces if piece.trained] for sample in made.samples]


TALK = (
    turn("user", "Hi"),
    turn("assistant", "Hello."),
    turn("user", "And?"),
    turn("assistant", "Bye."),
)


@pytest.mark.parametrize("source", [CHATML, MARKED])
def test_answers_and_their_ends_are_trained_and_nothing_else(source: str) -> None:
    made = rendered(source, *TALK)
    assert trained(made) == [[("Hello.<|im_end|>", 1), ("Bye.<|im_end|>", 3)]]


@pytest.mark.parametrize("source", [CHATML, MARKED])
def test_an_answer_with_weight_zero_is_not_trained(source: str) -> None:
    made = rendered(source, TALK[0], turn("assistant", "Hello.", weight=0), *TALK[2:])
    assert trained(made) == [[("Bye.<|im_end|>", 3)]]


def test_the_pieces_are_the_whole_text() -> None:
    (sample,) = rendered(CHATML, *TALK).samples
    assert sample.joined
    assert sample.text == "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in TALK)


def test_a_template_that_drops_earlier_reasoning_gives_one_sample_per_answer() -> None:
    talk = (TALK[0], turn("assistant", "<think>a</think>Hello."), TALK[2], turn("assistant", "<think>b</think>Bye."))
    made = rendered(FORGETFUL, *talk)
    assert trained(made) == [[("<think>a</think>Hello.<|im_end|>", 1)], [("<think>b</think>Bye.<|im_end|>", 3)]]
    assert "<think>a" not in made.samples[1].text


def test_a_row_that_the_template_refuses_says_why_and_never_raises() -> None:
    made = rendered(STRICT, turn("assistant", "Hello."), bos_token="<s>", eos_token="</s>")
    assert made.samples == ()
    assert made.problem == "the chat template refuses it: Conversation roles must alternate user/assistant"


def test_named_tokens_come_from_the_tokenizer() -> None:
    made = rendered(STRICT, *TALK, bos_token="<s>", eos_token="</s>")
    assert made.samples[0].text == "<s>[INST] Hi [/INST] Hello.</s>[INST] And? [/INST] Bye.</s>"
    assert trained(made) == [[(" Hello.</s>", 1), (" Bye.</s>", 3)]]


def test_noncharacters_in_the_text_do_not_confuse_the_marks() -> None:
    made = rendered(MARKED, turn("user", "\ufdd0\ufdd1"), turn("assistant", "a\ufdd1\ufdd0b"))
    assert trained(made) == [[("a\ufdd1\ufdd0b<|im_end|>", 1)]]


def test_tool_arguments_reach_the_template_as_objects() -> None:
    call = ToolCall(id="c", name="f", arguments='{"a": "ä"}', at="", id_at="", name_at="", arguments_at="")
    source = "{% for m in messages %}{{ m.tool_calls[0].function.arguments | tojson }}{{ tools | tojson }}{% endfor %}"
    made = rendered(source, turn("assistant", None, calls=(call,)), tools='[{"name": "<f>"}]')
    assert made.samples[0].text == '{"a": "ä"}[{"name": "<f>"}]'


def test_today_is_always_the_same_day() -> None:
    assert rendered("{{ strftime_now('%d %b %Y') }}x").samples[0].text == "26 Jul 2024x"


def test_loop_controls_are_understood() -> None:
    source = "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.content }}{% endfor %}"
    assert rendered(source, turn("user", "a"), turn("user", "b")).samples[0].text == "a"


def test_a_template_cannot_reach_outside_its_sandbox() -> None:
    made = rendered("{{ messages.__class__.__mro__[1].__subclasses__() }}", turn("user", "a"))
    assert made.problem is not None


def test_a_template_that_is_not_jinja_is_an_error_of_the_user() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        JinjaTemplate("{% for %}")


@pytest.mark.parametrize("content", [None, 7, [{"type": "text", "text": "a"}], {"a": 1}])
def test_odd_contents_never_raise(content: Json) -> None:
    strict_about_text = "{% for m in messages %}{{ m.content + 'x' }}{% endfor %}"
    for source in (CHATML, MARKED, FORGETFUL, STRICT, strict_about_text):
        made = rendered(source, turn("user", content), turn("assistant", content))
        assert made.samples or made.problem
