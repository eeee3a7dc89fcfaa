"""Which words mention a group of people, and which do not."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.lexicons import axes, load
from audit.lexicons.folding import fold, fold_form


def mentioned(text: str, language: str | None = "en") -> set[str]:
    return {name for axis in axes() for name in load(axis).mentions(text, language)}


@pytest.mark.parametrize(
    "text",
    [
        "strip the whitespace",
        "a blacksmith and a whitesmith",
        "a black box, a white paper, white wine and brown bread",
        "a black and white photo of a house",
        "Black Friday by the Black Sea",
        "egg whites, and wash a load of whites",
        "the white house staff",
        "Polish the text",
        "French fries, Swiss cheese and Chinese food",
        "across the Indian Ocean",
        "tent poles and a ski pole",
        "my English teacher",
        "the American Revolutionary War",
        "the old version of a young wine, three years old",
        "the old and the new, my old boss",
        "two 30 year old actors and an older student",
        "a child process and a baby carrot",
        "a blind spot, a double blind trial and a blind date",
        "it fell on deaf ears with a lame excuse",
        "this option is disabled. Disable it.",
        "a straight line, go straight on",
        "Tyson Gay and Gay Talese",
        "Homo sapiens",
        "trans fat, cis/trans isomers, the Trans-Siberian",
        "the Isle of Man",
        "a man-made lake, two man-hours, a she-wolf",
        "the motherboard, a mother tongue, a sister company",
        "a male connector and a female plug",
        "wait 100 ms, MS Office",
        "Christian Dior, Christian music",
        "a Jewish holiday and a Hindu temple",
        "Sugar babies and beanie babies",
    ],
)
def test_words_that_mention_nobody_are_no_mentions(text: str) -> None:
    assert mentioned(text) == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("black people", {"black/black"}),
        ("Black and white people", {"black/black", "white/white"}),
        ("two white women", {"white/white", "female/women"}),
        ("a blind man", {"blind/blind", "male/man"}),
        ("young black men", {"young/young", "black/black", "male/men"}),
        ("She is blind.", {"female/she", "blind/blind"}),
        ("people who are deaf, or", {"deaf/deaf"}),
        ("the blind are here", {"blind/blind"}),
        ("a Polish man", {"polish/Polish", "male/man"}),
        ("Poles and Danes", {"polish/Poles", "danish/Danes"}),
        ("an Indian woman", {"indian/Indian", "female/woman"}),
        ("the French people", {"french/French"}),
        ("the French have won", {"french/French"}),
        ("an American novelist", {"american/American"}),
        ("gay men", {"gay/gay", "male/men"}),
        ("he is gay", {"male/he", "gay/gay"}),
        ("trans women", {"trans/trans", "female/women"}),
        ("a non-binary person", {"nonbinary/non-binary"}),
        ("a non binary person", {"nonbinary/non-binary"}),
        ("he’s a Muslim", {"male/he", "muslim/Muslim"}),
        ("Jews, Hindus and atheists", {"jewish/Jews", "hindu/Hindus", "atheist/atheists"}),
        ("my ex-wife", {"female/wife"}),
        ("my mother-in-law", {"female/mother-in-law"}),
        ("he/she", {"male/he", "female/she"}),
        ("the woman's #men", {"female/woman", "male/men"}),
        ("African-American and African American voters", {"black/African-American"}),
        ("refugees", {"immigrant/refugees"}),
        ("WOMEN", {"female/women"}),
    ],
)
def test_words_that_mention_people_are_found(text: str, names: set[str]) -> None:
    assert mentioned(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "w\u043eman",  # a Cyrillic o
        "wom\u03b1n",  # a Greek alpha
        "wo\u200bman",
        "wo\u00adman",
        "ｗｏｍａｎ",
        "𝐰𝐨𝐦𝐚𝐧",
        "w\u0336o\u0336m\u0336a\u0336n\u0336",
        "W\u041eMAN",
    ],
)
def test_disguised_letters_are_seen_through(text: str) -> None:
    padded = f"… a {text} — there"
    (mention,) = load("gender").find(padded, "en")
    assert mention.term.form == "woman"
    assert padded[mention.start : mention.end] == text


@pytest.mark.parametrize("text", ["Он не знал, что нег", "τη ηε", "не"])
def test_words_wholly_of_another_script_are_not_read_as_latin(text: str) -> None:
    assert mentioned(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "`he` is a variable",
        "```python\nhe = her(his)\n```",
        "```\nhe never closes it",
        "~~~\nshe\n~~~",
        "see https://example.org/he/her?his=him",
        "www.her.com and him.org/x",
        "mail he@example.org or o.he@x.org",
        '{"gender": "he", "note": ["her", "him"]}',
        'The answer is {"who": "her"}.',
        '["he", "she"]',
        "in /home/his/her/x",
        "@her and $his",
        "is_he his_name her2",
    ],
)
def test_code_json_and_addresses_mention_nobody(text: str) -> None:
    assert mentioned(text) == set()


def test_prose_around_code_still_counts() -> None:
    text = "She wrote `he` and {not json: he}."
    found = load("gender").find(text, "en")
    assert [text[mention.start : mention.end] for mention in found] == ["She", "he"]


def test_the_longest_form_is_taken() -> None:
    (mention,) = load("gender").find("a mother-in-law", "en")
    assert mention.term.form == "mother-in-law"


def test_places_are_those_of_the_original_where_folding_changes_lengths() -> None:
    text = "Straße ﬁne ﷺ e\u0301: the ﬁancée of Mr\u200b Jones"
    places = [(text[one.start : one.end], one.term.form) for one in load("gender").find(text, "en")]
    assert places == [("ﬁancée", "fiancée"), ("Mr\u200b", "Mr")]


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("Die Frau und der Mann", "de", {"female/Frau", "male/Mann"}),
        ("Da kann man nichts machen, sagen Sie ihr", "de", set()),
        ("Eine Lehrerin und viele Mädchen", "de", {"female/Lehrerin", "female/Mädchen"}),
        ("M\u0061\u0308dchen", "de", {"female/Mädchen"}),
        ("Er ist schwül und mürbe", "de", set()),
        ("La femme et son mari", "fr", {"female/femme", "male/mari"}),
        ("l'homme", "fr", {"male/homme"}),
        ("Il pleut sur le toit", "fr", set()),
        ("La mujer y él", "es", {"female/mujer", "male/él"}),
        ("el coche", "es", set()),
    ],
)
def test_other_languages_have_words_for_gender(text: str, language: str, names: set[str]) -> None:
    assert mentioned(text, language) == names


def test_a_language_that_is_not_covered_mentions_nobody() -> None:
    assert load("gender").find("the woman and he", "ja") == []
    assert "ja" not in load("gender").languages


def test_without_a_language_a_form_that_several_have_is_the_english_one() -> None:
    (mention,) = load("gender").find("transgender")
    assert mention.term.language == "en"


def test_a_lexicon_survives_pickling() -> None:
    lexicon = load("gender")
    again = pickle.loads(pickle.dumps(lexicon))
    assert again.sha256 == lexicon.sha256
    assert again.mentions("he and she") == lexicon.mentions("he and she")


FORMS = sorted({term.form for axis in axes() for term in load(axis).terms})
PIECES = st.one_of(
    st.sampled_from(FORMS),
    st.sampled_from([" ", " ", ", ", "-", "'s ", "`", "```", "{", '{"a": "', '"}', "@", ".", "\n", "the ", "\u200b"]),
    st.sampled_from([" people", " is ", "\u0301", "ß", "ﬁ", "\ud800", "о", "İ", "ﷺ", "㎏", "\U000e0100"]),
    st.characters(),
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_mentions_lie_in_the_text_in_order_and_fold_to_their_form(text: str) -> None:
    for axis in axes():
        before = 0
        for mention in load(axis).find(text):
            assert before <= mention.start < mention.end <= len(text)
            assert fold_form(text[mention.start : mention.end]) == fold_form(mention.term.form)
            before = mention.end


@given(st.lists(PIECES, max_size=30).map("".join))
def test_a_folded_text_knows_where_each_of_its_characters_came_from(text: str) -> None:
    folded = fold(text)
    assert len(folded.words) == len(folded.text)
    places = [folded.place(at) for at in range(len(folded.text) + 1)]
    assert places == sorted(places)
    assert places[-1] == len(text)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_an_ascii_text_folds_to_itself_in_lower_case(text: str) -> None:
    assert fold(text).text == text.lower()
    assert fold(text + "é").text == text.lower() + "é"
