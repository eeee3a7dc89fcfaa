"""How rows are rendered and counted before they are exported: as a run on this machine does, where the model lies here.

Fetches nothing, and loads no weights.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from audit.errors import InputError
from audit.render.jinja import JinjaTemplate
from audit.train.data.encode import Encoder
from audit.train.exporting.trainer import Trainer
from audit.train.models.base import check_place, model_folder
from audit.train.models.templates import NAMED
from audit.train.options import TrainOptions

_HOLD_A_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")


def encoder_of(options: TrainOptions) -> Encoder | None:
    """The encoder of the model where that is a folder with a tokenizer; None where it is not, or no tokenizer can be
    read because the extra ``train`` is not installed. No sequence is longer than ``max_length``; what the positions of
    the model allow is not looked at.

    Raises InputError for a place at which there is nothing, and as ``audit.train.models.tokenizing.tokenizer_for``.
    """
    check_place(options.model)
    folder = model_folder(Path(options.model).expanduser())
    if find_spec("tokenizers") is None or not any((folder / name).is_file() for name in _HOLD_A_TOKENIZER):
        return None
    from audit.train.models.tokenizing import tokenizer_for

    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = tokenizer_for(options, tuple, Path(scratch), allow_download=False)
        return Encoder(tokenizer, options, options.max_length)


def unrendered_note(trainer: Trainer, title: str, options: TrainOptions) -> str:
    """What may be in the lines because no row was rendered: a sentence without a full stop."""
    told = [
        (
            "no row was rendered, and nobody counted tokens, because the model is no folder here with a tokenizer: "
            "rows that the chat template refuses or leaves a part of out are exported like all others"
        )
    ]
    if options.max_length is not None:
        how = "treats by excess_length_strategy" if trainer.counts else "cuts, whatever over_length says"
        told.append(f"rows of more than {options.max_length:,} tokens are exported, and {title} {how}")
    return "; ".join([*told, *filter(None, (trainer.unrendered,))])


def template_of(name: str) -> bytes:
    """The source of a template that is built in, or of a file. Raises InputError for what is no template."""
    if name in NAMED:
        return NAMED[name].encode()
    try:
        source = Path(name).expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"the chat template {name} cannot be read: {error.strerror or error}") from None
    try:
        JinjaTemplate(source.decode())
    except UnicodeDecodeError:
        raise InputError(f"the chat template {name} is not UTF-8") from None
    except InputError as error:
        raise InputError(f"the chat template {name}: {error.what}") from None
    return source
