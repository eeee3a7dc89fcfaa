"""Scores of texts from an endpoint that speaks OpenAI's moderations: OpenAI's own or one that answers alike.

Sends the texts and nothing else of the rows. A text without a score is an error: nothing passes unscored.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, TypeAlias

from audit.errors import AuditError, UsageError
from audit.model import Json
from audit.read.characters import well_formed
from audit.train.endpoints import Endpoint, Failed, Request

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI: Final = "https://api.openai.com/v1"
MODEL: Final = "omni-moderation-latest"
"""OpenAI's moderation model; other servers may have one name for all."""
PER_REQUEST: Final = 16
"""Texts of one request."""
PIECE: Final = 20_000
"""Characters of a text that are sent as one; a longer text has the highest score of its pieces."""
OVERLAP: Final = 200
"""Characters that a piece has in common with the next, so that no phrase is cut in both."""

NO_SUCH_PATH: Final = frozenset({404, 405, 501})
"""How a server answers that has no moderation."""
_NOTHING: Final = "nothing was judged by it"
_ODD: Final = "the server does not answer as a moderation does: look at its address"

Scores: TypeAlias = Mapping[str, float]


class Judged(NamedTuple):
    """What an endpoint says of a text: whether it is flagged (None where it does not say), the categories that are,
    sorted and by their names in the API ("hate/threatening"), and the score from 0 to 1 of each category."""

    flagged: bool | None
    categories: tuple[str, ...]
    scores: Scores


class NoModeration(UsageError):
    """The server has no moderation endpoint, and has judged nothing."""


class ModerationScorer:
    """Asks a moderation endpoint. The options are those of ``audit.train.endpoints.Endpoint``.

    ``url`` is the base URL. Raises MissingExtra without the package ``openai``, UsageError for what is no URL and
    without a key for OpenAI's own endpoint. Its connections are its process's: where it is pickled they are made anew,
    and they are closed when nobody holds it.
    """

    name: Final = "openai-moderation"

    def __init__(
        self,
        url: str = OPENAI,
        model: str = MODEL,
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 60.0,
        retries: int = 4,
        concurrency: int = 4,
    ) -> None:
        self._made_of = (url, model, key_variable, timeout, retries, concurrency)
        self._endpoint = _ModerationEndpoint(
            url.removesuffix("/").removesuffix("/moderations"),
            model,
            purpose="moderation scores",
            key_variable=key_variable,
            timeout=timeout,
            retries=retries,
            concurrency=concurrency,
        )

        weakref.finalize(self, self._endpoint.close)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, self._made_of

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """For each text the score from 0 to 1 of each category of the endpoint, in order.

        Raises AuditError where a request still fails after its last retry, or is answered with something else, and
        UsageError where the endpoint cannot be used at all.
        """
        found = [one.scores for one in self._judged(texts)]
        if without := found.count({}):
            raise AuditError(f"{self.name} gave no scores for {without} of {len(found)} texts", hint=_NOTHING)
        return found

    def judge(self, texts: Sequence[str]) -> list[Judged]:
        """For each text whether it is flagged and in which categories, in order. A long text is flagged where one of
        its pieces is.

        Raises as ``score``; AuditError, too, where the endpoint does not say, UsageError where it is gone after it
        judged something, and NoModeration where there is none.
        """
        found = self._judged(texts)
        if any(one.flagged is None for one in found):
            raise AuditError(f"{self.name} did not say whether a text is flagged", hint=_NOTHING)
        return found

    def _judged(self, texts: Sequence[str]) -> list[Judged]:
        pieces = [(at, text[start : start + PIECE]) for at, text in enumerate(texts) for start in _starts(text)]
        found: dict[int, Judged] = {}
        for first, completion, _ in self._endpoint.ask(_requests([piece for _, piece in pieces])):
            if isinstance(completion, Failed):
                hint = _ODD if completion.why == "garbled" else _NOTHING
                raise AuditError(f"{self.name} gave no answer ({completion.why}): {completion.what}", hint=hint)
            sent = pieces[first : first + PER_REQUEST]
            for (at, _), judged in zip(sent, judgements(completion, len(sent)), strict=True):
                found[at] = _worse(found[at], judged) if at in found else judged
        return [found[at] for at in range(len(texts))]


class _ModerationEndpoint(Endpoint):
    named_by: ClassVar[str] = 'the address after "openai-moderation:"'
    _has_judged = False

    def _method(self, client: OpenAI) -> Callable[..., object]:
        import openai

        def create(**request: Json) -> object:
            try:
                answer = client.moderations.create(**request)
            except openai.APIStatusError as error:
                if error.status_code not in NO_SUCH_PATH or error.code == "model_not_found":
                    raise
                if self._has_judged:
                    what = f"{self.shown} has no moderation any more, after it judged some of the texts"
                    raise UsageError(what, hint="try again; not all texts were judged") from None
            else:
                self._has_judged = True
                return answer
            raise NoModeration(f"{self.shown} has no moderation")

        return create


def _again(url: str, model: str, key_variable: str, timeout: float, retries: int, concurrency: int) -> ModerationScorer:
    return ModerationScorer(
        url, model, key_variable=key_variable, timeout=timeout, retries=retries, concurrency=concurrency
    )


def _starts(text: str) -> Sequence[int]:
    return range(0, max(1, len(text) - OVERLAP), PIECE - OVERLAP)


def _requests(pieces: Sequence[str]) -> Iterator[tuple[int, Request]]:
    for first in range(0, len(pieces), PER_REQUEST):
        yield first, {"input": [well_formed(piece) for piece in pieces[first : first + PER_REQUEST]]}


def judgements(answer: object, count: int) -> list[Judged]:
    """What is said of every text of a request. Raises AuditError for an answer to another number of texts."""
    results = getattr(answer, "results", None)
    found = [_judgement(one) for one in results] if isinstance(results, list) else []
    if len(found) != count:
        raise AuditError(f"{ModerationScorer.name} gave answers to {len(found)} of {count} texts", hint=_ODD)
    return found


def _judgement(one: object) -> Judged:
    said, categories = getattr(one, "flagged", None), _table(getattr(one, "categories", None))
    named = tuple(sorted(name for name, is_so in categories.items() if is_so is True))
    scores = {
        name: score
        for name, score in _table(getattr(one, "category_scores", None)).items()
        if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1  # NaN is none
    }
    flagged = said or bool(named) if isinstance(said, bool) else True if named else None
    return Judged(flagged, named, scores)


def _table(told: object) -> dict[str, Json]:
    """``openai`` makes objects of what it knows and keeps what it does not know as it came."""
    dump = getattr(told, "model_dump", None)
    try:
        found = dump(by_alias=True, warnings=False) if callable(dump) else told
    except (ValueError, RecursionError):  # values in values in values
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def _worse(one: Judged, other: Judged) -> Judged:
    """What two pieces of a text make of it."""
    known = None if None in (one.flagged, other.flagged) else bool(one.flagged or other.flagged)
    names = sorted({*one.scores, *other.scores}) if one.scores and other.scores else ()  # all of it, or nothing
    scores = {name: max(one.scores.get(name, 0.0), other.scores.get(name, 0.0)) for name in names}
    return Judged(known, tuple(sorted({*one.categories, *other.categories})), scores)
