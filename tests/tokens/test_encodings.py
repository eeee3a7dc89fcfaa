"""Encodings without a network: equal to tiktoken's own, and careful with a user's cache."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from tiktoken_ext import openai_public

from audit.errors import UsageError
from audit.tokens.counter import parts
from audit.tokens.encodings import ENCODINGS, load_encoding

URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def packaged(name: str) -> bytes:
    spec = importlib.util.find_spec("bpe_openai")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("bpe-openai is not installed")
    return zlib.decompress((Path(spec.submodule_search_locations[0]) / "data" / f"{name}.tiktoken.gz").read_bytes(), 31)


def cached(folder: Path, name: str, content: bytes) -> Path:
    path = folder / hashlib.sha1(URL.format(name).encode()).hexdigest()
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tiktoken.Encoding]:
    """tiktoken's own encodings, from a cache filled with the packaged ranks."""
    folder = tmp_path_factory.mktemp("cache")
    for name in ("cl100k_base", "o200k_base"):
        cached(folder, name, packaged(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        return {
            name: tiktoken.Encoding(**getattr(openai_public, name)())
            for name in ("cl100k_base", "o200k_base", "o200k_harmony")
        }


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "o200k_harmony"])
@given(text=st.text())
def test_every_text_gets_tiktokens_own_tokens(name: str, text: str, oracle: dict[str, tiktoken.Encoding]) -> None:
    ours = load_encoding(name)
    assert ours is not None
    assert ours.encode_ordinary(text) == oracle[name].encode_ordinary(text)
    assert ours.special_tokens_set == oracle[name].special_tokens_set
    assert ours.n_vocab == oracle[name].n_vocab


def test_all_encodings_of_tiktoken_are_known() -> None:
    assert set(ENCODINGS) == set(openai_public.ENCODING_CONSTRUCTORS)


def test_a_misspelt_encoding_is_told_the_right_name() -> None:
    with pytest.raises(UsageError) as caught:
        load_encoding("o200_base")
    assert caught.value.hint == 'did you mean "o200k_base"?'


def test_ranks_that_are_nowhere_on_the_machine_give_no_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert load_encoding("p50k_base") is None


def test_a_file_with_the_wrong_hash_is_neither_used_nor_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = cached(tmp_path, "r50k_base", b"IQ== 0\nIg== 1\n")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert load_encoding("r50k_base") is None
    assert forged.read_bytes() == b"IQ== 0\nIg== 1\n"


def test_the_cache_folder_comes_before_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path, "cl100k_base", packaged("cl100k_base"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load_encoding("cl100k_base") is not None


def test_neither_the_package_nor_a_heavy_library_is_imported_to_count() -> None:
    code = (
        "import sys\nfrom audit.tokens import make_counter\n"
        "assert 'tiktoken' not in sys.modules\nmake_counter('o200k_base').count('a')\n"
        "print([m for m in ('bpe_openai', 'jinja2', 'tokenizers', 'requests', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(text=st.text(alphabet="ab \n1<", min_size=0, max_size=400), size=st.integers(8, 60))
def test_long_texts_are_cut_without_losing_a_character(text: str, size: int) -> None:
    pieces = list(parts(text, size))
    assert "".join(pieces) == text
    assert all(len(piece) <= size for piece in pieces)


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
@given(
    words=st.lists(st.sampled_from(["the", "I'll", "don't", "42", "\n", "Über", "x-y", "A", "b", "..."]), max_size=80)
)
def test_a_cut_between_two_words_changes_no_count(name: str, words: list[str]) -> None:
    encoding = load_encoding(name)
    assert encoding is not None
    text = " ".join([*words, "end of"] * 2)
    whole = len(encoding.encode_ordinary(text))
    cut = sum(len(encoding.encode_ordinary(part)) for part in parts(text, 60))
    assert cut - whole <= sum(1 for part in parts(text, 60) if len(part) == 60)
