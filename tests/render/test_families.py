"""Chat templates of every family: what each trains on in a chat of three answers, of which one is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.model import Chat, Json, Message, ToolCall
from audit.render import Rendered
from audit.render.jinja import JinjaTemplate

TEMPLATES = Path(__file__).parent.parent / "data" / "templates"
CONTROL = (
    "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>",
    "<end_of_turn>",
)  # fmt: skip
NAMES = {"bos_token": "<s>", "eos_token": "</s>"}


def turn(role: Json, content: Json, **more: Json) -> Message:
    return Message(role=role, content=content, at="", role_at="", content_at="", **more)


def template(family: str) -> JinjaTemplate:
    return JinjaTemplate((TEMPLATES / f"{family}.jinja").read_text("utf-8"), NAMES, control=CONTROL)


def trained(made: Rendered) -> list[list[str]]:
    assert made.problem is None
    return [[piece.text for piece in sample.pieces if piece.trained] for sample in made.samples]


SYSTEM = turn("system", "Be brief.")
TALK = (
    turn("user", "One?"),
    turn("assistant", "First."),
    turn("user", "Two?"),
    turn("assistant", "Second.", weight=0),
    turn("user", "Three?"),
    turn("assistant", "Third."),
)

IN_ONE = {
    "chatml": ["First.<|im_end|>", "Third.<|im_end|>"],
    "llama3": ["First.<|eot_id|>", "Third.<|eot_id|>"],
    "mistral": [" First.</s>", " Third.</s>"],
    "gemma": ["First.<end_of_turn>", "Third.<end_of_turn>"],
    "generation": ["First.<|im_end|>", "Third.<|im_end|>"],
}


@pytest.mark.parametrize("family", sorted(IN_ONE))
def test_answers_with_their_ends_are_trained_and_the_one_of_weight_zero_is_not(family: str) -> None:
    assert trained(template(family).render(Chat(messages=TALK))) == [IN_ONE[family]]


@pytest.mark.parametrize("family", ["chatml", "llama3", "gemma", "generation"])
def test_a_system_prompt_changes_nothing_of_what_is_trained(family: str) -> None:
    made = template(family).render(Chat(messages=(SYSTEM, *TALK)))
    assert trained(made) == [IN_ONE[family]]
    assert "Be brief." in made.samples[0].text


def test_a_system_prompt_that_moves_to_the_last_question_gives_one_sample_per_answer() -> None:
    made = template("mistral").render(Chat(messages=(SYSTEM, *TALK)))
    assert trained(made) == [[" First.</s>"], [" Third.</s>"]]
    assert [sample.text for sample in made.samples] == [
        "<s>[INST] Be brief.\n\nOne? [/INST] First.</s>",
        "<s>[INST] One? [/INST] First.</s>[INST] Two? [/INST] Second.</s>[INST] Be brief.\n\nThree? [/INST] Third.</s>",
    ]


def test_a_thinking_template_gives_each_answer_with_its_own_reasoning_and_the_history_a_model_would_see() -> None:
    talk = (
        *TALK[:1],
        turn("assistant", "<think>\nhm\n</think>\n\nFirst."),
        *TALK[2:],
    )
    made = template("thinking").render(Chat(messages=talk))
    assert trained(made) == [
        ["<think>\nhm\n</think>\n\nFirst.<|im_end|>"],
        ["<think>\n\n</think>\n\nThird.<|im_end|>"],
    ]
    assert "hm" not in made.samples[1].text


def test_the_day_in_a_template_is_frozen() -> None:
    assert "Today Date: 26 Jul 2024" in template("llama3").render(Chat(messages=TALK)).samples[0].text


def test_roles_that_a_template_refuses_are_told() -> None:
    made = template("mistral").render(Chat(messages=TALK[1:]))
    assert made.problem == "the chat template refuses it: user and assistant must take turns"


def test_a_call_of_a_tool_is_trained_and_its_result_is_not() -> None:
    call = ToolCall(id="1", name="add", arguments='{"a": 1}', at="", id_at="", name_at="", arguments_at="")
    messages = (
        turn("user", "1 + 1?"),
        turn("assistant", None, calls=(call,)),
        turn("tool", "2", call_id="1"),
        turn("assistant", "It is 2."),
    )
    made = template("chatml").render(Chat(messages=messages, tools=[{"name": "add"}]))
    assert trained(made) == [
        [
            '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call><|im_end|>',
            "It is 2.<|im_end|>",
        ]
    ]
    assert '{"name": "add"}\n</tools>' in made.samples[0].text
    assert "<|im_start|>user\n<tool_response>\n2\n</tool_response><|im_end|>\n" in made.samples[0].text


# ----------------------------------------------------------------------------- prompts


ASKED = {
    "chatml": "Three?<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "Three?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "Three? [/INST]",
    "gemma": "Three?<end_of_turn>\n<start_of_turn>model\n",
    "thinking": "Three?<|im_end|>\n<|im_start|>assistant\n",
    "generation": "Three?<|im_end|>\n<|im_start|>assistant\n",
}


@pytest.mark.parametrize("family", sorted(ASKED))
def test_a_prompt_ends_where_the_reply_begins_and_trains_nothing(family: str) -> None:
    made = template(family).prompt(Chat(messages=TALK))
    (sample,) = made.samples
    assert sample.text.endswith(ASKED[family])
    assert "Third." not in sample.text
    assert trained(made) == [[]]


def test_the_prompt_of_a_chat_that_ends_with_a_question_is_all_of_it() -> None:
    (whole,) = template("gemma").prompt(Chat(messages=TALK[:-1])).samples
    (cut,) = template("gemma").prompt(Chat(messages=TALK)).samples
    assert whole == cut


def test_the_prompt_of_a_row_of_two_answers_holds_neither() -> None:
    chat = Chat(messages=TALK[:1], chosen=(turn("assistant", "Good."),), rejected=(turn("assistant", "Bad."),))
    (sample,) = template("gemma").prompt(chat).samples
    assert sample.text == "<s><start_of_turn>user\nOne?<end_of_turn>\n<start_of_turn>model\n"


def test_a_prompt_that_a_template_refuses_is_told() -> None:
    assert template("mistral").prompt(Chat(messages=TALK[1:])).problem is not None


# ----------------------------------------------------------------------------- marks


def marked(inside: str, end: str = "") -> JinjaTemplate:
    """A template that marks ``inside`` of an assistant's turn and writes ``end`` behind the mark."""
    source = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n"
        "{% if message.role == 'assistant' %}" + inside + end + "{% else %}{{ message.content }}<|im_end|>{% endif %}"
        "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return JinjaTemplate(source, NAMES, control=CONTROL)


@pytest.mark.parametrize(
    ("inside", "end"),
    [
        ("{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}", ""),
        ("{% generation %}{{ message.content }}{% endgeneration %}", "<|im_end|>"),
        ("{% generation %}{{ message.content }}<|im_end|>{{ ' ' }}{% endgeneration %}", ""),
    ],
)
def test_marks_that_name_the_turn_are_used_whichever_side_its_end_stands(inside: str, end: str) -> None:
    assert trained(marked(inside, end).render(Chat(messages=TALK))) == [["First.<|im_end|>", "Third.<|im_end|>"]]


@pytest.mark.parametrize(
    "inside",
    [
        "{% generation %}{{ message.content[:3] }}{% endgeneration %}{{ message.content[3:] }}",
        "{{ message.content[:3] }}{% generation %}{{ message.content[3:] }}{% endgeneration %}",
        "{{ message.content }}{% generation %}{% endgeneration %}",
    ],
)
def test_marks_that_leave_out_words_of_an_answer_are_refused_and_not_chosen_in_silence(inside: str) -> None:
    made = marked(inside, "<|im_end|>").render(Chat(messages=TALK))
    assert made.samples == ()
    assert made.problem == "the chat template's generation marks and its turns disagree about message 2"


def test_a_mark_that_is_taken_twice_or_thrown_away_ends_no_rendering() -> None:
    kept = "{% set words %}{% generation %}{{ message.content }}{% endgeneration %}{% endset %}"
    twice, never = marked(kept + "{{ words }}{{ words }}", "<|im_end|>"), marked(kept, "x<|im_end|>")
    for one in (twice, never):
        made = one.render(Chat(messages=TALK))
        assert made.samples or made.problem
