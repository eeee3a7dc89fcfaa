"""In which case "her" and "his" stand: a small guess at the words around them that says nothing when two are possible.

Grammar: The Cambridge Grammar of the English Language (Huddleston and Pullum, 2002), chapters 4 (two objects) and 5
(a singular count noun needs a determiner).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from audit.counterfactual.english import english, is_adjective, is_content, is_noun
from audit.counterfactual.words import MARKS, QUOTES, Word

Case: TypeAlias = Literal["object", "determiner", "pronoun"]

_MOST_ADJECTIVES: Final = 3
_PLACES: Final = ("beside", "besides", "behind", "near", "around", "opposite")
"""Behind these a person is as likely as a thing, and the verb follows: "the girl beside her smiles"."""


class _Around(NamedTuple):
    """The words around a pronoun in lower case; marks are themselves, "" is the beginning or the end of the text."""

    before: Sequence[str]
    after: Sequence[str]
    first: bool

    def next(self, steps: int = 0) -> str:
        return self.after[steps] if steps < len(self.after) else ""

    def previous(self, steps: int = 0) -> str:
        return self.before[-1 - steps] if steps < len(self.before) else ""


def case_of_her(words: Sequence[Word], at: int) -> Case | None:
    """``determiner`` ("her car") or ``object`` ("saw her"); None where both are possible, or neither is sure."""
    around = _around(words, at)
    follows = around.next()
    if _ends_phrase(follows) or _is_closed(follows):
        return _before_closed(around)
    if follows in english().classes["either"] or follows in english().classes["particles"] or follows.endswith("ly"):
        return _before_either(around)
    if not follows[0].isalnum():
        return "object" if follows == "$" and around.previous() in english().verbs["pays"] else None
    if _is_number(follows) or follows in english().classes["ordinals"]:
        return None if around.previous() in english().verbs["two_objects"] else _of_phrase(around)
    if follows in english().verbs["plain"] and not is_noun(follows):
        return None if around.first else "object"
    return _of_phrase(around)


def case_of_his(words: Sequence[Word], at: int) -> Case | None:
    """``determiner`` ("his car") or ``pronoun`` ("is his"); None where both are possible, or neither is sure."""
    around = _around(words, at)
    follows, before = around.next(), around.previous()
    after_be = before in english().classes["be"] or before == "of"
    if _ends_phrase(follows):
        return "pronoun"
    if follows in ("and", "or", "&") or not follows[0].isalnum():
        return None
    if _is_number(follows) or follows in english().classes["ordinals"] or follows == "every":
        return "determiner"
    if _is_closed(follows):
        return "pronoun" if not around.first or follows in english().classes["auxiliaries"] else None
    if follows in english().classes["particles"] or follows in english().classes["either"]:
        return _his_before_either(around, after_be=after_be)
    if follows in english().verbs["plain"] and not is_noun(follows):
        return None
    if before == "of" and _phrase(around, 0) is None:
        return None
    return "determiner"


def _around(words: Sequence[Word], at: int) -> _Around:
    near = range(max(at - 4, 0), at)
    return _Around(
        [words[i].base for i in near],
        [word.base + word.clitic * (word.clitic[1:].lower() != "s") for word in words[at + 1 : at + 8]],
        words[at].first,
    )


# ----------------------------------------------------------------------------- what follows


def _ends_phrase(follows: str) -> bool:
    return not follows or follows in MARKS


def _is_closed(follows: str) -> bool:
    """Whether a word can stand neither in a noun phrase behind a determiner nor be its head."""
    classes = english().classes
    if follows in classes["particles"] or follows in ("second", "her", "his"):
        return False
    closed = ("determiners", "personal", "prepositions", "conjunctions", "question_words", "auxiliaries", "adverbs")
    return any(follows in classes[name] for name in closed) or _contracted(follows)


def _contracted(follows: str) -> bool:
    """A pronoun with its verb ("she'll"): no noun phrase begins with it."""
    base = follows.replace("’", "'").partition("'")
    return bool(base[1]) and (base[0] in english().classes["personal"] or base[0] in english().classes["auxiliaries"])


def _is_number(follows: str) -> bool:
    return follows[0].isdigit() or follows in english().classes["numbers"]


# ----------------------------------------------------------------------------- "her"


def _before_closed(around: _Around) -> Case | None:
    """An object, unless "her and Anna's house" is meant."""
    if around.next() in ("and", "or") and any(word.endswith(("'s", "s'", "’s")) for word in around.after[1:4]):
        return None
    if around.first and _ends_phrase(around.next()):
        return None
    return "object"


def _before_either(around: _Around) -> Case | None:
    """Adverbs and particles: an object where the phrase ends behind them, a determiner where only that can stand."""
    follows, then = around.next(), around.next(1)
    if follows == "own" or (follows in ("very", "much") and then in ("own", "best", "first", "last")):
        return "determiner"
    if is_adjective(follows) and is_noun(then):
        return _of_phrase(around)
    if around.first:
        return None
    if follows in (
        "back",
        "home",
        "past",
        "well",
        "right",
        "left",
        "like",
        "inside",
        "outside",
        "near",
        "all",
        "still",
    ):
        return "object" if follows == "like" and then in english().classes["determiners"] else _left_hand(around)
    if _ends_phrase(then) or _is_closed(then):
        return "object"
    if follows in ("very", "so", "too") and then in ("much", "well", "often", "deeply"):
        return "object"
    if follows in english().classes["particles"]:
        return None if is_noun(then) or is_adjective(then) else "object"
    if follows in ("next", "last", "first", "only", "best", "better", "early", "late") and is_noun(then):
        return None if around.previous() in english().verbs["two_objects"] else _of_phrase(around, skip=1)
    return None


def _left_hand(around: _Around) -> Case | None:
    """ "her left hand": sides of a body."""
    parts = ("hand", "arm", "leg", "foot", "eye", "ear", "knee", "shoulder", "side", "ankle", "wrist", "elbow", "hip")
    return "determiner" if around.next() in ("left", "right") and around.next(1) in parts else None


def _of_phrase(around: _Around, skip: int = 0) -> Case | None:
    """A determiner where a noun phrase follows and what stands before leaves no other reading."""
    data = english()
    head = _phrase(around, skip)
    before = _governor(around)
    if around.first or before in ("because", "if", "when", "although", "though", "while", "since", "unless", "whether"):
        return "determiner" if head is not None or is_content(around.next(skip)) else None
    if head is None or before in data.verbs["formulas"]:
        return None
    word, then = around.next(head), around.next(head + 1)
    bare_singular = word in data.nouns["singular"] and _closes(then)
    if before in data.verbs["naming"] and (word in data.nouns["person"] or not bare_singular):
        return None
    if before in data.verbs["two_objects"] and not bare_singular:
        return None
    either = word in data.nouns["or_verb"] or word.removesuffix("s") in data.nouns["or_verb"]
    if before in data.verbs["perception"] and (either or head > skip) and not bare_singular:
        return None
    if either and before in data.verbs["causes"]:
        return None
    if either and before in _PLACES and word.endswith("s"):
        return None
    if either and head == skip and (then in data.classes["determiners"] or then in data.classes["personal"]):
        return None
    return "determiner"


def _governor(around: _Around) -> str:
    """The word before, adverbs left out: "always gave her"."""
    for steps in range(2):
        word = around.previous(steps)
        if not (word.endswith("ly") or word in ("not", "also", "even", "just", "never", "always")):
            return word
    return around.previous()


def _phrase(around: _Around, skip: int) -> int | None:
    """Where, counted from the word behind the pronoun, the head of a noun phrase stands; None when none is known.

    A word that is not known is taken for a noun only behind an adjective and where the phrase ends behind it.
    """
    at = skip
    while at < skip + _MOST_ADJECTIVES and _modifies(around.next(at)) and not _closes(around.next(at + 1)):
        if is_noun(around.next(at)) and not is_noun(around.next(at + 1)):
            break
        at += 1
    word = around.next(at)
    if not word or not word[0].isalpha():
        return None
    if is_noun(word):
        return at + 1 if is_noun(around.next(at + 1)) and not _is_closed(around.next(at + 1)) else at
    known_verb = word in english().verbs["plain"] or word.endswith(("ing", "ed", "ly"))
    return at if at > skip and is_content(word) and not known_verb and not is_adjective(word) else None


def _modifies(word: str) -> bool:
    return bool(word) and (
        is_adjective(word) or _is_number(word) or word in english().classes["ordinals"] or is_noun(word)
    )


def _closes(then: str) -> bool:
    """Whether a noun phrase ends before a word."""
    if not then or not then[0].isalnum():
        return True
    classes = english().classes
    return _is_closed(then) or then in classes["particles"] or then in english().verbs["plain"]


# ----------------------------------------------------------------------------- "his"


def _his_before_either(around: _Around, *, after_be: bool) -> Case | None:
    follows, then = around.next(), around.next(1)
    if follows == "own" or (follows in ("very", "much") and then in ("own", "best", "first", "last")):
        return "determiner"
    if is_adjective(follows) and is_noun(then):
        return "determiner"
    if after_be and (_ends_phrase(then) or follows in english().classes["particles"]):
        return "pronoun"
    if follows in ("next", "last", "first", "only", "best", "early", "late", "left", "right", "back", "home", "past"):
        return "determiner" if not after_be and (is_noun(then) or _closes(then)) else None
    return None


def quoted_alone(words: Sequence[Word], at: int) -> bool:
    """Whether a word stands by itself between quotation marks: it is spoken about."""
    before = words[at - 1].text if at else ""
    after = words[at + 1].text if at + 1 < len(words) else ""
    return before in QUOTES and after in QUOTES
