"""A connection to a provider: its address, its key, and calls that are tried again only where that does no harm.

The key is read from the environment and is nowhere else: not in an error, a record or what a server repeated.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec

from audit.errors import UsageError
from audit.model import Json
from audit.read.characters import well_formed
from audit.train.addresses import check_address, cleaned, client_of, key_in, no_key, secrets_of, shown_address
from audit.train.endpoints import FIRST_WAIT, LONGEST_WAIT
from audit.train.protocol.failures import ON, ProviderError, failure_of, garbled

if TYPE_CHECKING:
    from openai import DefaultHttpxClient, OpenAI

Provider: TypeAlias = Literal["openai", "azure"]
ADDRESSES: Final[Mapping[Provider, str]] = {"openai": "https://api.openai.com/v1", "azure": ""}
"""Where a provider is, unless somebody says otherwise; Azure's address has the name of the resource in it."""
ADDRESS_VARIABLES: Final[Mapping[Provider, str]] = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT"}
KEY_VARIABLES: Final[Mapping[Provider, str]] = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}
AZURE_PATH: Final = "/openai/v1"
"""Where Azure speaks OpenAI's protocol without versions of its own (Azure AI Foundry, "v1" API)."""
LOOKS: Final = 4
"""How often it is looked at least whether a thing was made after all, after waits that double."""
LONGEST_LOOK: Final = 15.0
"""Seconds between two such looks at most."""
MOST_KEPT: Final = 20_000
"""Characters of a text of the server's that are kept: far more than any message, far less than fills a disk."""
_GARBLED: Final = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What ``openai`` raises, beside its own errors, where an answer has another shape than it expects: a page, a list."""
HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that are this machine."""

T = TypeVar("T")


class Made(NamedTuple, Generic[T]):
    """A thing at the provider, and whether it was there already."""

    it: T
    found: bool


class Connection:
    """A provider that can be asked. Close it after use.

    ``base_url`` None is the provider's own address, or that of its environment variable; ``key_variable`` names the
    environment variable with the key. A request takes ``timeout`` seconds at most, longer by as much as a file in it
    asks for (``audit.train.protocol.client``), and is tried again up to ``retries`` times where that does no harm,
    after ``first_wait`` seconds and then twice as long each time, or as long as the server asks for. ``purpose`` says
    in an error what needs the package ``openai``.

    Raises MissingExtra without that package, UsageError for what is no address and without a key for a server that is
    not on this machine.
    """

    def __init__(
        self,
        provider: Provider = "openai",
        *,
        base_url: str | None = None,
        key_variable: str | None = None,
        timeout: float = 60.0,
        retries: int = 4,
        first_wait: float = FIRST_WAIT,
        purpose: str = "hosted fine-tuning",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        url = address_of(provider, base_url)
        self.provider: Provider = provider
        self.url = url
        self.shown = shown_address(url)
        self.key_variable = key_variable_of(provider, key_variable)
        self.timeout = timeout
        self._retries = retries
        self._first_wait = first_wait
        self._sleep = sleep
        key = key_in(self.key_variable)
        self._secrets = secrets_of(key, url)
        self._credential = _credential(url, key, self.key_variable)
        if not key and urlsplit(url).hostname not in HERE:
            raise no_key(self.shown, self.key_variable)
        self.client = client_of(url, key, timeout, purpose, partial(_below, timeout))

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, whose calendar of models applies."""
        return is_openai(self.url)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def clean(self, value: Json) -> Json:
        """A value without the key, wherever in it that stood."""
        return cleaned(value, self._secrets)

    def plain(self, answer: object, what: str) -> dict[str, Json]:
        """An answer of the client as JSON that can be written: without the key, without half characters, and with
        texts of ``MOST_KEPT`` characters. Raises ProviderError for what is no object of the protocol: servers have been
        seen to answer with a page."""
        dump = getattr(answer, "to_dict", None)
        try:
            value = dump(mode="json", warnings=False) if callable(dump) else None
        except _GARBLED:  # values in values in values
            value = None
        if not isinstance(value, dict):
            raise garbled(what, self.shown, "no object")
        return {well_formed(name): _kept(one) for name, one in self.clean(value).items()}

    # ------------------------------------------------------------------ calls

    def read(self, call: Callable[[OpenAI], T], what: str) -> T:
        """A call that changes nothing, tried again where that may help. ``what`` is what is being done, for errors.
        Raises ProviderError."""
        for attempt in range(self._retries + 1):
            try:
                return self.once(call, what)
            except ProviderError as error:
                if not error.passes or attempt == self._retries or not self._waited(attempt, error.wait):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def once(self, call: Callable[[OpenAI], T], what: str) -> T:
        """A call that is made once. Raises ProviderError; one that ``is_unsettled`` may have been carried out."""
        import openai

        failed: ProviderError
        try:
            return call(self.client)
        except (*_GARBLED, openai.OpenAIError) as error:
            failed = failure_of(error, what=what, shown=self.shown, credential=self._credential, clean=self._clean_text)
        raise failed  # outside of the handler: the original error, which may hold the key, is no context of it

    def made_once(
        self,
        find: Callable[[], T | None],
        make: Callable[[OpenAI], T],
        what: str,
        *,
        paid: bool,
        doubtful: bool = False,
    ) -> Made[T]:
        """A thing that must be there once: ``find`` looks whether it is, ``make`` makes it.

        After a refusal that passes (too many requests) it is looked for and made again. Where nobody knows whether it
        was made it is looked for ``LOOKS`` times, and where it is ``paid`` until at least as many seconds have passed
        as a request may take: it may still be being made. One that does not turn up is made again only if it costs
        nothing. ``doubtful``: a process that was killed may have made it, so that it is looked for as long before it
        is made at all, and the last look must have worked. Raises ProviderError, of kind ``lost`` where a paid thing
        may have been made.
        """
        if doubtful and (before := find() or self._looked_for(find, paid)) is not None:
            return Made(before, True)
        for attempt in range(self._retries + 1):
            if (found := find()) is not None:
                return Made(found, True)
            try:
                return Made(self.once(make, what), False)
            except ProviderError as error:
                if not (error.passes or error.is_unsettled):
                    raise
                failed = error
            if failed.is_unsettled:
                if (late := self._looked_for(find, paid)) is not None:
                    return Made(late, True)
                if paid:
                    raise _lost(failed)
            elif attempt == self._retries or not self._waited(attempt, failed.wait):
                break
        raise failed

    def _looked_for(self, find: Callable[[], T | None], paid: bool) -> T | None:
        """The thing, if it turns up within a few looks. One that fails does not find it; what is made after that is
        looked for once more first."""
        looks, waited, wait = 0, 0.0, self._first_wait
        while looks < LOOKS or (paid and waited < self.timeout):
            self._sleep(wait)
            looks, waited, wait = looks + 1, waited + wait, min(2 * wait, LONGEST_LOOK)
            with suppress(ProviderError):
                if (found := find()) is not None:
                    return found
        return None

    def _waited(self, attempt: int, asked: float | None) -> bool:
        """Whether it was waited; not where the server asks for longer than anybody wants to."""
        seconds = self._first_wait * 2**attempt if asked is None else asked
        if seconds > LONGEST_WAIT:
            return False
        self._sleep(seconds)
        return True

    def _clean_text(self, text: str) -> str:
        return well_formed(str(self.clean(text)))


def _credential(url: str, key: str, variable: str) -> str:
    """What to look at where a server does not take the key."""
    if "@" in urlsplit(url).netloc:
        return "check the name and the password in the address: they are sent, and no key"
    if not key:
        return f"put a key into the environment variable {variable}: it holds none"
    return f"check the key in the environment variable {variable}"


def _kept(value: Json) -> Json:
    if isinstance(value, str):
        more = len(value) - MOST_KEPT
        return well_formed(value if more <= 0 else f"{value[:MOST_KEPT]}... ({more:,} more characters)")
    if isinstance(value, dict):
        return {well_formed(name): _kept(one) for name, one in value.items()}
    return [_kept(one) for one in value] if isinstance(value, list) else value


def _lost(failed: ProviderError) -> ProviderError:
    return ProviderError(
        "lost",
        f"{failed.what}; nobody knows whether it was done, and nothing is listed yet",
        hint=f"wait a minute: {ON}, and looks again before anything is paid for",
        code=failed.code,
        status=failed.status,
    )


def _below(timeout: float) -> DefaultHttpxClient:
    from audit.train.protocol.client import Client

    return Client(timeout)


def key_variable_of(provider: Provider, named: str | None) -> str:
    """The environment variable with the key: the one that was named, or the provider's usual one."""
    return named or KEY_VARIABLES[provider]


def is_placed(provider: Provider, base_url: str | None) -> bool:
    """Whether there is an address: Azure has none unless somebody names it."""
    return bool(_named(provider, base_url))


def _named(provider: Provider, base_url: str | None) -> str:
    named = base_url or os.environ.get(ADDRESS_VARIABLES[provider]) or ADDRESSES[provider]
    return named.strip().rstrip("/")


def address_of(provider: Provider, base_url: str | None) -> str:
    """The base URL: the one that was named, that of the environment variable, or the provider's own; of Azure with the
    path of its OpenAI-like API. Raises UsageError."""
    url = _named(provider, base_url)
    if not url:
        raise UsageError(
            f"provider {provider} has no address of its own",
            hint=f"--base-url https://NAME.openai.azure.com, or {ADDRESS_VARIABLES[provider]}",
        )
    check_address(url)
    if provider == "azure" and urlsplit(url).path in ("", "/openai"):
        url = url.removesuffix("/openai") + AZURE_PATH
    return url


def is_openai(url: str) -> bool:
    """Whether a base URL is OpenAI's own; data residency has hosts of its own (eu.api.openai.com)."""
    host, own = urlsplit(url).hostname or "", urlsplit(ADDRESSES["openai"]).hostname or ""
    return host == own or host.endswith(f".{own}")


def place_of(address: str) -> str:
    """An address as it is compared with another: the names of this machine are one, and so is what differs by slashes,
    by the case of the host or by the port that is meant anyway (RFC 3986, section 6.2)."""
    parts = urlsplit(shown_address(address.strip()))
    host = "localhost" if parts.hostname in HERE else parts.hostname or ""
    port = f":{parts.port}" if parts.port not in (None, {"http": 80, "https": 443}.get(parts.scheme)) else ""
    return urlunsplit((parts.scheme, host + port, re.sub("/+", "/", parts.path).rstrip("/"), "", ""))


def pages(listing: Any, most: int, known: Collection[str] = ()) -> list[Any]:
    """The entries of a listing, page after page, each once, ``most`` at most. It ends with a page that has nothing new
    beyond the ids ``known``: there are servers whose pages go in a circle. An entry without an id is known by what is
    in it.

    Raises ValueError for what is no listing: the client takes an object without entries for an empty one, and what is
    not found is made, and paid.
    """
    found: dict[str, Any] = {}
    for entries in _entries(listing):
        new = {_identity(one): one for one in entries if _identity(one) not in found}
        found |= new
        if not new.keys() - set(known) or len(found) >= most:
            break
    return list(found.values())[:most]


def _entries(listing: Any) -> Iterator[list[Any]]:
    """The entries of each page of a listing; or of what is a list already."""
    if not hasattr(listing, "iter_pages"):
        yield list(listing)
        return
    for page in listing.iter_pages():
        if not isinstance(entries := getattr(page, "data", None), list):
            raise ValueError("no list of entries")
        yield entries


def _identity(entry: Any) -> str:
    if not callable(dump := getattr(entry, "to_dict", None)):
        raise ValueError("an entry that is no object")
    identity = getattr(entry, "id", None)
    if identity in (None, ""):
        return named_by_content(dump(mode="json", warnings=False))
    if not isinstance(identity, str):
        raise ValueError("an entry whose id is no text")
    return identity


def named_by_content(told: Mapping[str, Any]) -> str:
    """An id for what has none: the same content has the same."""
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:32]
