"""What both trainers of the comparison are given: one model folder, one file of chats, and the settings of a bout.

The model is a Llama shape that starts at random, its byte-level tokenizer learnt on the chats, its template with the
``{% generation %}`` marks that TRL asks for. Nothing is fetched.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

CHATS: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat"
HARMLESS: Final = CHATS / "hh-rlhf-harmless-test.jsonl.gz"
TEMPLATE: Final = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}{{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTROL: Final = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
SEED: Final = 0


class Shape(msgspec.Struct, frozen=True):
    """A Llama's size; the embedding is tied to the output."""

    hidden: int = 192
    layers: int = 6
    heads: int = 6
    intermediate: int = 512
    vocabulary: int = 4096
    positions: int = 1024


class Bout(msgspec.Struct, frozen=True, kw_only=True):
    """One training run of either side, as a file for its process. ``variant`` says which run it is, ``threads`` how
    many threads tensors may use, ``dtype`` what the weights are kept in."""

    variant: str
    model: str
    data: str
    folder: str
    batch_size: int = 16
    max_length: int = 512
    lr: float = 1e-3
    threads: int = 1
    epochs: int = 1
    max_steps: int = -1
    device: str = "cpu"
    dtype: str = "float32"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the process of a bout says of itself.

    ``start`` is the CPU seconds of the whole process until its first step begins, ``cpu`` and ``wall`` the seconds of
    the steps from the second on, ``tokens`` (all but padding) and ``trained`` the tokens of those steps; ``padding`` is
    a share of what was computed, ``memory`` the peak in bytes, of the process or of the device. ``losses`` holds one
    for each step, where the side tells them. ``steps`` is the CPU seconds of all steps with what is kept of them,
    ``observing`` the part that keeping takes.
    """

    variant: str
    start: float
    cpu: float
    wall: float
    tokens: int
    trained: int
    padding: float
    memory: int
    losses: tuple[float, ...] = ()
    strategy: str = ""
    parameters: int = 0
    steps: float = 0.0
    observing: float = 0.0

    @property
    def speed(self) -> float:
        """Useful tokens a CPU second."""
        return self.tokens / self.cpu


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def chats() -> tuple[list[list[dict[str, str]]], str]:
    """Chats, and the name of where they come from: hh-rlhf's, or the embedded example where that is absent."""
    if HARMLESS.is_file():
        return [row["messages"] for row in rows_of(HARMLESS)], HARMLESS.name
    from audit.demo import write

    folder = Path(os.environ.get("TMPDIR", "/tmp")) / "audit-bench-demo"
    folder.mkdir(exist_ok=True)
    found = []
    for line in write(folder).read_bytes().split(b"\n"):
        try:
            messages = json.loads(line)["messages"]
        except (ValueError, KeyError, TypeError):
            continue
        if _plain(messages):
            found.append(messages)
    return found * 20, "the embedded example, repeated"


def _plain(messages: Any) -> bool:
    """Whether these are two or more messages of text that ends with an answer."""
    return (
        isinstance(messages, list)
        and len(messages) > 1
        and all(
            isinstance(one, dict) and isinstance(one.get("content"), str) and f"<|{one.get('role')}|>" in CONTROL
            for one in messages
        )
        and messages[-1]["role"] == "assistant"
    )


def lay_out(folder: Path, *, rows: int, max_length: int = 512, shape: Shape | None = None) -> str:
    """Write ``folder/model`` and ``folder/chats.jsonl`` (the first ``rows`` chats of at most ``max_length`` tokens).

    Returns the name of where the chats come from.
    """
    from transformers import AutoTokenizer

    shape = shape or Shape()
    found, name = chats()
    write_tokenizer(folder / "model", found, shape)
    write_model(folder / "model", shape)
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    with (folder / "chats.jsonl").open("w", encoding="utf-8") as file:
        for messages in _fitting(tokenizer, found, rows, max_length):
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return name


def _fitting(tokenizer: Any, found: Sequence[Any], rows: int, max_length: int) -> Iterator[Any]:
    taken = 0
    for messages in found:
        if len(tokenizer(tokenizer.apply_chat_template(messages, tokenize=False))["input_ids"]) <= max_length:
            yield messages
            taken += 1
            if taken == rows:
                return


def write_tokenizer(folder: Path, found: Sequence[Any], shape: Shape) -> None:
    """A byte-level BPE of the chats, with the control tokens and the template, as transformers reads it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.vocabulary,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((one["content"] for messages in found for one in messages), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        model_max_length=shape.positions,
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)


def write_model(folder: Path, shape: Shape) -> None:
    """The Llama of a shape with weights drawn from ``SEED``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.positions,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
