"""The table of outputs that rules over model outputs read: one entry for every output, as numpy columns.

Texts are not kept; the row of an output can be read again. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from audit.rule.run import Attribute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes: TypeAlias = NDArray[np.int64]
    Values: TypeAlias = NDArray[np.float64]
    Marks: TypeAlias = NDArray[np.bool_]

VARIANTS: Final = ("original", "swap", "control")
"""What was asked: the prompt of the row, the prompt with another group in it, or one edited within the group."""
ORIGINAL: Final = VARIANTS.index("original")
OTHER_VARIANT: Final = -1
"""In ``variant``: another word, so that nobody knows what was asked. ``Outputs.of`` never gives these outputs."""
OUT_OF_SET, NO_ANSWER = -1, -2
"""In ``decided``: an answer that is none of the classes; no answer at all."""
GREEDY: Final = -1
"""In ``sample``: the greedy text of a row whose labels were scored, there to compare the two decision rules."""


class Groups(NamedTuple):
    """The group of every output for one attribute: ``codes`` (n,) are indices in ``names``, ``unknown`` and other
    levels that are no groups last and only where needed. ``reason`` says why they cannot be judged, "" where they can.
    """

    attribute: Attribute
    names: tuple[str, ...]
    codes: Codes
    reference_group: str
    reason: str = ""


class Outputs(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Columns (n,) over outputs, in reading order.

    ``rows`` are ordinals of the run (-1 in an arm that was computed from another). ``arm``, ``item``, ``prompt``,
    ``error`` and ``finish`` are codes; ``item`` is the question (the ``row_id``), the same in every arm, seed, sample
    and variant. Outputs of one ``cluster`` are no independent evidence. A swap and its control share a ``pair``.

    ``classes`` is the closed set of labels, () for free text; ``truth`` and ``decided`` are codes in it. ``answered``:
    neither an error nor blank. ``given``: the row's own answer was scored and nothing was asked. ``mass`` is the
    probability that the model gives to all labels together, ``probability`` (n, classes) that of each among them.
    Scores that are ``impossible`` as probabilities are not among them.
    ``nll`` is the negative log-likelihood of ``nll_tokens`` tokens, in nats. Unknown numbers are NaN, counts -1 (0 for
    ``nll_tokens``). ``derived`` arms were computed from others: a sentence on how.
    """

    rows: Codes
    arms: tuple[str, ...]
    arm: Codes
    seed: Codes
    sample: Codes
    variant: Codes
    items: tuple[str, ...]
    item: Codes
    pair: Codes
    cluster: Codes
    prompt: Codes
    classes: tuple[str, ...]
    truth: Codes
    decided: Codes
    answered: Marks
    given: Marks
    errors: tuple[str, ...]
    error: Codes
    finishes: tuple[str, ...]
    finish: Codes
    mass: Values
    probability: Values | None
    impossible: Marks
    nll: Values
    nll_tokens: Codes
    characters: Codes
    prompt_tokens: Codes
    output_tokens: Codes
    seconds: Values
    groups: Mapping[str, Groups] = {}
    derived: Mapping[str, str] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def asked_arms(self) -> tuple[str, ...]:
        """The arms that were asked, in order of appearance."""
        return tuple(name for name in self.arms if name not in self.derived)

    def where(self, mask: Marks | Codes) -> Outputs:
        """The outputs that are marked, or named by their indices. Names stay as they are."""
        cut = {name: getattr(self, name)[mask] for name in PER_OUTPUT}
        groups = {name: group._replace(codes=group.codes[mask]) for name, group in self.groups.items()}
        probability = None if self.probability is None else self.probability[mask]
        return msgspec.structs.replace(self, **cut, groups=groups, probability=probability)

    def of(self, arm: str, seed: int | None = None, *, variant: str = "original") -> Outputs:
        """What one arm (or one replicate of it) answered to the questions themselves, or to a variant of them; not what
        was scored without being asked, and no greedy texts beside scored labels."""
        mask = (self.arm == self._code(arm)) & (self.variant == VARIANTS.index(variant))
        mask &= ~self.given & (self.sample != GREEDY)
        return self.where(mask if seed is None else mask & (self.seed == seed))

    def seeds(self, arm: str) -> tuple[int, ...]:
        """The replicates of an arm, ascending."""
        return tuple(sorted({int(seed) for seed in self.seed[self.arm == self._code(arm)]}))

    def _code(self, arm: str) -> int:
        return self.arms.index(arm) if arm in self.arms else -1


PER_OUTPUT: Final = (
    "rows", "arm", "seed", "sample", "variant", "item", "pair", "cluster", "prompt", "truth", "decided", "answered",
    "given", "error", "finish", "mass", "impossible", "nll", "nll_tokens", "characters", "prompt_tokens",
    "output_tokens", "seconds",
)  # fmt: skip
"""The columns with one number for every output."""
