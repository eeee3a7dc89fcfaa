"""What a hosted job is going to cost, by the measures of the files that are handed in. Asks nobody for a price."""

from __future__ import annotations

from typing import Final

import msgspec

from audit.config.settings import Settings
from audit.errors import UsageError
from audit.model import Json, Measure, Result
from audit.tokens.prices import prices_as_of, training_price
from audit.train.hosted.judging import model_name
from audit.train.hosted.lifecycle import is_openai_itself, shown_place
from audit.train.hosted.options import HostedOptions

_CHEAPER: Final = "fewer --epochs, fewer rows or a smaller model cost less"


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` lines with ``tokens`` that are billed for an epoch, ``epochs`` of them, and what that costs.

    Of a preference row (``pairs``) the longer answer is counted; what is billed for the other is not published.
    ``epochs_by`` says whether the epochs were ``asked`` for or are those that OpenAI would choose (``provider``).
    ``exact``: whether tokens are counted as the provider counts plain chats, by ``tokenizer``; ``estimated`` lines have
    tools, calls or images, for which no count is published, and their ``media`` (images, sounds, files) are not
    counted at all, so that tokens and cost are at least these. ``limit`` is the longest
    row in tokens, ``over_limit`` counts longer ones, of which only so many are billed. Tokens of validation rows are
    not billed. ``cost`` and ``per_epoch`` are in ``currency``, ``per_million`` is the price of a million tokens of
    ``priced`` on the day ``price_as_of``; all are None where nobody can tell them, and ``unquoted`` says why.
    """

    rows: int
    tokens: int
    epochs: float
    epochs_by: str
    exact: bool
    tokenizer: str
    pairs: bool = False
    estimated: int = 0
    media: int = 0
    limit: int | None = None
    over_limit: int = 0
    validation_rows: int = 0
    validation_tokens: int = 0
    cost: float | None = None
    per_epoch: float | None = None
    currency: str | None = None
    per_million: float | None = None
    priced: str | None = None
    price_as_of: str = ""
    unquoted: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know of these figures."""
        found = []
        if self.epochs_by == "provider":
            found.append(
                f"the provider chooses the number of epochs; {self.epochs:g} is what OpenAI's guide says of "
                f"{self.rows:,} rows, and --epochs fixes it"
            )
        if not self.exact:
            of_rows = f"; {self.estimated:,} rows have tools, calls or images" if self.estimated else ""
            found.append(f"the number of tokens is an estimate (counted with {self.tokenizer}{of_rows})")
        if self.media:
            found.append(f"{self._uncounted}: tokens and cost are at least these")
        if self.pairs:
            found.append("of two answers the longer one is counted: what a provider bills for both is not published")
        return tuple(found)

    @property
    def _uncounted(self) -> str:
        return f"the tokens of images, sounds and files ({self.media:,} in the training rows) are not counted"

    @property
    def unknown(self) -> str:
        """Why nobody can say that the job costs no more than this; "" where somebody can."""
        return self.unquoted or (self._uncounted if self.media else "")


def quote_of(
    train: Result,
    validation: Result | None,
    options: HostedOptions,
    *,
    pairs: bool,
    estimated: int = 0,
    media: int = 0,
) -> Quote:
    """The quote for a training file, by what the rules measured of it and of the validation file. ``pairs``: its rows
    have two answers; ``estimated`` and ``media`` are those of the quote."""
    measured = {one.name: one for one in train.measures}
    tokenizer = train.evidence.tokenizer
    bare = Quote(
        rows=measured["tokens.billable"].n,
        tokens=_whole(measured["tokens.billable"]),
        epochs=float(measured["tokens.epochs"].value or 0),
        epochs_by="asked" if options.epochs is not None else "provider",
        exact=bool(tokenizer.get("exact")) and not estimated,
        tokenizer=str(tokenizer.get("name", "")),
        pairs=pairs,
        estimated=estimated,
        media=media,
        limit=_whole(measured["tokens.limit"]) if "tokens.limit" in measured else None,
        over_limit=_whole(measured["tokens.over_limit"]) if "tokens.over_limit" in measured else 0,
        validation_rows=0 if validation is None else validation.rows,
        validation_tokens=0 if validation is None else tokens_of(validation)[0],
        price_as_of=prices_as_of().isoformat(),
    )
    return msgspec.structs.replace(bare, **_price(measured, options))


def tokens_of(result: Result) -> tuple[int, int]:
    """Tokens of the rows of a file, and those of them that are trained on."""
    measured = {one.name: one for one in result.measures}
    return _whole(measured["tokens.total"]), _whole(measured["tokens.trainable"])


def refuse_cost(quote: Quote, settings: Settings) -> None:
    """Raise UsageError for a cost above ``--max-cost``, and for one that nobody knows where that was given."""
    most = settings.max_cost
    if most is None:
        return
    if quote.cost is None or (quote.unknown and quote.cost <= most):
        raise UsageError(
            f"whether training stays under ${most:,.2f} cannot be told: {quote.unknown}",
            hint="without --max-cost it is not asked",
        )
    if quote.cost > most:
        about = "" if quote.exact and quote.epochs_by == "asked" and not quote.pairs else "about "
        raise UsageError(
            f"training costs {about}{_dollars(quote.cost)} ({quote.tokens:,} tokens, {quote.epochs:g} epochs, "
            f"${quote.per_million:g} per million for {quote.priced} as of {quote.price_as_of}), more than the "
            f"{_dollars(most)} allowed",
            hint=_CHEAPER,
        )


def _price(measured: dict[str, Measure], options: HostedOptions) -> dict[str, Json]:
    price = training_price(model_name(options), options.provider)
    if options.provider == "openai" and not is_openai_itself(options):
        return {"unquoted": f"prices are known of OpenAI itself, and {shown_place(options)} may have others"}
    if price is None or "cost.total" not in measured:
        return {"unquoted": str(measured["cost.unquoted"].value)}
    return {
        "cost": measured["cost.total"].value,
        "per_epoch": measured["cost.per_epoch"].value,
        "currency": price.currency,
        "per_million": price.per_million,
        "priced": price.model,
        "price_as_of": price.as_of.isoformat(),
    }


def _whole(measure: Measure) -> int:
    return int(measure.value or 0)


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.4g}"
