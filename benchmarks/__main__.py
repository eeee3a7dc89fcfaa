"""``make bench``: our checks against their floors, side by side in one process run, on one core."""

from __future__ import annotations

import gzip
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson

import audit
from audit.tokens.encodings import load_encoding
from benchmarks.interleaved import Timing, interleave, ratio

CHAT = Path(__file__).resolve().parents[2] / "shared" / "data" / "chat"
STRUCTURE = ("ENC", "FMT", "TCL")


def chat_rows() -> bytes:
    """All chat sets of the shared data one after the other; the embedded example, repeated, where they are absent.

    Blank lines and broken rows, which the floor could not read, are not in them.
    """
    files = sorted(CHAT.glob("*.jsonl.gz"))
    if files:
        return b"".join(gzip.decompress(file.read_bytes()) for file in files)
    from audit.demo import write

    with tempfile.TemporaryDirectory() as folder:
        rows = write(Path(folder)).read_bytes().split(b"\n")
        return b"\n".join(row for row in rows if _readable(row)) * 20 + b"\n"


def _readable(row: bytes) -> bool:
    try:
        return all(isinstance(message, dict) for message in orjson.loads(row)["messages"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False


def unseen_rows(rows: int = 100_000) -> bytes:
    """Long multi-turn rows made from numbers, one in eight with a tool call: unlike the chat sets."""
    words = [f"{a}{b}" for a in ("order", "refund", "invoice", "parcel", "account") for b in ("", "s", "ing", " no.")]
    lines = []
    for row in range(rows):
        text = " ".join(words[(row * 7 + k * k) % len(words)] for k in range(40 + row % 60))
        turns = [
            {"role": "user", "content": f"Please look at case {row}: {text}?"},
            {"role": "assistant", "content": f'Case {row} is "open".\nNext: {text[::-1]}.'},
            {"role": "user", "content": "And then?"},
        ]
        data: dict[str, object] = {"messages": turns}
        if row % 8 == 0:
            call = {"name": "look_up", "arguments": orjson.dumps({"case": row}).decode()}
            turns.append({"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": call}]})  # type: ignore[dict-item]
            turns.append({"role": "tool", "tool_call_id": "c1", "content": text[:80]})
            schema = {"type": "object", "properties": {"case": {"type": "integer"}}, "required": ["case"]}
            data["tools"] = [{"type": "function", "function": {"name": "look_up", "parameters": schema}}]
        turns.append({"role": "assistant", "content": f"Then case {row} is closed. {text[:200]}"})
        lines.append(orjson.dumps(data))
    return b"\n".join(lines) + b"\n"


def scan(name: str, data: bytes) -> list[str]:
    """Structure rules against a bare orjson loop, and with exact tokens against orjson plus tiktoken."""
    rows = data.count(b"\n")
    encoding = load_encoding("o200k_base")
    assert encoding is not None, "the benchmark needs exact token counts"

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.jsonl"
        path.write_bytes(data)

        def parse() -> None:
            with path.open("rb") as file:
                for line in file:
                    orjson.loads(line)

        def parse_and_count() -> None:
            with path.open("rb") as file:
                for line in file:
                    for message in orjson.loads(line)["messages"]:
                        if isinstance(content := message.get("content"), str):
                            encoding.encode_ordinary(content)

        floor, ours = interleave(
            [("orjson", parse), ("ENC FMT TCL", lambda: audit.check(path, select=STRUCTURE, jobs=1))], repeats=7
        )
        rules_of_rows = (*STRUCTURE, "TOK")
        floor_tokens, ours_tokens = interleave(
            [
                ("orjson + tiktoken", parse_and_count),
                ("with exact tokens", lambda: audit.check(path, select=rules_of_rows, jobs=1)),
            ]
        )
    size = len(data) / 1e6
    return [
        f"{name}: {rows:,} rows, {size:.1f} MB",
        _line("structure rules / orjson loop", ours, floor, size, "bar 3.0"),
        _line("rules of rows with exact tokens / orjson + tiktoken loop", ours_tokens, floor_tokens, size, "bar 1.25"),
    ]


def _line(what: str, ours: Timing, floor: Timing, size: float, bar: str) -> str:
    return (
        f"  {what}: {ratio(ours, floor)}, {bar}; "
        f"CPU {ours.median:.2f} s against {floor.median:.2f} s, {size / ours.median:.0f} MB/s"
    )


def start_up() -> list[str]:
    """CPU milliseconds of whole processes above bare python, in turn, median of 11."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ten.jsonl"
        row = {"messages": [{"role": "user", "content": "Good morning"}, {"role": "assistant", "content": "Hello"}]}
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for _ in range(10)))
        commands = {
            "bare python": ["-c", "pass"],
            "audit --version (bar 80)": ["-m", "audit", "--version"],
            "audit check, 10 rows, no tokens (bar 150)": ["-m", "audit", "check", str(path), "--ignore", "TOK"],
            "audit check, 10 rows, exact tokens (bar 700)": ["-m", "audit", "check", str(path)],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(11):
            for name, arguments in commands.items():
                taken[name].append(_cpu_ms([sys.executable, *arguments]))
    bare = statistics.median(taken.pop("bare python"))
    lines = [f"  {name}: {statistics.median(ms) - bare:.0f} ms" for name, ms in taken.items()]
    return [f"start-up, CPU above bare python ({bare:.0f} ms)", *lines]


def _cpu_ms(command: Sequence[str]) -> float:
    """CPU of a child process. Compiled modules are allowed, as in an installed package."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def memory() -> list[str]:
    """Peak memory of whole processes over files of growing size: it must not grow with them."""
    lines = ["peak memory of `audit check` without tokens and whole-dataset rules (bar 150 MB at any size)"]
    block = unseen_rows(50_000)
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4, 16):
            path = Path(folder) / f"{times}.jsonl"
            with path.open("wb") as file:
                for _ in range(times):
                    file.write(block)
            # Not ru_maxrss, which a child inherits from the process that started it.
            script = (
                "import sys, audit; audit.check(sys.argv[1], ignore=['TOK', 'DUP', 'SPL', 'LBL'], jobs=1); "
                "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
            )
            out = subprocess.run([sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True)
            lines.append(f"  {path.stat().st_size / 1e6:.0f} MB: {int(out.stdout) / 1024:.0f} MB")
            path.unlink()
    return lines


def main() -> None:
    """Print every figure of ``docs/benchmarks.md``."""
    for part in (
        lambda: scan("chat sets", chat_rows()),
        lambda: scan("unseen rows", unseen_rows()),
        start_up,
        memory,
    ):
        print("\n".join(part()), flush=True)


if __name__ == "__main__":
    main()
