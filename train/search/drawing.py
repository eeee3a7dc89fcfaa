"""Hands out the values of one trial after the other and is told what came of each. Trains nothing.

Grid and random search know all trials beforehand; optuna's sampler learns from the trials before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from audit.errors import MissingExtra
from audit.model import Json
from audit.train.search.space import HIGHER_IS_BETTER, Range, SearchOptions, Values, planned, settled

REPEATS: Final = 50
"""How often the sampler may ask for a trial that was run before until the search ends early."""
_AT_RANDOM: Final = 3
"""Trials at random before the sampler's own, at least: from fewer it learns nothing."""
_SEEDS: Final = 1 << 32


class Drawer(Protocol):
    """Where the values of trials come from."""

    def next(self) -> Values | None:
        """The values of the next trial; None where there are no more."""

    def tell(self, value: float | None) -> None:
        """What the metric of that trial was; None where it failed."""


def drawer_for(search: SearchOptions, seed: int) -> Drawer:
    """The trials of a search. Raises MissingExtra where it needs optuna, which is not installed."""
    made = planned(search, seed)
    return OptunaDrawer(search, seed) if made is None else PlannedDrawer(made)


class PlannedDrawer:
    """Trials that do not depend on each other."""

    def __init__(self, trials: Sequence[Values]) -> None:
        self._left = iter(trials)

    def next(self) -> Values | None:
        """The next trial as it was planned."""
        return next(self._left, None)

    def tell(self, value: float | None) -> None:
        """Nothing follows from it."""


class OptunaDrawer:
    """Trials by optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter
    optimization", NeurIPS 24), the first third of them, at least three, at random.

    The same seed and the same results give the same trials. A combination that was tried before is not trained again:
    the sampler is told what it gave.
    """

    def __init__(self, search: SearchOptions, seed: int) -> None:
        try:
            import optuna
        except ImportError:
            raise MissingExtra(
                '[search] method = "optuna" needs the package optuna, which is not installed',
                hint="pip install 'finetune-audit[search]', or use method = \"random\"",
            ) from None
        self._optuna = optuna
        self._space = search.space
        self._told: dict[str, float | None] = {}
        self._asked: Any = None
        self._key = ""
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            sampler = optuna.samplers.TPESampler(
                seed=seed % _SEEDS, n_startup_trials=max(_AT_RANDOM, search.trials // 3)
            )
            directions = optuna.study.StudyDirection
            direction = directions.MAXIMIZE if search.metric in HIGHER_IS_BETTER else directions.MINIMIZE
            self._study = optuna.create_study(sampler=sampler, direction=direction)
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._distributions = {name: self._distribution(self._space[name]) for name in sorted(self._space)}

    def next(self) -> Values | None:
        """What the sampler asks for next."""
        for _ in range(REPEATS):
            self._asked = self._study.ask(self._distributions)
            values = self._values(self._asked.params)
            self._key = repr(sorted(values.items()))
            if self._key not in self._told:
                return values
            self._pass_on(self._told[self._key])
        return None

    def tell(self, value: float | None) -> None:
        """Teach the sampler."""
        self._told[self._key] = value
        self._pass_on(value)

    def _pass_on(self, value: float | None) -> None:
        failed = self._optuna.trial.TrialState.FAIL
        self._study.tell(self._asked, value, state=failed if value is None else None)

    def _distribution(self, spread: tuple[Json, ...] | Range) -> Any:
        """Choices by their place, since they may be lists or tables."""
        kinds = self._optuna.distributions
        if not isinstance(spread, Range):
            return kinds.CategoricalDistribution(tuple(range(len(spread))))
        if spread.whole:
            return kinds.IntDistribution(int(spread.min), int(spread.max), log=spread.log)
        return kinds.FloatDistribution(spread.min, spread.max, log=spread.log)

    def _values(self, params: Mapping[str, Any]) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for name in sorted(self._space):
            spread = self._space[name]
            out[name] = settled(params[name], spread) if isinstance(spread, Range) else spread[params[name]]
        return out
