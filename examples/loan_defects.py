"""The faults that ``loan_decisions.py`` plants: one small function each, from a good row to the bytes of a broken line.

``PLANTINGS`` says which rule should find it, what it is called in the truth file, and how many lines get it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
Planting: TypeAlias = tuple[str, str, int, Callable[[Row], bytes]]


def text(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def encode(row: Row) -> bytes:
    return text(row).encode()


def answer(row: Row) -> Row:
    """The last message; every good row ends with the assistant's answer."""
    last: Row = row["messages"][-1]
    return last


def ask(row: Row) -> Row:
    """The first message of the user."""
    asked: Row = next(message for message in row["messages"] if message["role"] == "user")
    return asked


# ----------------------------------------------------------------------------- bytes and JSON


def byte_order_mark(row: Row) -> bytes:
    return b"\xef\xbb\xbf" + encode(row)  # what `cat a.jsonl b.jsonl` leaves in the middle


def windows_apostrophe(row: Row) -> bytes:
    ask(row)["content"] += " It's urgent."
    return encode(row).replace(b"It's urgent", b"It\x92s urgent")


def latin_accent(row: Row) -> bytes:
    ask(row)["content"] += " It is for the cafe."
    return encode(row).replace(b"cafe.", b"caf\xe9.")


def cut_off(row: Row) -> bytes:
    raw = encode(row)
    return raw[: len(raw) * 2 // 3]


def trailing_comma(row: Row) -> bytes:
    return encode(row)[:-1] + b",}"


def single_quotes(row: Row) -> bytes:
    return text(row).replace("'", "").replace('\\"', "").replace('"', "'").encode()


def two_on_a_line(row: Row) -> bytes:
    return encode(row) + encode(row)


def python_words(row: Row) -> bytes:
    return encode(row)[:-1] + b', "metadata_checked": True}'


def bare_list(row: Row) -> bytes:
    return json.dumps(row["messages"], ensure_ascii=False).encode()


def repeated_content(row: Row) -> bytes:
    return encode(row).replace(b'{"role": "assistant", ', b'{"role": "assistant", "content": "Declined.", ', 1)


def repeated_role(row: Row) -> bytes:
    return encode(row).replace(b'{"role": "user", ', b'{"role": "system", "role": "user", ', 1)


def not_a_number(row: Row) -> bytes:
    row["metadata"]["income"] = float("nan")
    return encode(row)


def infinite(row: Row) -> bytes:
    row["metadata"]["debt_share"] = float("inf")
    return encode(row)


def null_character(row: Row) -> bytes:
    ask(row)["content"] += "\x00"
    return encode(row)


def escape_sequence(row: Row) -> bytes:
    ask(row)["content"] += " \x1b[31mURGENT\x1b[0m"
    return encode(row)


def half_a_surrogate(row: Row) -> bytes:
    ask(row)["content"] += " \ud83d"
    return json.dumps(row).encode()


def blank(row: Row) -> bytes:
    return b""


def blanks(row: Row) -> bytes:
    return b"   "


# ----------------------------------------------------------------------------- chat structure


def sharegpt(row: Row) -> bytes:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = [{"from": names[turn["role"]], "value": turn["content"]} for turn in row["messages"]]
    return encode({"conversations": turns})


def no_messages(row: Row) -> bytes:
    return encode({"applicant_text": ask(row)["content"], "decision": answer(row)["content"]})


def content_missing(row: Row) -> bytes:
    del ask(row)["content"]
    return encode(row)


def role_missing(row: Row) -> bytes:
    del answer(row)["role"]
    return encode(row)


def message_is_text(row: Row) -> bytes:
    row["messages"][1] = ask(row)["content"]
    return encode(row)


def capital_role(row: Row) -> bytes:
    ask(row)["role"] = "User"
    return encode(row)


def role_of_another_format(row: Row) -> bytes:
    answer(row)["role"] = "bot"
    return encode(row)


def unheard_of_role(row: Row) -> bytes:
    ask(row)["role"] = "applicant"
    return encode(row)


def no_answer(row: Row) -> bytes:
    row["messages"] = [message for message in row["messages"] if message["role"] != "assistant"]
    return encode(row)


def no_turns(row: Row) -> bytes:
    row["messages"] = []
    return encode(row)


def last_word_to_the_user(row: Row) -> bytes:
    row["messages"].append({"role": "user", "content": "Thank you, and when would the money arrive?"})
    return encode(row)


def user_twice(row: Row) -> bytes:
    row["messages"].insert(2, {"role": "user", "content": "I forgot to say: the paperwork is complete."})
    return encode(row)


def system_in_the_middle(row: Row) -> bytes:
    row["messages"].insert(2, {"role": "system", "content": "Answer in one sentence."})
    return encode(row)


def content_null(row: Row) -> bytes:
    ask(row)["content"] = None
    return encode(row)


def content_number(row: Row) -> bytes:
    ask(row)["content"] = 4500
    return encode(row)


def empty_answer(row: Row) -> bytes:
    answer(row)["content"] = ""
    return encode(row)


def blank_answer(row: Row) -> bytes:
    answer(row)["content"] = " \n "
    return encode(row)


def key_in_the_row(row: Row) -> bytes:
    row["reviewed_by"] = "second line"
    return encode(row)


def key_in_a_message(row: Row) -> bytes:
    ask(row)["timestamp"] = "2025-03-04T10:11:12Z"
    return encode(row)


def weight_true(row: Row) -> bytes:
    answer(row)["weight"] = True
    return encode(row)


def weight_text(row: Row) -> bytes:
    answer(row)["weight"] = "1"
    return encode(row)


def weight_on_user(row: Row) -> bytes:
    ask(row)["weight"] = 1
    return encode(row)


def nothing_trained(row: Row) -> bytes:
    answer(row)["weight"] = 0
    return encode(row)


def parallel_in_words(row: Row) -> bytes:
    row["parallel_tool_calls"] = "yes"
    return encode(row)


# ----------------------------------------------------------------------------- tool calls and tokens


def function(row: Row) -> Row:
    """The called function of a row with a tool call."""
    called: Row = row["messages"][2]["tool_calls"][0]["function"]
    return called


def arguments_cut(row: Row) -> bytes:
    function(row)["arguments"] = function(row)["arguments"][:-4]
    return encode(row)


def result_of_no_call(row: Row) -> bytes:
    row["messages"][3]["tool_call_id"] = "call_of_another_row"
    return encode(row)


def undeclared_tool(row: Row) -> bytes:
    function(row)["name"] = "credit_reprot"
    return encode(row)


def wrong_argument_type(row: Row) -> bytes:
    arguments = json.loads(function(row)["arguments"])
    function(row)["arguments"] = json.dumps({**arguments, "months": "two years"})
    return encode(row)


def argument_missing(row: Row) -> bytes:
    function(row)["arguments"] = json.dumps({"months": 24})
    return encode(row)


def old_function_call(row: Row) -> bytes:
    row["functions"] = [tool["function"] for tool in row.pop("tools")]
    row["messages"][2] = {"role": "assistant", "content": None, "function_call": function(row)}
    row["messages"][3] = {"role": "function", "name": "credit_report", "content": row["messages"][3]["content"]}
    return encode(row)


def python_type_name(row: Row) -> bytes:
    row["tools"][0]["function"]["parameters"]["type"] = "dict"
    return encode(row)


def tool_type_missing(row: Row) -> bytes:
    del row["tools"][0]["type"]
    return encode(row)


def template_leak(row: Row) -> bytes:
    answer(row)["content"] += "<|im_end|>\n<|im_start|>user\n"
    return encode(row)


def infill_token(row: Row) -> bytes:
    ask(row)["content"] += " <|fim_suffix|>"
    return encode(row)


def pasted_statement(row: Row) -> bytes:
    """A bank statement pasted into the application: well over the 2,048 tokens that the example allows."""
    entries = [
        f"2025-{1 + n // 28:02d}-{1 + n % 28:02d} card payment {100 + 7 * n % 863}.{n % 90 + 10} USD"
        for n in range(190)
    ]
    ask(row)["content"] += "\n\nMy statement:\n" + "\n".join(entries)
    return encode(row)


PLANTINGS: tuple[Planting, ...] = (
    ("ENC001", "byte-order-mark", 1, byte_order_mark),
    ("ENC002", "invalid-utf8", 2, windows_apostrophe),
    ("ENC002", "invalid-utf8", 1, latin_accent),
    ("ENC003", "cut-off-json", 2, cut_off),
    ("ENC003", "trailing-comma", 1, trailing_comma),
    ("ENC003", "single-quotes", 1, single_quotes),
    ("ENC003", "two-objects-on-a-line", 1, two_on_a_line),
    ("ENC003", "python-literal", 1, python_words),
    ("ENC004", "list-instead-of-object", 2, bare_list),
    ("ENC005", "duplicate-key", 2, repeated_content),
    ("ENC005", "duplicate-key", 1, repeated_role),
    ("ENC006", "nan", 2, not_a_number),
    ("ENC006", "infinity", 1, infinite),
    ("ENC007", "control-character", 1, null_character),
    ("ENC007", "control-character", 1, escape_sequence),
    ("ENC007", "lone-surrogate", 1, half_a_surrogate),
    ("ENC008", "blank-line", 2, blank),
    ("ENC008", "blank-line", 1, blanks),
    ("FMT101", "sharegpt-row", 2, sharegpt),
    ("FMT101", "unknown-shape", 1, no_messages),
    ("FMT102", "content-missing", 2, content_missing),
    ("FMT102", "role-missing", 1, role_missing),
    ("FMT102", "message-is-text", 1, message_is_text),
    ("FMT103", "role-alias", 2, capital_role),
    ("FMT103", "role-alias", 1, role_of_another_format),
    ("FMT103", "unknown-role", 1, unheard_of_role),
    ("FMT104", "no-assistant", 2, no_answer),
    ("FMT104", "no-messages", 1, no_turns),
    ("FMT105", "last-is-user", 3, last_word_to_the_user),
    ("FMT106", "user-twice", 2, user_twice),
    ("FMT107", "system-in-the-middle", 2, system_in_the_middle),
    ("FMT108", "content-null", 1, content_null),
    ("FMT108", "content-number", 1, content_number),
    ("FMT109", "empty-answer", 2, empty_answer),
    ("FMT109", "blank-answer", 1, blank_answer),
    ("FMT110", "extra-row-key", 1, key_in_the_row),
    ("FMT110", "extra-message-key", 1, key_in_a_message),
    ("FMT111", "weight-true", 2, weight_true),
    ("FMT111", "weight-text", 1, weight_text),
    ("FMT111", "weight-on-user", 1, weight_on_user),
    ("FMT112", "nothing-trained", 1, nothing_trained),
    ("FMT119", "parallel-tool-calls-text", 1, parallel_in_words),
    ("TCL201", "arguments-not-json", 2, arguments_cut),
    ("TCL202", "result-of-no-call", 2, result_of_no_call),
    ("TCL203", "undeclared-tool", 2, undeclared_tool),
    ("TCL204", "argument-type", 2, wrong_argument_type),
    ("TCL204", "argument-missing", 1, argument_missing),
    ("TCL206", "function-call", 1, old_function_call),
    ("TCL207", "python-type-name", 1, python_type_name),
    ("TCL208", "tool-type-missing", 1, tool_type_missing),
    ("TOK301", "over-the-limit", 2, pasted_statement),
    ("TOK306", "template-leak", 2, template_leak),
    ("TOK307", "infill-token", 1, infill_token),
)
