"""What OpenAI's servers say of a file that a job cannot be made of, in their own words. Asks and keeps nothing.

The texts are those of real servers (shared/research/formats.md, section 2), in the order in which they seem to look.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tests.train.provider.models import flagged_in

LEAST: Final = 10
KEYS: Final = {
    "supervised": ("messages", "tools", "parallel_tool_calls", "functions"),
    "dpo": ("input", "preferred_output", "non_preferred_output"),
}
OF_MESSAGE: Final = frozenset(
    {"role", "content", "name", "function_call", "tool_calls", "tool_call_id", "refusal", "weight", "audio"}
)
_TOKEN: Final = re.compile(r"<\|(?:endoftext|endofprompt|fim_prefix|fim_middle|fim_suffix|im_start|im_end|im_sep)\|>")
_FORMS: Final = {"supervised": "chat", "dpo": "preference"}


def problem_of(
    data: bytes, identity: str, method: str, role: str, scenario: dict[str, Any]
) -> dict[str, str | None] | None:
    """The ``error`` of a job with this file of a role (``training``, ``validation``); None where there is none."""
    lines = data.decode("utf-8-sig", "replace").rstrip("\n").split("\n")
    rows = []
    for at, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            why = f"Example {at} cannot be parsed. Error: line contains invalid json: {error} (line {at})"
            return _format_error(role, why)
    if role == "training" and len(rows) < LEAST:
        text = f"{role.capitalize()} file has {len(rows)} example(s), but must have at least {LEAST} examples"
        return {"code": "invalid_n_examples", "message": text, "param": f"{role}_file"}
    if misfit := _misfit(rows, identity, method):
        return {"code": "invalid_file_format", "message": misfit, "param": f"{role}_file"}
    for at, row in enumerate(rows, 1):
        if found := _row_problem(row, at, method, role, scenario):
            return found
    return _moderated(rows, role, scenario)


def _format_error(role: str, why: str) -> dict[str, str | None]:
    text = f"The job failed due to a file format error in the {role} file. Invalid file format. {why}"
    return {"code": "invalid_file_format", "message": text, "param": f"{role}_file"}


def _misfit(rows: list[Any], identity: str, method: str) -> str | None:
    first = rows[0] if isinstance(rows[0], dict) else {}
    form = next((one for one, keys in KEYS.items() if keys[0] in first), None)
    if form is None and not {"prompt", "weight", *KEYS["supervised"], *KEYS["dpo"]} & set(first):
        return "Unexpected file format, expected either prompt/completion pairs or chat messages."
    if form not in (None, method):
        return (
            f"Input file {identity} is in the fine-tune-{_FORMS[str(form)]} format, but the specified fine-tuning job "
            f"is not using '{form}' as the training method (provided method={method})."
        )
    return None


def _row_problem(row: Any, at: int, method: str, role: str, scenario: dict[str, Any]) -> dict[str, str | None] | None:
    needed = KEYS[method][:1] if method == "supervised" else KEYS[method]
    for key in needed:
        if not isinstance(row, dict) or key not in row:
            quoted = f'"{key}"' if method == "supervised" else f"'{key}'"
            return _format_error(role, f"Example {at} is missing key {quoted}.")
    if extra := next((key for key in row if key not in KEYS[method]), None):
        return _format_error(role, f'Example {at} contains an extra "{extra}".')
    for number, message in enumerate(_messages(row), scenario.get("message_base", 1)):
        if why := _message_problem(message):
            text = f"The job failed due to an invalid {role} file. Invalid file format. Example {at}, message {number}"
            return {"code": f"invalid_{role}_file", "message": f"{text} {why}", "param": f"{role}_file"}
        if extra := next((key for key in message if key not in OF_MESSAGE), None):
            return _format_error(role, f'Example {at} contains an extra "{extra}".')
        if token := _TOKEN.search(json.dumps(message)):
            return _format_error(role, f"Example {at} message contains an invalid token: {token[0]}.")
    return None


def _messages(row: dict[str, Any]) -> list[Any]:
    """All messages of a row, the answers of a preference after those that they answer."""
    told = row["messages"] if "messages" in row else [*row["input"].get("messages", [])]
    return [*told, *row.get("preferred_output", []), *row.get("non_preferred_output", [])]


def _message_problem(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "Input should be a valid dictionary or object to extract fields from"
    if "role" not in message:
        return "Discriminator 'role' is missing in value"
    if message.get("weight", 1) not in (0, 1):
        return "Input should be 0 or 1"
    return None


def _moderated(rows: list[Any], role: str, scenario: dict[str, Any]) -> dict[str, str | None] | None:
    texts = [json.dumps(message, ensure_ascii=False) for row in rows for message in _messages(row)]
    found = sorted({category for text in texts for category in flagged_in(text, scenario)})
    if not found:
        return None
    text = (
        f"This {role} file was blocked because too many examples were flagged by our moderation API for containing "
        f"content that violates OpenAI's usage policies in the following categories: {', '.join(found)}. Use the free "
        "OpenAI Moderation API to identify these examples and remove them from your training data. See "
        "https://platform.openai.com/docs/guides/moderation for more information."
    )
    return {"code": "unsafe_file", "message": text, "param": f"{role}_file"}
