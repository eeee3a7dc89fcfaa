"""A dry run of a hosted job: what would be handed in, what it would cost, how long the model lasts. Asks nobody.

Needs neither a key nor the package openai, and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from audit.config.settings import Settings
from audit.engine.drive import Progress
from audit.evidence import tool_version
from audit.model import Json
from audit.train.hosted.job import hyperparameters_of
from audit.train.hosted.lifecycle import shown_place, standing
from audit.train.hosted.options import HostedOptions, check_options
from audit.train.hosted.preparing import left_behind, prepare
from audit.train.runs.hosting import HostedFile

NOT_ASKED: Final = "the gate was not asked, and may refuse this data"
NOT_MODERATED: Final = "no text was shown to a moderation: that asks the provider, and is done before the upload"
NO_ADDRESS: Final = "no address was named: --base-url"


class HostedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What ``audit train`` would hand in, and nothing of it done.

    ``address`` is "" where nobody named one. ``hyperparameters`` are those that are asked for; the provider chooses the
    others. ``files`` holds name, SHA-256, bytes and rows by role, ``read`` SHA-256 and rows of the data files.
    ``splits``, ``quote``, ``lowering`` and ``lost`` are those of ``audit.train.hosted.preparing.Prepared``,
    ``lifecycle`` is a ``Standing`` of ``audit.train.hosted.lifecycle``.
    """

    schema: str = "audit.hosted-plan/1"
    version: str
    provider: str
    address: str
    model: str
    method: str
    suffix: str | None
    seed: int
    hyperparameters: Mapping[str, Json]
    files: Mapping[str, HostedFile]
    read: Mapping[str, Mapping[str, Json]]
    splits: Mapping[str, Json]
    quote: Mapping[str, Json]
    lifecycle: Mapping[str, Json]
    lowering: Mapping[str, Json] = {}
    lost: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()


def plan(
    data: Any,
    *,
    options: HostedOptions,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
) -> HostedPlan:
    """What a hosted run with the same arguments would hand in. The gate and the moderation are not asked.

    Raises what the run would raise before it asks anybody: for the options, for data that cannot be handed in, for a
    cost above ``--max-cost``, for a model past its date by the dated table.
    """
    check_options(options)
    address = shown_place(options)
    stands = standing(options, settings, None)
    with TemporaryDirectory(prefix="audit-plan-") as scratch:
        ready = prepare(data, options, settings, Path(scratch), progress)
    in_figures = set(left_behind(ready.lost))
    return HostedPlan(
        version=tool_version(),
        provider=options.provider,
        address=address,
        model=options.model,
        method=ready.method,
        suffix=options.suffix,
        seed=options.seed,
        hyperparameters=hyperparameters_of(options),
        files=ready.files,
        read={name: {"sha256": file.sha256, "rows": file.rows} for name, file in ready.read.items()},
        splits=ready.splits,
        quote=ready.quote,
        lifecycle=msgspec.to_builtins(stands),
        lowering=ready.lowering,
        lost=ready.lost,
        notes=(
            *_not_asked(options, address),
            *stands.notes,
            *(note for note in ready.notes if note not in in_figures),
        ),
    )


def _not_asked(options: HostedOptions, address: str) -> Iterator[str]:
    yield NOT_ASKED
    if options.moderation != "off" and options.provider != "azure":
        yield NOT_MODERATED
    if not address:
        yield NO_ADDRESS
