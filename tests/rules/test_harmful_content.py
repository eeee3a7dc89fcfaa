"""SAF921: words and phrases of the list are found however they are written, and only where they mean harm; scorers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.engine.scan import TriggerScan
from audit.errors import AuditError, ConfigError
from audit.model import Message, Severity
from audit.rule import Run, Span
from audit.rules.safety.harmful_content import HarmfulContent
from audit.rules.safety.harmful_terms import GRADES, built_in
from audit.rules.safety.harmful_words import words_of
from audit.targets import load_target
from benchmarks.accuracy import SHARED

RUN = Run(target=load_target("openai-sft"))
RULE = HarmfulContent(least="mild")
SCAN = TriggerScan([RULE], RUN)


def spans(text: str, rule: HarmfulContent = RULE) -> list[Span]:
    message = Message(role="user", content=text, at="", role_at="", content_at="")
    return list(rule.find(text, message, RUN))


def graded(text: str) -> str:
    """What a run would say: the triggers first, as the engine asks them."""
    found = spans(text) if RULE in SCAN.rules_for(text, "user") else []
    return "" if not found else "severe" if found[0].severity is Severity.WARNING else "mild"


SEVERE = [
    "He called her. What a faggot he is",
    "Typical NIGGER behaviour",
    "n1gger", "n i g g e r go home", "n****r", "nigggger",
    "you are such a wh0re", "That slut again", "sluts",
    "I hate all Muslims", "We despise these immigrants", "Jews are vermin", "trans people are just disgusting",
    "Kill all gay people", "Women deserve to die", "black people should be lynched",
    "Disabled people should all be killed",
    "Just kill yourself", "kys loser", "go die", "How to hang myself",
    "I will kill you", "suck my dick", "gangbanged",
    "Du Schwuchtel", "diese Kanaken", "Juden ins Gas!", "Bring dich um", "Typisch KÜMMELTÜRKE",
    "sale arabe", "espèce de salope", "sales juifs", "va te pendre",
    "eres un maricón", "moros de mierda", "mátate",
    "तू रंडी है", "कटुए को भगाओ", "tu katuwa hai",
    "يا شرموطة", "انت القحبة", "ابن القحبة",
]  # fmt: skip
MILD = [
    "What the fuck", "this is sh1t", "f*ck this", "f**k", "fuuuuck", "f u c k off", "a$$hole", "b!tch please",
    "bullsh*t",
    "so eine Scheiße", "du Arschloch", "quel connard", "putain", "hijo de puta", "mierda", "चूतिया", "bhenchod",
    "motherfucker", "I want to kill myself",
]  # fmt: skip
SILENT = [
    "Scunthorpe United won", "pussy willow branches", "The cock crowed at dawn", "Dick Cheney met Dick Smith",
    "an ass and a mule carried the load", "My gay brother and his Muslim husband are Black", "I am queer and disabled",
    "a chink in the armour", "the Maine coon cat", "spic and span", "We walked on the dyke by the sea",
    "a pack of fags, he smoked them all", "faggots with peas and gravy", "a bundle of sticks is a faggot",
    "Niger and Nigeria are countries", "Essex, Sussex and Middlesex", "magna cum laude", "a class assessment",
    "a MongoDB cluster", "Lyon en transe", "die Dusche, la douche", "Abo kündigen", "cum se face", "coon hound",
    "How do I kill a Python process?", "kill the child process", "shoot a photo", "I hate Mondays",
    "I do not hate women",
    "We are faggots and proud of it", "I'm a proud dyke", "as a fag I know that", "call ourselves sluts",
    "We must never say that Jews are vermin", "Stop calling people niggers, it is hurtful",
    "He threatened to kill all Muslims",
    'Saying "black people are lesser beings" is racist', "No woman should be killed", "No Muslims should be killed",
    "Why would you call me a retard?", "the word faggot has a history", "ladyboy.example.com/faggot is a link",
    "flame retardants retard growth", "Ich bin eine Lesbe und mein Mann ist Türke", "les femmes sont libres",
    "سحاقيات ومثليون", "समलैंगिक लोग", "黑人和穆斯林", "5417", "$$$ 1000 !!!", "assess", "Dickens", "shiitake", "cockpit",
    "hoes and rakes for the garden", "the 1917 prick test of the skin", "Great tits nest here",
]  # fmt: skip

RIGHT_BY_DEFAULT = [
    "Last summer we flew to Lesbos", "Lesbos has fine beaches", "Check the tranny fluid of the gearbox",
    "Two trannies need new gear oil", "We met on Dyke Road", "Bukkake udon is a cold noodle dish",
    "Slut's wool is the dust under a bed", "The Wank is a mountain near Garmisch", "My uncle is a glass blower",
    "Slut-shaming is harmful", "Hang yourself a picture in the hall", "Never hang yourself in the harness for long",
    "I will kill you at Mario Kart", "gonna kill you in chess tonight", "Do not kill yourself working late",
    "The comment 'go kill yourself' led to a ban", "Our policy bans messages such as: go kill yourself",
    "Kike is a slur.", "Neger ist ein veraltetes, rassistisches Wort.", "रंडी शब्द गाली है",
    "“Retard” was once a medical word and is an insult today", "Nègre est une insulte raciste",
]  # fmt: skip
"""Right rows that a run would have set aside."""
MISSED = {
    "You should just end your life already": "self_harm",
    "N\u0456gger": "hate",
    "\u0441unt": "hate",
    "I will come to your house and slit your throat": "threat",
    "Our policy is that you go kill yourself": "self_harm",
    "She is a slut": "hate",
    "you lesbos": "hate",
}


@pytest.mark.parametrize("text", RIGHT_BY_DEFAULT)
def test_other_meanings_and_names_of_words_are_no_reason_to_drop_a_row(text: str) -> None:
    assert graded(text) != "severe"


@pytest.mark.parametrize("text", MISSED)
def test_look_alikes_are_letters_and_a_threat_is_a_threat(text: str) -> None:
    assert graded(text) == "severe"
    assert spans(text)[0].evidence["categories"] == {MISSED[text]: 1}


@pytest.mark.parametrize("text", SEVERE)
def test_slurs_threats_and_explicit_terms_are_a_warning(text: str) -> None:
    assert graded(text) == "severe"


@pytest.mark.parametrize("text", MILD)
def test_profanity_is_a_note_without_a_fix(text: str) -> None:
    assert graded(text) == "mild"
    (span,) = spans(text)
    assert span.fix is None


@pytest.mark.parametrize("text", SILENT)
def test_words_for_people_homonyms_self_names_and_counter_speech_are_left_alone(text: str) -> None:
    assert graded(text) == ""


def test_a_quoted_slur_is_milder_than_one_that_is_said() -> None:
    assert graded('Then he wrote to her: "you are just a whore to me", and left.') == "mild"
    assert graded('"you are just a whore to me"') == "severe"


def test_every_form_of_the_list_is_let_through_by_a_trigger_and_found() -> None:
    missed = [harm.form for harm in built_in() if RULE not in SCAN.rules_for(f"so {harm.form}.", "user")]
    assert missed == []
    found = words_of()
    silent = [harm.form for harm in built_in() if not harm.reclaimed and not found.find(f"so {harm.form}")]
    assert silent == []


def test_no_word_for_a_group_of_people_is_in_the_list() -> None:
    forms = {harm.form for harm in built_in()}
    assert not forms & {"gay", "lesbian", "queer", "trans", "muslim", "jew", "jews", "black", "white", "asian", "women"}
    assert not forms & {"schwul", "lesbe", "schwarze", "muslime", "juif", "árabe", "negra", "نساء", "مسلم", "यहूदी"}
    assert {harm.grade for harm in built_in()} == set(GRADES)


def test_one_finding_tells_of_the_whole_text_and_shows_no_word() -> None:
    text = "You whore, fuck you and your faggot friends, kill yourself"
    (span,) = spans(text)
    assert span.evidence == {"categories": {"hate": 2, "profanity": 1, "self_harm": 1}, "severe": True}
    assert text[span.start : span.end] == "whore"
    assert not any(word in span.message for word in ("whore", "fuck", "faggot", "yourself"))
    assert "w...." in span.message


DEFAULT = HarmfulContent()
DEFAULT_SCAN = TriggerScan([DEFAULT], RUN)


@pytest.mark.parametrize("text", SEVERE)
def test_by_default_what_is_severe_is_a_warning(text: str) -> None:
    assert DEFAULT_SCAN.rules_for(text, "user") == [DEFAULT]
    assert [span.severity for span in spans(text, DEFAULT)] == [Severity.WARNING]


@pytest.mark.parametrize("text", [*MILD, *SILENT, 'Then he wrote to her: "you are just a whore to me", and left.'])
def test_by_default_profanity_and_what_is_quoted_is_left_out(text: str) -> None:
    assert spans(text, DEFAULT) == []


def test_by_default_profanity_beside_a_severe_word_is_not_counted() -> None:
    (span,) = spans("fuck, a whore", DEFAULT)
    assert span.evidence["categories"] == {"hate": 1}


def test_own_words_come_from_an_option_and_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "words.txt"
    listed.write_text("# ours\nzorgle+s\n[brand mild]\nacme cola ~ advert\n")
    rule = HarmfulContent(least="mild", words=("Frobnicate",), file=str(listed))
    scan = TriggerScan([rule], RUN)
    for text, severity in (
        ("please frobnicate", Severity.WARNING), ("two Zorgles", Severity.WARNING), ("Acme Cola!", Severity.INFO),
    ):  # fmt: skip
        assert scan.rules_for(text, "user") == [rule]
        assert [span.severity for span in spans(text, rule)] == [severity]
    assert spans("an Acme Cola advert", rule) == []
    assert spans("Acme Cola!", HarmfulContent(words=rule.words, file=rule.file)) == []


@pytest.mark.parametrize("content", [b"[wrong]\nx\n", b"[a b]\nx\n", b"\xff\xfe", None])
def test_a_file_that_cannot_be_used_is_an_error_of_configuration(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"words\.txt"):
        HarmfulContent(file=str(path)).applies_to(RUN)


@pytest.mark.parametrize("options", [{"least": "some"}, {"threshold": 0.0}, {"threshold": 1.5}])
def test_options_that_no_run_can_use_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="SAF921"):
        HarmfulContent(**options).applies_to(RUN)


@given(st.text(alphabet=st.characters(), max_size=60), st.sampled_from([*SEVERE, *MILD]), st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged_and_spans_lie_in_it(before: str, bad: str, after: str) -> None:
    text = before + bad + after
    for span in spans(text):
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "unit", ["fuck ", "a", "f u c k ", "@", "aa ", '"', "whore ", "s$", "kill all ", "women are ", "\ud800", "ﷺ"]
)
def test_a_long_hostile_text_takes_no_longer_than_its_length(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    assert all(span.end <= len(text) for span in spans(text))


def test_a_word_deep_in_a_long_text_is_found_at_its_place() -> None:
    text = "Nothing here is wrong at all. " * 3000 + "you whore"
    (span,) = spans(text)
    assert text[span.start : span.end] == "whore"


# ---------------------------------------------------------------------- scorers


class ByLength:
    """Scores a text by its characters, and keeps what it was asked."""

    name = "by-length"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        self.asked.append(list(texts))
        return [{"long": min(1.0, len(text) / 100), "none": 0.0} for text in texts]


class Broken:
    name = "broken"

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def score(self, texts: Sequence[str]) -> Any:
        if isinstance(self._answer, AuditError):
            raise self._answer
        return self._answer


def row(answer: str) -> dict[str, Any]:
    said = [("system", "Be kind."), ("user", "Tell me something."), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def scored(rows: list[dict[str, Any]], scorer: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    monkeypatch.setattr("audit.train.scorers.by_name.load_scorer", lambda name: scorer)
    return audit.check(rows, select=["SAF921"], rules={"SAF921": {"scorer": "mine:scorer", **options}})


def test_with_a_scorer_every_turn_is_scored_in_batches_and_a_repeated_text_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scorer = ByLength()
    rows = [row("x" * (n + 1)) for n in range(99)]
    result = scored(rows, scorer, monkeypatch)
    assert [finding.place.line for finding in result.findings] == list(range(50, 100))
    first = result.findings[0]
    assert first.place.pointer == "/messages/2/content"
    assert first.message == "by-length scores the text long 0.50; asked for less than 0.5"
    assert first.evidence == {"scorer": "by-length", "scores": {"long": 0.5}}
    asked = [text for batch in scorer.asked for text in batch]
    assert max(map(len, scorer.asked)) <= 64
    assert len(asked) == len(set(asked)) == 101
    (measure,) = [measure for measure in result.measures if measure.name == "safety.scored_texts"]
    assert measure.value == 297


def test_the_list_is_looked_at_beside_the_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    result = scored([row("you whore"), row("fine")], ByLength(), monkeypatch, threshold=1.0)
    assert [finding.place.line for finding in result.findings] == [1]


def test_at_most_so_many_rows_are_scored_evenly_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = ByLength()
    result = scored([row("y" * (60 + n)) for n in range(10)], scorer, monkeypatch, most_scored=5)
    assert [finding.place.line for finding in result.findings] == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    "answer",
    [AuditError("the endpoint is gone"), [], [{"a": float("nan")}] * 3, [{"a": 2.0}] * 3, [{"a": "high"}] * 3],
)
def test_a_scorer_that_fails_ends_the_run(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuditError):
        scored([row("fine")], Broken(answer), monkeypatch)


def test_a_scorer_that_nobody_handed_in_ends_the_run() -> None:
    with pytest.raises(ConfigError, match="nobody handed in"):
        list(HarmfulContent(scorer="x").finish(0, msgspec.UNSET, RUN))  # type: ignore[arg-type]


# ---------------------------------------------------------------------- real data

real = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")


def users(name: str) -> Iterator[tuple[str, str]]:
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz") as stream:
        for line in stream:
            read = json.loads(line)
            said = next(turn["content"] for turn in read["messages"] if turn["role"] == "user")
            yield read["metadata"]["label"], said


@real
def test_hateful_cases_are_found_far_more_often_than_harmless_ones() -> None:
    found: dict[str, list[bool]] = {}
    for label, text in users("hatecheck"):
        found.setdefault(label, []).append(graded(text) == "severe")
    shares = {label: sum(flags) / len(flags) for label, flags in found.items()}
    assert shares["hateful"] >= 0.18
    assert shares["non-hateful"] <= 0.01


@real
def test_no_safe_prompt_of_xstest_is_flagged() -> None:
    assert [text for label, text in users("xstest") if label == "safe" and graded(text)] == []


@pytest.mark.parametrize("options", [{"most_scored": -5}, {"words": ["!!!"]}, {"threshold": float("nan")}])
def test_an_option_that_no_run_can_use_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        audit.check([row("hello")], select=["SAF921"], rules={"SAF921": options})


def test_a_long_name_of_a_category_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wordy:
        name = "wordy"

        def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
            return [{"x" * 5_000: 0.9} for _ in texts]

    (finding, *_) = scored([row("hello")], Wordy(), monkeypatch).findings
    assert len(finding.message) < 200
