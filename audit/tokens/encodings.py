"""Loads OpenAI's byte pair encodings without a network: from tiktoken's cache or from the package ``bpe-openai``.

Counts nothing itself, never changes a user's cache, and downloads only when told to.
"""

from __future__ import annotations

import binascii
import hashlib
import importlib.util
import os
import tempfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from audit.errors import InputError, UsageError, did_you_mean

if TYPE_CHECKING:
    from tiktoken import Encoding

_BASE_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/"


class Ranks(msgspec.Struct, frozen=True):
    """A file of merge ranks: the address tiktoken fetches it from, and the sha256 it must have."""

    url: str
    sha256: str


# Addresses, hashes, patterns and special tokens: tiktoken_ext/openai_public.py, tiktoken 0.14.0.
_RANKS: Final = {
    "r50k_base": Ranks(
        _BASE_URL + "r50k_base.tiktoken", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
    ),
    "p50k_base": Ranks(
        _BASE_URL + "p50k_base.tiktoken", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
    ),
    "cl100k_base": Ranks(
        _BASE_URL + "cl100k_base.tiktoken", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    ),
    "o200k_base": Ranks(
        _BASE_URL + "o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    ),
}

_R50K_PATTERN: Final = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_CL100K_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_UPPER: Final = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER: Final = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_SUFFIX: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K_PATTERN: Final = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_SUFFIX}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_SUFFIX}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


def _harmony_special_tokens() -> dict[str, int]:
    named = {
        "<|startoftext|>": 199998,
        "<|endoftext|>": 199999,
        "<|return|>": 200002,
        "<|constrain|>": 200003,
        "<|channel|>": 200005,
        "<|start|>": 200006,
        "<|end|>": 200007,
        "<|message|>": 200008,
        "<|call|>": 200012,
    }
    # 200018 carries two names in tiktoken: the reserved one and o200k's own <|endofprompt|>.
    taken = set(named.values())
    reserved = {f"<|reserved_{i}|>": i for i in range(200000, 201088) if i not in taken}
    return {**named, **reserved, "<|endofprompt|>": 200018}


class Specification(msgspec.Struct, frozen=True):
    """What makes an encoding besides its ranks."""

    ranks: str
    pattern: str
    special_tokens: dict[str, int]


@lru_cache(maxsize=1)
def _specifications() -> dict[str, Specification]:
    end = {"<|endoftext|>": 50256}
    edit = {**end, "<|fim_prefix|>": 50281, "<|fim_middle|>": 50282, "<|fim_suffix|>": 50283}
    cl100k = {
        "<|endoftext|>": 100257,
        "<|fim_prefix|>": 100258,
        "<|fim_middle|>": 100259,
        "<|fim_suffix|>": 100260,
        "<|endofprompt|>": 100276,
    }
    o200k = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
    return {
        # gpt2 and r50k_base have the same merges and pattern; only the files they are published in differ.
        "gpt2": Specification("r50k_base", _R50K_PATTERN, end),
        "r50k_base": Specification("r50k_base", _R50K_PATTERN, end),
        "p50k_base": Specification("p50k_base", _R50K_PATTERN, end),
        "p50k_edit": Specification("p50k_base", _R50K_PATTERN, edit),
        "cl100k_base": Specification("cl100k_base", _CL100K_PATTERN, cl100k),
        "o200k_base": Specification("o200k_base", _O200K_PATTERN, o200k),
        "o200k_harmony": Specification("o200k_base", _O200K_PATTERN, _harmony_special_tokens()),
    }


ENCODINGS: Final = ("cl100k_base", "gpt2", "o200k_base", "o200k_harmony", "p50k_base", "p50k_edit", "r50k_base")
"""Names that ``load_encoding`` knows, sorted."""


def load_encoding(name: str, *, allow_download: bool = False) -> Encoding | None:
    """The encoding, equal to ``tiktoken.get_encoding(name)``, or None where its ranks are not on this machine.

    Raises UsageError for an unknown name, InputError when a permitted download fails.
    """
    if name not in ENCODINGS:
        raise UsageError(f"unknown encoding {name!r}", hint=did_you_mean(name, ENCODINGS))
    return _load(name, allow_download, os.environ.get("TIKTOKEN_CACHE_DIR"), os.environ.get("DATA_GYM_CACHE_DIR"))


@lru_cache(maxsize=8)
def _load(name: str, allow_download: bool, cache_dir: str | None, gym_dir: str | None) -> Encoding | None:
    specification = _specifications()[name]
    ranks = _RANKS[specification.ranks]
    content = _cached(ranks, cache_dir, gym_dir) or _packaged(specification.ranks, ranks)
    if content is None and allow_download:
        content = _downloaded(ranks)
    if content is None:
        return None
    from tiktoken import Encoding

    return Encoding(
        name,
        pat_str=specification.pattern,
        mergeable_ranks=_parse(content),
        special_tokens=specification.special_tokens,
    )


def _parse(content: bytes) -> dict[bytes, int]:
    """Ranks by token bytes. The content's hash has been checked, so its form need not be."""
    words = content.split()
    tokens = map(binascii.a2b_base64, words[::2])
    count = len(words) // 2
    if int(words[-1]) == count - 1:
        # Ranks are unique and ascending in every published file: with the last one right, none was left out.
        return dict(zip(tokens, range(count), strict=True))
    return dict(zip(tokens, map(int, words[1::2]), strict=True))


def _genuine(content: bytes, ranks: Ranks) -> bool:
    return hashlib.sha256(content).hexdigest() == ranks.sha256


def _cached(ranks: Ranks, cache_dir: str | None, gym_dir: str | None) -> bytes | None:
    """The ranks from the folder where tiktoken keeps them; a file with another hash is left alone and not used."""
    folder = cache_dir if cache_dir is not None else gym_dir
    if folder == "":
        return None
    path = Path(folder or os.path.join(tempfile.gettempdir(), "data-gym-cache"))
    # tiktoken names a cached file by the sha1 of its address (tiktoken/load.py).
    path /= hashlib.sha1(ranks.url.encode(), usedforsecurity=False).hexdigest()
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if _genuine(content, ranks) else None


def _packaged(name: str, ranks: Ranks) -> bytes | None:
    """The ranks from the data files of ``bpe-openai``, which is located but not imported (its library is 74 MB)."""
    spec = importlib.util.find_spec("bpe_openai")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            content = zlib.decompress((Path(folder) / "data" / f"{name}.tiktoken.gz").read_bytes(), wbits=31)
        except (OSError, zlib.error):
            continue
        if _genuine(content, ranks):
            return content
    return None


def _downloaded(ranks: Ranks) -> bytes:
    """The ranks from the network, held in memory only: tiktoken's cached download deletes a file it disagrees with."""
    import requests
    from tiktoken.load import read_file

    try:
        content = read_file(ranks.url)
    except (OSError, requests.RequestException) as error:
        raise InputError(
            f"cannot download {ranks.url}: {error}",
            hint="install bpe-openai, or put the file into TIKTOKEN_CACHE_DIR",
        ) from error
    if not _genuine(content, ranks):
        raise InputError(f"{ranks.url} does not have the expected sha256 {ranks.sha256}")
    return content
