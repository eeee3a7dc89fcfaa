"""Base models of a few thousand numbers, written as a user's folder would be; random starts, no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from audit.tokens.huggingface import ChatTokenizer
from audit.train.models.prepared import Prepared, quietly
from audit.train.models.preparing import prepare
from audit.train.models.tokenizing import learn, tokenizer_for
from audit.train.options import TrainOptions

torch.set_num_threads(1)

TEXTS: Final = [f"the quick brown fox {n % 7} jumps over {n % 11} lazy dogs" for n in range(60)]
SIZE: Final = 300
CLASSES: Final = ("yes", "no", "perhaps")
CHAT: Final[list[dict[str, Any]]] = [
    {"role": "system", "content": " be short\n"},
    {"role": "user", "content": "what jumps? \u732b"},
    {"role": "assistant", "content": " the  fox"},
]


def base_model(folder: Path, kind: str = "gpt2") -> Path:
    """A folder with a model of a kind, its tokenizer with a template, and a card."""
    folder.mkdir(parents=True, exist_ok=True)
    learn(TEXTS, folder, size=SIZE)
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(7)
        network(kind).save_pretrained(str(folder))
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# A model\n", "utf-8")
    return folder


def network(kind: str) -> Any:
    """A model of a kind with two blocks of width 16."""
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=SIZE, n_positions=64, n_embd=16, n_layer=2, n_head=2, **IDS))
    if kind == "llama":
        shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        return LlamaForCausalLM(LlamaConfig(vocab_size=SIZE, max_position_embeddings=64, **shape, **IDS))
    return BertForMaskedLM(
        BertConfig(
            vocab_size=SIZE,
            max_position_embeddings=64,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            pad_token_id=5,
        )
    )


IDS: Final[dict[str, Any]] = {"bos_token_id": 4, "eos_token_id": 4, "pad_token_id": 5}


def settled(**given: Any) -> TrainOptions:
    """Options with their defaults filled in; the built-in model is a small one."""
    shape = {"width": 16, "layers": 2, "heads": 2, "vocabulary": SIZE, "seed": 1, "lora_r": 2}
    return TrainOptions(**{**shape, **given}).settled


def tokenizer_of(options: TrainOptions, folder: Path) -> ChatTokenizer:
    """The tokenizer of a run, learnt from a few sentences where it is learnt."""
    return tokenizer_for(options, lambda: TEXTS, folder, allow_download=False)


def prepared(folder: Path, classes: tuple[str, ...] = (), **given: Any) -> Prepared:
    """A model made ready, its tokenizer written to ``folder / "tokenizer"``."""
    options = settled(**given)
    place = folder / "tokenizer"
    return prepare(options, tokenizer_of(options, place), place, classes, allow_download=False, longest=20)


def moved(model: torch.nn.Module, by: float = 0.3) -> None:
    """Change what is trained, as training would."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += by * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
