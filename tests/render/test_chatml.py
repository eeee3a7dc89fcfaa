"""OpenAI's layout: what is a control token, what carries loss, and what the cookbook's arithmetic makes of tools."""

from __future__ import annotations

import pytest

from audit.model import ABSENT, Chat, Json, Message, ToolCall
from audit.render import ChatML, is_trained, render, trainable_tokens
from audit.render.chatml import has_estimated_parts
from audit.tokens import Counter, make_counter


def turn(role: Json, content: Json, index: int = 0, **more: Json) -> Message:
    at = f"/messages/{index}"
    return Message(role=role, content=content, at=at, role_at=f"{at}/role", content_at=f"{at}/content", **more)


def chat(*messages: Message, **more: Json) -> Chat:
    return Chat(messages=messages, **more)


@pytest.fixture(scope="module")
def counter() -> Counter:
    made = make_counter("o200k_base")
    if not made.exact:
        pytest.skip("the ranks of o200k_base are not on this machine")
    return made


def total(counter: Counter, made: Chat) -> int:
    return trainable_tokens(render(made, ChatML()), counter).total


def test_the_layout_is_the_one_openai_bills_by() -> None:
    (sample,) = render(chat(turn("user", "Hi"), turn("assistant", "Hello.")), ChatML()).samples
    assert sample.text.startswith(
        "<|im_start|>user<|im_sep|>Hi<|im_end|><|im_start|>assistant<|im_sep|>Hello.<|im_end|>"
    )


def test_only_answers_and_the_tokens_that_end_them_are_trained() -> None:
    (sample,) = render(chat(turn("user", "Hi"), turn("assistant", "Hello.", 1)), ChatML()).samples
    assert [(piece.text, piece.special, piece.message) for piece in sample.pieces if piece.trained] == [
        ("Hello.", False, 1),
        ("<|im_end|>", True, 1),
    ]


@pytest.mark.parametrize(("weight", "trained"), [(ABSENT, True), (None, True), (1, True), (0, False), ("0", True)])
def test_a_weight_of_zero_takes_an_answer_out_of_the_loss(weight: Json, trained: bool) -> None:
    assert is_trained(turn("assistant", "x", weight=weight)) is trained


def test_the_shape_has_the_last_word_on_what_is_trained() -> None:
    assert is_trained(turn("user", "x", trained=True))
    assert not is_trained(turn("assistant", "x", trained=False))


def test_the_cookbooks_two_examples_count_as_the_service_counted_them(counter: Counter) -> None:
    # OpenAI cookbook, "How to count tokens with tiktoken", section 6: gpt-4o and gpt-4o-mini said 124 prompt tokens.
    said = [
        ("system", None, ("You are a helpful, pattern-following assistant that translates corporate jargon into "
            "plain English.")),
        ("system", "example_user", "New synergies will help drive top-line growth."),
        ("system", "example_assistant", "Things working well together will increase revenue."),
        ("system", "example_user", ("Let's circle back when we have more bandwidth to touch base on opportunities for "
            "increased leverage.")),
        ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
        ("user", None, "This late pivot means we don't have time to boil the ocean for the client deliverable."),
    ]  # fmt: skip
    messages = [turn(role, text, name=ABSENT if name is None else name) for role, name, text in said]
    assert total(counter, chat(*messages)) == 124


def test_the_cookbooks_tools_example_counts_as_the_service_counted_it(counter: Counter) -> None:
    # Section 7 of the same: gpt-4o and gpt-4o-mini answered 101 prompt tokens.
    tools = [
        {
            "type": "function",
            "function": {
                "name": "get_current_weather",
                "description": "Get the current weather in a given location",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "location": {
                            "type": "string",
                            "description": "The city and state, e.g. San Francisco, CA",
                        },
                        "unit": {
                            "type": "string",
                            "description": "The unit of temperature to return",
                            "enum": ["celsius", "fahrenheit"],
                        },
                    },
                    "required": ["location"],
                },
            },
        }
    ]
    messages = (
        turn("system", "You are a helpful assistant that can answer to questions about the weather."),
        turn("user", "What's the weather like in San Francisco?"),
    )
    assert total(counter, chat(*messages, tools=tools)) == 101


def test_a_chat_of_wrong_types_still_has_a_layout(counter: Counter) -> None:
    call = ToolCall(id=1, name=None, arguments={"\ud800": [1]}, at="", id_at="", name_at="", arguments_at="")
    odd = chat(
        turn(ABSENT, ABSENT),
        turn(7, {"a": 1}, name=3),
        turn("assistant", [None, {"type": "text", "text": "a"}, {"type": "image_url"}], calls=(call,)),
        tools=[None, {"function": 3}, {"name": "f", "parameters": {"properties": {"a": 1, "b": {"enum": [None, 2]}}}}],
    )
    assert total(counter, odd) > 0


def test_a_schema_nested_a_thousand_deep_is_counted(counter: Counter) -> None:
    schema: dict[str, Json] = {"type": "string"}
    for _ in range(1000):
        schema = {"properties": {"a": schema}}
    assert total(counter, chat(turn("user", "x"), tools=[{"name": "f", "parameters": schema}])) > 3000


def test_tools_calls_and_images_are_called_estimates() -> None:
    plain = turn("user", [{"type": "text", "text": "a"}])
    image = turn("user", [{"type": "image_url", "image_url": {"url": "data:"}}])
    assert not has_estimated_parts(chat(plain))
    assert has_estimated_parts(chat(image))
    assert has_estimated_parts(chat(plain, tools=[{}]))
    assert not has_estimated_parts(chat(plain, tools=[]))


def test_a_cut_through_an_answer_loses_its_end(counter: Counter) -> None:
    made = render(chat(turn("user", "Hi"), turn("assistant", "one two three four five", 1)), ChatML())
    whole = trainable_tokens(made, counter)
    cut = trainable_tokens(made, counter, whole.total - 5)
    assert (whole.trained, whole.left, whole.end_cut, whole.last_cut) == (6, 6, False, False)
    assert (cut.trained, cut.left, cut.end_cut, cut.last_cut) == (6, 4, True, True)


def test_a_cut_before_the_answer_leaves_nothing_to_learn(counter: Counter) -> None:
    made = render(chat(turn("user", "Hi " * 50), turn("assistant", "yes", 1)), ChatML())
    cut = trainable_tokens(made, counter, 20)
    assert (cut.left, cut.end_cut, cut.last_cut) == (0, False, True)


def test_a_cut_after_the_last_trained_turn_loses_nothing(counter: Counter) -> None:
    messages = (turn("user", "Hi"), turn("assistant", "yes", 1), turn("user", "word " * 50, 2))
    cut = trainable_tokens(render(chat(*messages), ChatML()), counter, 20)
    assert (cut.trained, cut.left, cut.end_cut, cut.last_cut) == (2, 2, False, False)


def test_a_prompt_is_what_stands_before_the_answer_and_trains_nothing() -> None:
    row = chat(turn("user", "Hi"), turn("assistant", "Hello.", 1))
    (sample,) = ChatML().prompt(row).samples
    assert sample.text == "<|im_start|>user<|im_sep|>Hi<|im_end|><|im_start|>assistant<|im_sep|>"
    assert not any(piece.trained for piece in sample.pieces)


def test_the_prompt_of_a_row_without_an_answer_is_the_whole_row() -> None:
    assert ChatML().prompt(chat(turn("user", "Hi"))) == render(chat(turn("user", "Hi")), ChatML())
