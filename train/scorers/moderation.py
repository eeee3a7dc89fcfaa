"""Scores of texts from an endpoint that speaks OpenAI's moderations: OpenAI's own or one that answers alike.

Sends the texts and nothing else of the rows. A text without a score is an error: nothing passes unscored.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from audit.errors import AuditError
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

Scores: TypeAlias = Mapping[str, float]


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
        pieces = [(at, text[start : start + PIECE]) for at, text in enumerate(texts) for start in _starts(text)]
        found: dict[int, Scores] = {}
        for first, completion, _ in self._endpoint.ask(_requests([piece for _, piece in pieces])):
            if isinstance(completion, Failed):
                raise AuditError(
                    f"{self.name} gave no scores ({completion.why}): {completion.what}", hint="nothing was judged by it"
                )
            sent = pieces[first : first + PER_REQUEST]
            for (at, _), scores in zip(sent, _scores_of(completion, len(sent)), strict=True):
                found[at] = _higher(found.get(at, {}), scores)
        return [found.get(at, {}) for at in range(len(texts))]


class _ModerationEndpoint(Endpoint):
    named_by: ClassVar[str] = 'the address after "openai-moderation:"'

    def _method(self, client: OpenAI) -> Callable[..., object]:
        method: Callable[..., object] = client.moderations.create
        return method


def _again(url: str, model: str, key_variable: str, timeout: float, retries: int, concurrency: int) -> ModerationScorer:
    return ModerationScorer(
        url, model, key_variable=key_variable, timeout=timeout, retries=retries, concurrency=concurrency
    )


def _starts(text: str) -> Sequence[int]:
    return range(0, max(1, len(text)), PIECE)


def _requests(pieces: Sequence[str]) -> Iterator[tuple[int, Request]]:
    for first in range(0, len(pieces), PER_REQUEST):
        yield first, {"input": [well_formed(piece) for piece in pieces[first : first + PER_REQUEST]]}


def _scores_of(answer: object, count: int) -> list[Scores]:
    """The category scores of every text of a request. Raises AuditError for an answer without them."""
    results = getattr(answer, "results", None)
    scores = (
        [_as_mapping(getattr(one, "category_scores", None)) for one in results] if isinstance(results, list) else []
    )
    if len(scores) != count or not all(scores):
        raise AuditError(f"{ModerationScorer.name} gave scores of {len(scores)} of {count} texts")
    return scores


def _as_mapping(scores: object) -> Scores:
    """``openai`` makes objects of what it knows and keeps what it does not know as it came."""
    dump = getattr(scores, "model_dump", None)
    found = dump(by_alias=True) if callable(dump) else scores
    if not isinstance(found, dict):
        return {}
    return {str(name): score for name, score in found.items() if isinstance(score, int | float)}


def _higher(one: Scores, other: Scores) -> Scores:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in sorted({*one, *other})}
