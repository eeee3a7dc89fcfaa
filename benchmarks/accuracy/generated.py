"""Recall on defects made here and false alarms on hard negatives, for every rule of the text families."""

from __future__ import annotations

import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import audit
from audit.catalog import rule_by_code
from audit.statistics.intervals import wilson
from benchmarks.accuracy.bases import LANGUAGES, exchanges
from benchmarks.accuracy.data import TARGET, preview
from benchmarks.accuracy.hard_negatives import NEGATIVES
from benchmarks.accuracy.planted import PLANTS

EACH: Final = 25
"""Rows of a language with the defect of a rule, where the language can hold it."""
SEED: Final = 20_261
SHOWN: Final = 3
"""Misses of a rule that are listed."""


class Trial(NamedTuple):
    """A row, the rule that it is about, whether that should find it, and the language."""

    row: Mapping[str, Any]
    code: str
    wanted: bool
    language: str


def trials() -> Sequence[Trial]:
    """All rows, defects first, rule by rule and language by language."""
    found: list[Trial] = []
    for code, plant in PLANTS.items():
        for language in LANGUAGES:
            draw = random.Random(f"{SEED}:{code}:{language}")
            rows = (plant(one, draw) for one in exchanges(language))
            made = [row for row in rows if row is not None][:EACH]
            found += [Trial(row, code, True, language) for row in made]
    for code, pairs in NEGATIVES.items():
        for prompt, answer in pairs:
            turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
            found.append(Trial({"messages": turns}, code, False, ""))
    return found


@cache
def outcomes() -> Sequence[tuple[Trial, bool]]:
    """Every trial and whether its rule found something in it."""
    tried = trials()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.jsonl"
        path.write_text("".join(json.dumps(one.row) + "\n" for one in tried), encoding="utf-8")
        codes = [*PLANTS, *NEGATIVES]
        result = audit.check(path, target=TARGET, select=sorted(set(codes)), extend_select=preview(), jobs=2)
    found: dict[int, set[str]] = defaultdict(set)
    for finding in result.findings:
        if finding.place.line is not None:
            found[finding.place.line].add(finding.code)
    return [(one, one.code in found[line]) for line, one in enumerate(tried, start=1)]


def table() -> Iterable[str]:
    """Markdown rows per rule: defects and recall with its interval, worst language, hard negatives and false alarms."""
    yield "| code | defects | found | recall, 95 % interval | worst language | hard negatives | false alarms |"
    yield "|---|---|---|---|---|---|---|"
    for code in sorted({*PLANTS, *NEGATIVES}):
        planted = [(one, hit) for one, hit in outcomes() if one.code == code and one.wanted]
        alarms = [hit for one, hit in outcomes() if one.code == code and not one.wanted]
        mark = "" if rule_by_code(code).status == "stable" else " (preview)"
        yield f"| {code}{mark} | {_recall(planted)} | {len(alarms)} | {sum(alarms)} |"


def _recall(planted: Sequence[tuple[Trial, bool]]) -> str:
    if not planted:
        return "- | - | - | -"
    found, n = sum(hit for _, hit in planted), len(planted)
    low, high = wilson(found, n)
    by_language: dict[str, list[bool]] = defaultdict(list)
    for one, hit in planted:
        by_language[one.language].append(hit)
    worst = min(sorted(by_language), key=lambda name: sum(by_language[name]) / len(by_language[name]))
    share = sum(by_language[worst]) / len(by_language[worst])
    return f"{n} | {found} | {found / n:.0%} ({low:.0%} to {high:.0%}) | {worst} {share:.0%}"


def misses() -> Iterable[str]:
    """Markdown lines: the first misses and all false alarms, rule by rule."""
    for code in sorted({*PLANTS, *NEGATIVES}):
        missed = [one for one, hit in outcomes() if one.code == code and one.wanted and not hit]
        alarms = [one for one, hit in outcomes() if one.code == code and not one.wanted and hit]
        for one in missed[:SHOWN]:
            yield f"- {code} missed ({one.language}): `{_shown(one)}`"
        for one in alarms:
            yield f"- {code} false alarm: `{_shown(one)}`"


def _shown(one: Trial) -> str:
    """The end of the last text, made plain."""
    text = str(one.row["messages"][-1].get("content"))[-90:]
    return ascii(text)[1:-1].replace("`", "'").replace("|", "\\|").replace("\\n", " ")
