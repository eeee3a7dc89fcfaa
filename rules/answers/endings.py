"""How a text ends: whether it stops in mid-sentence, and by what sign one can tell. Judges the end alone.

Words are those that grammars call closed classes, which a sentence cannot or hardly ends in. Own work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from audit.read.patterns import pattern


class Cut(NamedTuple):
    """Where a text is cut (code points), the kind of sign, and a phrase that says so after "stops"."""

    start: int
    end: int
    kind: str
    how: str


NO_STOP: Final = "no-stop"
"""The kind of sign that may mean no more than a forgotten full stop."""
_TAIL: Final = 80
_WINDOW: Final = 20_000
"""Characters from the end that are looked at more closely."""
# Conjunctions, articles and possessives: nothing ends in them, with or without a full stop.
_STRONG_WORDS: Final = """
the a an and or because although whereas unless whose their your our my such_as including between into
und oder weil sondern sowie dass der die das den dem des ein eine einen einem einer eines zwischen obwohl
et ou parce_que le la les des du un une aux ses leurs notre votre puisque afin_de lorsque
y e o porque el los las del una sus nuestro nuestra aunque
il lo gli della dei delle degli nel nella perché oppure
os as uma dos das pelo pela seus suas
и или потому_что который которая которые чтобы
"""
_STRONG: Final = frozenset(_STRONG_WORDS.split())
# Prepositions and auxiliaries, which now and then end a clause; asked of punctuated prose only.
_WEAK_WORDS: Final = """
of in on to for with from by at as is are was were be been that which who while if when than but this these
has have had can will would should may might must its his her also both each every not
mit von zu für auf aus bei nach über durch ist sind war wird werden wurde kann auch als wenn aber sehr nicht
de à en dans pour avec sur par est sont qui que mais plus très ce cette ces son sa si dont
con para por en es son que como pero muy este esta se su más sin sobre
di da in per tra fra è sono che ma come anche più alla dal dalla
em com é são não mais ao à na no nas nos um
в на с к о из для по что от за при как но так же не это
"""
_WEAK: Final = frozenset(_WEAK_WORDS.split())
_OPENERS_WORDS: Final = """
the this these those that it in an a there they we however therefore additionally furthermore moreover finally
if when while although because its their he she you for to with by on at from as such
der die das dieser diese dies es ein eine sie wenn außerdem zudem im in mit
le la les ce cette ces il elle un une de plus en ils nous vous
el los las este esta un una en además se es
"""
_OPENERS: Final = frozenset(_OPENERS_WORDS.split())
_FOREIGN: Final = pattern(
    # Chinese and Japanese words that open what must follow; Arabic and Hindi particles that stand before a word.
    r"(?:以及|或者|并且|並且|而且|但是|因为|因為|由于|由於|如果|虽然|雖然|对于|對於|关于|關於|包括"
    r"|例如|比如|从而|不仅|不僅|(?<![饱温缓总共柔平中调随亲謙谦附应])和"
    r"|(?<![参给赋參給])与|(?<![涉普埃提危波不得以论遍])及|および|または|そして|しかし|ならびに|[ぁ-ゖァ-ヶー一-龯]を"
    r"|(?<![にち])は"
    r"|\s(?:و|في|من|على|إلى|عن|أن|التي|الذي|مع|بين|أو|ثم|لأن|كما|حيث|هذا|هذه)"
    r"|\s(?:का|के|की|को|में|पर|और|या|ने|कि|लेकिन|क्योंकि|तथा|एवं|जो|यदि|से))\Z"
)
_MARKER: Final = pattern(
    r"[\[(<{【（]\s*(?:\.\.\.|…|(?:output |text |response |answer )?(?:truncated|cut off|cut short"
    r"|continued?|cont['’]?d\.?|to be continued)"
    r"|gekürzt|abgeschnitten|fortsetzung|tronqué|à suivre|suite|truncado|cortado|continúa|continuará"
    r"|troncato|continua|未完|続く|つづく|截断|待续|待續"
    r"|يتبع|जारी)\s*(?:\.\.\.|…)?\s*[\])>}】）]\s*\Z",
    re.IGNORECASE,
)
_WORDS_BEFORE: Final = pattern(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_STOP: Final = pattern(r"[.!?:;…\"”’)\]](?=\s)|[。！？｡．；।॥؟۔]")
_SENTENCE: Final = pattern(r"(?<=[^\W\d_]{2})[.!?…][\"”’)]?(?=\s)|[。！？｡।؟۔]")
_LIST_LINE: Final = pattern(r"\s*(?:[-*+•·▪◦●○–—>#|]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]\s|[^\w\s]{1,2}\s)")
_CODE: Final = pattern(r"[{}=<>$\\^`|]|::|->|\(\)|</|https?:|www\.|\w@\w|\w_\w")
_CLOSING_LINE: Final = pattern(
    r"(?:best|kind|warm|sincerely|yours|regards|thanks|thank|cheers|love|cordially|respectfully|mit"
    r"|viele|liebe|beste|grüße|cordialement"
    r"|bien|sincèrement|atentamente|saludos|cordiali|atenciosamente|dear|hi|hello|hey|sehr|cher|chère|estimad[oa])\b",
    re.IGNORECASE,
)
_WHOLE_FRAGMENT: Final = pattern(
    r"(?:the end|in total|that is all|that['’]s (?:it|all)|this is it|it is|it['’]s|he|she|they|you"
    r"|for sure|by me|to you)\Z",
    re.IGNORECASE,
)
_SUFFIXES_WORDS: Final = """
s es ed d ing er ers or ly al ally y ies ied ness ment ments ful less able ion ions ist ists ism ian ic ical ity
en n e t te ten em r st sten in innen ung ungen lich isch keit heit a o as os mente ción is i ne nt ent ons ez ée és
"""
_SUFFIXES: Final = frozenset(_SUFFIXES_WORDS.split())
_IMPOSSIBLE: Final = pattern(r"[a-z]{2,}(?:[bcdfgkpt]r|[bcfgkp]l|thr|wh|qu|[bdfgp]h?v|sj|zc|[lnrst]q)\Z")
_IMPOSSIBLE_LANGUAGES: Final = pattern(r"\b(?:the|and|der|und|les|est|los|que|una|della|che|uma)\b")
_ENDS: Final = frozenset(".!?。！？｡．।॥؟۔”’»›」』】）)]}>`*~|/\\;%°€$£¥+=_#0123456789")
_LEAST_OPEN: Final = 100
_FEW: Final = 2
_LEAST_UNSPACED: Final = 6
"""Characters of the beginning of a sentence in a script without spaces."""
_LONGEST_WORD: Final = 20
"""Characters in which the last word is looked for, longer than any of the words that no sentence ends in."""
_LONG_PROSE: Final = 3
"""Sentences of a text that ends all of them but the last."""


def may_be_cut(text: str) -> bool:
    """Whether the last characters could be other than an end: cheap, and True for every text that ``cut`` finds."""
    last = text[-1:]
    if last.isspace():
        text = text[-_TAIL:].rstrip()
        last = text[-1:]
    if last in _ENDS:
        return last in _AFTER_ALL and (
            text.endswith(_DOTS) or (last in _CLOSING and _MARKER.search(text[-_TAIL:]) is not None)
        )
    if len(text) < _SHORTEST:
        return False
    return " " in text[-_TAIL:] or not text.isascii()


_AFTER_ALL: Final = frozenset(".…]）)】>}")
_CLOSING: Final = frozenset("]）)】>}")
_DOTS: Final = ("...", "…", "..")
_SHORTEST: Final = 15


def cut(text: str) -> Cut | None:
    """How a text is cut short; None where it may be whole. Takes any string; looks at the last 20,000 characters."""
    whole = text.rstrip()
    if not may_be_cut(whole):
        return None
    end = len(whole)
    base = max(0, end - _WINDOW)
    window = whole[base:]
    marker = _MARKER.search(window[-_TAIL:]) if window[-1] in _CLOSING else None
    if marker is not None:
        return Cut(end - len(marker[0].rstrip()), end, "marker", "with a mark that says so")
    line = window.rpartition("\n")[2]
    how = _how(window, line)
    if how is None or _is_no_prose(window, line):
        return None
    return Cut(end - how[0], end, how[1], how[2])


def _is_no_prose(window: str, line: str) -> bool:
    """Whether the text or its last line is code, a table, verse, a list or a signature."""
    if window.count("```") % 2 or window.lstrip()[:1] in ("{", "[", "<", "|"):
        return True
    return _CODE.search(line) is not None or _is_verse(window)


def _is_verse(window: str) -> bool:
    """Whether most of the last lines are short and end without a stop."""
    lines = [line.strip() for line in window[-1500:].split("\n") if line.strip()]
    if len(lines) < 4:
        return False
    body = lines[-12:]
    short = sum(len(line) < 70 for line in body)
    open_ended = sum(line[-1] not in ".!?。！？:" for line in body[:-1])
    return short >= 0.8 * len(body) and open_ended >= 0.4 * (len(body) - 1)


def _how(window: str, line: str) -> tuple[int, str, str] | None:
    """Length of what is pointed at, kind and words, by the first sign that holds."""
    dots = window.endswith(_DOTS)
    bare = window.rstrip(".… ") if dots else window
    sentences = _sentences(window)
    by_word = _may_end_in_word(bare)
    if not by_word and (dots or (not sentences and bare[-1:] not in _SIGNS)):
        return None
    fragment = _fragment(line.rstrip(".… ") if dots else line)
    words = _WORDS_BEFORE.findall(fragment[-400:])
    if by_word:
        for sign in (_by_word, _by_script):
            found = sign(bare, fragment, words, sentences)
            if found is not None:
                return (found[0] + len(window) - len(bare), *found[1:])
    if dots:
        return None
    if (found := _by_sign(window, line, fragment, words, sentences)) is not None:
        return found
    if (found := _within(window, line, sentences)) is not None:
        return found
    return _by_fragment(window, line, fragment, words, sentences)


def _sentences(window: str) -> int:
    """Sentences that end, up to ``_LONG_PROSE``."""
    if window.isascii() and "." not in window and "!" not in window and "?" not in window:
        return 0
    return sum(1 for _ in islice(_SENTENCE.finditer(window), _LONG_PROSE))


_SIGNS: Final = frozenset(",،、，:：-‐([（【「『")


def _may_end_in_word(bare: str) -> bool:
    """Whether a text may end in a word that no sentence ends in: the last of a pair is one, too."""
    if not bare[-1:].isascii() and _FOREIGN.search(bare, max(0, len(bare) - 12)):
        return True
    words = _WORDS_BEFORE.findall(bare[-_LONGEST_WORD:])
    return bool(words) and (words[-1] in _STRONG or words[-1] in _WEAK)


def _fragment(line: str) -> str:
    """What follows the last stop within a line."""
    last = 0
    for match in _STOP.finditer(line, max(0, len(line) - 2000), len(line) - 1):
        last = match.end()
    return line[last:].strip()


def _by_word(window: str, fragment: str, words: list[str], sentences: int) -> tuple[int, str, str] | None:
    if not words or not fragment.endswith(words[-1]) or len(words) < 3:
        return None
    last = words[-1]
    if not last.islower():
        return None
    pair = f"{words[-2].lower()}_{last}"
    named = pair.replace("_", " ") if pair in _STRONG else last
    told = len(named), "word", f'in mid-sentence, after "{named}"'
    if (last in _STRONG or pair in _STRONG) and (len(words) >= 5 or sentences >= 1):
        return told
    return told if last in _WEAK and sentences >= 1 and len(words) >= 4 else None


def _by_script(window: str, fragment: str, words: list[str], sentences: int) -> tuple[int, str, str] | None:
    match = _FOREIGN.search(window, max(0, len(window) - 12))
    if match is None or len(fragment) < 6:
        return None
    spaced = match[0][0].isspace()
    enough = sentences >= 1 or (len(words) >= 6 if spaced else len(fragment) >= 20)
    return (len(match[0].strip()), "word", f'in mid-sentence, after "{match[0].strip()}"') if enough else None


def _by_sign(window: str, line: str, fragment: str, words: list[str], sentences: int) -> tuple[int, str, str] | None:
    last = window[-1]
    size = len(fragment)
    least_words, least_size, least_alone = (1, 6, 20) if last in "、，" else (2, 1, 60)
    enough = len(words) >= least_words and size >= (least_size if sentences else least_alone)
    if last in ",،、，" and enough and not _CLOSING_LINE.match(line.strip()):
        return 1, "comma", "after a comma"
    if last in ":：" and sentences and (len(words) >= 5 or (last == "：" and len(fragment) >= 8)):
        return 1, "colon", "after a colon, with nothing that it announces"
    if last in "-‐" and len(words) >= 4 and sentences and re.search(r"[^\W\d_]{3}[-‐]\Z", window[-8:]):
        return 1, "hyphen", "after a hyphen"
    if last in "([（【「『" and words:
        return 1, "bracket", "after an opening bracket"
    return None


_OPEN_BRACKET: Final = pattern(r"(?<![:;=8xX-])[(（「『“«](?=\w)[^()（）「」『』“”«»\n]*\Z")


def _within(window: str, line: str, sentences: int) -> tuple[int, str, str] | None:
    """Within brackets or a quotation that began in the last line."""
    if len(window) < _LEAST_OPEN or not sentences:
        return None
    if not window[-1].isalnum():
        return None
    match = _OPEN_BRACKET.search(line[-400:])
    if match is not None and len(match[0]) > 2:
        return len(match[0]), "bracket", f'within "{match[0][0]}", which is not closed'
    quotes = re.findall(r'(?<!\d)"', line)
    if len(quotes) % 2 and re.search(r'(?:^|[\s(])"\w[^"]*\Z', line[-400:]):
        return 1, "quotation", "within a quotation that is not closed"
    return None


def _by_fragment(
    window: str, line: str, fragment: str, words: list[str], sentences: int
) -> tuple[int, str, str] | None:
    if not words or not fragment.endswith(words[-1]) or not sentences:
        return None
    last = words[-1]
    if sentences >= _FEW and last.islower() and _is_part(last, window[: -len(last)]):
        return len(last), "word-part", f"within a word, after {len(last)} letters of it"
    begun = len(words) <= 2 and words[0].lower() in _OPENERS and fragment[0].isupper() and len(line) > len(fragment)
    if sentences >= _FEW and begun and not _WHOLE_FRAGMENT.match(fragment):
        return len(fragment), "fragment", f"after the first word{'s' * (len(words) > 1)} of a sentence"
    least = _LONG_PROSE if " " in fragment or len(fragment) < _LEAST_UNSPACED else 1
    if sentences >= least and last.isalpha() and _SENTENCE.search(line) and _ends_all_others(window):
        return len(last), NO_STOP, "without a full stop, where what stands before it has one"
    return None


def _is_part(last: str, before: str) -> bool:
    """Whether the last word is the beginning of a word that the text spells out, or ends as no word does."""
    if len(last) < 5:
        return False
    lower = before.lower()
    followed = list(_following(lower, last))
    if "" in followed:
        return False
    if last.isascii() and _IMPOSSIBLE.fullmatch(last) and _IMPOSSIBLE_LANGUAGES.search(lower):
        return True
    rests = [rest[0] for one in followed if (rest := _LETTERS.match(one))]
    if last.endswith("at") and len(last) > len("format"):
        rests = [rest.removeprefix("ion") or "-ion" for rest in rests]
    return bool(rests) and all(len(rest) >= 3 and rest not in _SUFFIXES for rest in rests)


def _following(text: str, beginning: str) -> Iterator[str]:
    """How the words of a text go on that begin so."""
    at = text.find(beginning)
    while at >= 0:
        end = at + len(beginning)
        if not at or not (text[at - 1].isalnum() or text[at - 1] == "_"):
            rest = _REST.match(text, end)
            yield rest[0] if rest else ""
        at = text.find(beginning, end)


_REST: Final = pattern(r"\w+")
_LETTERS: Final = pattern(r"[^\W\d_]+")


def _ends_all_others(window: str) -> bool:
    """Whether every paragraph but the last ends in a stop; items of lists are asked only where the last is one."""
    paragraphs = [line.strip() for line in window.split("\n") if line.strip()]
    last_is_item = _LIST_LINE.match(paragraphs[-1]) is not None
    others = [line for line in paragraphs[:-1] if last_is_item or not _LIST_LINE.match(line)]
    return all(line[-1] in _PARAGRAPH_ENDS for line in others)


_PARAGRAPH_ENDS: Final = frozenset('.!?:。！？：।؟”")')
