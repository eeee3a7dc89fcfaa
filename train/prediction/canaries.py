"""What a trained model makes of the canaries of its run: how likely each secret is among others drawn like it.

Plants nothing (``audit.train.data.canaries``) and judges nothing: which rank is beyond chance is a rule's business.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from audit.errors import InputError
from audit.rule import Canary
from audit.train.data.canaries import CANARIES, PlantedRow, asked_chat, draw_secret
from audit.train.models.loading import Loaded
from audit.train.prediction.batching import reads_of
from audit.train.prediction.prompts import Prompts, Reply
from audit.train.prediction.scoring import token_logprobs

ALTERNATIVES: Final = 999
"""Other secrets that one is ranked among: a rank of 1 then has a probability of 1 in 1,000 by chance."""
FOR_EACH: Final = 40
"""The least of them for each canary of the run, so that Holm's correction for so many canaries can still tell a rank of
1 from chance at 5 %."""


def score_canaries(folder: Path, loaded: Loaded, alternatives: int = ALTERNATIVES) -> tuple[Canary, ...]:
    """The canaries of the run in ``folder``, each ranked by its model, which is ``loaded``; () where it planted none.

    The rank of a canary is one more than the number of drawn secrets that are at least as likely as its own behind its
    prompt (Carlini et al. 2019, section 4: sampled rank). ``alternatives`` are drawn for each, more where there are
    many canaries; the same for the same run.

    Raises InputError where the folder's canaries cannot be read, or its model cannot be asked for them.
    """
    planted = planted_in(folder)
    wanted = max(alternatives, FOR_EACH * len(planted))
    return tuple(_scored(one, wanted, loaded) for one in planted)


def planted_in(folder: Path) -> tuple[PlantedRow, ...]:
    """The canaries that a run planted. Raises InputError for a file of them that cannot be read."""
    file = folder / CANARIES
    if not file.is_file():
        return ()
    try:
        return tuple(msgspec.json.decode(line, type=PlantedRow) for line in file.read_bytes().splitlines())
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None


def _scored(canary: PlantedRow, alternatives: int, loaded: Loaded) -> Canary:
    secrets = [canary.secret, *_drawn(canary, alternatives)]
    losses = _losses(canary, secrets, loaded)
    return Canary(
        text=canary.text,
        repeats=canary.repeats,
        nll=float(losses[0]),
        rank=1 + int((losses[1:] <= losses[0]).sum()),
        alternatives=alternatives,
    )


def _drawn(canary: PlantedRow, count: int) -> list[str]:
    """Different secrets, none of them the canary's own."""
    random = Random(f"alternatives:{canary.text}")
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        secret = draw_secret(random)
        if secret != canary.secret:
            drawn.setdefault(secret)
    return list(drawn)


def _losses(canary: PlantedRow, secrets: list[str], loaded: Loaded) -> NDArray[np.float64]:
    """The negative log-likelihood of each secret as the answer, its end token included, in nats."""
    prompts, chat = Prompts(loaded.tokenizer), asked_chat(canary)
    replies = [prompts.reply(chat, secret) for secret in secrets]
    if refused := next((one for one in replies if not isinstance(one, Reply)), None):
        raise InputError(f"{loaded.name} cannot be asked for its canaries: {refused}")
    asked = [one for one in replies if isinstance(one, Reply)]
    found = token_logprobs(loaded.model, asked, reads_of(loaded.model))
    return -np.array([values.sum(dtype=np.float64) for values in found])
