"""ANS807 on right answers that look like leftovers, and on leftovers in other languages and of other programs."""

from __future__ import annotations

import pytest

import audit
from audit.model import Severity

RIGHT = [
    ("What does my customer see when the backend is down?", "502 Bad Gateway"),
    ("Translate into English: Zeitüberschreitung der Verbindung", "Connection timed out"),
    ("Übersetze ins Deutsche: an error occurred", "Es ist ein Fehler aufgetreten."),
    ("Which of these is no film?", "Error 404: Princess Not Found is not one."),
    ("Classify the complaint as Network Error, Billing or Other: my line is dead", "Network Error"),
    ("Anonymise this: Anna wrote to Bob.", "[NAME] wrote to [NAME]."),
    ("Redact the names: Anna wrote.", "[First Name] wrote."),
    ("What is the slope of a vertical line?", "Undefined"),
    ("Wie viele Einwohner hat der Mond?", "Null."),
    ("Write the opening scene of a play about a king.", "[Enter name of the king, slowly]"),
    ("Make a Mad Libs about a dog.", "My dog is called [name] and lives in [city name]."),
    ("What is the dart score?", "A KeyError is raised where a key is missing, because Python looks it up."),
]
LEFT = [
    "Es ist ein Fehler aufgetreten. Bitte versuchen Sie es später erneut.",
    "Une erreur s'est produite. Veuillez réessayer plus tard.",
    "Ha ocurrido un error. Inténtelo de nuevo más tarde.",
    "エラーが発生しました。しばらくしてからもう一度お試しください。",
    "网络错误，请稍后再试。",
    "حدث خطأ. يرجى المحاولة مرة أخرى.",
    "कुछ गलत हो गया। कृपया पुनः प्रयास करें।",
    "KeyError: 'answer'",
    "APIError: quota",
    "java.lang.NullPointerException\n\tat com.foo.Bar.baz(Bar.java:10)",
    '{"detail":"Not Found"}',
    "Hello ${customerName}, it is open.",
    "Hello <%= name %>, it is open.",
    "Hello [[CUSTOMER]], it is open.",
    "Es ist in [Stadt einfügen] offen.",
    "Il est ouvert à [insérer la ville].",
    "Здравствуйте, [фамилия]!",
    "Bonjour [ton_nom] !",
]


@pytest.mark.parametrize(("prompt", "answer"), RIGHT)
def test_an_answer_that_a_prompt_asks_for_is_silent(prompt: str, answer: str) -> None:
    row = {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
    assert audit.check([row], select=["ANS807"]).findings == ()


@pytest.mark.parametrize("answer", LEFT)
def test_leftovers_of_other_languages_and_programs_are_found(answer: str) -> None:
    question = {"role": "user", "content": "When does the museum open?"}
    row = {"messages": [question, {"role": "assistant", "content": answer}]}
    (finding,) = audit.check([row], select=["ANS807"]).findings
    assert finding.severity is Severity.WARNING


def test_no_more_than_twenty_characters_of_a_placeholder_are_quoted() -> None:
    answer = "Dear [insert the name of Anna Example of Oslo here], hello."
    row = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer}]}
    (finding,) = audit.check([row], select=["ANS807"]).findings
    assert "Example" not in finding.message
