"""What a gate decides: a policy's clauses, each with its limit, what was found, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from audit.model.values import Verdict


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One demand of a policy and how the data meets it.

    ``limit`` and ``actual`` are words for people; ``value``, ``interval`` (of ``level``) and ``n`` are the figures
    behind them where there are any. ``sentence`` says plainly what was found. ``where`` says where to look, ``paste``
    are the lines of ``audit.toml`` that would let an undecided clause be judged or waived. ``required_n`` is how many
    rows of the smallest group would let parity be shown with probability 0.8.
    """

    name: str
    demand: str
    limit: str
    actual: str
    verdict: Verdict
    sentence: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    n: int = 0
    required_n: int | None = None
    attribute: str | None = None
    group: str | None = None
    codes: tuple[str, ...] = ()
    where: str = ""
    paste: str = ""
    crosswalk: tuple[str, ...] = ()


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """A demand that somebody has set aside: which, why, on whose word and until when. Printed in every report."""

    what: str
    reason: str
    owner: str
    expires: str
    expired: bool = False


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of one policy over one run. ``exit_code`` is 0 PASS, 1 FAIL, 3 undecided (a policy may map 3).

    ``sha256`` is that of the resolved policy, ``extends`` the policies it was laid over, ``use`` what ``[use]`` says
    (purpose, sector, risk class, deployer), ``notes`` what the policy's sources do and do not demand.
    """

    policy: str
    title: str
    as_of: str
    sha256: str
    verdict: Verdict
    exit_code: int
    clauses: tuple[Clause, ...]
    extends: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    use: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
