"""Which language a text is said to be in."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.language import Guess, identify
from benchmarks.accuracy import SHARED

CHAT = SHARED / "chat"
has_data = pytest.mark.skipif(not CHAT.is_dir(), reason="the shared data folder is absent")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The parcel has not arrived and I would like to know where it is.", "en"),
        ("Das Paket ist noch nicht angekommen, und ich möchte wissen, wo es ist.", "de"),
        ("Le colis n'est pas encore arrivé et je voudrais savoir où il est.", "fr"),
        ("El paquete no ha llegado todavía y me gustaría saber dónde está.", "es"),
        ("Il pacco non è ancora arrivato e vorrei sapere dove si trova.", "it"),
        ("O pacote ainda não chegou e eu gostaria de saber onde está.", "pt"),
        ("Het pakket is nog niet aangekomen en ik wil graag weten waar het is.", "nl"),
        ("荷物がまだ届いていません。どこにあるか知りたいです。", "ja"),
        ("包裹还没有到，我想知道它在哪里，什么时候能送到。", "zh"),
        ("소포가 아직 도착하지 않았습니다.", "ko"),
        ("Посылка ещё не пришла, и я хотел бы знать, где она сейчас.", "ru"),
        ("पार्सल अभी तक नहीं आया है और मैं जानना चाहता हूँ कि वह कहाँ है।", "hi"),
        ("لم تصل الطرود بعد وأود أن أعرف أين هي الآن.", "ar"),
        ("Paketet har inte kommit fram ännu och jag vill gärna veta var det är.", "sv"),
        ("Το δέμα δεν έχει φτάσει ακόμα.", "el"),
    ],
)
def test_a_sentence_is_known_for_sure(text: str, language: str) -> None:
    assert identify(text)[:2] == (language, True)


@pytest.mark.parametrize(
    "text",
    [
        "Den er på vej til dig, og du vil modtage den i morgen eftermiddag.",
        "Jeg er glad for at du kom, og den bil er ikke min.",
        "Der er et hus i byen, og den er til salg.",
        "Det är inte så lätt att säga vad som är rätt och fel i den här frågan.",
    ],
)
def test_a_northern_language_is_not_taken_for_german(text: str) -> None:
    assert identify(text).language in ("da", "no", "sv")


@pytest.mark.parametrize("text", ["", "42 + 7 = 49", "😀", "\ud800", "\x00"])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    assert identify(text) == Guess("und", False, "Zyyy")


@pytest.mark.parametrize("text", ["ok", "Paris", "絵本", "hug gay"])
def test_a_word_or_two_is_never_sure(text: str) -> None:
    assert not identify(text).sure


def test_a_japanese_sentence_with_many_han_characters_is_not_chinese() -> None:
    assert identify("東京都渋谷区の図書館").language == "ja"


@given(st.text(max_size=200))
def test_any_string_gets_a_guess(text: str) -> None:
    guess = identify(text)
    assert guess.language
    assert len(guess.script) == 4
    assert identify(text) == guess


def test_an_english_or_a_japanese_sentence_needs_no_model() -> None:
    script = (
        "import sys; from audit.language import identify;"
        "identify('What is the capital of the country that is to the north?'); identify('荷物がまだ届いていません。');"
        "print([name for name in ('numpy', 'py3langid') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def rows_of(name: str, language: str) -> Iterator[str]:
    with gzip.open(CHAT / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["metadata"].get("language", language) == language]
    for row in rows[:: max(1, len(rows) // 300)]:
        yield "\n".join(turn["content"] for turn in row["messages"] if turn["role"] == "user")


@has_data
@pytest.mark.parametrize(
    ("name", "written", "language"),
    [
        ("multilingual-hatecheck-dev", "german", "de"),
        ("multilingual-hatecheck-dev", "arabic", "ar"),
        ("jcommonsenseqa", "ja", "ja"),
        ("huatuo-zh-medical", "zh", "zh"),
        ("gsm8k", "en", "en"),
        ("banking77", "en", "en"),
    ],
)
def test_of_real_rows_nearly_all_are_right_and_the_sure_ones_more_so(name: str, written: str, language: str) -> None:
    guesses = [identify(text) for text in rows_of(name, written)]
    sure = [guess for guess in guesses if guess.sure]
    assert sum(guess.language == language for guess in guesses) >= 0.92 * len(guesses)
    assert sum(guess.language == language for guess in sure) >= 0.995 * len(sure)
    assert len(sure) >= 0.85 * len(guesses)


@has_data
def test_a_language_that_no_table_knows_is_hardly_ever_sure() -> None:
    guesses = [identify(text) for text in rows_of("multilingual-hatecheck-dev", "hindi")]  # in Latin letters
    assert sum(guess.sure for guess in guesses) <= 0.05 * len(guesses)
