"""Chats, records and tokenizers for the tests of what is trained on: the templates of each family, read from files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from audit.model import Chat, Json, Message, Record, Source
from audit.read.shapes import detect
from audit.render.jinja import JinjaTemplate
from audit.tokens.huggingface import ChatTokenizer
from audit.train.data.encode import Encoder
from audit.train.options import TrainOptions

TEMPLATES: Final = Path(__file__).parent.parent / "data" / "templates"
CHATML: Final = {"eos_token": "<|im_end|>", "pad_token": "<|pad|>"}
NAMES: Final = {
    "chatml": CHATML,
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>"},
    "gemma": {"bos_token": "<bos>", "eos_token": "<eos>"},
    "thinking": CHATML,
    "generation": CHATML,
}
"""The named tokens of each family's tokenizer."""
MORE: Final = {
    "chatml": ["<|im_start|>"],
    "llama3": ["<|start_header_id|>", "<|end_header_id|>"],
    "mistral": [],
    "gemma": ["<start_of_turn>", "<end_of_turn>"],
    "thinking": ["<|im_start|>"],
    "generation": ["<|im_start|>"],
}
CORPUS: Final = ["The capital of France is Paris.", "Hello there, how are you today?", "assistant user system héllo 🙂"]


def bpe(control: Iterable[str] = (), texts: Sequence[str] = CORPUS, size: int = 400) -> Tokenizer:
    """A byte-level BPE tokenizer learnt from a few sentences: some words are a token, an emoji is several."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_special_tokens([AddedToken(text, special=True) for text in control])
    return made


def template_of(family: str) -> JinjaTemplate:
    """The template of a family."""
    return JinjaTemplate((TEMPLATES / f"{family}.jinja").read_text("utf-8"), NAMES[family], control=MORE[family])


def tokenizer_of(family: str = "chatml", backend: Tokenizer | None = None) -> ChatTokenizer:
    """A tokenizer with the template of a family."""
    made = backend or bpe([*NAMES[family].values(), *MORE[family]])
    return ChatTokenizer(family, made, template_of(family), None, NAMES[family])


def encoder_of(
    family: str = "chatml", limit: int | None = None, classes: Sequence[str] = (), **options: Json
) -> Encoder:
    """An encoder with the template of a family."""
    return Encoder(tokenizer_of(family), TrainOptions(**options), limit, classes)


def trained_texts(tokenizer: ChatTokenizer, examples: Sequence[Json]) -> list[list[str]]:
    """What the trained stretches of each sequence spell."""
    found = []
    for one in examples:
        runs: list[list[int]] = []
        for at, weight in enumerate(one.weights.tolist()):
            if weight and (not at or not one.weights[at - 1]):
                runs.append([])
            if weight:
                runs[-1].append(int(one.ids[at]))
        found.append([tokenizer.backend.decode(run, skip_special_tokens=False) for run in runs])
    return found


def record(row: dict[str, Json]) -> Record:
    """A row as it is read from a file."""
    shape = detect(row)
    raw = json.dumps(row).encode()
    chat = shape.read(row) if shape else Chat()
    name = shape.name if shape else "unknown"
    return Record(source=Source(path="x.jsonl"), line=1, offset=0, raw=raw, data=row, shape=name, chat=chat)


def talk(*turns: tuple[str, str], **row: Json) -> Record:
    """A row of roles and contents."""
    return record({"messages": [{"role": role, "content": content} for role, content in turns], **row})


def turn(role: Json, content: Json, **more: Json) -> Message:
    """A message."""
    return Message(role=role, content=content, at="", role_at="", content_at="", **more)
