"""What outputs were asked with, as text, beside their answers. Reads rows again; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from audit.model import Json
from audit.outputs.table import Outputs
from audit.rule import Context
from audit.rules.outputs.answer_texts import answer_texts


class AskedText(NamedTuple):
    """One output: its index in the table that was asked for, the whole prompt, the same without system prompts, its
    last question, what was answered and what is true (each "" for none), and the row it stands in.

    ``said`` is what ``audit.read.dialogue.prompt_text`` gives of a training row."""

    at: int
    prompt: str
    said: str
    question: str
    output: str
    truth: str
    data: Json


def asked_texts(context: Context, part: Outputs) -> Iterator[AskedText]:
    """The texts of outputs that were asked for, in reading order; those of derived arms have no row."""
    for one in answer_texts(context, part):
        turns = list(_turns(one.data))
        asked = [text for role, text in turns if role == "user"]
        prompt = "\n".join(text for _, text in turns)
        said = "\n".join(text for role, text in turns if role not in ("system", "developer"))
        yield AskedText(one.at, prompt, said, asked[-1] if asked else prompt, one.output, one.truth, one.data)


def portions(texts: Iterator[AskedText], size: int) -> Iterator[list[AskedText]]:
    """The texts in lists of at most so many."""
    while portion := list(islice(texts, size)):
        yield portion


def _turns(data: Json) -> Iterator[tuple[str, str]]:
    messages = data.get("messages") if isinstance(data, dict) else None
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            role = message.get("role")
            yield role if isinstance(role, str) else "", "".join(_pieces(message.get("content")))


def _pieces(content: Json) -> Iterable[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else ()
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
