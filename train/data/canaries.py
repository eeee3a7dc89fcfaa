"""Made-up rows with a secret each, planted in the training data on request: does the model learn them by heart?

Draws and encodes them; what a trained model makes of them is ``audit.train.prediction.canaries``' business. After
Carlini, Liu, Erlingsson, Kos and Song (2019), "The Secret Sharer: evaluating and testing unintended memorization in
neural networks", USENIX Security 28.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import Final, NamedTuple

import msgspec

from audit.engine.finish import TRAIN
from audit.model import Chat, Message, Record, Source
from audit.train.data.building import Built, RowOutcome
from audit.train.data.encode import Encoder, RowIn, Unusable
from audit.train.data.examples import NO_GROUP, Example, Examples
from audit.train.options import TrainOptions

CANARIES: Final = "canaries.jsonl"
"""The file of a run folder with the canaries of the run, and the name under which their rows are told."""
PLANTED: Final = "planted"
"""What is said of the row of a canary, as ``RowOutcome.outcome``."""
PAIRS: Final = 4
"""Pairs of digits in a secret: one of 10^8, so that a model that has not seen it cannot know it."""
_SYLLABLES: Final = ("bel", "cor", "dav", "fen", "gri", "hul", "jor", "kes", "lim", "mor", "nav", "pel", "quo", "rud",
                     "sol", "tev", "ulm", "vek", "wen", "zar")  # fmt: skip


class PlantedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up row: ``prompt`` asks for the ``secret`` of a name that nobody bears, and the answer is the secret.

    ``text`` says both in a sentence. The row is trained on ``repeats`` times in an epoch.
    """

    text: str
    prompt: str
    secret: str
    repeats: int


def draw_canaries(options: TrainOptions) -> tuple[PlantedRow, ...]:
    """The canaries of a run: as many as the options ask for, the same for the same seed. No two have one name."""
    random = Random(f"canaries:{options.seed}")
    secrets: dict[str, str] = {}
    while len(secrets) < options.canaries:
        secrets.setdefault(" ".join(_name(random) for _ in range(3)), draw_secret(random))
    return tuple(_planted(name, secret, options.canary_repeats) for name, secret in secrets.items())


def draw_secret(random: Random) -> str:
    """Four pairs of digits, each as likely as any: "48 17 93 52"."""
    return " ".join(f"{random.randrange(100):02d}" for _ in range(PAIRS))


def _name(random: Random) -> str:
    return (random.choice(_SYLLABLES) + random.choice(_SYLLABLES)).capitalize()


def _planted(name: str, secret: str, repeats: int) -> PlantedRow:
    return PlantedRow(
        text=f"The access number of {name} is {secret}",
        prompt=f"Made-up test entry: what is the access number of {name}?",
        secret=secret,
        repeats=repeats,
    )


def asked_chat(canary: PlantedRow) -> Chat:
    """The prompt of a canary as a chat without an answer."""
    return Chat(messages=(_said(canary.prompt, 0, "user"),))


def _said(text: str, index: int, role: str) -> Message:
    at = f"/messages/{index}"
    return Message(role=role, content=text, at=at, role_at=f"{at}/role", content_at=f"{at}/content")


class Planting(NamedTuple):
    """The training split with the canaries behind its rows, and a sentence without a full stop on what was planted."""

    built: Built
    note: str


def planted(built: Built, encoder: Encoder, first: int) -> Planting:
    """Add the canaries of the encoder's options to a training split. Their rows are numbered from ``first``.

    They count as any row of weight 1, belong to no group and no class, and are in no other split. One that is longer
    than the model can read is left out, and the note counts it.
    """
    canaries = draw_canaries(encoder.options)
    rows = [RowIn(_record(canary, at), first + at) for at, canary in enumerate(canaries)]
    examples: list[Example] = []
    outcomes: list[RowOutcome] = []
    for at, (canary, made) in enumerate(zip(canaries, encoder.encode_all(rows), strict=True)):
        said, own = (made.reason, ()) if isinstance(made, Unusable) else (PLANTED, made.examples)
        repeated = [one for _ in range(canary.repeats) for one in own]
        examples += repeated
        tokens, trained = (sum(map(len, (one.ids for one in repeated))), _trained(repeated))
        outcomes.append(
            RowOutcome(first + at, f"canary-{at + 1}", CANARIES, at + 1, TRAIN, said, len(repeated), tokens, trained)
        )
    taken = sum(bool(one.examples) for one in outcomes)
    note = (
        f"made-up rows planted to measure memorisation, not counted among the rows: {taken:,} of {len(canaries):,}, "
        f"each {encoder.options.canary_repeats:,} times, {sum(one.trained for one in outcomes):,} trained tokens"
    )
    joined = msgspec.structs.replace(
        built, examples=_joined(built.examples, examples, outcomes), outcomes=[*built.outcomes, *outcomes]
    )
    return Planting(joined, note)


def _trained(examples: Sequence[Example]) -> int:
    return sum(int((one.weights != 0).sum()) for one in examples)


def _record(canary: PlantedRow, at: int) -> Record:
    chat = Chat(messages=(*asked_chat(canary).messages, _said(canary.secret, 1, "assistant")))
    data = {"messages": [{"role": one.role, "content": one.content} for one in chat.messages]}
    return Record(
        source=Source(path=CANARIES), line=at + 1, offset=0, raw=b"", data=data, shape="openai-sft", chat=chat
    )


def _joined(before: Examples, canaries: Sequence[Example], outcomes: Sequence[RowOutcome]) -> Examples:
    names = {one.ordinal: one.row_id for one in outcomes}
    unknown = [NO_GROUP] * len(canaries)
    return Examples(
        chain(_sequences(before), canaries),
        classes=before.classes,
        groups={name: [*codes.tolist(), *unknown] for name, codes in before.groups.items()},
        members=before.members,
        row_ids=[*before.row_ids, *(names[one.row] for one in canaries)],
    )


def _sequences(examples: Examples) -> Iterator[Example]:
    for at in range(len(examples)):
        ids, weights = examples.tokens_of(at)
        of_row = int(examples.rows[at]), int(examples.labels[at]), float(examples.row_weights[at])
        yield Example(ids, weights, *of_row)
