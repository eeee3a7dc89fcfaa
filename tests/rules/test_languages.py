"""What the LNG rules find: rows in a language that nobody expects, and answers in another one than the question."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.errors import ConfigError
from audit.language import UNDETERMINED, at_a_glance, identify, sure_language
from audit.model import Result
from audit.rules.languages.codes import folded, languages_of
from benchmarks.accuracy import SHARED

SAID = {
    "en": "The parcel has not arrived yet, and I would like to know where it is now and when it will be here.",
    "de": "Das Paket ist noch nicht angekommen, und ich möchte gern wissen, wo es jetzt ist und wann es kommt.",
    "fr": "Le colis n'est pas encore arrivé et je voudrais savoir où il est maintenant et quand il sera là.",
    "es": "El paquete no ha llegado todavía y me gustaría saber dónde está ahora y cuándo va a llegar.",
    "zh": "包裹还没有到，我想知道它现在在哪里，什么时候能够送到我这里来，谢谢您的帮助。",
    "ja": "荷物がまだ届いていません。いまどこにあるのか、いつ届くのかを教えていただけますか。",
    "ar": "لم يصل الطرد بعد وأود أن أعرف أين هو الآن ومتى سيصل إلى هنا من فضلكم.",
    "hi": "पार्सल अभी तक नहीं आया है और मैं जानना चाहता हूँ कि वह अब कहाँ है और कब तक आएगा।",
}
ANSWERS = {
    "en": "It was handed to the courier this morning, and you should have it by tomorrow afternoon at the latest.",
    "de": "Es wurde heute früh dem Boten übergeben und sollte spätestens morgen am Nachmittag bei Ihnen sein.",
    "fr": "Il a été remis au livreur ce matin et vous devriez le recevoir au plus tard demain dans l'après-midi.",
    "es": "Se entregó al mensajero esta mañana y usted debería recibirlo a más tardar mañana por la tarde.",
    "zh": "包裹今天早上已经交给快递员，最晚明天下午就会送到您的手中，请您耐心等待。",
    "ja": "荷物は今朝配達員に渡されましたので、遅くとも明日の午後にはお手元に届くはずです。",
    "ar": "تم تسليمه إلى عامل التوصيل هذا الصباح ومن المفترض أن يصلكم غدا بعد الظهر على أبعد تقدير.",
    "hi": "इसे आज सुबह कूरियर को सौंप दिया गया है और यह आपको कल दोपहर तक मिल जाना चाहिए।",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def row(prompt: str, answer: str, *, system: str = "", metadata: Any = None) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"messages": messages} if metadata is None else {"messages": messages, "metadata": metadata}


def check(code: str, *rows: Any, **options: Any) -> Result:
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return audit.check("a.jsonl", select=[code], rules={code: options} if options else {})


def lines(result: Result) -> list[int | None]:
    return [finding.place.line for finding in result.findings]


# ----------------------------------------------------------------------------- a glance


@pytest.mark.parametrize(("language", "text"), SAID.items())
def test_a_glance_is_right_or_says_nothing(language: str, text: str) -> None:
    assert at_a_glance(text) in ("", language)
    assert sure_language(text) == language


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_a_glance_is_enough_for_plain_prose(language: str) -> None:
    assert at_a_glance(SAID[language]) == language


def test_english_with_curly_quotes_takes_a_glance() -> None:
    assert at_a_glance("I don’t know what you’re asking for — is that the one that was on the table?") == "en"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "42",
        "Yes",
        "hateful",
        "def f(x): return x",
        "\ud800",
        "場所は？個人情報電話番号住所郵便番号国籍年齢性別職業",
    ],
)
def test_short_texts_labels_and_numbers_have_no_sure_language(text: str) -> None:
    assert sure_language(text) == UNDETERMINED


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([*SAID.values(), "\ud800", "x = 1", "the of and", "こ", "一二三", " "]), max_size=6))
def test_a_glance_never_contradicts_the_slow_way(parts: list[str]) -> None:
    text = " ".join(parts)
    glance = at_a_glance(text[:200])
    assert glance in ("", "en") or identify(text[:200]).language == glance


# ----------------------------------------------------------------------------- LNG851

ROWS = [row(SAID[language], ANSWERS[language]) for language in SAID]


def test_without_a_wish_no_language_is_flagged() -> None:
    assert check("LNG851", *ROWS).findings == ()


@pytest.mark.parametrize("language", SAID)
def test_rows_in_languages_that_are_not_allowed_are_warned_of(language: str) -> None:
    result = check("LNG851", *ROWS, allow=[language])
    assert lines(result) == [place for place, other in enumerate(SAID, 1) if other != language]
    assert {finding.severity for finding in result.findings} == {"warning"}
    assert all(finding.fix is not None and finding.fix.edits for finding in result.findings)


@pytest.mark.parametrize(
    "one",
    [
        row("Translate into French: the parcel has not arrived and I would like to know why.", ANSWERS["fr"]),
        row(SAID["zh"], ANSWERS["en"]),
        row("Summarise in English: " + 3 * SAID["de"], "It has not arrived, and the sender wants to know why."),
        row("Label this.", "negativ"),
        row("12 + 30", "42"),
        row("print('hola')", "hola"),
        row("", ""),
    ],
)
def test_rows_with_something_in_an_allowed_language_or_in_none_pass(one: dict[str, Any]) -> None:
    assert check("LNG851", one, allow=["en"]).findings == ()


def test_the_measure_gives_shares_with_intervals() -> None:
    measures = check("LNG851", *ROWS, row("42", "43")).measures
    (measure,) = [measure for measure in measures if measure.name == "languages.share"]
    shares = {one["language"]: one["rows"] for one in measure.table["languages"]}
    assert (measure.n, measure.table["sampled"]) == (9, False)
    assert shares["en"] == shares["zh"] == shares["de"] == 1
    assert sum(shares.values()) == 9
    assert all(one["low"] <= one["share"] <= one["high"] for one in measure.table["languages"])


def test_a_few_rows_among_a_thousand_in_another_language_are_remarked_on_once() -> None:
    many = [row(f"{SAID['en']} My order is {n}.", ANSWERS["en"]) for n in range(1_600)]
    few = [row(f"{SAID['de']} Meine Bestellung ist {n}.", ANSWERS["de"]) for n in range(6)]
    (found,) = check("LNG851", *many, *few).findings
    assert (found.scope, found.severity, found.evidence["languages"]) == ("dataset", "info", {"de": 6})
    assert check("LNG851", *many, *few[:4]).findings == ()
    assert lines(check("LNG851", *many, *few, allow=["en", "de"])) == []


def test_few_rows_are_judged_without_the_model() -> None:
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ROWS), encoding="utf-8")
    code = "import sys, audit; audit.check('a.jsonl'); print([m for m in ('py3langid', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_many_rows_that_common_words_settle_are_judged_without_the_model() -> None:
    many = [row(f"{SAID['en']} My order is {n}.", ANSWERS["en"]) for n in range(1_500)]
    Path("a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in many), encoding="utf-8")
    code = "import sys, audit; audit.check('a.jsonl', select=['LNG851']); print('py3langid' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_of_many_rows_that_only_the_model_can_tell_a_smaller_sample_is_judged() -> None:
    many = [row(f"Kan du sige mig, hvor meget billetten koster? {n}", "Det ved jeg ikke.") for n in range(1_200)]
    (measure,) = [one for one in check("LNG851", *many).measures if one.name == "languages.share"]
    assert (measure.n, measure.table["sampled"]) == (1_000, True)
    assert measure.table["languages"][0]["language"] in ("da", "nb", "no")


def test_odd_rows_are_judged_as_well() -> None:
    sharegpt = {"conversations": [{"from": "human", "value": SAID["de"]}, {"from": "gpt", "value": ANSWERS["de"]}]}
    assert lines(check("LNG851", ROWS[0], sharegpt, {"x": 1}, [1], allow=["en"])) == [2]


# ----------------------------------------------------------------------------- LNG852

PAIRS = [(ours, theirs) for ours in SAID for theirs in SAID if ours != theirs]


@pytest.mark.parametrize("ours", SAID)
def test_an_answer_in_another_language_is_found(ours: str) -> None:
    others = [language for language in SAID if language != ours]
    result = check("LNG852", *(row(SAID[ours], ANSWERS[theirs]) for theirs in others))
    assert [(f.evidence["question"], f.evidence["answer"]) for f in result.findings] == [(ours, one) for one in others]
    assert all(finding.place.pointer == "/messages/1/content" for finding in result.findings)


@pytest.mark.parametrize("language", SAID)
def test_an_answer_in_the_language_of_the_question_is_not(language: str) -> None:
    assert check("LNG852", row(SAID[language], ANSWERS[language])).findings == ()


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Translate the following sentence: it was handed to the courier this morning and is on its way.", "de"),
        ("Where is my parcel, which I ordered three weeks ago? Please answer in Spanish.", "es"),
        ("Wo ist mein Paket, das ich vor drei Wochen bestellt habe? Antworte bitte auf Englisch.", "en"),
        ("Übersetze: Es wurde heute früh dem Boten übergeben und kommt morgen an.", "ja"),
        ("Où est mon colis, que j'ai commandé il y a trois semaines ? Réponds en anglais, s'il te plaît.", "en"),
        ("¿Dónde está mi paquete, que pedí hace tres semanas? Responde en alemán, por favor.", "de"),
        ("请把下面的句子翻译一下：包裹今天早上已经交给快递员，最晚明天下午送到。", "fr"),
        ("我的包裹在哪里？我三个星期以前就已经下单了。请用英语回答我的问题。", "en"),
        ("次の文章を翻訳してください。荷物は今朝配達員に渡されました。", "en"),
        ("荷物はどこにありますか。三週間前に注文しました。英語で答えてください。", "en"),
        ("ترجم الجملة التالية من فضلك: تم تسليم الطرد إلى عامل التوصيل هذا الصباح.", "en"),
        ("أين الطرد الذي طلبته قبل ثلاثة أسابيع؟ أجب باللغة الإنجليزية من فضلك.", "en"),
        ("इस वाक्य का अनुवाद करें: पार्सल आज सुबह कूरियर को सौंप दिया गया है।", "en"),
        ("मेरा पार्सल कहाँ है जो मैंने तीन हफ्ते पहले मँगवाया था? कृपया अंग्रेज़ी में उत्तर दें।", "en"),
        ("What is the German word for this, and how would people say that it arrived?", "de"),
    ],
)
def test_an_answer_that_was_asked_for_is_not_found(prompt: str, language: str) -> None:
    assert check("LNG852", row(prompt, ANSWERS[language])).findings == ()


@pytest.mark.parametrize(
    "one",
    [
        row("Continue this text for me, in the same style:\n\n" + SAID["de"], ANSWERS["de"]),
        row(f'What would a friendly clerk say to this: "{SAID["fr"]}"', ANSWERS["fr"]),
        row("What does the phrase 包裹还没有到 mean when somebody writes it?", ANSWERS["zh"]),
        row("请用 courier 这个词造一个句子，并且说明它的用法。", ANSWERS["en"]),
        row(SAID["en"], ANSWERS["de"], system="Always reply in German, whatever the user writes."),
        row(SAID["en"], ANSWERS["de"], system="Du bist ein freundlicher Helfer und antwortest immer kurz und knapp."),
        row("How do I print a greeting?", "```python\nprint('Guten Tag, wie geht es dir und der Familie?')\n```"),
        row("Which dishes should I try when I am in Italy?", "- Ragu alla Bolognese\n- Arancini alla Norma\n- Risotto"),
        row("What did the old man in the story say to his wife?", f'He said: "{ANSWERS["fr"]}" That was all.'),
        row("What is the name of the big square in the centre of Brussels?", "La Grand-Place de Bruxelles"),
        row("Which plants grow in the ditch behind the house?", "Urtica dioica, Rumex obtusifolius, Galium aparine"),
        row("Is the review good or bad? " + SAID["en"], "negativ"),
        row(
            "Hvor er pakken min, som jeg bestilte for tre uker siden og ikke har fått ennå?",
            "Den er på vej til dig, og du vil modtage den i morgen eftermiddag, så vær venlig at vente lidt endnu.",
        ),
        row(
            "Gdje je moj paket koji sam naručio prije tri tjedna i još ga nisam dobio?",
            "Paket je jutros predat kuriru i trebalo bi da ga dobijete najkasnije sutra poslepodne.",
        ),
        row("", ANSWERS["de"]),
        row("\ud800" * 50, "\ud800" * 50),
    ],
)
def test_quotations_names_code_and_neighbouring_languages_are_not_found(one: dict[str, Any]) -> None:
    assert check("LNG852", one).findings == ()


def test_preference_rows_and_other_shapes_are_judged_by_their_answer() -> None:
    sharegpt = {"conversations": [{"from": "human", "value": SAID["de"]}, {"from": "gpt", "value": ANSWERS["zh"]}]}
    preference = {
        "input": {"messages": [{"role": "user", "content": SAID["en"]}]},
        "preferred_output": [{"role": "assistant", "content": ANSWERS["fr"]}],
        "non_preferred_output": [{"role": "assistant", "content": ANSWERS["en"]}],
    }
    assert lines(check("LNG852", sharegpt, preference, {"x": 1}, {"messages": []})) == [1, 2]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize(
    "name", ["dolly-subset", "llamafactory-en", "self-instruct-seed", "bfcl-dev", "data-juicer-demos"]
)
def test_real_rows_with_translations_and_many_languages_are_silent(name: str) -> None:
    result = audit.check(SHARED / "chat" / f"{name}.jsonl.gz", select=["LNG852"])
    assert [finding.message for finding in result.findings] == []


@pytest.mark.parametrize("code", ["EN", "en-US", "en_GB", "eng", "english", " En "])
def test_codes_are_folded(code: str) -> None:
    assert lines(check("LNG851", *ROWS, allow=[code])) == lines(check("LNG851", *ROWS, allow=["en"]))


def test_withdrawn_codes_and_those_of_norwegian_are_folded() -> None:
    assert languages_of(("iw", "nb", "nn", "zh-Hant")) == {"he", "no", "zh"}
    assert folded("nn") == "no"


@pytest.mark.parametrize(("code", "said"), [(1, "1"), ("englisch-deutsch", "no code"), ("germna", "german"), ("", "")])
def test_an_unknown_language_is_a_wrong_setting(code: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check("LNG851", ROWS[0], allow=[code])
    assert said in f"{raised.value} {raised.value.hint}"


def test_a_sample_of_all_rows_is_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.rules.languages.shares.MOST_ROWS", 3)
    for rows, sampled in ((ROWS[:3], False), (ROWS[:4], True)):
        measures = check("LNG851", *rows).measures
        assert [one.table["sampled"] for one in measures if one.name == "languages.share"] == [sampled]
