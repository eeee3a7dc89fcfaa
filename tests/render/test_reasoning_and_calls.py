"""What only some templates know of a message: its reasoning, a call without words, and a prompt that says more."""

from __future__ import annotations

import pytest

from audit.model import Chat, Json
from audit.read.shapes.messages import read_messages
from audit.render import Rendered
from audit.render.jinja import JinjaTemplate

CONTROL = ("<|im_start|>", "<|im_end|>")
USER: Json = {"role": "user", "content": "Hi"}
CALL: Json = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
OPEN = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
END = "<|im_end|>\n{% endfor %}"
ASK = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
ASK_TO_THINK = "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
QWEN3 = (
    OPEN + "{% if m.reasoning_content is string %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}" + END + ASK
)
SIMPLE = OPEN + "{{ m.content }}" + END
DEEPSEEK = (
    OPEN + "{% if m.content is none %}{% for c in m.tool_calls %}CALL {{ c.function.name }}"
    "{{ c.function.arguments | tojson }}{% endfor %}{% else %}{{ m.content }}{% endif %}" + END + ASK
)


def rendered(source: str, *messages: Json) -> Rendered:
    return JinjaTemplate(source, control=CONTROL).render(Chat(messages=read_messages(list(messages), "/messages")))


def trained(made: Rendered) -> list[list[str]]:
    assert made.problem is None
    return [[piece.text for piece in sample.pieces if piece.trained] for sample in made.samples]


# ----------------------------------------------------------------------------- reasoning


def test_reasoning_beside_the_content_is_trained_where_the_template_writes_it() -> None:
    answer: Json = {"role": "assistant", "content": "Hello.", "reasoning_content": "Greet."}
    assert trained(rendered(QWEN3, USER, answer)) == [["<think>\nGreet.\n</think>\n\nHello.<|im_end|>"]]


@pytest.mark.parametrize("more", [{}, {"reasoning_content": "Greet."}, {"reasoning_content": None}, {"mood": "glad"}])
def test_the_text_is_that_of_transformers(more: dict[str, Json]) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    source = QWEN3.replace("{{ m.content }}", "{{ m.content }}{% if m.mood %}({{ m.mood }}){% endif %}")
    messages: list[Json] = [USER, {"role": "assistant", "content": "Hello.", **more}]
    (theirs,), _ = render_jinja_template([messages], chat_template=source)
    assert rendered(source, *messages).samples[0].text == theirs


def test_what_is_read_of_a_message_already_wins_over_its_row() -> None:
    source = (
        OPEN + "{{ m.weight is defined }} {% set f = m.tool_calls[0].function %}{{ f.name }} {{ f.arguments.a }}" + END
    )
    made = rendered(source, {"role": "assistant", "content": "", "weight": 1, "tool_calls": [CALL]})
    assert "False add 1" in made.samples[0].text


# ----------------------------------------------------------------------------- calls


def test_a_content_of_null_reaches_a_template_that_asks_for_it() -> None:
    made = rendered(DEEPSEEK, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]})
    assert trained(made) == [['CALL add{"a": 1}<|im_end|>']]


def test_a_call_without_a_content_is_written_too() -> None:
    made = rendered(DEEPSEEK, USER, {"role": "assistant", "tool_calls": [CALL]})
    assert trained(made) == [['CALL add{"a": 1}<|im_end|>']]


@pytest.mark.parametrize("words", ["{{ m.content }}", "{{ '' ~ m.content }}", "{{ m.content + '' }}"])
def test_null_is_never_written_as_a_word_and_refuses_nothing(words: str) -> None:
    source = OPEN + words + "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}" + END + ASK
    (answer,) = trained(rendered(source, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}))[0]
    assert answer.startswith('[{"type": "function"')


def test_arguments_are_a_text_for_a_template_that_joins_them_to_its_own() -> None:
    source = DEEPSEEK.replace("{{ c.function.arguments | tojson }}", "{{ '\\n' + c.function.arguments }}")
    made = rendered(source, USER, {"role": "assistant", "content": None, "tool_calls": [CALL]})
    assert trained(made) == [['CALL add\n{"a": 1}<|im_end|>']]


@pytest.mark.parametrize("source", [SIMPLE + ASK, DEEPSEEK])
def test_a_turn_whose_call_the_template_leaves_out_is_refused(source: str) -> None:
    made = rendered(source, USER, {"role": "assistant", "content": "I look.", "tool_calls": [CALL]})
    assert made.samples == ()
    assert made.problem == "the chat template leaves out the call of 'add' in message 2"


# ----------------------------------------------------------------------------- prompts that say more


@pytest.mark.parametrize("words", ["Hello.", "<thanks>", "<th", ""])
def test_a_header_is_never_trained_where_the_prompt_goes_on_behind_it(words: str) -> None:
    made = rendered(SIMPLE + ASK_TO_THINK, USER, {"role": "assistant", "content": words})
    assert trained(made) == [[f"{words}<|im_end|>"]]
    assert made.off_prompt == 1


def test_an_answer_that_goes_on_from_the_prompt_begins_behind_all_of_it() -> None:
    made = rendered(SIMPLE + ASK_TO_THINK, USER, {"role": "assistant", "content": "<think>\nhm</think>Hello."})
    assert trained(made) == [["hm</think>Hello.<|im_end|>"]]
    assert made.off_prompt == 0


def test_an_empty_thought_in_the_prompt_leaves_a_thought_trained_and_the_header_not() -> None:
    source = QWEN3.replace(ASK, ASK.replace("assistant\n", "assistant\n<think>\n\n</think>\n\n"))
    answer: Json = {"role": "assistant", "content": "Hello.", "reasoning_content": "Greet."}
    made = rendered(source, USER, answer)
    assert trained(made) == [["<think>\nGreet.\n</think>\n\nHello.<|im_end|>"]]
    assert made.off_prompt == 1


def test_a_prompt_with_another_header_than_the_turn_is_refused() -> None:
    asks_a_bot = "{% if add_generation_prompt %}<|im_start|>bot\n{% endif %}"
    made = rendered(SIMPLE + asks_a_bot, USER, {"role": "assistant", "content": "Hello."})
    assert made.problem == "the chat template does not show where message 2 begins"


def test_a_system_prompt_that_is_only_written_before_a_reply_is_named_as_the_cause() -> None:
    source = (
        "{% for m in messages[1:] %}{% if m.role == 'user' %}[INST]{% if loop.last %}{{ messages[0].content }}\n\n"
        "{% endif %}{{ m.content }}[/INST]{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
    )
    made = rendered(source, {"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "Yo."})
    assert made.problem == (
        "the chat template does not show where message 3 begins: "
        "it writes the system prompt only where the last message is the user's"
    )


# ----------------------------------------------------------------------------- marks


def test_a_mark_around_the_whole_chat_is_refused_whatever_stands_in_it() -> None:
    whole = "{% generation %}" + SIMPLE + "{% endgeneration %}" + ASK
    picky = (
        "{% if messages | length % 2 %}{{ raise_exception('odd') }}{% endif %}" + whole
    )  # a template that can only be rendered whole: there is nothing but its marks
    answer: Json = {"role": "assistant", "content": "Hi"}
    for source in (whole, picky):
        for chat in ([USER, answer], [USER, answer, USER, answer]):
            made = rendered(source, *chat)
            assert made.problem == "the chat template's generation marks hold words that are not the assistant's"


def test_a_mark_that_holds_the_header_of_its_own_turn_trains_the_words_alone() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>user\n{{ m.content }}<|im_end|>\n{% else %}"
        "{% generation %}<|im_start|>assistant\n{{ m.content }}<|im_end|>\n{% endgeneration %}{% endif %}{% endfor %}"
    )
    made = rendered(source + ASK, USER, {"role": "assistant", "content": "Hello."}, USER,
        {"role": "assistant", "content": "Bye.", "weight": 0})  # fmt: skip
    assert trained(made) == [["Hello.<|im_end|>"]]


@pytest.mark.parametrize("end", ["<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>"])
def test_an_empty_thought_outside_the_marks_is_not_trained(end: str) -> None:
    source = (
        OPEN + "{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% generation %}{{ m.content }}" + end + "\n"
        "{% else %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    )
    made = rendered(source + ASK, USER, {"role": "assistant", "content": "Hello."}, USER, USER)
    assert trained(made) == [["Hello.<|im_end|>"]]
