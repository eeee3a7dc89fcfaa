"""What each trainer or provider can express of our rows, with sources and a date. Writes nothing.

What one cannot express is lowered or refused by ``audit.train.outgoing.rows``, and counted. An entry states what was
read in the sources or tried on the day that it names; it promises nothing for other versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec

from audit.errors import UsageError, did_you_mean

Kind: TypeAlias = Literal["chat", "preference"]
"""What a file holds: conversations, or prompts with a preferred and a rejected answer."""
How: TypeAlias = Literal["resample", "oversample", "refuse"]
"""What becomes of weights of rows (``audit.train.outgoing.lowering``)."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What one trainer or provider takes. None of them reads a weight of a row, and metadata travels to none.

    ``shapes`` names the writer of ``audit.read.shapes`` for each kind of rows, ``targets`` the target of
    ``audit.targets`` that such a file is judged by (none where there is no such target). ``message_weights``: whether
    an answer can say that it is not trained on (``zero-one``).
    """

    name: str
    title: str
    as_of: str
    sources: tuple[str, ...]
    shapes: Mapping[Kind, str]
    targets: Mapping[Kind, str] = {}
    message_weights: Literal["none", "zero-one"] = "none"


_OPENAI_ROWS: Final = (
    "OpenAI guides, supervised-fine-tuning.md and direct-preference-optimization.md (developers.openai.com)",
    (
        "openai-openapi 9a72a428 (2025-05-20), FineTuneChatRequestInput, "
        "FineTuneChatCompletionRequestAssistantMessage: weight is 0 or 1, on assistant messages alone"
    ),
    'Server message: Invalid file format. Example 1 contains an extra "weight".',
)
_OPENAI_SHAPES: Final[Mapping[Kind, str]] = MappingProxyType({"chat": "openai-sft", "preference": "openai-dpo"})
_ARROW: Final = (
    "Hugging Face datasets 5.2.0, packaged_modules/json: files are read through Arrow, which wants one type for a "
    "column, so that metadata of mixed types stops the loading; it is left behind"
)

_ALL: Final = (
    Capabilities(
        name="openai",
        title="OpenAI's fine-tuning API",
        as_of="2026-11-21",
        sources=_OPENAI_ROWS,
        shapes=_OPENAI_SHAPES,
        targets=_OPENAI_SHAPES,
        message_weights="zero-one",
    ),
    Capabilities(
        name="azure",
        title="Azure AI Foundry's fine-tuning API",
        as_of="2026-11-21",
        sources=(
            "Azure AI docs, fine-tuning: chat and preference files have OpenAI's form (fine-tune-models.md)",
            *_OPENAI_ROWS,
        ),
        shapes=_OPENAI_SHAPES,
        targets=MappingProxyType({"chat": "azure", "preference": "azure"}),
        message_weights="zero-one",
    ),
    Capabilities(
        name="trl",
        title="Hugging Face TRL",
        as_of="2026-11-22",
        sources=(
            (
                "TRL 1.16.0, trl/trainer/sft_trainer.py: a column weight and a weight in a message are dropped before "
                "the batch is made (tried: supervised tokens stay the same)"
            ),
            "TRL, docs/source/dataset_formats.md: https://huggingface.co/docs/trl/dataset_formats",
            "TRL issue 5761, pull requests 5951 and 5952: weights of rows were proposed and not taken",
            _ARROW,
        ),
        shapes=MappingProxyType({"chat": "trl", "preference": "trl"}),
        targets=MappingProxyType({"chat": "trl", "preference": "trl"}),
    ),
    Capabilities(
        name="axolotl",
        title="Axolotl",
        as_of="2026-11-22",
        sources=(
            (
                "Axolotl 0.19.0, axolotl/prompt_strategies/chat_template.py: message_field_training is whether a "
                "message is trained on; the weight of a part is 0 or anything else"
            ),
            "Axolotl, docs/dataset-formats/conversation.qmd: https://docs.axolotl.ai/docs/dataset-formats/conversation",
            _ARROW,
        ),
        shapes=MappingProxyType({"chat": "openai-sft", "preference": "trl"}),
        message_weights="zero-one",
    ),
    Capabilities(
        name="llama-factory",
        title="LLaMA-Factory",
        as_of="2026-11-22",
        sources=(
            (
                "LLaMA-Factory 0.9.5, llamafactory/data/converter.py: turns keep their role and content alone; "
                "hparams/data_args.py: mask_history trains on the last answer only"
            ),
            (
                "LLaMA-Factory 0.9.5, llamafactory/cli.py: loss_weight of a message is read only by the version that "
                "USE_V1 switches to, whose loss divides by the weights of its micro-batch "
                "(v1/trainers/sft_trainer.py), so that a weight has no effect in a micro-batch of one row"
            ),
            "LLaMA-Factory, data/README.md: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md",
            _ARROW,
        ),
        shapes=MappingProxyType({"chat": "sharegpt", "preference": "sharegpt"}),
    ),
)
_BY_NAME: Final[Mapping[str, Capabilities]] = MappingProxyType({one.name: one for one in _ALL})

NAMES: Final = tuple(sorted(_BY_NAME))
"""Everyone who is known, sorted."""


def plain_name(name: str) -> str:
    """A name as it is known here: case does not matter, nor whether words are joined by ``-`` or ``_``."""
    return name.strip().lower().replace("_", "-")


def capabilities_of(name: str) -> Capabilities:
    """What a trainer or provider takes. Raises UsageError, naming the nearest, for a name that is not known."""
    wanted = plain_name(name)
    if wanted not in _BY_NAME:
        raise UsageError(
            f"rows cannot be sent out to {name!r}", hint=did_you_mean(wanted, NAMES) or f"known are {', '.join(NAMES)}"
        )
    return _BY_NAME[wanted]
