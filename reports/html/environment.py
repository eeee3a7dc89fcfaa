"""The templates of the report, set up so that no text can be markup and none can be invisible. Holds no section."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from audit.model import Json
from audit.reports.visible import shortened, visible

LABEL: Final = 19
"""Characters for which there is room to the left of a chart."""
_SPACE: Final = re.compile(r"\s*([{};,])\s*")
"""Space that a style sheet can do without."""
FOLDER: Final = Path(__file__).parent


@cache
def environment() -> Environment:
    """Autoescape on, an unknown name is an error, and every text is made visible before it is escaped."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters["shortened"] = shortened
    made.filters["lines"] = lambda text: [visible(line) for line in str(text).split("\n")]
    made.filters["wrapped"] = _wrapped
    made.filters["between_tags"] = _between_tags
    return made


def _seen(value: Json) -> Json:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, Markup) else visible(str(value))


def _wrapped(text: str) -> tuple[str, str]:
    """The label of a row of a chart in two lines, the second "" where one is enough; words are kept where they fit."""
    told = visible(text)
    if len(told) <= LABEL:
        return told, ""
    space = told.rfind(" ", 1, LABEL + 1)
    first, rest = (told[:space], told[space + 1 :]) if space > 0 else (told[:LABEL], told[LABEL:])
    return first, shortened(rest, LABEL)


def _between_tags(text: str) -> Markup:
    """Text for the inside of an element, never for an attribute: quotes are left as they are, which saves a third."""
    return Markup(visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


@cache
def own(name: str) -> Markup:
    """A style or script of ours as it stands in the page: the only text that is not escaped."""
    text = (FOLDER / name).read_text(encoding="utf-8").strip()
    return Markup(_SPACE.sub(r"\1", text) if name.endswith(".css") else text)


@cache
def csp_hash(name: str) -> str:
    """What the content security policy calls the style or script (CSP level 3, hash-source)."""
    digest = hashlib.sha256(str(own(name)).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def policy() -> str:
    """The content security policy: nothing from anywhere but our own style and script, both known by their hash."""
    return (
        f"default-src 'none'; style-src '{csp_hash('report.css')}'; script-src '{csp_hash('report.js')}'; "
        "base-uri 'none'; form-action 'none'"
    )
