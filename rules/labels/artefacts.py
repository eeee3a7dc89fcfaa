"""What is known of a row besides what its prompt means: length, first word, place in the file. Judges no label."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from audit.model import Record
from audit.read.dialogue import prompt_text, said
from audit.read.folding import fold
from audit.rule import Context, RowRange

LABEL_IN_PROMPT: Final = "the label that stands in the prompt"
LENGTH: Final = "the length of the prompt"
_BUCKETS: Final = 10
_LONGEST: Final = 20_000
"""Characters of a prompt that are looked at, from its beginning."""


class Prompt(NamedTuple):
    """A prompt and where its row lies: its source and its tenth of that."""

    text: str
    system: str
    folded: bytes
    file: str
    tenth: int


_MARKERS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "a link in the prompt": re.compile(r"https?://|www\."),
        "a mention or hash tag in the prompt": re.compile(r"(?<!\w)[@#]\w"),
        "a line break in the prompt": re.compile(r"\n"),
        "a quotation mark in the prompt": re.compile(r"[\"“”«»„]"),
        "an exclamation mark in the prompt": re.compile(r"[!！]"),
        "a question mark in the prompt": re.compile(r"[?？]"),
        "a digit in the prompt": re.compile(r"\d"),
        "markup in the prompt": re.compile(r"</?[a-zA-Z]|&\w+;|\*\*|```"),
    }
)
"""Marks whose presence is an artefact."""


def _spacing(prompt: Prompt) -> str:
    text = prompt.text
    seen = {
        "at the beginning": text[:1].isspace(),
        "at the end": text[-1:].isspace(),
        "doubled": "  " in text,
        "a tab": "\t" in text,
    }
    return ", ".join(name for name, there in seen.items() if there)


def _first_word(prompt: Prompt) -> str:
    return prompt.folded.partition(b" ")[0].decode()


def _first_case(prompt: Prompt) -> str:
    first = prompt.text.lstrip()[:1]
    return "upper" if first.isupper() else "lower" if first.islower() else "neither"


OF_PROMPTS: Final[Mapping[str, Callable[[Prompt], str]]] = MappingProxyType(
    {
        "the first word of the prompt": _first_word,
        "the case of the first letter": _first_case,
        "the last character of the prompt": lambda prompt: prompt.text.rstrip()[-1:],
        "white space in the prompt": _spacing,
        "the system prompt": lambda prompt: prompt.system,
        "the file": lambda prompt: prompt.file,
        "the place of the row in its file": lambda prompt: f"tenth {prompt.tenth + 1} of {prompt.file}",
    }
)
"""Name -> what it is for a prompt."""


def read_prompts(rows: Sequence[int], context: Context) -> list[Prompt]:
    """The prompts of some rows, which are read in the order of the file."""
    ordered = sorted(rows)
    prompts = {
        row: _prompt(row, record, context.ranges) for row, record in zip(ordered, context.records(ordered), strict=True)
    }
    return [prompts[row] for row in rows]


def _prompt(row: int, record: Record, ranges: Sequence[RowRange]) -> Prompt:
    source, first, end = ranges[bisect_right(ranges, row, key=lambda entry: entry.first) - 1]
    text = prompt_text(record)
    text = text if len(text) <= _LONGEST else text[:_LONGEST]
    system = said(message for message in record.messages if message.role in ("system", "developer"))
    return Prompt(text, system, fold(text), source.path, (row - first) * _BUCKETS // max(1, end - first))


def artefacts(prompts: Sequence[Prompt], labels: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Every artefact by its name, with its value for each prompt; those with a single value are left out."""
    found: dict[str, Sequence[str]] = {LENGTH: _length_buckets(prompts)}
    for name, value in OF_PROMPTS.items():
        found[name] = [value(prompt) for prompt in prompts]
    for name, marker in _MARKERS.items():
        found[name] = ["present" if marker.search(prompt.text) else "absent" for prompt in prompts]
    found[LABEL_IN_PROMPT] = _standing_labels(prompts, labels)
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _length_buckets(prompts: Sequence[Prompt]) -> Sequence[str]:
    """The tenth of all lengths that each prompt's falls into; equal lengths fall into one."""
    lengths = sorted(len(prompt.text) for prompt in prompts)
    cuts = sorted({lengths[len(lengths) * part // _BUCKETS] for part in range(1, _BUCKETS)})
    bounds = [0, *cuts, None]
    return [_bucket(bounds, bisect_right(cuts, len(prompt.text))) for prompt in prompts]


def _bucket(bounds: Sequence[int | None], at: int) -> str:
    low, end = bounds[at], bounds[at + 1]
    return f"{low} characters or more" if end is None else f"{low} to {end - 1} characters"


def _standing_labels(prompts: Sequence[Prompt], labels: Sequence[str]) -> Sequence[str]:
    """The one label that stands word for word in each prompt, "" for none or several; a label within a longer one that
    stands there does not count."""
    words = {fold(label.replace("_", " ")) for label in labels} - {b""}
    by_length = sorted((b" " + word + b" " for word in words), key=lambda word: (-len(word), word))

    def standing(prompt: Prompt) -> str:
        text = b" " + prompt.folded + b" "
        found: list[bytes] = []
        for word in by_length:
            if word in text and not any(word in longer for longer in found):
                found.append(word)
        return found[0].strip().decode() if len(found) == 1 else ""

    return [standing(prompt) for prompt in prompts]
