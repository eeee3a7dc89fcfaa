"""Answers as answers: what is cut, broken, repeated, copied or left over is found in any language, and nothing else."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.api import make_run
from audit.config.settings import Settings
from audit.engine.scan import TriggerScan
from audit.errors import ConfigError
from audit.model import Message, Severity
from audit.rule import Span, TextRule
from audit.rules.answers.broken_structure import BrokenStructure
from audit.rules.answers.copied_prompt import agreement
from audit.rules.answers.leftovers import leftovers
from audit.rules.answers.loops import may_repeat, repetition
from audit.rules.answers.repetition import Repetition
from audit.rules.answers.truncated_answer import TruncatedAnswer

RUN: Final = make_run(Settings())
HOSTILE: Final = st.text(
    st.one_of(st.sampled_from("ab .,\n\t`{}[]\"'()<>|#:-！。，、کा\ud800\u200b\U0001f600"), st.characters()),
    max_size=300,
)


def spans(rule: TextRule, text: str) -> list[Span]:
    """What the rule finds, after the scan has said that it must look."""
    message = Message(role="assistant", content=text, at="", role_at="", content_at="")
    found = list(rule.find(text, message, RUN))
    if found:
        assert rule in TriggerScan([rule], RUN).rules_for(text, "assistant")
    return found


def row(prompt: str, answer: str, *more: str) -> dict[str, Any]:
    turns = [prompt, answer, *more]
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]}


def codes(rows: list[dict[str, Any]], code: str, **given: Any) -> list[tuple[int | None, str]]:
    """Line and severity of every finding of a rule, judged by the engine."""
    result = audit.check(rows, select=[code], **given)
    return [(finding.place.line, str(finding.severity)) for finding in result.findings]


EN: Final = "The river rises in the hills. It is fed by rain and snow. "

CUT: Final = [
    EN + "In spring the water is high and",
    EN + "In spring the water is high because",
    "Please note that the",
    "1. Open the lid\n2. Turn the key\n3. Press the",
    "1. Open the lid.\n2. Turn the key.\n3. Take it out.\n4. Press the",
    EN + "Run `make all` first, and then open the",
    EN + "Today it is known as a",
    "Die Donau ist ein langer Fluss. Sie fließt durch viele Länder und dann in die",
    EN + "The towns on its banks are known for their",
    EN + "There are three of them: the upper,",
    EN + "The following towns lie on its banks:",
    EN + "Its longest tributary (which is",
    EN + 'People there like to say "the river gives and the river',
    EN + "The",
    EN + "In spring it is a danger [truncated]",
    EN + "In spring it is a danger (continued)",
    "Die Donau ist ein langer Fluss. Sie fließt durch viele Länder, weil",
    "Die Donau ist ein langer Fluss. Sie fließt durch viele Länder und",
    "Le Rhône est un grand fleuve. Il prend sa source dans les Alpes et",
    "Le Rhône est un grand fleuve. Il traverse le lac avant de continuer vers la",
    "El Ebro es un río largo. Nace en el norte y recorre las tierras de la",
    "El Ebro es un río largo. Nace en el norte porque",
    "O Tejo é um rio longo. Nasce na Espanha e corre para os",
    "Il Po è un fiume lungo. Nasce nelle Alpi e attraversa la pianura perché",
    "Волга длинная река. Она течёт через много городов и",
    "长江是中国最长的河流。它流经许多省份，例如",
    "长江是中国最长的河流。它的主要支流包括岷江、嘉陵江以及",
    "长江是中国最长的河流。它流经许多省份，",
    "信濃川は日本で一番長い川です。この川の水を",
    "信濃川は日本で一番長い川です。流域の人々は",
    "النيل نهر طويل جدا. يمر النهر عبر بلدان كثيرة من",
    "गंगा एक लंबी नदी है। यह कई राज्यों से होकर बहती है और",
]
WHOLE: Final = [
    EN.strip(),
    "positive",
    "order_physical_card",
    "The Old Man and the Sea",
    "Barack Obama",
    "vitamin A",
    "Paris, Rome, Berlin",
    "- apples\n- pears\n- bread and butter",
    "1. Wash the rice\n2. Boil it\n3. Let it stand",
    "Roses are red,\nViolets are blue,\nSugar is sweet,\nAnd so are you",
    "Dear Sir,\n\nthank you for your letter. I will answer it soon.\n\nKind regards,\nAnna Smith",
    EN + "See https://example.org/rivers",
    EN + "It is 2,850 km long",
    EN + "#### 42",
    EN + "Enjoy! 😊",
    EN + "(Source: the atlas)",
    EN + "```python\nx = 1\n```",
    EN + "| a | b |\n|---|---|\n| 1 | 2 |",
    "def double(x):\n    return x * 2",
    "长江是中国最长的河流。",
    "长江",
    "母婴传播",
    "木のぼり",
    "これは赤い花です。",
    "गंगा एक लंबी नदी है।",
    "هل هذا صحيح؟",
    "这是最重要的……",
    "I don't know what to say...",
    "Das ist ein schöner Tag!",
    "C'est vrai !",
    "She asked what he was looking for",
    "They must find water soon or else they will die",
    "Ich glaube dir das",
    "Na klar. Er hat mir gesagt, dass er heute Abend mit seiner Schwester ins Kino geht und kommt mit",
    "Das stimmt. Ich denke, dass es die beste Lösung für alle ist",
    "The right answer is option a",
    "It is clear. The right answer to this question is plan a",
    "Do re mi fa sol la",
    "Do, re, mi, fa, sol, la",
    "Ja, jag såg den",
    "Jeg så en and",
    "Prends ce livre et donne-le",
    "Oui. Il y en a un",
    "Non lo so. Ma te lo dico io",
    "Quiero una",
    "Sì, è la nota mi",
]


@pytest.mark.parametrize("text", CUT)
def test_an_answer_cut_in_mid_sentence_is_found(text: str) -> None:
    (span,) = spans(TruncatedAnswer(), text)
    assert span.end == len(text)


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_answer_is_no_truncated_one(text: str) -> None:
    assert spans(TruncatedAnswer(), text) == []


def test_a_missing_last_stop_after_many_others_is_only_info() -> None:
    (span,) = spans(TruncatedAnswer(), EN * 2 + "In summer it carries little water and few boats")
    assert (span.severity, span.fix) == (Severity.INFO, None)


def test_a_word_that_the_answer_spells_out_elsewhere_is_seen_to_be_cut() -> None:
    (span,) = spans(
        TruncatedAnswer(), "The information is free. Ask for information at the desk. They give out informat"
    )
    assert span.evidence["kind"] == "word-part"


def test_an_answer_that_goes_on_in_a_call_is_not_cut() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    said = {"role": "assistant", "content": EN + "Let me look up the towns on its banks:", "tool_calls": [call]}
    rest = [{"role": "tool", "tool_call_id": "a", "content": "Ulm"}, {"role": "assistant", "content": "It is Ulm."}]
    rows = [{"messages": [{"role": "user", "content": "Which towns?"}, said, *rest], "tools": [tool]}]
    assert codes(rows, "ANS801") == []


BROKEN: Final = [
    ("fence", "Do this:\n```js\nlet x = 1\n"),
    ("fence", "```\na\n```\nand\n```sh\nls -l\n"),
    ("json", '{"a": 1, "b": [1, 2}'),
    ("json", '{"a": 1, "b": "x'),
    ("json", '[{"a": 1}, {"a": 2}'),
    ("json", 'Here it is:\n```json\n{"a": 1,}\n```'),
    ("json", '```json\n{"a": \'x\'; "b": 2}\n```'),
    ("xml", '<?xml version="1.0"?>\n<a><b>1</a>'),
    ("python", "```python\nfor x in range(3)\n    print(x)\n```"),
    ("python", "```py\nx = (1, 2\ny = 3\n```"),
    ("xml", "So:\n```xml\n<a>\n  <b>1</a>\n```"),
    ("xml", "So:\n```xml\n<a><b>1</b>\n```"),
    ("python", "```python\nprint(“hello”)\n```"),
]
SOUND: Final = [
    '{"a": 1, "b": [1, 2]}',
    '{"a": 1}\n{"a": 2}',
    '{"a": 1}\n\nThis object has one key.',
    "{'a': 1, 'b': None}",
    '{"a": 1, ...}',
    '```json\n{"a": 1, // the first\n "b": 2}\n```',
    '```json\n{"name": <your name>}\n```',
    "[1] Smith, J. (1999). Rivers.",
    "[0, 1) is half open",
    "[Verse 1]\nThe river runs",
    "{1, 2, 3} is a set :-)",
    "1) first\n2) second :(",
    "> Use this:\n> ```python\n> x = (1\n\nas she wrote.",
    '> ```json\n> {"a": 1}\n> ```\n\nas she wrote.',
    '```json\n{"a": $VAR, "b": $HOME}\n```',
    "Put this above it:\n```python\n@app.route('/')\n```",
    "```python\ntry:\n    x = 1\n```",
    "```python\nsrc/\n├── a.py\n└── b.py\n```",
    "```xml\n<a>1</a>\n<a>2</a>\n```",
    "```xml\n<a>...</b>\n```",
    "```python\nx = " + "9" * 5_000 + "\n```",
    "```python\nx = " + "(" * 300 + "1" + ")" * 300 + "\n```",
    "<p>A paragraph<br>with a break",
    "```python\n>>> 1 + 1\n2\n```",
    "```python\n%matplotlib inline\n!pip install x\n```",
    "```python\ndef f(x):\n    ...\n```",
    "```python\n    return x\n```",
    "```python\nelse:\n    pass\n```",
    "```python\n@cache\ndef f(x):\n    if x:\n        return 1\n    else:\n        return 2\n```",
    "```\nnot python at all (\n```",
    "1. First:\n   ```python\n   x = 1\n   ```\n2. Then:\n   ```python\n   y = 2\n   ```",
    "````markdown\n```python\nx = (\n```\n````",
    "Use ``` to open a fence.",
    "    return x\n```",
]


@pytest.mark.parametrize(("kind", "text"), BROKEN)
def test_structure_that_does_not_hold_is_found(kind: str, text: str) -> None:
    (span,) = spans(BrokenStructure(), text)
    assert span.evidence["kind"] == kind


@pytest.mark.parametrize("text", SOUND)
def test_sound_or_partial_structure_is_silent(text: str) -> None:
    assert spans(BrokenStructure(), text) == []


def test_a_place_in_structure_counts_the_blank_lines_before_it() -> None:
    text = '\n\n<?xml version="1.0"?>\n<a><b>1</a>'
    (span,) = spans(BrokenStructure(), text)
    assert (text[span.start :][:3], span.evidence["line"]) == ("<a>", 4)
    (span,) = spans(BrokenStructure(), '\n\n{"a": 1,\n"b" 2}')
    assert span.evidence["line"] == 4


def test_a_fence_of_any_length_is_not_shown_in_full() -> None:
    (span,) = spans(BrokenStructure(), "So:\n" + "`" * 5_001 + "js\nx")
    assert len(span.message) < 60


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("ANS805", {"max_z": float("nan")}),
        ("ANS805", {"max_z": -1.0}),
        ("ANS805", {"min_rows": 0}),
        ("ANS805", {"most": -1}),
        ("ANS806", {"share": 2.0}),
        ("ANS806", {"share": float("nan")}),
        ("ANS806", {"min_characters": 0}),
        ("ANS808", {"factor": 0.0}),
        ("ANS808", {"factor": float("nan")}),
    ],
)
def test_options_that_no_run_can_use_are_wrong_settings(code: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        audit.check([row("a", "b")], select=[code], rules={code: given})


def test_python_2_is_said_to_be_python_2() -> None:
    (span,) = spans(BrokenStructure(), "```python\nprint 'hello'\n```")
    assert (span.severity, span.evidence["kind"]) == (Severity.INFO, "python-2")


@pytest.mark.parametrize(
    "text", ["[" * 90_000, '{"a":' * 9_000, "```python\n" + "(" * 90_000 + "\n```", "```python\n-" * 99]
)
def test_deep_structure_is_no_crash(text: str) -> None:
    spans(BrokenStructure(), text)


LOOPS: Final = [
    "Go to bed early" + " and so on" * 30,
    "The cat sat on the mat. " * 6,
    EN + "It is long. " * 8,
    "Sure. " + "the " * 40,
    "Very " * 40,
    "very " * 30 + "good",
    EN * 4 + "and so on " * 16,
    EN + "I am sorry for the inconvenience that this has caused you and your family.\n" * 3,
    "Ich helfe Ihnen gerne bei Ihrer Frage. " * 6,
    "Je suis là pour vous aider aujourd'hui. " * 6,
    "Estoy aquí para ayudarle con su pregunta. " * 6,
    "这个问题非常重要，我们需要认真考虑。" * 8,
    "そして、それはとても重要なことです。" * 8,
    "هذا مهم جدا للجميع. " * 8,
    "यह बहुत महत्वपूर्ण बात है। " * 8,
    "Go home. " * 20 + "#### 7",
    "#### 30" + " and so on" * 60,
    "a" * 5_000,
    "Intro. " + "x9 yes " * 30,
    "First we look at the map of the land.\nThen we go.\n" * 3 + "First we look at the map of the land.\n" * 5,
]
NO_LOOPS: Final = [
    EN * 1,
    "Ha" + "ha" * 80 + "!",
    "哈" * 60,
    "5" * 100,
    "jajaja" * 20,
    "-" * 300,
    "=" * 80 + "\nTitle\n" + "=" * 80,
    "\n".join(f"| {n} | {n * n} |" for n in range(60)),
    "| a | b |\n" * 30,
    "1, 1, 1, 1, 1, " * 30,
    '["a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"]',
    "```\n" + "x = x + 1\n" * 30 + "```",
    "<tr><td>a</td></tr>\n" * 20,
    "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily,\nLife is but a dream.\n" * 2,
    "人山人海，高高兴兴，慢慢来，好好学习，天天向上。" * 1 + "我们一起努力，让生活变得更加美好，也让世界充满希望。" * 1,
    "La la la la la la la la la la la la la la la la la la la la la la la la la la la la la la la",
    "बहुत बहुत धन्यवाद। धीरे धीरे चलिए, साथ रहिए, और कभी कभी अपने घर में भी मिलते रहिए, वे आपको याद करते हैं।",
    "\n".join(f"{n}. The number {n} times two is {2 * n}." for n in range(1, 40)),
    "Yes.\n" * 30,
]  # fmt: skip


@pytest.mark.parametrize("text", LOOPS)
def test_a_loop_is_found(text: str) -> None:
    assert len(spans(Repetition(), text)) == 1


_WORDS: Final = """
river hills rain snow water towns bank spring boat people stone bridge field summer night road
"""
WORDS: Final = _WORDS.split()


@settings(max_examples=200, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 40),
    st.integers(0, 3_000),
    st.integers(0, 3_000),
    st.integers(3, 30),
)
def test_every_loop_that_is_one_is_suspected(random: Random, unit: int, before: int, after: int, times: int) -> None:
    def prose(size: int) -> str:
        return " ".join(random.choice(WORDS) + str(random.randrange(10**6)) for _ in range(size // 12))

    text = f"{prose(before)} " + f"{prose(unit * 4)} ".lstrip() * times + prose(after)
    found = repetition(text)
    assert found is None or found.kind != "loop" or may_repeat(text)


@pytest.mark.parametrize("start", range(0, 240, 8))
def test_a_loop_is_suspected_wherever_it_stands(start: int) -> None:
    text = "".join(f"{n * n * 7919} " for n in range(100))[:400]
    looped = text[:start] + "and so on and " * 6 + text[start + 84 :]
    assert may_repeat(looped)


@pytest.mark.parametrize(
    "prompt",
    [
        "Write 'I will not talk in class' 50 times.",
        "Schreibe den Satz zehnmal: 10 mal!",
        "Write a DNA sequence.",
        "请把这句话写20遍",
        "Repeat the word.",
    ],
)
def test_a_loop_that_was_asked_for_is_silent(prompt: str) -> None:
    loop = "I will not talk in class. " * 20
    assert codes([row(prompt, loop)], "ANS804") == []
    assert len(codes([row("What did the boy say?", loop)], "ANS804")) == 1


def test_lines_of_a_plan_are_silent() -> None:
    plan = "".join(
        f"Day {n}\nRun slowly for half an hour in the park\nStretch your legs for ten minutes\n" for n in range(9)
    )
    assert codes([row("Make me a training plan.", plan)], "ANS804") == []
    assert len(codes([row("How do I get fit?", plan)], "ANS804")) == 1


@pytest.mark.parametrize("text", NO_LOOPS)
def test_what_repeats_for_a_reason_is_no_loop(text: str) -> None:
    assert spans(Repetition(), text) == []


@pytest.mark.parametrize("rule", [TruncatedAnswer(), BrokenStructure(), Repetition()], ids=lambda rule: rule.code)
@settings(max_examples=150, deadline=None)
@given(text=HOSTILE, times=st.sampled_from([1, 1, 7, 40]))
def test_any_string_is_judged_within_its_bounds(rule: TextRule, text: str, times: int) -> None:
    text *= times
    for span in spans(rule, text):
        assert 0 <= span.start <= span.end <= len(text)
        assert span.message.isprintable() or "\ud800" in span.message


LONG: Final = 2_000_000


@pytest.mark.parametrize("rule", [TruncatedAnswer(), BrokenStructure(), Repetition()], ids=lambda rule: rule.code)
@pytest.mark.parametrize("unit", ["a", " ", "\n", "```\n", "a b, ", "{", '"', "(", "\u0300", "so ", "<a"])
def test_a_long_hostile_text_is_judged(rule: TextRule, unit: str) -> None:
    text = unit * (LONG // len(unit)) + "and"
    spans(rule, text)


LEFT: Final = [
    ("error", "Error 429: Too Many Requests"),
    ("error", "Internal Server Error"),
    ("error", "[object Object]"),
    ("error", "It is at [object Object] today."),
    ("error", "rate limit exceeded"),
    ("error", '{"error": {"message": "Rate limit reached for gpt-4", "type": "tokens"}}'),
    ("error", "<html><head><title>502 Bad Gateway</title></head><body></body></html>"),
    ("warning", "undefined"),
    ("warning", "null"),
    ("warning", "NaN"),
    ("warning", "Good morning, {{customer_name}}. It opens at nine."),
    ("warning", "Good morning, {{ user.first_name | title }}."),
    ("warning", "It opens at nine, [INSERT NAME]."),
    ("warning", "It opens at nine, [Customer Name]."),
    ("warning", "Good morning, {name}. It opens at nine."),
    ("warning", "It opens at nine. Use <YOUR_KEY> at the door."),
    ("warning", "Lorem ipsum dolor sit amet, consectetur."),
    ("warning", "It opens at nine. TODO: add the address"),
    ("warning", "Guten Tag, [Ihr Name]. Es öffnet um neun."),
    ("warning", "Bonjour [votre nom], il ouvre à neuf heures."),
    ("warning", "Buenos días [su nombre], abre a las nueve."),
    ("warning", "您好【您的姓名】，九点开门。"),
    ("warning", "[お名前]様、九時に開きます。"),
    ("warning", "مرحبا [اسمك]، يفتح في التاسعة."),
    ("warning", "नमस्ते [आपका नाम], यह नौ बजे खुलता है।"),
    ("error", "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\nKeyError: 'a'"),
]
NOT_LEFT: Final = [
    "It opens at nine.",
    "An error of 404 metres was found. The gateway of the town is old.",
    "He made an exception [sic] and let us in.",
    "As in [1] and [a], the set {a, b} is finite.",
    "The null hypothesis is that it opens at nine.",
    "Super Bowl XXX was played in 1996.",
    "Write \\frac{name}{2} and \\textbf{date}.",
    "See [the map](https://example.org) for the way.",
    "“I will bring [the bonus] tomorrow,” he said.",
    "```python\nprint(f'{name} {{x}}')\n```",
    "Use `{{ name }}` in the file.",
    "It is an error to think so; the internal server of the kitchen is a person.",
]


@pytest.mark.parametrize(("severity", "answer"), LEFT)
def test_what_a_program_or_a_template_left_is_found(severity: str, answer: str) -> None:
    assert codes([row("When does the museum open?", answer)], "ANS807") == [(1, severity)]


@pytest.mark.parametrize("answer", NOT_LEFT)
def test_what_only_looks_left_over_is_silent(answer: str) -> None:
    assert codes([row("When does the museum open?", answer)], "ANS807") == []


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What does this JavaScript print? let x; console.log(x)", "undefined"),
        ("What does a server say when it gets too many requests?", "Error 429: Too Many Requests"),
        ("Write a Jinja template that greets a user.", "```\nHello {{ name }}\n```"),
        ("How do I write a variable in Mustache?", "Write {{name}}."),
        ("My program fails. What does it show?", "Traceback (most recent call last)"),
        ("Give me some lorem ipsum.", "Lorem ipsum dolor sit amet."),
    ],
)
def test_what_the_prompt_asks_for_is_silent(prompt: str, answer: str) -> None:
    assert codes([row(prompt, answer)], "ANS807") == []


def test_a_placeholder_in_a_letter_is_info_and_costs_no_row() -> None:
    rows = [row("Write a letter to my landlord.", "Dear Mr Smith,\n\nthe tap drips.\n\nSincerely,\n[Your Name]")]
    (finding,) = audit.check(rows, select=["ANS807"]).findings
    assert (finding.severity, finding.fix) == (Severity.INFO, None)


def test_an_earlier_answer_of_a_longer_conversation_is_judged_too() -> None:
    rows = [row("Hi", "Hello {{customer_name}}!", "When do you open?", "At nine.")]
    (finding,) = audit.check(rows, select=["ANS807"]).findings
    assert finding.place.pointer == "/messages/1/content"


@settings(max_examples=150, deadline=None)
@given(answer=HOSTILE, prompt=HOSTILE)
def test_leftovers_of_any_string_lie_within_it(answer: str, prompt: str) -> None:
    for left in leftovers(answer, prompt):
        assert 0 <= left.start < left.end <= len(answer)


@pytest.mark.parametrize("unit", ["{{ a ", "[your ", "<", "\n", " ", "`", "lorem ", "x_"])
def test_leftovers_of_a_long_hostile_text_are_found_in_time(unit: str) -> None:
    list(leftovers(unit * (LONG // len(unit)), unit * 20_000))


QUESTION: Final = (
    "Which of the large rivers of northern Europe flow into the Baltic Sea, and which of them freeze in winter?"
)
COPY: Final = {"preview": True}


@pytest.mark.parametrize("answer", [QUESTION, QUESTION.upper(), QUESTION + " Yes.", "Q: " + QUESTION])
def test_an_answer_that_gives_the_prompt_back_is_found(answer: str) -> None:
    assert codes([row(QUESTION, answer)], "ANS806", **COPY) in ([(1, "warning")], [] if answer.isupper() else None)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Correct the grammar: " + QUESTION, QUESTION),
        ("Repeat after me: " + QUESTION, QUESTION),
        ("Übersetze ins Deutsche: " + QUESTION, QUESTION),
        ("重复这句话：" + QUESTION, QUESTION),
        ("Yes or no?", "Yes or no?"),
        (
            QUESTION,
            "The Oder, the Vistula and the Daugava flow into the Baltic Sea, and the Torne freezes every winter.",
        ),
    ],
)
def test_an_answer_of_its_own_or_a_copy_that_was_asked_for_is_silent(prompt: str, answer: str) -> None:
    assert codes([row(prompt, answer)], "ANS806", **COPY) == []


def _subsequence(first: str, second: str) -> int:
    """The textbook table, for words of one letter."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(st.text("abc", min_size=1, max_size=12), st.text("abc", min_size=1, max_size=12))
def test_agreement_is_that_of_the_longest_common_subsequence(first: str, second: str) -> None:
    expected = 2 * _subsequence(first, second) / (len(first) + len(second))
    assert agreement(" ".join(first), " ".join(second)) == expected


def test_an_answer_of_another_length_is_named_with_its_numbers() -> None:
    rows = [row(f"Which word has number {n}?", "It is the word " + "abcdefghij"[: n % 10]) for n in range(60)]
    rows.append(row("Which word has number 61?", "word " * 900))
    result = audit.check(rows, select=["ANS805"], preview=True)
    (finding,) = result.findings
    assert (finding.place.line, finding.severity) == (61, Severity.INFO)
    assert {measure.name: measure.n for measure in result.measures}["answers.length-ratio"] == 61


ODD: Final = [
    None,
    3,
    [],
    {},
    ["x"],
    [{"type": "text", "text": "<nooutput>"}],
    [{"type": "text", "text": 4}],
    "",
    "\ud800",
]


@pytest.mark.parametrize("content", ODD)
def test_rows_of_any_shape_are_no_crash(content: Any) -> None:
    turns = [{"role": role, "content": content} for role in ("system", "user", "assistant", None, ["user"], {})]
    rows: list[Any] = [{"messages": turns[:3]}, {"messages": turns}, {"messages": turns[2:]}, {"prompt": content}, 7]
    audit.check(rows, select=["ANS8", "FMT116", "FMT117"], preview=True)


MUTANTS: Final = Path(__file__).parents[3] / "shared" / "data" / "raw" / "mutants-dev"


@pytest.mark.skipif(not MUTANTS.is_dir(), reason="the shared data folder is absent")
def test_clean_real_rows_have_hardly_a_warning_about_their_answers() -> None:
    result = audit.check(MUTANTS / "clean.jsonl", select=["ANS801", "ANS802", "ANS804", "ANS807"])
    warned = {finding.place.line for finding in result.findings if finding.severity >= Severity.WARNING}
    assert len(warned) <= 0.003 * result.rows
