"""Near-duplicate detection: recall and precision against the exact truth, CPU against peers, cost at a million rows.

``python -m benchmarks.near_duplicates [accuracy] [peers] [scale]`` (default: all three). The peers run in another
interpreter, named by the environment variable ``PEER_PYTHON``, in which ``datasketch`` and ``rensa`` are installed;
without it they are left out. The truth sets of seeds 1 to 4 were used to choose how groups are treated; the figures
are for others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from audit.clusters import NearBuilder, NearClusters, NearSettings, find_template
from benchmarks.interleaved import Timing, ratio
from benchmarks.large_files import rows as large_rows
from benchmarks.near_truth import UNIT, shingle_sets, similar_pairs, truth_texts

UNSEEN: Final = (201, 202, 203)
REPEATS: Final = 5
SIZES: Final = (100_000, 1_000_000, 2_000_000)


def near_duplicates(texts: Sequence[str], template: Sequence[int] = ()) -> NearClusters:
    """What ``NearBuilder`` finds in texts in memory."""
    builder = NearBuilder(NearSettings(), template)
    builder.add(texts)
    return builder.finish(lambda rows: (texts[row] for row in rows))


class Score(NamedTuple):
    """Shares of pairs. ``listed``: true pairs that are listed; ``settled``: those that are, or of which one row is
    redundant and the other stands in a cluster, too; ``right``: listed pairs that are true, with the exact similarity.
    """

    listed: float
    settled: float
    right: float


def score(found: NearClusters, truth: dict[tuple[int, int], float]) -> Score:
    """How what was found compares with the truth."""
    listed = {(a, b): similarity for a, b, similarity in found.pairs()}
    redundant = set(found.redundant.row)

    def settled(a: int, b: int) -> bool:
        clustered = found.cluster_of(a) is not None and found.cluster_of(b) is not None
        return (a, b) in listed or (clustered and (a in redundant or b in redundant))

    return Score(
        sum(pair in listed for pair in truth) / len(truth),
        sum(settled(*pair) for pair in truth) / len(truth),
        sum(truth.get(pair) == similarity for pair, similarity in listed.items()) / len(listed),
    )


def accuracy() -> Iterator[str]:
    """Recall and precision on unseen seeds."""
    yield "20,000 rows: 18,000 real texts and 2,000 copies with 0 to 7 % of their words replaced; all pairs J >= 0.8"
    for seed in UNSEEN:
        texts = truth_texts(seed)
        truth = similar_pairs(shingle_sets(texts))
        found = near_duplicates(texts)
        got = score(found, truth)
        yield (
            f"  seed {seed}: {len(truth):,} true pairs; recall {got.settled:.5f} (bar 0.998), listed {got.listed:.5f}; "
            f"precision {got.right:.5f} (bar 0.999); {found.compared:,} pairs compared"
        )


def peers() -> Iterator[str]:
    """CPU of ours and of each peer in turn, on the texts of the first unseen seed."""
    interpreter = os.environ.get("PEER_PYTHON")
    if not interpreter:
        yield "peers: left out, PEER_PYTHON names no interpreter with datasketch and rensa"
        return
    texts = truth_texts(UNSEEN[0])
    truth = similar_pairs(shingle_sets(texts))
    near_duplicates(texts)  # numpy and the table of code points are loaded, as the peers' imports are
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_bytes(b"".join(orjson.dumps(text) + b"\n" for text in texts))
        for peer in ("datasketch", "rensa"):
            try:
                yield _against(peer, interpreter, path, texts, truth)
            except subprocess.CalledProcessError as error:
                yield f"  {peer}: left out, {error.stderr.strip().splitlines()[-1]}"


def _against(peer: str, interpreter: str, path: Path, texts: Sequence[str], truth: dict[tuple[int, int], float]) -> str:
    ours, theirs = [], []
    for _ in range(REPEATS):
        began = time.process_time()
        found = near_duplicates(texts)
        ours.append(time.process_time() - began)
        script = str(Path(__file__).with_name("near_peers.py"))
        run = subprocess.run([interpreter, script, peer, str(path), UNIT], check=True, capture_output=True, text=True)
        answer = json.loads(run.stdout)
        theirs.append(answer["seconds"])
    pairs = {(a, b) for a, b, _ in answer["pairs"]}
    recall = sum(pair in pairs for pair in truth) / len(truth)
    mine, other = Timing("ours", tuple(ours)), Timing(peer, tuple(theirs))
    bar = "; bar 3" if peer == "datasketch" else ""
    return (
        f"  {peer} / ours: {ratio(other, mine)}{bar}; CPU {other.median:.2f} s against {mine.median:.2f} s "
        f"(recall {recall:.5f} against {score(found, truth).settled:.5f})"
    )


class Store:
    """The conversations of a large generated file, one after the other in a file, and where each begins and ends."""

    def __init__(self, path: Path) -> None:
        self.bounds = array("q", path.with_suffix(".bounds").read_bytes())
        self._file = path.open("rb")

    @staticmethod
    def write(path: Path, count: int) -> None:
        """Generate the texts of ``count`` rows."""
        bounds = array("q", [0])
        with path.open("wb") as file:
            for line in large_rows(count):
                contents = (m["content"] for m in orjson.loads(line)["messages"] if m["role"] != "system")
                text = "\n".join(content for content in contents if isinstance(content, str))
                bounds.append(bounds[-1] + file.write(text.encode()))
        path.with_suffix(".bounds").write_bytes(bounds.tobytes())

    def texts(self, rows: Sequence[int]) -> Iterator[str]:
        """The texts of these rows."""
        for row in rows:
            self._file.seek(self.bounds[row])
            yield self._file.read(self.bounds[row + 1] - self.bounds[row]).decode()


def scale() -> Iterator[str]:
    """CPU seconds and peak memory of building and finishing, each size in a process of its own."""
    yield "generated rows (benchmarks.large_files), sketches in files; memory is the peak of the whole process"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.texts"
        Store.write(path, max(SIZES))
        for size in SIZES:
            command = [sys.executable, "-m", "benchmarks.near_duplicates", "--size", str(size), str(path)]
            yield subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip()


def one_size(size: int, store: Store, folder: str) -> str:
    """A line about the first ``size`` rows."""
    sample = list(store.texts(range(0, size, size // 2_000)))
    builder = NearBuilder(NearSettings(), find_template(sample, NearSettings()), folder)
    del sample
    adding = 0.0
    for first in range(0, size, 5_000):
        texts = list(store.texts(range(first, min(first + 5_000, size))))
        began = time.process_time()
        builder.add(texts)
        adding += time.process_time() - began
    builder.flush()
    added_mb = _peak_mb()
    began = time.process_time()
    found = builder.finish(store.texts)
    finishing = time.process_time() - began
    megabytes = store.bounds[size] / 1e6
    return (
        f"  {size:,} rows, {megabytes:,.0f} MB: add {adding:.1f} s ({megabytes / adding:.0f} MB/s), finish "
        f"{finishing:.1f} s; peak {added_mb:.0f} MB adding, {_peak_mb():.0f} MB in all; {len(found.clusters):,} "
        f"clusters, {found.compared:,} pairs compared"
    )


def _peak_mb() -> float:
    # Not ru_maxrss, which a child inherits from the process that started it.
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


def main() -> None:
    """Print the figures named on the command line, or all."""
    if sys.argv[1:2] == ["--size"]:
        with tempfile.TemporaryDirectory() as folder:
            print(one_size(int(sys.argv[2]), Store(Path(sys.argv[3])), folder))
        return
    parts = {"accuracy": accuracy, "peers": peers, "scale": scale}
    for name in sys.argv[1:] or parts:
        for line in parts[name]():
            print(line, flush=True)


if __name__ == "__main__":
    main()
