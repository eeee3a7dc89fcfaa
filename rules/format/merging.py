"""Where in an answer another task or another turn begins, by the headings that data generators and transcripts use.

A dialogue that was asked for begins as one or is announced; a list of questions and answers has a heading.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from audit.read.patterns import pattern


class Merged(NamedTuple):
    """The heading (code points), its text, where the answer proper ends, the kind, and a phrase for the message."""

    start: int
    end: int
    heading: str
    cut: int
    kind: str
    what: str


_TASK: Final = (
    "instructions?|task|anweisung|aufgabe|consigne|instrucción|instruccion|instrução|istruzione|指令"
    "|指示|任务|命令|任務|"
    "تعليمات|التعليمات|المهمة|निर्देश|инструкция|задание|지시|지침"
)
_INPUT: Final = "inputs?|eingabe|entrée|entrada|输入|輸入|入力|إدخال|المدخلات|इनपुट|ввод|입력"
_OUTPUT: Final = (
    "outputs?|response|ausgabe|antwort|sortie|réponse|salida|respuesta|saída|resposta|输出|輸出|回答|响应|出力|応答"
    "|الإخراج|المخرجات|الاستجابة|आउटपुट|उत्तर|вывод|ответ|출력|응답"
)
_HUMAN: Final = (
    "human|user|usuario|utilisateur|benutzer|nutzer|mensch|utente|usuário|用户|用戶|人类|ユーザー"
    "|المستخدم|उपयोगकर्ता|пользователь|사용자"
)
_MODEL: Final = (
    "assistant|ai|gpt|chatgpt|bot|model|asistente|assistent|助手|助理|アシスタント|المساعد|सहायक|ассистент|помощник"
)
_QUESTION: Final = "prompt|question|query|q|frage|pregunta|问题|質問"
_ANSWER: Final = "answer|a|antwort|respuesta"
_ANY: Final = f"{_TASK}|{_INPUT}|{_OUTPUT}|{_HUMAN}|{_MODEL}|{_QUESTION}"
TRIGGERS: Final = (
    rf"(?i)\n[ \t#*]{{0,7}}(?:\d{{1,3}}[.)]\s?)?(?:{_ANY})\s?\d{{0,3}}\s?\*{{0,2}}[:：]",
    r"(?i)\n[ \t]{0,6}#{1,6}[ \t]{0,3}(?:instructions?|task|human|user)[ \t]{0,4}\n",
    r"[.!?] (?:Human|User): ",
)
"""RE2 patterns, one of which stands in every answer that ``merged_at`` finds something in."""
_CAP: Final = 200_000


@cache
def _heading() -> re.Pattern[str]:
    """A heading of a task, its input or output, or a speaker. Compiled when the first answer needs it."""
    return re.compile(
        r"^[ \t]{0,6}(?P<mark>#{1,6}[ \t]{0,3})?(?:\*\*)?(?P<number>\d{1,3}[.)]\s?)?"
        rf"(?:(?P<task>{_TASK})|(?P<input>{_INPUT})|(?P<output>{_OUTPUT})|(?P<human>{_HUMAN})|(?P<model>{_MODEL})"
        rf"|(?P<question>{_QUESTION})|(?P<answer>{_ANSWER}))"
        r"\s?\d{0,3}\s?(?:\*\*)?(?:[:：](?:\*\*)?|(?<=[a-z])[ \t]{0,4}$)",
        re.MULTILINE | re.IGNORECASE,
    )


_ANNOUNCED: Final = pattern(
    r"[:：]\s*(?:\*\*|\"|“|```\w*)?\s*\Z|\b(?:dialog(?:ue|o)?|conversation|transcript|script|faqs?"
    r"|frequently asked|interview|chat|example|quiz|template|format|exercise|questions?|scenario"
    r"|role-?play"
    r"|gespräch|entretien|conversación|diálogo)\b|对话|問答|问答|会話|例|حوار|संवाद",
    re.IGNORECASE,
)
_DIALOGUE_LINE: Final = pattern(r"^[ \t>*\"“#-]{0,6}[^\W\d_][\w .'’-]{0,24}[:：]", re.MULTILINE)
_FORM: Final = 2
"""Labels of other kinds ("Materials:", "host:") from which a text is a form, a plan or a script."""
_IN_LINE: Final = pattern(r"(?<=[.!?] )(?:Human|User): [^\n]{2,400}? (?:Assistant|AI|Bot|ChatGPT): ")
_NUMBERED: Final = pattern(r"^[ \t]{0,6}(\d{1,3})[.)][ \t]", re.MULTILINE)


def merged_at(text: str) -> Merged | None:
    """The first place where another task or turn begins after an answer; None where there is none, or it was meant.

    Takes any string; looks at the first 200,000 characters.
    """
    text = text[:_CAP]
    first = len(text) - len(text.lstrip())
    headings = [match for match in _heading().finditer(text) if match.start() > first]
    if not headings:
        return _in_line(text)
    if text.count("```", 0, headings[0].start()) % 2:
        return None
    return _tasks(text, headings) or _unnamed_task(text, headings) or _turns(text, headings) or _in_line(text)


def _tasks(text: str, headings: list[re.Match[str]]) -> Merged | None:
    """The heading of a task that is marked, numbered or under a rule, or that its input or output follows."""
    for match in headings:
        if not (match["task"] or (match["human"] and match["mark"])) or _first_line_is(text, "task"):
            continue
        followed = any(other["input"] or other["output"] for other in headings if other.start() > match.start())
        after_rule = _after_rule(text, match)
        if _is_plural(match) and not (match["number"] or after_rule):
            continue  # a section of a recipe or a manual
        if match["number"] or after_rule:
            sure = after_rule or (followed and int(re.findall(r"\d+", match["number"])[0]) > 1)
        elif match["mark"] is not None:
            sure = True
        else:
            sure = followed and _is_ended(text, match) and not _is_form(text, headings)
        if sure and (match["number"] or not _is_announced(text, match)):
            return _merged(text, match, "task", "another task")
    numbered = [match for match in headings if match["number"] and (match["input"] or match["output"])]
    if len(numbered) >= 2 and numbered[0]["number"] == numbered[1]["number"]:
        return _merged(text, numbered[0], "task", "another task")
    return None


def _unnamed_task(text: str, headings: list[re.Match[str]]) -> Merged | None:
    """A numbered line that its input and output follow, in an answer that is no numbered list."""
    for at, match in enumerate(headings[:-1]):
        if not (match["input"] and headings[at + 1]["output"]) or match["mark"]:
            continue
        line = text.rfind("\n", 0, max(match.start() - 1, 0)) + 1
        numbered = _NUMBERED.match(text, line)
        if numbered is not None and line and int(numbered[1]) > 1 and not _NUMBERED.search(text[:line]):
            return _merged(text, numbered, "task", "another task")
    return None


def _in_line(text: str) -> Merged | None:
    """What the user says next, and the model after that, within the line of an answer that is one."""
    match = _IN_LINE.search(text)
    if match is None or "\n" in text[: match.start()].strip() or _DIALOGUE_LINE.match(text[: match.start()].lstrip()):
        return None
    return None if _is_announced(text, match) else _merged(text, match, "turn", "what the user says next")


def _is_form(text: str, headings: list[re.Match[str]]) -> bool:
    """Whether lines of a text begin with labels that are no headings of tasks or turns."""
    known = {match.start() for match in headings}
    return sum(match.start() not in known for match in _DIALOGUE_LINE.finditer(text)) >= _FORM


def _is_plural(match: re.Match[str]) -> bool:
    return (match["task"] or "").casefold() == "instructions"


def _is_ended(text: str, match: re.Match[str]) -> bool:
    """Whether what stands before a heading ends as an answer does."""
    before = text[max(0, match.start() - 40) : match.start()].rstrip().rstrip("#-=*_ \n")
    return before[-1:] in _STOPS or before[-1:].isdigit()


_STOPS: Final = frozenset('.!?。！？।؟…"”)')


def _turns(text: str, headings: list[re.Match[str]]) -> Merged | None:
    """A turn of the user in an answer that is no dialogue, or a question of the form that the model then answers."""
    spoken = [match for match in headings if (match["human"] or match["question"]) and not match["mark"]]
    if not spoken or _DIALOGUE_LINE.match(text.lstrip()):
        return None
    first = spoken[0]
    if _is_announced(text, first) or any(match.start() < first.start() for match in headings):
        return None
    if _is_form(text, headings) or not _is_ended(text, first) or first[0].strip()[:1].islower():
        return None
    replies = [m for m in headings if m.start() > first.start() and (m["model"] or m["answer"] or m["output"])]
    if first["human"]:
        line = text[first.end() : first.end() + 2000].lstrip().partition("\n")[0].rstrip()
        word = first["human"].casefold()
        if replies:
            leaked = any(_is_reply(one, line) for one in replies)
        else:
            leaked = _is_paragraph(text, first) and (word == "human" or (word == "user" and line.endswith("?")))
        return _merged(text, first, "turn", "what the user says next") if leaked else None
    short = first.start() <= 300 and text[: first.start()].strip().count("\n") <= 1
    if short and replies and replies[0]["answer"] and first["question"].casefold() in ("q", "question"):
        return _merged(text, first, "question", "the next question")
    return None


def _is_reply(match: re.Match[str], line: str) -> bool:
    """Whether the model answers; "AI:" after what is no question is the other side of a comparison."""
    return (match["model"] or "").casefold() not in ("ai", "gpt", "model", "bot") or line[-1:] in "?？!"


def _is_paragraph(text: str, match: re.Match[str]) -> bool:
    return text[max(0, match.start() - 2) : match.start()] == "\n\n"


def _first_line_is(text: str, group: str) -> bool:
    match = _heading().match(text.lstrip())
    return match is not None and match[group] is not None


def _after_rule(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 80) : match.start()].rstrip(" \t\n")
    return (
        before.rpartition("\n")[2].strip()[:2] in ("##", "--", "==", "**", "__")
        and len(before.rpartition("\n")[2].strip().strip("#-=*_")) == 0
    )


def _is_announced(text: str, match: re.Match[str]) -> bool:
    """Whether the lines before a heading say that tasks, questions or a dialogue follow."""
    before = text[max(0, match.start() - 300) : match.start()].rstrip()
    return _ANNOUNCED.search(before[-200:]) is not None


def _merged(text: str, match: re.Match[str], kind: str, what: str) -> Merged:
    cut = match.start()
    tail = text[max(0, cut - 80) : cut]
    line = tail.rstrip().rpartition("\n")
    if line[2].strip() and not line[2].strip().strip("#-=*_"):
        cut -= len(tail) - len(line[0]) if line[1] else len(tail)
    cut = len(text[:cut].rstrip())
    start = match.start() + len(match[0]) - len(match[0].lstrip())
    return Merged(start, match.end(), match[0].strip()[:40], cut, kind, what)
