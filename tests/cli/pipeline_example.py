"""A small configuration for ``audit run``: labelled loans in which women are refused more often, and tiny models."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROWS = 240
CONFIG = """
[data]
files = ["loans.jsonl"]
label = "metadata.label"
favourable = "approved"
[attributes.sex]
field = "metadata.sex"
[split]
train = 0.6
validation = 0.1
test = 0.3
stratify = ["label", "sex"]
[balance]
by = ["label", "sex"]
[train]
task = "classify"
width = 16
heads = 2
layers = 1
vocabulary = 300
max_steps = 12
batch_size = 8
energy = "off"
threads = 1
[evaluate]
counterfactual = false
"""
TO_THE_GATE = ("check", "fix", "split", "balance", "gate")
DIFFERS = {"timing.jsonl", "timing.json", "machine.json", "record.jsonl", "record.sha256", "report.html", ".lock"}
"""Files that tell when, or in how many attempts, a run was made."""
needs_training = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "transformers", "tokenizers")), reason="the extra train"
)


def loans(seed: int = 7, rows: int = ROWS) -> Iterator[str]:
    draw = random.Random(seed)
    for number in range(rows):
        sex = draw.choice(["female", "male"])
        share = draw.randint(1, 60)
        label = "declined" if share > 45 or (sex == "female" and share > 20 and draw.random() < 0.6) else "approved"
        asked = f"Applicant {number} ({sex}) asks for {draw.randint(1, 900) * 10} dollars at {share} percent of income."
        yield json.dumps(
            {
                "messages": [
                    {"role": "user", "content": asked},
                    {"role": "assistant", "content": f"{label.capitalize()} for number {number}."},
                ],
                "metadata": {"label": label, "sex": sex},
            }
        )


def lay_out(folder: Path, more: str = "", config: str = CONFIG) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loans.jsonl").write_text("\n".join(loans()) + "\n", encoding="utf-8")
    (folder / "audit.toml").write_text(config + more, encoding="utf-8")
    return folder


def manifest(place: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((place / "audit-run" / "run.json").read_bytes())
    return told


def keys(place: Path) -> dict[str, str]:
    return {stage["name"]: stage["key"] for stage in manifest(place)["stages"]}


def times(place: Path) -> dict[str, int]:
    files = [path for path in (place / "audit-run").rglob("*") if path.is_file() and path.name not in DIFFERS]
    return {path.as_posix(): path.stat().st_mtime_ns for path in files if path.name != "run.json"}


def contents(place: Path) -> dict[str, bytes]:
    root = place / "audit-run"
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in DIFFERS]
    return {
        name: path.read_bytes() for path in files if "/checkpoints/" not in (name := path.relative_to(root).as_posix())
    }
