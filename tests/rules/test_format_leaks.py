"""Leaks of data generation: merged instructions are cut off, marks of no output are found, and dialogues stay whole."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit.api import make_run
from audit.config.settings import Settings
from audit.engine.scan import TriggerScan
from audit.model import Message, PointerEdit, Severity
from audit.phrases.no_output import no_output
from audit.rule import Span
from audit.rules.format.merged_instruction import MergedInstruction
from audit.rules.format.merging import merged_at

RUN: Final = make_run(Settings())


def row(*turns: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]}


def found(rows: list[dict[str, Any]], code: str) -> list[tuple[str, str]]:
    """Pointer and severity of every finding of a rule, judged by the engine."""
    result = audit.check(rows, select=[code])
    return [(finding.place.pointer, str(finding.severity)) for finding in result.findings]


def spans(text: str) -> list[Span]:
    """What FMT116 finds, after the scan has said that it must look."""
    rule = MergedInstruction()
    message = Message(role="assistant", content=text, at="", role_at="", content_at="")
    seen = list(rule.find(text, message, RUN))
    if seen:
        assert rule in TriggerScan([rule], RUN).rules_for(text, "assistant")
    return seen


MERGED: Final = [
    "\n##\n18. Instruction: Name a verb.\n18. Input:\nThe dog runs.\n18. Output:\nruns",
    " Human: And a verb? Assistant: Run.",
    "\n5. Name a verb.\nInput: none\nOutput: run",
    "\n\nHuman: And a verb?\n\nAI: Run.",
    "\n\n### Instruction:\nName a verb.",
    "\n### Instruction: Name a verb.\n\n### Response: run",
    "\n\n### Human: Name a verb.",
    "\n\nInstruction: Name a verb.\nOutput: run",
    "\n\nTask: Name a verb.\nInput: The dog runs.\nOutput: runs",
    "\n###\nInstruction: Name a verb.",
    "\n\n19. Input:\nThe dog runs.\n19. Output:\nruns",
    "\n\nHuman: Thank you!",
    "\n\nHuman: And a verb?\n\nAssistant: Run.",
    "\nUser: And a verb?\nAssistant: Run.",
    "\n\nUser: And a verb?",
    "\n\nQ: And a verb?\nA: Run.",
    "\n\n---\n\n**Instruction:** Name a verb.\n\n**Response:** run",
    "\n\n### Anweisung:\nNenne ein Verb.\n\n### Antwort:\nlaufen",
    "\n\nConsigne : Nommez un verbe.\nSortie : courir",
    "\n\n### Instrucción:\nNombra un verbo.",
    "\n\n### 指令:\n说出一个动词",
    "\n\n### 指示:\n動詞を一つ挙げてください",
    "\n\n用户：再说一个动词\n助手：跑",
    "\n\n### تعليمات:\nاذكر فعلا",
    "\n\n### निर्देश:\nएक क्रिया बताइए",
]
MEANT: Final = [
    "User: Is there tea?\nBot: Yes.\nUser: Green, please.",
    "Here is a dialogue:\n\nUser: Is there tea?\nBot: Yes.",
    "Here is a short conversation between them.\n\nHuman: Is there tea?\nAssistant: Yes.",
    "# Pancakes\n\n## Ingredients\n- flour\n\n## Instructions:\n1. Mix.\n2. Bake.",
    "Ingredients:\n- flour\n\nInstructions:\n1. Mix.\n2. Bake.",
    "The function doubles a number.\n\nInput: 3\nOutput: 6",
    "The function doubles a number.\n\n### Input\n`x`\n\n### Output\n`2x`",
    "FAQ\n\nQ: When do you open?\nA: At nine.",
    "There are three roles.\n\nUser: someone who logs in\nAdmin: someone who manages users",
    "Plan for the day\n\n1. Task: buy milk\n2. Task: feed the cat",
    "用户：你好\n助手：你好",
    "A. Yes\n\nQuestion for you: why?",
    "In the prompt, write:\n\n### Instruction:\nName a verb.",
    "```\nA\n\n### Instruction:\nB\n```",
    "Apple is a noun.",
    "They differ in many ways.\n\nHuman: Feels and remembers.\nAI: Computes and predicts.",
    "FADE IN.\n\nANNA: Hello.\nBEN: Hello.\n\nHUMAN: Who are you?\nASSISTANT: A machine.",
    "A plan for one hour.\n\nMaterials: paper, pens.\nGoal: to read well.\n\nTask: Read it.\nOutput: a summary.",
    "These are the steps.\n1. Instruction: show the word.\n2. Output: the pupils write it.",
    "Put this into the file.\n\nhost: db\nport: 12\nuser: bob\nmodel: small",
    "Set it up.\n\nuser: bob\nassistant: jane",
    "# Cake\n\n## Instructions\nMix it. Bake it.\n\n## Output:\nOne cake.",
    "1. Name a noun.\nInput: none\nOutput: sea\n2. Name a verb.\nInput: none\nOutput: run",
]
CLEAN: Final = "Apple is a noun."


@pytest.mark.parametrize("rest", MERGED)
def test_another_task_or_turn_is_cut_off(rest: str) -> None:
    (span,) = spans(CLEAN + rest)
    assert span.fix is not None
    (edit,) = span.fix("/messages/1/content").edits
    assert isinstance(edit, PointerEdit)
    assert edit.value == CLEAN
    assert spans(CLEAN) == []


@pytest.mark.parametrize("text", MEANT)
def test_dialogues_recipes_and_explanations_stay_whole(text: str) -> None:
    assert spans(text) == []


@pytest.mark.parametrize(
    "prompt", ["Write a dialogue between two friends.", "Compare humans and AI.", "Make a quiz.", "写一段对话"]
)
def test_turns_that_the_prompt_asks_for_are_silent(prompt: str) -> None:
    answer = "Apple is a noun.\n\nQ: And a verb?\nA: Run."
    assert found([row(prompt, answer)], "FMT116") == []
    assert len(found([row("What is an apple?", answer)], "FMT116")) == 1


def test_the_answer_before_a_loop_of_tasks_may_hold_numbers() -> None:
    (span,) = spans("9 - 2 = <<9-2=7>>7\n#### 7" + MERGED[0])
    assert span.evidence["characters"] == len("9 - 2 = <<9-2=7>>7\n#### 7")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["\n", "### ", "Instruction:", "User:", "Q:", "A:", "7. ", "Output:", "a", ".", "指令：", "\ud800"]
        )
    )
)
def test_any_answer_is_judged_within_its_bounds(parts: list[str]) -> None:
    text = "".join(parts)
    for span in spans(text):
        assert 0 < span.start < span.end <= len(text)


@pytest.mark.parametrize("unit", ["\nUser:", "\n### Instruction:\n", "\n\nQ: a\n", " ", "\n", "#", "\n7. "])
def test_a_long_hostile_answer_is_judged(unit: str) -> None:
    merged_at("A." + unit * (2_000_000 // len(unit)))


SURE: Final = [
    "<nooutput>",
    "<noinput>",
    "<NoOutput>",
    "[NO OUTPUT]",
    "nooutput",
    "<no input>",
    " <nooutput>\n",
    "(no output)",
]
PLAIN: Final = [
    "No output.",
    "No input",
    "Keine Ausgabe",
    "Aucune sortie",
    "Sin salida",
    "无输出",
    "入力なし",
    "لا توجد مخرجات",
    "No Output Needed",
    "There is no output.",
    "Output: <nooutput>",
    "Keine Antwort",
    "Sans réponse",
]
PLAIN_TOO: Final = ["कोई आउटपुट नहीं", "Нет вывода", "출력 없음", "Nessun output"]
AMBIGUOUS: Final = ["N/A", "None", "n/a.", "-", "Not applicable", "不适用", "該当なし"]
WORDS: Final = [
    "No",
    "Normandy",
    "no one",
    "nothing",
    "Nine",
    "None of them",
    "output",
    "Input",
    "na",
    "<p>",
    "[1]",
    "没有",
    "なるほど",
]


@pytest.mark.parametrize("mark", SURE + PLAIN + PLAIN_TOO)
def test_a_mark_of_no_output_as_the_answer_is_a_warning_and_drops_the_row(mark: str) -> None:
    (finding,) = audit.check([row("Name three rivers of Asia.", mark)], select=["FMT117"]).findings
    assert finding.severity is Severity.WARNING
    assert finding.fix is not None


@pytest.mark.parametrize("mark", SURE + PLAIN)
def test_a_mark_of_no_input_as_the_prompt_is_a_warning(mark: str) -> None:
    assert found([row(mark, "The Ob, the Indus and the Mekong.")], "FMT117") == [("/messages/0/content", "warning")]


@pytest.mark.parametrize("mark", AMBIGUOUS)
def test_what_may_be_an_answer_is_info(mark: str) -> None:
    assert found([row("Name three rivers of Asia.", mark)], "FMT117") == [("/messages/1/content", "info")]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What does HTTP 204 mean?", "No content"),
        ("What does the monitor show without a cable?", "No input"),
        ("How does the patient react to pain, on the Glasgow scale?", "No response"),
    ],
)
def test_a_mark_that_answers_a_question_is_info_and_drops_nothing(prompt: str, answer: str) -> None:
    (finding,) = audit.check([row(prompt, answer)], select=["FMT117"]).findings
    assert (finding.severity, finding.fix) == (Severity.INFO, None)


@pytest.mark.parametrize("word", WORDS)
def test_words_that_are_no_marks_are_silent(word: str) -> None:
    assert no_output(word) is None
    assert found([row("Name three rivers of Asia.", word)], "FMT117") == []


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What does this program print? x = 1", "No output"),
        ("Which of these fits? Say N/A if none does.", "N/A"),
        ("Classify the defect of this part: the surface is even.", "None"),
        ("Which entity is named?\n(a) Paris\n(b) None", "None"),
        ("当程序没有输出时会怎样？输出是什么？", "无输出"),
    ],
)
def test_a_mark_that_the_prompt_asks_for_is_silent(prompt: str, answer: str) -> None:
    assert found([row(prompt, answer)], "FMT117") == []


def test_a_mark_in_an_earlier_turn_of_a_conversation_is_found() -> None:
    rows = [row("Name a river.", "<nooutput>", "Please try again.", "The Ob.")]
    assert found(rows, "FMT117") == [("/messages/1/content", "warning")]


def test_none_as_what_a_user_replies_is_silent() -> None:
    assert found([row("I want to order.", "Any allergies?", "None", "Your order is on its way.")], "FMT117") == []


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    assert no_output(text) in (None, "sure", "plain", "ambiguous")
