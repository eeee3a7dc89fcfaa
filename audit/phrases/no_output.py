"""Marks that a data generator leaves where it had no input or no output: ``<noinput>``, ``No output``, ``N/A``.

Looks at a whole text and says how sure it is of it. Whether such a text is wrong where it stands is for rules to say.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Certainty: TypeAlias = Literal["sure", "plain", "ambiguous"]
"""``sure``: nobody writes it (``<nooutput>``). ``plain``: words that may be an answer where a prompt asks what is put
in or out ("No output"). ``ambiguous``: may be a label or a right answer anywhere ("None", "N/A")."""

LONGEST: Final = 48
"""Characters of the longest mark, with room for brackets: no longer text need be looked at."""

_PLAIN: Final = """
no input|no input provided|no input given|no input required|no input needed|no input necessary|input not provided
no output|no output provided|no output given|no output available|no output generated|no output required|no output needed|no output necessary|empty output
there is no output|there is no input|there was no output|there was no input|no answer
no response|no response provided|no response generated|no answer provided|no answer given|no text provided
no content|no content provided|response not available|output not available|input not available
keine eingabe|keine ausgabe|keine eingabe erforderlich|keine ausgabe vorhanden|keine antwort vorhanden|kein input
kein output|keine eingabe vorhanden|keine antwort
pas d'entrée|aucune entrée|aucune sortie|pas de sortie|pas d'entree|aucune entree|aucune réponse fournie
aucune entrée fournie|aucune entrée requise|pas de réponse fournie|sans réponse|sans sortie|sans entrée|pas de réponse|aucune réponse
sin entrada|sin salida|ninguna entrada|ninguna salida|no hay entrada|no hay salida|sin respuesta proporcionada
no se requiere entrada|entrada no proporcionada|sin respuesta
sem entrada|sem saída|nenhuma entrada|nenhuma saída|nessun input|nessun output|nessuna uscita|nessun ingresso
geen invoer|geen uitvoer|нет ввода|нет вывода|нет входных данных|нет выходных данных|без ввода
无输入|无输出|没有输入|没有输出|无需输入|暂无输出|無輸入|無輸出|沒有輸入|沒有輸出|无回答|无输入内容|无输出内容
入力なし|出力なし|入力無し|出力無し|入力はありません|出力はありません|なし（入力）|回答なし
입력 없음|출력 없음|입력없음|출력없음
لا يوجد إدخال|لا يوجد مدخلات|لا توجد مدخلات|لا يوجد إخراج|لا توجد مخرجات|لا يوجد مخرجات|بدون إدخال|بدون مدخلات|لا مدخلات|لا مخرجات
कोई इनपुट नहीं|कोई आउटपुट नहीं|इनपुट नहीं|आउटपुट नहीं|कोई इनपुट नहीं है|कोई आउटपुट नहीं है|कोई निवेश नहीं
"""  # noqa: E501
PROGRAM_VALUES: Final = frozenset({"undefined", "nan", "null", "nil", "(null)", "<null>", "infinity", "-infinity"})
"""What programs print for no value, in lower case."""
_AMBIGUOUS: Final = """
n/a|n.a|na/|none|null|nil|not applicable|not available|no data|undefined|nan|empty|blank
entfällt|nicht zutreffend|nicht vorhanden|k.a|sans objet|non applicable|no aplica|no procede|no disponible
não se aplica|non applicabile|niet van toepassing|не применимо|неприменимо
不适用|不適用|無|暂无|該当なし|なし|解答なし|해당 없음|없음|لا ينطبق|غير متوفر|غير متاح|लागू नहीं|उपलब्ध नहीं
"""


def _table(words: str) -> frozenset[str]:
    return frozenset(word.strip().casefold() for line in words.splitlines() for word in line.split("|") if word.strip())


_PLAIN_WORDS: Final = _table(_PLAIN)
_AMBIGUOUS_WORDS: Final = _table(_AMBIGUOUS)
_BRACKETS: Final = {"<": ">", "[": "]", "(": ")", "{": "}", "（": "）", "【": "】", "＜": "＞", "「": "」"}
_JOINED: Final = re.compile(r"(?:no|empty|without|missing)[ _-]?(?:in|out)put|no[ _-](?:response|answer|content|text)")
"""What brackets may hold, beside the words of the tables: ``<nooutput>``, ``[NO_INPUT]``."""
_GLUED: Final = frozenset({"noinput", "nooutput", "no_input", "no_output", "no-input", "no-output"})
_LABEL: Final = re.compile(r"(?:in|out)put\s?[:：]\s*(?=[<\[({]|no\b|n/a)")
"""What stands before a mark that was taken over with its heading."""
_SPACES: Final = re.compile(r"[\s_]+")
_DASHES: Final = frozenset("-–—.…?_/*")
_FEW: Final = 3
"""Signs that alone are the mark of an empty cell."""
_EDGES: Final = " \t\r\n.。।!！*`\"'“”‘’"


def no_output(text: str) -> Certainty | None:
    """How sure it is that a text is nothing but a mark of missing input or output; None where it is none.

    A few tenths of a microsecond for other texts. Takes any string.
    """
    if len(text) > LONGEST or (text[:2].casefold() not in _STARTS and text[:1] not in _WRAPPERS):
        return None
    bare = text.strip()
    if not bare:
        return None
    if len(bare) <= _FEW and _DASHES.issuperset(bare):
        return "ambiguous"
    words = bare.strip(_EDGES).casefold()
    if not words:
        return None
    words = _LABEL.sub("", words)
    inner = _in_brackets(words)
    if inner is not None:
        words = _SPACES.sub(" ", inner.strip(_EDGES))
        if words in _PLAIN_WORDS or _JOINED.fullmatch(words):
            return "sure"
        return "ambiguous" if words in _AMBIGUOUS_WORDS else None
    if words in _GLUED:
        return "sure"
    words = _SPACES.sub(" ", words)
    if words in _PLAIN_WORDS:
        return "plain"
    return "ambiguous" if words in _AMBIGUOUS_WORDS else None


_WRAPPERS: Final = frozenset(_EDGES) | _DASHES | frozenset(_BRACKETS)
_STARTS: Final = frozenset(word[:2] for word in _PLAIN_WORDS | _AMBIGUOUS_WORDS | _GLUED | {"input", "output"})


def _in_brackets(words: str) -> str | None:
    """What one or two pairs of brackets around a text hold; None where there are none."""
    inner, depth = words, 0
    while len(inner) > 1 and _BRACKETS.get(inner[0]) == inner[-1] and depth < _FEW:
        inner, depth = inner[1:-1].strip(), depth + 1
    return inner.lstrip("/|").rstrip("/|").strip() if depth else None
