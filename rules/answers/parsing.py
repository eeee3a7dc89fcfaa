"""Whether a text is the JSON, XML or Python that it looks like, and if not, where it stops being so.

Says nothing of texts that only show a part of something: with an ellipsis, a placeholder or a prompt in them.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from typing import Final, NamedTuple
from xml.parsers import expat

from audit.model import Severity


class Problem(NamedTuple):
    """What does not hold: a word for it, a phrase after "the answer", the offset in code points, the 1-based line."""

    kind: str
    what: str
    at: int
    line: int
    severity: Severity | None = None


LONGEST: Final = 100_000
"""Characters of a text that is parsed."""
_OBJECT: Final = re.compile(r"\s*\{\s*(?:\"(?:[^\"\\\n]|\\.){0,200}\"\s*:|\})")
_ARRAY: Final = re.compile(r"\s*\[\s*(?:\{\s*\"|\"(?:[^\"\\\n]|\\.){0,200}\"\s*(?:,|\]|\Z)|\[\s*\")")
_PARTIAL_JSON: Final = re.compile(r"\.\.\.|…|//|/\*|\{\{|<[A-Za-z_ ]|\$\{|\$\w|^[ \t]*#|\{%", re.MULTILINE)
_PYTHONIC: Final = re.compile(r"'|\b(?:None|True|False)\b")
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_PARTIAL_PYTHON: Final = re.compile(
    r"\.\.\.|…|^[ \t]*(?:>>>|In ?\[|[%!$+]|-{1,3}\s|@@|\d{1,4}[ :|.]\s*[a-z]|type \w+|pip |conda |python3? |cd )"
    r"|\A\s*(?:elif|else|except|finally|case)\b|<[A-Za-z_][\w ./-]*>|\{\{|\{%|\[(?:your|insert|add)\b|\?\Z|[├└│]"
    r"|^[ \t]*@[\w.]+(?:\(.*\))?\s*\Z",
    re.MULTILINE | re.IGNORECASE,
)
_PYTHON_2: Final = re.compile(
    r"^[ \t]*(?:print[ \t]+(?![=(.,:+\-*/%&|<>\[])\S|print\s*>>|exec\s+[\"']|raise\s+\w+\s*,\s*[\"'])"
    r"|except\s+[\w.()]+\s*,\s*\w+\s*:|<>|\b0[0-7]+\b|\d[lL]\b|\bur[\"']",
    re.MULTILINE,
)


_XML_OPEN: Final = ("mismatched tag", "no element found", "unclosed token", "unclosed CDATA section")
_LIMITS: Final = ("Exceeds the limit", "too many", "too deep")
"""How messages about limits of the interpreter begin."""


def problem_of(language: str, text: str) -> Problem | None:
    """Why a text is not what its fence calls it, in lower case; None where it is, or the language is not known."""
    if language == "json":
        return json_problem(text)
    if language == "xml":
        return xml_problem(text)
    return python_problem(text) if language in ("python", "python3", "py") else None


def looks_like_json(text: str) -> bool:
    """Whether a text begins as a JSON object with a quoted key, or as an array of objects or strings."""
    return (_OBJECT.match(text) or _ARRAY.match(text)) is not None


def json_problem(text: str) -> Problem | None:
    """Why a text is not JSON; None where it is, also where prose or another value follows, and where it shows a part.

    ``NaN`` and control characters within strings pass. Texts of more than 100,000 characters are not judged.
    """
    stripped = text.strip()
    if not stripped or len(text) > LONGEST or stripped[0] not in '{["':
        return None
    lead = len(text) - len(text.lstrip())
    try:
        json.JSONDecoder(strict=False).raw_decode(stripped)
    except json.JSONDecodeError as error:
        if _PARTIAL_JSON.search(_STRING.sub('""', stripped)) or (_PYTHONIC.search(stripped) and _is_literal(stripped)):
            return None
        at, line = lead + error.pos, error.lineno + text.count("\n", 0, lead)
        if error.pos >= len(stripped) or error.msg.startswith("Unterminated"):
            return Problem("json", f"is JSON that ends before it is closed ({_open_brackets(stripped)})", at, line)
        return Problem("json", f"is no JSON: {_lower(error.msg)} (line {line})", at, line)
    except (RecursionError, ValueError, MemoryError):
        return None
    return None


def _open_brackets(text: str) -> str:
    bare = _STRING.sub("", text)
    curly, square = bare.count("{") - bare.count("}"), bare.count("[") - bare.count("]")
    told = [f"{n} {sign}" for n, sign in ((curly, "{"), (square, "[")) if n > 0]
    return " and ".join(told) + " open" if told else "a string is open"


def _is_literal(text: str) -> bool:
    """Whether a text is what Python prints for such a value."""
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    return True


def xml_problem(text: str) -> Problem | None:
    """Why a text is not well-formed XML; None where it is, or shows a part: an ellipsis, several elements in a row.

    Without an XML declaration only tags that do not match or are left open count.
    """
    stripped = text.strip()
    if not stripped.startswith("<") or len(text) > LONGEST or "..." in stripped or "<!ENTITY" in stripped:
        return None
    parser = expat.ParserCreate(encoding="utf-8")
    try:
        parser.Parse(stripped.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code) or "it is not well-formed"
        if not stripped.startswith("<?xml") and message not in _XML_OPEN:
            return None
        lead = len(text) - len(text.lstrip())
        line = error.lineno + text.count("\n", 0, lead)
        at = lead + sum(len(one) + 1 for one in stripped.split("\n")[: error.lineno - 1])
        return Problem("xml", f"is no XML: {message} (line {line})", at, line)
    except ValueError:
        return None
    return None


def python_problem(text: str) -> Problem | None:
    """Why a block is not Python; None where it is, or shows a part: an ellipsis, a prompt, a magic, a placeholder.

    Python 2 is a problem of severity info. Of a block in the middle of something, indentation is taken away first.
    """
    if not text.strip() or len(text) > LONGEST or _PARTIAL_PYTHON.search(text):
        return None
    source = textwrap.dedent(text)
    error = _syntax_error(source)
    if error is None or _is_fragment(source, error):
        return None
    line = error.lineno or 1
    if _PYTHON_2.search(source):
        return Problem("python-2", f"is Python 2, which no Python 3 runs (line {line})", 0, line, Severity.INFO)
    at = sum(len(one) + 1 for one in text.split("\n")[: line - 1])
    return Problem("python", f"is no Python: {_lower(error.msg or 'it does not parse')} (line {line})", at, line)


def _syntax_error(source: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        return error
    except (RecursionError, ValueError, MemoryError):
        return None
    return None


def _is_fragment(source: str, error: SyntaxError) -> bool:
    """Whether a block is a signature without a body, or lines of different depth taken from the middle of a file, or
    more than the interpreter takes."""
    message = error.msg or ""
    if message.startswith((*_LIMITS, "expected 'except' or 'finally'")):
        return True
    if isinstance(error, IndentationError):
        lines = source.strip().count("\n") + 1
        return lines <= 2 or (error.lineno or 1) > lines or "unexpected indent" in message or "unindent" in message
    return "null byte" in message or "f-string" in message  # Python 3.12 takes more of these


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
