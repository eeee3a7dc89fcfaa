"""What decided the weights of a hosted run, as far as anybody outside of the provider can know. Asks nobody.

Named as in ``audit.train.runs.identity``, so that two arms are compared by one set of names whoever trained them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from audit.errors import InputError
from audit.model import Json
from audit.train.runs.folder import UPLOADS
from audit.train.runs.hosting import HostedBegun

TRAINED, VALIDATED = UPLOADS


def hosted_identity(folder: Path, begun: HostedBegun) -> dict[str, Json]:
    """The identity of a run whose uploads lie in ``folder``: its base model, the rows, and what the job was asked for.

    ``train`` holds the number of distinct rows that were handed in (``sequences``) and hex sha256 of these, whatever
    their order (``content``), of how often each stands there, which is what became of row weights (``weights``), and
    of the file (``whole``). Raises InputError for a file that cannot be read.
    """
    trained, validated = begun.files.get(TRAINED), begun.files.get(VALIDATED)
    config = {"address": begun.address, "method": begun.method, "seed": begun.seed, **begun.hyperparameters}
    return {
        "base": begun.model,
        "train": {} if trained is None else {**_rows(folder / trained.name), "whole": trained.sha256},
        "validation": None if validated is None else {"whole": validated.sha256},
        "config": config,
    }


def _rows(path: Path) -> dict[str, Json]:
    try:
        with path.open("rb") as lines:
            copies = Counter(hashlib.sha256(line.rstrip(b"\r\n")).digest() for line in lines)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    content, weights = hashlib.sha256(), hashlib.sha256()
    for row in sorted(copies):
        content.update(row)
        weights.update(row + f" {copies[row]}\n".encode())
    return {"sequences": len(copies), "content": content.hexdigest(), "weights": weights.hexdigest()}
