"""What `audit fix` makes of rows with one known defect each: ``python -m benchmarks.repairs``.

The rows of ``mutants-dev`` are rows of five public sets with a defect put in, so a repair can be held against the row
that it was: it is *restored* when its messages are those of some row of these sets, *mended* when it was edited and
is not, *removed*, or *left* as it was. Rows without a defect must come out byte for byte.
"""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

import audit
from audit import FixOptions
from audit.remedy.ledger import LedgerLine, read_ledger

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
BASES: Final = ("gsm8k", "llamafactory-en", "dolly-subset", "self-instruct-seed", "glaive-toolcall-en")
MODES: Final[Mapping[str, FixOptions]] = {
    "safe": FixOptions(max_removal=1),
    "--unsafe-fixes": FixOptions(unsafe=True, max_removal=1),
}


def messages(row: Any) -> bytes:
    """What is said in a row, to be compared."""
    said = row.get("messages") if isinstance(row, dict) else None
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS) if said else b""


def originals() -> frozenset[bytes]:
    """What is said in the rows of the sets that the mutants were made of."""
    found: set[bytes] = set()
    for name in BASES:
        for line in gzip.decompress((DATA / "chat" / f"{name}.jsonl.gz").read_bytes()).splitlines():
            found.add(messages(orjson.loads(line)))
    return frozenset(found)


def outcomes(options: FixOptions, known: frozenset[bytes]) -> Iterator[tuple[str, str]]:
    """(defect, outcome) of every line that is not blank; the defect of an untouched line is ``none``."""
    truth = {}
    for line in (DATA / "raw" / "mutants-dev" / "truth.jsonl").read_bytes().splitlines():
        entry = orjson.loads(line)
        truth[entry["line"]] = entry["defect"]
    broken = gzip.decompress((DATA / "raw" / "mutants-dev" / "broken.jsonl.gz").read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder, "broken.jsonl"), Path(folder, "out.jsonl")
        data.write_bytes(broken)
        audit.fix(data, str(out), options=options, target="openai-sft")
        written = out.read_bytes().split(b"\n")
        changed: dict[int | None, LedgerLine] = {
            line.line: line for line in read_ledger(Path(folder, "out.ledger.jsonl")).lines()
        }
    for number, raw in enumerate(broken.split(b"\n"), 1):
        if raw.strip():
            yield truth.get(number, "none"), _outcome(changed.get(number), written, known)


def _outcome(line: LedgerLine | None, written: list[bytes], known: frozenset[bytes]) -> str:
    if line is None:
        return "left"
    if line.out_line is None:
        return "removed"
    return "restored" if messages(orjson.loads(written[line.out_line - 1])) in known else "mended"


def main() -> None:
    """Print the tables of the section on repairs of ``docs/accuracy.md``."""
    known = originals()
    for mode, options in MODES.items():
        counts: dict[str, Counter[str]] = {}
        for defect, outcome in outcomes(options, known):
            counts.setdefault(defect, Counter())[outcome] += 1
        print(f"{mode}\n| defect | restored | mended | removed | left |\n|---|---:|---:|---:|---:|")
        idle = [defect for defect, found in sorted(counts.items()) if set(found) == {"left"}]
        for defect, found in sorted(counts.items()):
            if defect not in idle:
                cells = (found[name] for name in ("restored", "mended", "removed", "left"))
                print(f"| {defect} | {' | '.join(map(str, cells))} |")
        print("left as they were:", ", ".join(f"{defect} {counts[defect]['left']}" for defect in idle))


if __name__ == "__main__":
    main()
