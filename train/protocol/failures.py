"""What goes wrong between us and a provider, as errors that say what to do. Asks nobody and tries nothing again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from audit.errors import AuditError
from audit.train.endpoints import asked_wait, redirected_to

Kind: TypeAlias = Literal[
    "key",
    "forbidden",
    "missing",
    "refused",
    "quota",
    "rate_limit",
    "server",
    "timeout",
    "connection",
    "garbled",
    "lost",
]
"""No valid key (401); not allowed (403); not there (404); another refusal (4xx); an account without money (429); too
many requests (429); the server's own failure (5xx, 408, 409); no answer in time; no connection, or one that broke; an
answer that is none of the protocol's; and ``lost``: nobody knows whether what was asked for was done."""

PASSING: Final[frozenset[Kind]] = frozenset({"rate_limit", "server", "timeout", "connection"})
"""What may be over when it is tried again."""
UNSETTLED: Final[frozenset[Kind]] = frozenset({"server", "timeout", "connection", "garbled"})
"""After these nobody knows whether the server has done what it was asked for."""
NO_MONEY: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of a 429 that waiting does not mend."""
ALONE: Final[frozenset[Kind]] = frozenset({"missing", "forbidden", "refused", "server", "garbled"})
"""What may be wrong with one thing that is asked for, at a provider that can be asked for others."""
MOST_SHOWN: Final = 200
"""Characters of a text of the server's that is no message."""
ON: Final = "the same command with --resume goes on where this ended"


class ProviderError(AuditError):
    """A provider could not or would not. ``kind`` says in which way; ``code`` is its own word, ``said`` what it says
    and ``status`` its HTTP status, where there are any; ``wait`` the seconds that it asks to wait; ``sent`` False where
    nothing has reached it."""

    def __init__(
        self,
        kind: Kind,
        what: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        status: int | None = None,
        wait: float | None = None,
        said: str = "",
        sent: bool = True,
    ) -> None:
        super().__init__(what, hint=hint)
        self.kind: Kind = kind
        self.code = code
        self.status = status
        self.wait = wait
        self.said = said
        self.sent = sent

    @property
    def passes(self) -> bool:
        """Whether trying again may help."""
        return self.kind in PASSING

    @property
    def is_unsettled(self) -> bool:
        """Whether what was asked for may have been done all the same."""
        return self.kind in UNSETTLED and self.sent


def failure_of(
    error: Exception, *, what: str, shown: str, credential: str, clean: Callable[[str], str]
) -> ProviderError:
    """What an exception of ``openai`` means. ``what`` was being done ("creating the job") at ``shown``; ``credential``
    says what to look at where the key is not taken; ``clean`` takes it out of a text, which servers have been seen to
    repeat."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _of_status(error, what, shown, credential, clean)
    sent = not _never_sent(error.__cause__)
    if isinstance(error, openai.APITimeoutError):
        hint = f"--set timeout takes more seconds; {ON}"
        return ProviderError("timeout", f"{what}: {shown} gave no answer in time", hint=hint, sent=sent)
    if isinstance(error, openai.APIConnectionError):
        why = clean(str(error.__cause__ or error.message))[:MOST_SHOWN]
        return ProviderError(
            "connection", f"{what}: no connection to {shown}: {why}", hint=f"check the address; {ON}", sent=sent
        )
    return garbled(what, shown, clean(f"{type(error).__name__}: {error}")[:MOST_SHOWN])


def garbled(what: str, shown: str, how: str = "") -> ProviderError:
    """The error for an answer that is none of the protocol's; ``how`` says what is wrong with it."""
    told = f"{what}: {shown} answered with something else than the protocol says{f' ({how})' if how else ''}"
    return ProviderError("garbled", told, hint="check the address: it usually ends in /v1")


def _never_sent(cause: BaseException | None) -> bool:
    """Whether there was no connection to send anything over."""
    import httpx2

    return isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def _of_status(error: object, what: str, shown: str, credential: str, clean: Callable[[str], str]) -> ProviderError:
    status = int(getattr(error, "status_code", 0))
    headers = getattr(getattr(error, "response", None), "headers", {})
    if 300 <= status < 400:
        to = clean(redirected_to(headers))
        hint = "--base-url with that address, if it is the provider's: rows are sent nowhere else unasked"
        return ProviderError("refused", f"{what}: {shown} sends on to {to} ({status})", hint=hint, status=status)
    said = _said(error, clean)
    code, param, request = (_text(getattr(error, name, None), clean) for name in ("code", "param", "request_id"))
    kind, hint = _meaning(status, code, credential, shown)
    told = ", ".join(str(part) for part in (status, code, param, f"request {request}" if request else "") if part)
    return ProviderError(
        kind,
        f"{what}: {shown} says {said} ({told})",
        hint=hint,
        code=code,
        status=status,
        wait=asked_wait(headers),
        said=said,
    )


def _meaning(status: int, code: str | None, credential: str, shown: str) -> tuple[Kind, str]:
    if status == 401:
        return "key", credential
    is_openai = "api.openai.com" in shown
    if status == 403 and not is_openai:
        return "forbidden", "the account, or its key, may not do this: whoever manages it can grant it"
    if status == 403:
        return "forbidden", (
            "the account may not do this: OpenAI closed fine-tuning to new organisations on 2026-05-07 and to idle "
            "ones on 2026-07-02; train on this machine (--provider local), or with another provider (--base-url)"
        )
    if status == 404:
        azure = "" if is_openai else "; --provider azure wants the name of the base model"
        return "missing", f"check the model's name and the address{azure}"
    if status == 429 and code in NO_MONEY:
        return "quota", f"the account has no credit left: add some; {ON}"
    if status == 429:
        return "rate_limit", f"wait for a while; {ON}"
    if status in (405, 501):  # RFC 9110, sections 15.5.6 and 15.6.2
        return "missing", "the server does not do this: check the address"
    if status >= 500 or status in (408, 409):
        return "server", ON
    return "refused", "what the provider names must change first"


def _said(error: object, clean: Callable[[str], str]) -> str:
    """The server's own words; some put them elsewhere than OpenAI does."""
    body = getattr(error, "body", None)
    inner = body.get("message") if isinstance(body, Mapping) else None
    text = inner if isinstance(inner, str) and inner.strip() else str(getattr(error, "message", "") or "nothing")
    return " ".join(clean(text).split())[:1000]  # cut last: half a key is one too


def _text(value: object, clean: Callable[[str], str]) -> str | None:
    return clean(value)[:MOST_SHOWN] if isinstance(value, str) and value else None
