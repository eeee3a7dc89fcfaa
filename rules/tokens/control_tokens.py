"""Finds control tokens of chat templates and tokenizers in text, and says whose they are. Reports nothing itself.

Sources: the tokenizer files and chat templates of the model families named below; for OpenAI tiktoken 0.14 and the
server message "contains an invalid token: <|fim_suffix|>".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.model import Target
from audit.read.patterns import pattern

Kind: TypeAlias = Literal["turn", "token", "unknown"]

_TURN_WORDS: Final = pattern(
    r"im_(?:start|end|sep|user|assistant|system|middle)"  # ChatML and its relatives
    r"|(?:start|end)_header_id|e[om][mt]_id|eo[mt]|header_(?:start|end)|python_tag"  # Llama 3 and 4
    r"|start|end|message|channel|return|call|constrain"  # harmony
    r"|system|user|assistant|observation|tool|tool_call|tool_response"  # Phi, Zephyr, GLM
    r"|(?:START_OF_TURN|END_OF_TURN|USER|CHATBOT|SYSTEM)_TOKEN"  # Command R
    r"|(?:start|end)_of_(?:role|turn)|turn"  # Granite, Gemma
)
_TOKEN_WORDS: Final = pattern(
    r"endoftext|endofprompt|startoftext|(?:begin|end)_of_text|fim_(?:prefix|middle|suffix|pad|begin|hole|end)"
    r"|repo_name|file_sep|file_separator|(?:BOS|EOS|PAD|bos|eos)_TOKEN|(?:bos|eos|eom)_token|pad|padding|bos|eos|unk"
    r"|finetune_right_pad(?:_id)?|(?:vision|box|quad|object_ref)_(?:start|end)|(?:vision|image|video)_pad|image|eo[ah]"
)
_RESERVED: Final = pattern(r"reserved(?:_special_token)?_\d+|image_\d+|dummy_\d+|placeholder\d*")
_LITERALS: Final[dict[str, Kind]] = {
    "[INST]": "turn",
    "[/INST]": "turn",
    "<<SYS>>": "turn",
    "<</SYS>>": "turn",
    "<start_of_turn>": "turn",
    "<end_of_turn>": "turn",
    "[TOOL_CALLS]": "turn",
    "[AVAILABLE_TOOLS]": "turn",
    "[/AVAILABLE_TOOLS]": "turn",
    "[TOOL_RESULTS]": "turn",
    "[/TOOL_RESULTS]": "turn",
    "[SYSTEM_PROMPT]": "turn",
    "[/SYSTEM_PROMPT]": "turn",
}

TRIGGERS: Final = tuple(re.escape(text).replace("/", r"\/") for text in ("<|", *sorted(_LITERALS), "<s>", "</s>"))
"""RE2 patterns, one of which is in every text that holds a control token."""

# A bracketed word straight after a word or a bracket is an index of an array, not a marker.
_BRACKETED: Final = pattern(
    r"<\|(?P<word>[A-Za-z][A-Za-z0-9_]{1,40})\|>|(?P<literal>"
    + "|".join(
        (r"(?<![\w\])])" if text.startswith("[") else "") + re.escape(text)
        for text in sorted(_LITERALS, key=len, reverse=True)
    )
    + ")"
)
_BOUNDARY: Final = pattern(r"</?s>")


class Found(NamedTuple):
    """A control token in a text: code points ``start`` to ``end``, and what it is."""

    start: int
    end: int
    text: str
    kind: Kind


def control_tokens(text: str) -> list[Found]:
    """All control tokens of a text, in order.

    ``turn`` tokens begin, end or route a turn; ``token`` are other tokens of known tokenizers; ``unknown`` look like
    one (``<|word|>``) and belong to no tokenizer on the list.
    """
    found = []
    for match in _BRACKETED.finditer(text):
        word = match["word"]
        kind = _kind(word) if word is not None else _LITERALS[match["literal"]]
        found.append(Found(match.start(), match.end(), match[0], kind))
    found += _sentence_marks(text, any(one.text in ("[INST]", "[/INST]", "<<SYS>>") for one in found))
    return sorted(found)


def _kind(word: str) -> Kind:
    if _TURN_WORDS.fullmatch(word):
        return "turn"
    return "token" if _TOKEN_WORDS.fullmatch(word) or _RESERVED.fullmatch(word) else "unknown"


def _sentence_marks(text: str, in_template: bool) -> Iterator[Found]:
    """``<s>`` and ``</s>`` where they are Llama's and Mistral's marks and not HTML for struck-out text.

    They are taken for marks next to ``[INST]``, and where they do not pair up and stand at an end of the text: ``<s>``
    as its first word, ``</s>`` as its last.
    """
    marks = list(_BOUNDARY.finditer(text))
    opened = sum(mark[0] == "<s>" for mark in marks)
    if not in_template and 2 * opened == len(marks):
        return
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    for mark in marks:
        if mark[0] == "<s>":
            outside = mark.start() == first and 2 * opened > len(marks)
        else:
            outside = mark.end() == last and 2 * opened < len(marks)
        if in_template or outside:
            yield Found(mark.start(), mark.end(), mark[0], "token")


def is_rejected(found: Found, target: Target) -> bool:
    """Whether the provider refuses the token outright (TOK307). Marks of turns are always TOK306's, whoever lists
    them, so that one token is reported once."""
    return target.hosted and found.kind != "turn" and found.text in target.special_tokens


_TURN_ENDS: Final = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<|eot|>", "<end_of_turn>", "</s>", "<|endoftext|>")
_MARKUP: Final = pattern(
    r"(?:<\|[A-Za-z0-9_]+\|>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|\s|\b(?:user|assistant|system|model|tool)\b)*"
)


def without(text: str, tokens: list[Found]) -> str:
    """The text with tokens taken out; from the mark that ends a turn on, all of it, where only markup follows."""
    kept: list[str] = []
    position = looked = 0
    for token in tokens:
        kept.append(text[position : token.start])
        position = token.end
        if token.text in _TURN_ENDS and token.start >= looked:
            match = _MARKUP.match(text, token.start)
            looked = match.end() if match else token.end
            if looked == len(text):
                return "".join(kept)
    return "".join([*kept, text[position:]])
