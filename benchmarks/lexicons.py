"""Lexicon matching: MB/s of one core on real texts and on hostile ones, beside a plain alternation of ``re``.

``python -m benchmarks.lexicons [speed] [hostile] [languages]`` (default: all three). The bar is 20 MB/s for one axis on
English text. The peer does less: it knows nothing of code, names, look-alikes or nouns for persons.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from audit.language import identify
from audit.lexicons import Lexicon, axes, load
from benchmarks.accuracy import SHARED
from benchmarks.interleaved import interleave, ratio

ENGLISH: Final = ("gsm8k", "dolly-subset", "gptteacher-toolformer", "hh-rlhf-harmless-test", "hatecheck")
REPEATS: Final = 5


def turns(name: str, most: int = 20_000) -> list[str]:
    """The texts of the turns of a chat set, no more than ``most``."""
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        messages = (message for line in file for message in json.loads(line)["messages"])
        texts = (message["content"] for message in messages if isinstance(message.get("content"), str))
        return [text for text, _ in zip(texts, range(most), strict=False)]


def alternation(lexicon: Lexicon) -> Callable[[Sequence[str]], int]:
    """The usual way: one case-insensitive alternation between word boundaries."""
    forms = sorted((re.escape(term.form) for term in lexicon.terms if term.language == "en"), key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(forms)})\b", re.IGNORECASE)
    return lambda texts: sum(len([found.span() for found in pattern.finditer(text)]) for text in texts)


def speed() -> Iterator[str]:
    """MB/s of every axis on each set."""
    yield "English text, CPU of one core; peer: the same forms as an alternation of `re`, gender only"
    lexicons = [load(axis) for axis in axes()]
    peer = alternation(load("gender"))
    for name in ENGLISH:
        texts = turns(name)
        size = sum(len(text.encode()) for text in texts) / 1e6
        contenders = [(lexicon.axis, partial(mentions, lexicon, texts)) for lexicon in lexicons]
        *ours, plain = interleave([*contenders, ("re", partial(peer, texts))], REPEATS)
        rates = ", ".join(f"{one.name} {size / one.median:.0f}" for one in ours)
        gender = next(one for one in ours if one.name == "gender")
        yield f"  {name}, {len(texts):,} turns, {size:.1f} MB: {rates} MB/s; peer / gender {ratio(plain, gender)}"


def mentions(lexicon: Lexicon, texts: Sequence[str]) -> int:
    """The number of mentions in English texts."""
    return sum(len(lexicon.find(text, "en")) for text in texts)


def hostile() -> Iterator[str]:
    """Seconds for texts made to be slow, at two sizes: twice the text must take twice the time."""
    yield "hostile texts, seconds for 0.5 and 1 MB"
    made = {
        "he he he": "he ",
        "she,she;": "she,she;",
        "black black": "black ",
        "the blind the": "the blind ",
        "one word": "a",
        "backticks": "` he",
        "open braces": '{"he": ',
        "open lists": '["he", ',
        "dots and he": "he.",
        "hyphens": "he-",
        "at signs": "he@",
        "Cyrillic o": "wоman ",
        "combining marks": "he\u0301",
        "only marks": "\u0301",
        "zero width": "h\u200be ",
        "ligatures": "ﬁancée ",
    }
    for name, unit in made.items():
        taken = []
        for size in (500_000, 1_000_000):
            text = unit * (size // len(unit))
            start = time.process_time()
            for axis in ("gender", "ethnicity", "disability"):
                load(axis).find(text, "en")
            taken.append(time.process_time() - start)
        yield f"  {name}: {taken[0]:.2f} and {taken[1]:.2f} s for three axes"


def languages() -> Iterator[str]:
    """Microseconds a row for the language of its text, and how many are right and sure."""
    yield "language of a text: rows, share right, share sure, wrong among the sure, microseconds a row"
    identify("zwq kqx vfg pjh mwz")  # loads the model
    sets = [
        ("gsm8k", "en", ""),
        ("banking77", "en", ""),
        ("hatecheck", "en", ""),
        ("multilingual-hatecheck-dev", "de", "german"),
        ("multilingual-hatecheck-dev", "ar", "arabic"),
        ("multilingual-hatecheck-dev", "none (Hindi in Latin script)", "hindi"),
        ("jcommonsenseqa", "ja", ""),
        ("huatuo-zh-medical", "zh", ""),
    ]
    for name, language, written in sets:
        texts = list(prompts(name, written))
        start = time.process_time()
        guesses = [identify(text) for text in texts]
        taken = time.process_time() - start
        sure = [guess for guess in guesses if guess.sure]
        right = sum(guess.language == language for guess in guesses) / len(texts)
        yield (
            f"  {name} {language}: {len(texts):,}, {right:.4f},"
            f" {len(sure) / len(texts):.3f}, {sum(guess.language != language for guess in sure)},"
            f" {1e6 * taken / len(texts):.0f}"
        )


def prompts(name: str, written: str) -> Iterator[str]:
    """What the user says in each row of a set, or of its rows in one language."""
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if not written or row["metadata"]["language"] == written:
                yield "\n".join(turn["content"] for turn in row["messages"] if turn["role"] == "user")


def main() -> None:
    """Print the figures of docs/decisions/0012-mentions.md."""
    parts = {"speed": speed, "hostile": hostile, "languages": languages}
    for name in sys.argv[1:] or parts:
        for line in parts[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
