"""Whole runs on public data through the command line: train, predict, verify, and the measures of what came out.

``python -m benchmarks.training --end-to-end`` prints them; the tests run the same on fewer rows. The data are those of
``../shared/data/chat``; nothing is fetched.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.training.material import CHATS, rows_of

Command = Callable[[Sequence[str]], int]
"""Runs ``audit`` with arguments and returns its exit code."""

ADULT: Final = CHATS / "adult.jsonl.gz"
GSM8K: Final = CHATS / "gsm8k.jsonl.gz"
BANKING: Final = CHATS / "banking77.jsonl.gz"
WAIVER: Final = "benchmark: the data are public and known to be unfair; the trainer is measured, not the data"
ADULT_CONFIG: Final = """\
[data]
label = "metadata.label"
favourable = ">50K"

[attributes.sex]
field = "metadata.sex"

[attributes.race]
field = "metadata.race"

[train]
epochs = 1.25
"""
LABEL_CONFIG: Final = '[data]\nlabel = "metadata.label"\n'
ADULT_BARS: Final = {"accuracy": 0.84, "balanced accuracy": 0.74, "AUC": 0.88}
ADULT_SECONDS: Final = 300
BANKING_MARGIN: Final = 0.5
"""How far above the share of the largest class the accuracy on banking77 must be."""


def process(arguments: Sequence[str]) -> int:
    """``audit`` as a process of its own. Standard output is left out, what it complains of is not."""
    return subprocess.run(
        [sys.executable, "-m", "audit", *arguments], stdout=subprocess.DEVNULL, check=False
    ).returncode


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """Rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def adult_split() -> tuple[list[Any], list[Any]]:
    """26,048 training and 6,513 test rows: scikit-learn's split stratified by label, seed 0."""
    from sklearn.model_selection import train_test_split

    rows = list(rows_of(ADULT))
    train, test = train_test_split(
        rows, test_size=0.2, random_state=0, stratify=[row["metadata"]["label"] for row in rows]
    )
    return train, test


def by_split(path: Path) -> tuple[list[Any], list[Any]]:
    """The training and the test rows of a set that names its splits, which the rows then no longer do."""
    parts: dict[str, list[Any]] = {"train": [], "test": []}
    for row in rows_of(path):
        parts[row["metadata"].pop("split")].append(row)
    return parts["train"], parts["test"]


class Scores(NamedTuple):
    """Of predictions with label scores: rows, shares of right ones (by arg max), and the largest class's share.
    ``auc`` is None where there are more than two classes."""

    n: int
    accuracy: float
    balanced: float
    auc: float | None
    majority: float


def scored(predictions: Path) -> Scores:
    """The measures of a file of predictions; the class with the highest probability is what the model says.

    The favourable class of the area under the curve (AUC) is the rarer one.
    """
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    rows = [json.loads(line) for line in predictions.read_text("utf-8").splitlines()]
    truth = np.array([row["truth"] for row in rows])
    said = np.array([row["output"] for row in rows])
    common = Counter(truth.tolist()).most_common()
    auc = None
    if len(common) == 2:
        rare = common[-1][0]
        auc = float(roc_auc_score(truth == rare, [row["label_scores"][rare] for row in rows]))
    balanced = float(balanced_accuracy_score(truth, said))
    return Scores(len(rows), float((truth == said).mean()), balanced, auc, common[0][1] / len(rows))


def evaluations(run: Path) -> list[Any]:
    """The evaluations of a run folder's ``metrics.jsonl``, in order."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if "perplexity" in line]


def first_loss(run: Path) -> float:
    """The loss of the first batch, which the random start has not learnt from."""
    return float(json.loads((run / "metrics.jsonl").read_text("utf-8").splitlines()[0])["loss"])


def undetected(run: Path, command: Command, *, flips: int = 1, seed: int = 0) -> list[str]:
    """Flip one bit of every file of a run folder ``flips`` times, each at a place drawn, and put it back.

    Returns the places that `audit verify` did not object to; and "intact" where it objects to the folder as it is.
    """
    drawn = random.Random(seed)
    missed = [] if command(["verify", str(run)]) == 0 else ["intact"]
    for file in sorted(path for path in run.rglob("*") if path.is_file() and path.stat().st_size):
        before = file.read_bytes()
        for _ in range(flips):
            place = drawn.randrange(len(before))
            changed = bytearray(before)
            changed[place] ^= 1 << drawn.randrange(8)
            file.write_bytes(changed)
            if command(["verify", str(run)]) == 0:
                missed.append(f"{file.relative_to(run)}:{place}")
        file.write_bytes(before)
    return missed


class Spent(NamedTuple):
    """Seconds on the clock and of the processors."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.0f} s ({self.cpu:.0f} CPU s)"


def timed(command: Command, arguments: Sequence[str], expected: Collection[int] = (0,)) -> Spent:
    """What a command took. Raises RuntimeError where it ended with another code than ``expected``."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = command(arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in expected:
        raise RuntimeError(f"audit {' '.join(arguments)} ended with {code}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(time.perf_counter() - began, cpu)


def adult(folder: Path) -> list[str]:
    """Adult as chats, ``tiny`` from its tokenizer to the scores of the test rows."""
    train, test = adult_split()
    data, unseen = write_rows(folder / "train.jsonl", train), write_rows(folder / "test.jsonl", test)
    config = folder / "adult.toml"
    config.write_text(ADULT_CONFIG, "utf-8")
    run, out = folder / "adult", folder / "predictions.jsonl"
    shared = ["--config", str(config), "--quiet"]
    took = timed(process, ["train", str(data), "-o", str(run), "--waive", WAIVER, *shared])
    scoring = timed(process, ["predict", "--model", str(run), str(unseen), "-o", str(out), "--labels", "auto", *shared])
    scores = scored(out)
    seconds = took.wall + scoring.wall
    return [
        f"Adult as chats, {len(train):,} train and {scores.n:,} test rows, tiny, {os.cpu_count()} cores:",
        f"  {seconds:.0f} s in all (bar {ADULT_SECONDS}): training {took}, scoring {scoring}",
        (
            f"  accuracy {scores.accuracy:.4f} (majority {scores.majority:.4f}, bar {ADULT_BARS['accuracy']}), "
            f"balanced accuracy {scores.balanced:.4f} (bar {ADULT_BARS['balanced accuracy']}), both by arg max, "
            f"AUC {scores.auc:.4f} (bar {ADULT_BARS['AUC']})"
        ),
        _checked(run),
    ]


def gsm8k(folder: Path) -> list[str]:
    """A chat fine-tune on gsm8k's training rows, a tenth of them held out."""
    data = write_rows(folder / "gsm8k.jsonl", by_split(GSM8K)[0])
    run = folder / "gsm8k"
    told = ["--hold-out", "0.1", "--epochs", "1", "--isolated", "--quiet", "--waive", WAIVER]
    took = timed(process, ["train", str(data), "-o", str(run), *told])
    found = evaluations(run)
    fall = " ".join(f"{one['perplexity']:.1f}" for one in found)
    return [
        f"gsm8k, tiny, one epoch, {found[-1]['n']:,} held-out rows: {took}",
        f"  perplexity of the random start {np.exp(first_loss(run)):.0f} (first batch), validation: {fall}",
        _checked(run),
    ]


def banking77(folder: Path) -> list[str]:
    """A BERT-like encoder from a random start as a classifier of banking77's intents."""
    train, test = by_split(BANKING)
    data, unseen = write_rows(folder / "banking.jsonl", train), write_rows(folder / "banking-test.jsonl", test)
    config = folder / "banking.toml"
    config.write_text(LABEL_CONFIG, "utf-8")
    run, out = folder / "banking", folder / "banking-predictions.jsonl"
    shared = ["--config", str(config), "--quiet"]
    told = ["--task", "classify", "--epochs", "10", "--waive", WAIVER, *shared]
    took = timed(process, ["train", str(data), "-o", str(run), *told])
    timed(process, ["predict", "--model", str(run), str(unseen), "-o", str(out), *shared])
    scores = scored(out)
    return [
        f"banking77, 77 classes, tiny encoder, 10 epochs, {len(train):,} train and {scores.n:,} test rows: {took}",
        (
            f"  accuracy {scores.accuracy:.4f}, balanced {scores.balanced:.4f}, majority {scores.majority:.4f} "
            f"(bar: majority + {BANKING_MARGIN})"
        ),
        _checked(run),
    ]


def _checked(run: Path) -> str:
    missed = undetected(run, process)
    told = f"MISSED {missed}" if missed else "intact, and one flipped bit in each file is detected"
    return f"  audit verify: {told}"
