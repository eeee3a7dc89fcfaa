"""What the rules say of real data that nobody has broken: false alarms, and defects that are really there."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import audit
from audit.catalog import rule_by_code
from audit.model import Finding, Result
from benchmarks.accuracy.data import MUTANTS, SHARED, TARGET, TEXT_FAMILIES, preview

CONTROLS: Final[Mapping[str, str]] = {
    "clean.jsonl": "mutants-dev, untouched rows (en)",
    "gsm8k.jsonl.gz": "gsm8k (en)",
    "banking77.jsonl.gz": "banking77 (en)",
    "dolly-subset.jsonl.gz": "dolly (en)",
    "jcommonsenseqa.jsonl.gz": "jcommonsenseqa (ja)",
    "huatuo-zh-medical.jsonl.gz": "huatuo (zh)",
    "multilingual-hatecheck-dev.jsonl.gz": "multilingual HateCheck (de, hi, ar)",
}
"""Sets that stand for clean data in what they are named for: no finding of the text families is expected in them."""


class Judged(NamedTuple):
    """A set and what was found in it, rules in preview included."""

    path: Path
    result: Result


@cache
def judged() -> Sequence[Judged]:
    """Every public chat set, judged once."""
    files = [MUTANTS / "clean.jsonl", *sorted((SHARED / "chat").glob("*.jsonl.gz"))]
    chosen = preview()
    return [Judged(path, audit.check(path, target=TARGET, extend_select=chosen, jobs=2)) for path in files]


def _is_stable(finding: Finding) -> bool:
    return rule_by_code(finding.code).status == "stable"


def whole_table() -> Iterable[str]:
    """Markdown rows per chat set: rows, rows with an error, rows with a warning, findings by code; stable rules."""
    yield "| set | rows | rows with an error | rows with a warning | findings |"
    yield "|---|---|---|---|---|"
    for path, result in judged():
        rows: dict[str, set[int]] = {"error": set(), "warning": set()}
        codes: Counter[str] = Counter()
        for finding in filter(_is_stable, result.findings):
            codes[finding.code] += 1
            if finding.place.line is not None and finding.severity.value in rows:
                rows[finding.severity.value].add(finding.place.line)
        named = ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items())) or "none"
        yield f"| {path.name} | {result.rows:,} | {len(rows['error']):,} | {len(rows['warning']):,} | {named} |"


def control_table() -> Iterable[str]:
    """Markdown rows per rule of the text families: rows of each control set with a finding of it, per thousand."""
    names = list(CONTROLS)
    results = {path.name: result for path, result in judged() if path.name in CONTROLS}
    rows_of: dict[str, dict[str, set[int]]] = {name: defaultdict(set) for name in names}
    for name, result in results.items():
        for finding in result.findings:
            if finding.place.line is not None and finding.code[:3] in (*TEXT_FAMILIES, "FMT"):
                rows_of[name][finding.code].add(finding.place.line)
    yield "| code | " + " | ".join(f"{CONTROLS[name]}, {results[name].rows:,}" for name in names) + " |"
    yield "|---|" + "---|" * len(names)
    codes = [code for code in results[names[0]].rules_run if code[:3] in TEXT_FAMILIES or code in ("FMT116", "FMT117")]
    for code in codes:
        cells = [_rate(len(rows_of[name][code]), results[name].rows) for name in names]
        mark = "" if rule_by_code(code).status == "stable" else " (preview)"
        yield f"| {code}{mark} | " + " | ".join(cells) + " |"


def _rate(found: int, rows: int) -> str:
    return "0" if not found else f"{found:,} ({1000 * found / rows:.2f} in 1,000)"


LABELLED: Final[Mapping[str, tuple[str, str]]] = {
    "davidson-tweets.jsonl.gz": ("label", "davidson-tweets"),
    "hatecheck.jsonl.gz": ("label", "hatecheck"),
    "xstest.jsonl.gz": ("label", "xstest prompts"),
    "jigsaw-templates-en.jsonl.gz": ("label", "jigsaw templates"),
}
"""Set -> the metadata field of its label and its name."""


def label_table() -> Iterable[str]:
    """Markdown rows per set and label: rows, and the share of them with a finding of the text families."""
    yield "| set | label | rows | TXT | SAF921 | ANS | PII, SEC |"
    yield "|---|---|---|---|---|---|---|"
    for path, result in judged():
        if path.name not in LABELLED:
            continue
        field, name = LABELLED[path.name]
        lines = gzip.decompress(path.read_bytes()).splitlines()
        labels = [str(json.loads(line)["metadata"].get(field)) for line in lines]
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for group, start in (("TXT", "TXT"), ("SAF921", "SAF921"), ("ANS", "ANS"), ("PII, SEC", ("PII", "SEC"))):
            hits = {f.place.line for f in result.findings if f.code.startswith(start) and f.place.line is not None}
            for line in hits:
                found[labels[line - 1]][group] += 1
        for label, rows in sorted(Counter(labels).items()):
            shares = [f"{100 * found[label][group] / rows:.1f} %" for group in ("TXT", "SAF921", "ANS", "PII, SEC")]
            yield f"| {name} | {label} | {rows:,} | " + " | ".join(shares) + " |"
