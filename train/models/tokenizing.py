"""The tokenizer of a run, written into its folder: learnt for the built-in model, taken over for another.

Everything afterwards (training, prediction, ``audit check --tokenizer``) reads that folder, so all see the same ids.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from audit.errors import ConfigError, InputError
from audit.model import Json
from audit.read.characters import well_formed
from audit.render.jinja import JinjaTemplate
from audit.tokens.huggingface import ChatTokenizer, load_chat_tokenizer
from audit.train.models import templates
from audit.train.models.base import ADAPTER, Located, locate, read_object
from audit.train.options import TrainOptions
from audit.writing import write_whole

TOKENIZER: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
TEMPLATE: Final = "chat_template.jinja"
TOKENIZER_FILES: Final = (
    TOKENIZER, TOKENIZER_CONFIG, TEMPLATE, "chat_template.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model",
)  # fmt: skip
"""The files of a tokenizer, as transformers names them."""
_OLDER_FILES: Final = ("vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""One of these holds the entries where there is no ``tokenizer.json``."""
NAMES: Final = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

CHUNKS: Final = r"\s?\S+"
"""What the learnt tokens may not reach across: a word with everything that is written to it, and one blank before it.
On Adult rendered as chats this makes 44 tokens a row, GPT-2's pattern 97 (design/training.md)."""
SEEN_TWICE: Final = 2
"""A pair of tokens is joined when it occurs so often; a pair seen once teaches nothing."""
NO_LIMIT: Final = 10**30
"""How transformers writes that a tokenizer has no longest sequence: the model has one."""


class Vocabulary(NamedTuple):
    """What a model must know of its tokenizer: how many ids there are, and the ids of padding and of the end."""

    size: int
    pad: int | None
    end: int | None


def tokenizer_for(
    options: TrainOptions, texts: Callable[[], Iterable[str]], folder: Path, *, allow_download: bool
) -> ChatTokenizer:
    """The tokenizer of a run with its chat template, written into ``folder`` and read back from there.

    ``texts`` gives the texts of the training rows; only the built-in model calls it. Raises InputError where the model
    or its tokenizer cannot be read, ConfigError for a template that is missing, cannot be read, or writes control
    tokens that the tokenizer does not have, OutputError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if options.is_tiny:
        learn(texts(), folder, size=options.vocabulary)
    else:
        take_over(locate(options.model, options.revision, allow_download=allow_download), folder)
    _lay_over(options, folder)
    return load_chat_tokenizer(str(folder))


def tiny_template() -> JinjaTemplate:
    """The built-in model's template, for rendering before there is a tokenizer."""
    names = {"eos_token": templates.END, "pad_token": templates.PAD}
    return JinjaTemplate(templates.TINY, names, control=templates.CONTROL)


def learn(texts: Iterable[str], folder: Path, *, size: int) -> None:
    """Write a byte-level BPE tokenizer of at most ``size`` entries that is learnt from ``texts``.

    All 256 bytes are entries, so every text can be written and none is changed. The result depends on the texts alone,
    not on their order or the number of threads (ties are broken by the ids of the pair).
    """
    tokenizer = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(CHUNKS), "isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, as_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=SEEN_TWICE,
        special_tokens=list(templates.CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(map(_without_control, texts), trainer)
    _write(folder / TOKENIZER, tokenizer.to_str(pretty=True))
    _write(folder / TEMPLATE, templates.TINY)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": templates.END,
        "pad_token": templates.PAD,
        "clean_up_tokenization_spaces": False,
        "model_max_length": NO_LIMIT,
        "padding_side": "right",
    }
    _write_object(folder / TOKENIZER_CONFIG, config)


def take_over(located: Located, folder: Path) -> None:
    """Copy a base model's tokenizer byte for byte; one without ``tokenizer.json`` is converted by transformers."""
    if (located.folder / ADAPTER).is_file() and not (located.folder / TOKENIZER).is_file():
        raise ConfigError(f"{located.name} is an adapter and no model", hint="name its base model, or a merged one")
    for name in TOKENIZER_FILES:
        source = located.folder / name
        if source.is_file() and source.resolve() != (folder / name).resolve():
            shutil.copyfile(source, folder / name)
    config = read_object(folder / TOKENIZER_CONFIG)
    if not (folder / TOKENIZER).is_file():
        _convert(located, folder)
    elif not any(name in config for name in NAMES):
        # Old folders leave the named tokens to the class of the tokenizer, which alone knows them.
        _write_object(folder / TOKENIZER_CONFIG, config | _names_by_class(located))


def _auto(located: Located) -> object:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(located.folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"the tokenizer of {located.name} cannot be read: {reason}") from None


def _convert(located: Located, folder: Path) -> None:
    """Let transformers write ``tokenizer.json`` from the older files."""
    if not any((located.folder / name).is_file() for name in _OLDER_FILES):
        # Asked for a tokenizer of which there is no file, transformers makes an empty one.
        raise InputError(f"{located.name} holds no tokenizer", hint="a folder needs tokenizer.json beside its weights")
    _auto(located).save_pretrained(str(folder))  # type: ignore[attr-defined]
    if not (folder / TOKENIZER).is_file():
        raise InputError(f"{located.name} holds no {TOKENIZER}, and what it holds cannot be converted into one")


def _names_by_class(located: Located) -> dict[str, str]:
    told: Mapping[str, object] = _auto(located).special_tokens_map  # type: ignore[attr-defined]
    return {name: str(told[name]) for name in NAMES if isinstance(told.get(name), str)}


def _lay_over(options: TrainOptions, folder: Path) -> None:
    """Put the template that was asked for in place of the tokenizer's own, and refuse a folder that has none."""
    wanted = options.chat_template
    tokenizer = load_chat_tokenizer(str(folder))
    if wanted is None and tokenizer.template is not None:
        return
    if wanted is None:
        if options.task == "chat":
            raise ConfigError(
                f"the tokenizer of {options.model} has no chat template",
                hint='[train] chat_template = "chatml", or a file that holds one',
            )
        wanted = "plain"
    source = templates.NAMED.get(wanted) or _template_file(wanted)
    _check_control(source, wanted, tokenizer)
    config = read_object(folder / TOKENIZER_CONFIG)
    config.pop("chat_template", None)
    if wanted == "chatml":
        config["eos_token"] = templates.CHATML_END
    (folder / "chat_template.json").unlink(missing_ok=True)
    _write_object(folder / TOKENIZER_CONFIG, config)
    _write(folder / TEMPLATE, source)


def _template_file(path: str) -> str:
    try:
        source = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        named = " or ".join(f'"{name}"' for name in templates.NAMED)
        raise ConfigError(f"[train] chat_template {path}: {reason}", hint=f"a Jinja file, {named}") from None
    try:
        JinjaTemplate(source)
    except InputError as error:
        raise ConfigError(f"[train] chat_template {path}: {error.what}") from None
    return source


def _check_control(source: str, wanted: str, tokenizer: ChatTokenizer) -> None:
    """A control token that is no entry would be read letter by letter, or need an embedding that nobody trained."""
    missing = [token for token in templates.control_tokens(source) if tokenizer.backend.token_to_id(token) is None]
    if missing:
        raise ConfigError(
            f"chat_template {wanted} writes {', '.join(missing)}, which the tokenizer does not have",
            hint="choose a template whose control tokens the model was trained with",
        )


def vocabulary_of(tokenizer: ChatTokenizer) -> Vocabulary:
    """The size of a tokenizer and its ids for padding and the end, None where it names none."""
    highest = max(tokenizer.backend.get_vocab(with_added_tokens=True).values(), default=-1)
    pad, end = (
        tokenizer.backend.token_to_id(tokenizer.names[name]) if name in tokenizer.names else None
        for name in ("pad_token", "eos_token")
    )
    return Vocabulary(highest + 1, pad, end)


def _without_control(text: str) -> str:
    """The text without control tokens, which are never made of smaller ones, and with lone surrogates replaced."""
    for token in templates.CONTROL:
        if token in text:
            text = text.replace(token, "\n")
    return well_formed(text)


def _write(file: Path, text: str) -> None:
    write_whole(file, [text.encode()])


def _write_object(file: Path, value: Mapping[str, Json]) -> None:
    _write(file, json.dumps(dict(value), indent=2, sort_keys=True) + "\n")
