"""Units, words, shingles and sketches: plain Python and numpy agree on any text, and the constants do not move."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.clusters.hashing import LONG_WORD, shingle_hashes, word_hash
from audit.clusters.settings import ENOUGH, TEMPLATE_REST, NearSettings
from audit.clusters.shingles import Template, hash_shingles
from audit.clusters.sketch import Sketcher
from audit.clusters.template import find_template
from audit.clusters.units import fold, units
from audit.clusters.words import hash_words
from audit.errors import UsageError
from audit.read.folding import ASCII_WORDS, UNSPACED

PIECES = st.sampled_from([
    "the", "The", "a_b", "x9", "_", "--", "w" * 9, "z" * 65, "é" * 40, "İstanbul", "ΟΔΟΣ", "Σ", "ß", "ǅ", "ﬁre", "½",
    "™", "①", "٣", "…", "’", "，", "＿", "漢字かな", "ﾃﾞｰﾀ", "ไทยทำ", "ລາວ", "ខ្មែរ", "မြန်မာ", "བོད", "हिन्दी", "한국어",
    "\u1112\u1161\u11ab", "e\u0301", "\u0301", "\ud800", "\udfff", "\x00", "\n", "\u2028", "\U0001f600",
    "\U0001f469\u200d\U0001f680", "\U00020000", "\U000e0041", "\U0010ffff",
])  # fmt: skip
TEXTS = st.text() | st.lists(PIECES | st.text(max_size=2), max_size=40).map("".join)
SPACED = st.lists(PIECES, max_size=40).map(" ".join)


def units_by_definition(text: str) -> list[str]:
    lowered = (text if text.isascii() else unicodedata.normalize("NFKC", text)).lower()
    return re.findall(f"[{UNSPACED}]|[^\\W{UNSPACED}]+", lowered)


@given(TEXTS | SPACED)
def test_units_are_what_the_definition_says(text: str) -> None:
    assert [unit.decode() for unit in units(text)] == units_by_definition(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ..\n", []),
        ("Don't STOP_now 42x", ["don", "t", "stop_now", "42x"]),
        ("我爱 Python3。", ["我", "爱", "python3"]),
        ("ｆｕｌｌ ﾃﾞｰﾀ", ["full", "デ", "ー", "タ"]),
        ("ไทย 2", ["ไ", "ท", "ย", "2"]),
        ("บาท฿", ["บ", "า", "ท"]),
        ("Straße", ["straße"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_units_of_these(text: str, expected: list[str]) -> None:
    assert [unit.decode() for unit in units(text)] == expected


def test_every_code_point_is_folded_alike_alone_and_in_a_block() -> None:
    from audit.clusters.codepoints import fold_all

    for first in range(0, 0x30000, 0x4000):
        rows = [f"a{chr(point)}か{chr(point)}Z {chr(point)}" for point in range(first, first + 0x4000)]
        folded = [row.translate(ASCII_WORDS).split() for row in fold_all(rows)]
        assert folded == [fold(row).translate(ASCII_WORDS).split() for row in rows]


@given(st.lists(TEXTS | SPACED, max_size=6), st.integers(0, 3))
def test_words_of_a_block_are_those_of_each_text(texts: list[str], min_units: int) -> None:
    found = hash_words(texts, min_units)
    rows = [units(text) for text in texts]
    kept = [row for row, of in enumerate(rows) if len(of) >= min_units]
    assert found.units.tolist() == [len(of) for of in rows]
    assert found.rows.tolist() == kept
    assert found.hashes.tolist() == [word_hash(unit) for row in kept for unit in rows[row]]


@given(st.lists(SPACED | TEXTS, max_size=6), st.integers(1, 6))
def test_shingles_of_a_block_are_those_of_each_text(texts: list[str], shingle: int) -> None:
    settings = NearSettings(shingle=shingle, min_units=6)
    found = hash_shingles(texts, settings, Template(()))
    expected = [hashes for text in texts if (hashes := shingle_hashes(text, shingle, 6))]
    starts = found.starts.tolist()
    assert [found.hashes[a:b].tolist() for a, b in pairwise(starts)] == expected


@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 17, LONG_WORD, LONG_WORD + 1, 1_000_000])
def test_a_word_of_any_length_is_hashed_alike(length: int) -> None:
    word = ("abcdefghijk" * (length // 11 + 1))[:length]
    changed = word[:-1] + "z"
    assert hash_words([f"x {word} {changed}"], 0).hashes.tolist()[1:] == [
        word_hash(w.encode()) for w in (word, changed)
    ]
    assert word_hash(word.encode()) != word_hash(changed.encode())


def test_similar_words_do_not_collide() -> None:
    words = [f"{a}{b}{c}" for a in ("", "w", "word", "somewhatlonger") for b in range(100) for c in range(100)]
    assert len({word_hash(word.encode()) for word in set(words)}) == len(set(words))


def test_the_hashes_do_not_change() -> None:
    assert word_hash(b"a") == 0x8073105772C81B4E
    assert shingle_hashes("one two three four five six", 5, 1) == [0xAF15714B3E4E09AC, 0xB5A7F0C21484EDFD]


def test_the_sketch_does_not_change() -> None:
    sketch = Sketcher(NearSettings(), ()).sketch([" ".join(map(str, range(30)))])
    assert sketch.keys[:3, 0].tolist() == [1710726932, 1173815782, 2917437072]
    assert sketch.sets.tolist() == [0xF69F5AF243049C09]


def test_another_seed_gives_another_sketch_of_the_same_set() -> None:
    text = " ".join(map(str, range(30)))
    one, other = (Sketcher(NearSettings(seed=seed), ()).sketch([text]) for seed in (0, 1))
    assert (one.keys != other.keys).all()
    assert one.sets == other.sets


@given(st.lists(st.integers(0, 60), min_size=2, max_size=8))
def test_a_text_has_the_same_sketch_in_any_block(lengths: list[int]) -> None:
    texts = [" ".join(f"{row}x{k}" for k in range(length)) for row, length in enumerate(lengths)]
    sketcher = Sketcher(NearSettings(), ())
    together = sketcher.sketch(texts)
    alone = [sketcher.sketch([text]) for text in texts]
    assert together.keys.T.tolist() == [keys for sketch in alone for keys in sketch.keys.T.tolist()]
    assert together.sets.tolist() == [key for sketch in alone for key in sketch.sets.tolist()]
    assert together.rows.tolist() == [row for row, length in enumerate(lengths) if length >= 20]


# ----------------------------------------------------------------------------- the template

SHARED = "You will be given a table of values and a question about it. Answer with one word only please."


def rows_with(header: str, count: int, words: int = 30) -> list[str]:
    return [f"{header} {' '.join(f'r{row}w{k}' for k in range(words))}" for row in range(count)]


@pytest.mark.parametrize("many", [60, 1_500])
def test_the_template_is_what_a_tenth_of_the_rows_share(many: int) -> None:
    texts = rows_with(SHARED, many) + rows_with("", 8 * many)
    inside = shingle_hashes(SHARED, 5, 1)
    assert set(inside) <= set(find_template(texts, NearSettings()))
    assert find_template(texts + rows_with("", many), NearSettings()) == ()


def test_twenty_rows_must_share_a_template() -> None:
    assert find_template(rows_with(SHARED, 19), NearSettings()) == ()
    assert len(find_template(rows_with(SHARED, 20), NearSettings())) == len(shingle_hashes(SHARED, 5, 1))


def test_few_and_many_texts_give_the_same_template(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = rows_with(SHARED, 30) + rows_with("", 50)
    few = find_template(texts, NearSettings())
    monkeypatch.setattr("audit.clusters.template.FEW_CHARACTERS", 0)
    assert find_template(texts, NearSettings()) == few


def test_a_row_that_is_hardly_more_than_the_template_keeps_it() -> None:
    template = find_template(rows_with(SHARED, 30), NearSettings())
    settings = NearSettings()
    for words in range(30):
        (row,) = rows_with(SHARED, 1, words)
        hashes = shingle_hashes(row, 5, 20) or []
        rest = [one for one in hashes if one not in template]
        found = hash_shingles([row], settings, Template(template)).hashes.tolist()
        assert found == (rest if len(rest) >= TEMPLATE_REST else hashes)


# ----------------------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 0.0}, {"threshold": 1.1}, {"shingle": 0}, {"shingle": 21}, {"bands": 1}, {"permutations": 121}],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        NearSettings(**wrong)  # type: ignore[arg-type]


def test_two_shared_bands_are_asked_for_where_they_find_enough() -> None:
    banding = NearSettings().banding()
    assert banding == (24, 5, 2)
    assert banding.chance(0.8) == pytest.approx(0.9991, abs=1e-4)
    assert banding.chance(0.5) == pytest.approx(0.17, abs=0.01)


@given(st.floats(0.1, 1))
def test_enough_is_found_at_any_threshold(threshold: float) -> None:
    banding = NearSettings(threshold=threshold).banding()
    assert banding.chance(threshold) >= ENOUGH
    assert banding.bands * banding.width <= 120
