"""Addresses of servers, keys to them and what must not be shown of either; the client for both. Asks nobody."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from audit.errors import MissingExtra, UsageError
from audit.model import Json

if TYPE_CHECKING:
    from openai import DefaultHttpxClient, OpenAI

SHORTEST_SECRET: Final = 8
"""Characters. Taking shorter ones out would break names that hold them ("test", "ollama")."""
_ADDRESS: Final = "--endpoint http://localhost:8000/v1"
_INSTALL: Final = 'pip install "finetune-audit[openai]"'
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def client_of(
    url: str, key: str, timeout: float, purpose: str, http: Callable[[], DefaultHttpxClient] | None = None
) -> OpenAI:
    """A client that tries nothing again and follows no redirect: it would take texts to an address that nobody named.
    ``http`` makes the one below it, where it is to be another than ``openai``'s own. Raises MissingExtra without the
    package ``openai``, which ``purpose`` ("paraphrases") needs."""
    try:
        from openai import DefaultHttpxClient, OpenAI
    except ImportError:
        raise MissingExtra(f"the package openai is needed for {purpose}", hint=_INSTALL) from None
    below = http() if http else DefaultHttpxClient(timeout=timeout, follow_redirects=False)
    return OpenAI(base_url=url, api_key=key or "none", timeout=timeout, max_retries=0, http_client=below)


def key_in(variable: str) -> str:
    """The key in an environment variable, "" where it holds none. Raises UsageError for what is no name of a variable:
    it may be the key itself, so that it is not repeated; and for what no header can carry."""
    check_key_variable(variable)
    key = (os.environ.get(variable) or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"the environment variable {variable} holds no key: keys are printable ASCII")
    return key


def check_key_variable(name: str) -> None:
    """Raise UsageError for what is no name of an environment variable, without repeating it."""
    if not _VARIABLE.fullmatch(name):
        raise UsageError(
            "the key is given by the name of an environment variable, and what was given is no such name",
            hint="put the key into a variable and name that: --key-variable OPENAI_API_KEY",
        )


def no_key(shown: str, variable: str) -> UsageError:
    """The error for a server that wants a key where there is none."""
    return UsageError(f"{shown} needs a key", hint=f"put it into the environment variable {variable}")


def secrets_of(key: str, url: str) -> tuple[str, ...]:
    """The texts that must not be shown: the key, the password in an address, both as an address has them, and user and
    password as a header has them (RFC 7617); the longest first. A key of fewer than ``SHORTEST_SECRET`` characters is a
    word that a server without keys is given."""
    try:
        user, password = (unquote(part or "") for part in (urlsplit(url).username, urlsplit(url).password))
    except ValueError:
        user = password = ""
    header = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""
    found = (key, password or user, header)
    told = {form for one in found if len(one) >= SHORTEST_SECRET for form in (one, quote(one, safe=""))}
    return tuple(sorted(told, key=lambda one: (-len(one), one)))


def cleaned(value: Json, secrets: tuple[str, ...]) -> Json:
    """A value with what is secret taken out of every text and every name in it."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "[key]")
        return value
    if isinstance(value, dict):
        return {cleaned(name, secrets): cleaned(one, secrets) for name, one in value.items()}
    return [cleaned(one, secrets) for one in value] if isinstance(value, list | tuple) else value


def check_address(url: str) -> None:
    """Raise UsageError for what is no URL of a server."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:  # a port that is no number, half an IPv6 address
        is_url = False
    if not is_url:
        raise UsageError(f"{shown_address(url)!r} is no URL", hint=_ADDRESS)


def base_of(url: str) -> str:
    """The base URL of an address, which may be that of the chat completions themselves."""
    return url.removesuffix("/").removesuffix("/chat/completions")


def shown_address(url: str) -> str:
    """The address without user, password and query, as it may be shown and kept."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        host = port = ""
    if not host:
        scheme, mark, rest = url.rpartition("://")
        return scheme.rpartition("@")[2] + mark + rest.rpartition("@")[2].partition("?")[0].partition("#")[0]
    return urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path, "", ""))
