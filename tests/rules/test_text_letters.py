"""What TXT706 finds: paragraphs that lost letters; and the many ways of writing that it must leave alone."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.api import make_run
from audit.config.settings import Settings
from audit.engine.scan import TriggerScan
from audit.model import Message
from audit.rule import Run, Span
from audit.rules.text.dropped_letters import DroppedLetters
from audit.rules.text.restoration import restored
from benchmarks.accuracy import MUTANTS, SHARED

RULE = DroppedLetters()
RUN: Run = make_run(Settings())
SCAN = TriggerScan([RULE], RUN)
SAID = Message(
    role="assistant", content="", at="/messages/1", role_at="/messages/1/role", content_at="/messages/1/content"
)
CYRILLIC = dict(zip("aeopcyxis", "аеорсухіѕ", strict=True))


def paragraphs(text: str) -> list[str]:
    """Texts that stand apart by a blank line, each on one line."""
    return [" ".join(part.split()) for part in text.split("\n\n")]


PAGE = paragraphs("""
The harbour of the old town was built in the twelfth century, when merchants from the north began to trade in salt,
timber and fish. Its walls were raised again after the great fire, and several of the towers that protected the
entrance can still be visited. Travellers who arrive by train usually walk along the river, past the market and the
cathedral, before they reach the quiet streets behind the warehouses.

During the following centuries the importance of the harbour declined, because larger ships needed deeper water and
the river carried more and more sand towards the sea. The council discussed many solutions, among them a canal and a
second breakwater, but the necessary money was never found. Instead the families who owned the warehouses turned
them into workshops, where furniture, instruments and paper were produced.

Today most visitors come for the museum, which explains how sailors measured their position and what they carried on
their voyages. A collection of letters describes the daily life of the children, who learned reading and arithmetic
from the captain's wife. Every summer the association of volunteers restores another building, and the evening
concerts in the courtyard attract people from the whole region.
""")
DAMAGED = paragraphs("""
Dversity drives creativity, innovation, and ersonal growth in ny rganization that wants to imrove.

El tibunal superior está slicitando al gobierno que eamine la vlidez de la directiva en particular a la luz de dos
derechos undamentales de la unión europea.

La comission a pblié un raport sur les conséqences de la réfome, que les habitnts de la régon attedent depuis
plusiurs mois avec beacoup d'intérêt.

The c0mpany has published a rep0rt about the deve1opment of renewable energy and its likely c0nsequences.

The rnodern governrnent has a departrnent for the environrnent and for the ernployment of young people.

Die neue Regierung hat angekündigt, dass die Menschen in diesem Jahr mehr Geld für ihre Wohnungen bekmmen werden,
aber viele wissen jedch nicht, ob die verschiedenen Probleme auch esonders in der Zukunft weiter beshen bleiben.
""")
OTHERWISE = paragraphs("""
Di pikin dem dey play for compound wey dia mama dey cook soup. Abeg make una come chop, no vex. Wetin dey happen for
dis kontri sef? E don tey wey I see am, im no gree talk say na im thief di moni.

Mi deh yah, yuh know. Di pickney dem a run up an down inna di yaad. Weh yuh a seh? Mi nah tell nobody nuttn bout it,
seen. Wha gwaan bredda, everyting criss? Mek wi guh link up wid di man dem lata.

Ah wis gaun tae the shoap wi ma wee brither an we seen a muckle dug. Whit wey ye no comin oot the nicht? It's gey
dreich the day, so it is, an ma heid's fair nippin. Dinnae fash yersel, lassie, it willnae tak lang.

He been knowin bout that, he just ain't sayin nothin. She finna go to the sto and get sum drank, nah mean. They was
talkin bout how they even be trippin like that no mo, lovin it, keepin it movin.

omg i cnt blieve u wnt 2 the prty wthout me lol, thts so nt fair. pls cll me bck whn u r hme, i need to tlk abt
smthng. gonna be in trble 4 sure tmrw

Mujhe samajh nahi aata ki log itne bade bade vaade kyon karte hain jab unhe pata hota hai ki woh kabhi poore nahi
honge. Humein apne bachchon ko achchhi shiksha deni chahiye taaki woh aage badh sakein.

I ha gester mit mim Brüeder telefoniert und er het gseit er chöm am Samschtig verbi. Mir hei de no chli gschnuret
über d Arbet und ds Wätter. Es isch eifach z heiss gsi di ganzi Wuche.

Suomen kieli kuuluu uralilaisiin kieliin ja sen lähisukukieliä ovat viro ja karjala. Taivutusmuotojen runsaus tekee
sanastosta hankalan, koska yhdyssanat ja päätteet kasvattavat sanojen pituutta huomattavasti.

Okuldan eve dönerken arkadaşlarımla birlikte sahilde yürüyüş yaptık ve sonra küçük bir kahvede oturup çay içtik.
Hava oldukça serindi ama gökyüzü açıktı, yıldızları görebiliyorduk.

Pemerintah mengumumkan kebijakan baru mengenai pengelolaan sampah di perkotaan. Masyarakat diharapkan memilah sampah
organik dan anorganik sebelum dibuang.

Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae, aliam Aquitani, tertiam qui ipsorum lingua
Celtae, nostra Galli appellantur. Hi omnes lingua, institutis, legibus inter se differunt.

Los habitantes del pueblo celebraron la fiesta patronal con bailes, comida tradicional y fuegos artificiales.
Después de la procesión, los vecinos se reunieron en la plaza para escuchar a la banda municipal.

Les voyageurs descendirent du train à l'aube, encore ensommeillés, et traversèrent la gare déserte. Dehors, la brume
enveloppait les réverbères; on devinait à peine la silhouette de la cathédrale.

Die Versicherungsgesellschaften verweigerten zunächst die Zahlung, weil die Gutachter den Schadenshergang nicht
zweifelsfrei rekonstruieren konnten.

Wczoraj wieczorem poszliśmy do kina na nowy film, który okazał się zupełnie inny niż się spodziewaliśmy.

The Russian word пылесос comes from words for dust and suction; 他说他不知道 means that he said he did not know.

Whan that Aprille with his shoures soote, The droghte of March hath perced to the roote, And bathed every veyne in
swich licour Of which vertu engendred is the flour

The patient presented with dyspnoea, orthopnoea and paroxysmal nocturnal dyspnoea; spironolactone and furosemide
were titrated, and amiodarone was discontinued owing to thyrotoxicosis.

The judgement on the colour of the catalogue was cancelled; the traveller favoured grey, and the programme of the
paediatric centre was labelled anaesthetic, encyclopaedic and manoeuvrable.

The judgment on the color of the catalog was canceled; the traveler favored gray, and the program of the pediatric
center was labeled anesthetic, encyclopedic and maneuverable.

I would like to know why my tranfer has not arrived yet, it is still pending since yesterday morning.

def prse_args(argv): parser = argparse.ArgumentParser(); parser.add_argument('--vrbose', action='store_true'); cfg =
ldcfg(argv.confg); retrn = cfg.retrn; strng = fnction(usr.strng)

{"nme": "x", "adress": "y", "contry": "z", "documet": ["emplyment"], "qustion": "inferor"}

See www.governmet.example/documet/emplyment and write to contct@governmet.example or @offcial_acount #knwledge

usr1ocal 0ther0 a1pha c0l1 v1ew1 item1 l33t n00b 1nput str1ng
""")
"""Dialects, creoles, slang; languages; old, medical, British and American English; typing errors; code; addresses."""


def find(text: str) -> list[Span]:
    return list(RULE.find(text, SAID, RUN)) if SCAN.rules_for(text, "assistant") else []


def damaged(text: str, seed: int, drop: float = 0.02, replace: float = 0.03) -> str:
    rng, out = random.Random(seed), []
    for letter in text:
        chance = rng.random() if letter.isalpha() else 1.0
        if chance >= drop:
            out.append(CYRILLIC.get(letter, letter) if chance < drop + replace else letter)
    return "".join(out)


# ----------------------------------------------------------------------------- what is damaged


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_page_is_flagged_in_each_paragraph(seed: int) -> None:
    page = "\n\n".join(damaged(paragraph, 10 * seed + place) for place, paragraph in enumerate(PAGE))
    starts = [page.index("\n\n"), page.rindex("\n\n"), len(page)]
    assert [sum(span.start > start for start in starts) for span in find(page)] == [0, 1, 2]


def test_the_same_page_is_silent_when_it_is_clean() -> None:
    assert find("\n\n".join(PAGE)) == []


def test_letters_that_are_only_dropped_are_found_as_well() -> None:
    page = "\n\n".join(damaged(paragraph, place, drop=0.03, replace=0) for place, paragraph in enumerate(PAGE))
    assert len(find(page)) == 3


def test_a_span_says_how_many_words_and_what_they_were() -> None:
    (span,) = find("The coaches wrote down strngths and weaknesses and told us what to imrove before every compettion.")
    assert span.evidence["damaged"] == 3
    assert '"imrove" for "improve"' in span.message


@pytest.mark.parametrize("text", DAMAGED)
def test_damage_in_other_languages_and_from_scans_is_found(text: str) -> None:
    assert find(text)


# ----------------------------------------------------------------------------- what only looks like it


@pytest.mark.parametrize("text", [*OTHERWISE, "", "ok"])
def test_other_ways_of_writing_are_left_alone(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    "word", ["lovin", "suposed", "colur", "traveler", "pints", "rained", "knowledge", "xqzjv", "abc"]
)
def test_endings_doubled_letters_and_known_words_are_no_damage(word: str) -> None:
    assert restored(word) is None or word == "colur"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("knwledge", "knowledge"), ("undamental", "fundamental"), ("know1edge", "knowledge"), ("rnodern", "modern")],
)
def test_one_damage_is_undone(word: str, meant: str) -> None:
    was = restored(word)
    assert was is not None
    assert was.word == meant


# ----------------------------------------------------------------------------- any string


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.sampled_from("abcdefghijklmnopqrstuvwxyz   \n01аео\ud800é'"), max_size=3_000))
def test_any_string_is_read_and_spans_lie_in_it(text: str) -> None:
    for span in RULE.find(text, SAID, RUN):
        assert 0 <= span.start < span.end <= len(text)
        assert span.end - span.start <= 20
        assert RULE.suspect(text)


@pytest.mark.parametrize("unit", ["a", "knwledge ", "xqzj vbkw ", "a\n", "\ud800 ", "undаmental strngth\n\n"])
def test_ten_million_characters_are_read_to_the_bound(unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    assert all(span.end <= 400_000 for span in find(text))
    assert len(find(text)) <= 200


# ----------------------------------------------------------------------------- real data

has_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")


def answers(name: str, most: int) -> Iterator[str]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz") as lines:
        for _, line in zip(range(most), lines, strict=False):
            yield from (message["content"] for message in json.loads(line)["messages"])


@has_data
def test_the_dropped_letters_of_the_mutants_are_found() -> None:
    lines = gzip.decompress((MUTANTS / "broken.jsonl.gz").read_bytes()).split(b"\n")
    truth = [json.loads(row) for row in (MUTANTS / "truth.jsonl").read_text().splitlines()]
    for place in [entry["line"] for entry in truth if entry["defect"] == "dropped_letters"]:
        assert any(find(message["content"]) for message in json.loads(lines[place - 1])["messages"])


@has_data
@pytest.mark.parametrize(
    "name",
    ["jcommonsenseqa", "huatuo-zh-medical", "multilingual-hatecheck-dev", "gsm8k", "banking77", "davidson-tweets"],
)
def test_clean_sets_are_silent(name: str) -> None:
    assert [text for text in answers(name, 3_000) if find(text)] == []
