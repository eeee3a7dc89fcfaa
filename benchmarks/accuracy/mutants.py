"""Recall and precision on real rows with injected defects, of which the truth is known to the line.

A defect counts as found when its line carries the code that the catalogue gives for it.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import audit
from audit.model import Result
from benchmarks.accuracy.data import MUTANTS, TARGET, preview

CODES: Mapping[str, str] = {
    "ai_refusal": "ANS803",
    "bidi_override": "TXT703",
    "blank_assistant": "FMT109",
    "blank_line": "ENC008",
    "conflicting_answers": "LBL601",
    "content_not_string": "FMT108",
    "control_char": "ENC007",
    "dropped_letters": "TXT706",
    "duplicate_key": "ENC005",
    "empty_assistant": "FMT109",
    "empty_user": "FMT109",
    "exact_duplicate": "DUP401",
    "extra_message_key": "FMT110",
    "function_message_without_name": "FMT102",
    "homoglyph": "TXT702",
    "html_entity": "TXT705",
    "invalid_json_single_quotes": "ENC003",
    "invalid_json_trailing_comma": "ENC003",
    "invalid_json_truncated": "ENC003",
    "invalid_json_two_objects_on_line": "ENC003",
    "invalid_utf8": "ENC002",
    "json_array_instead_of_object": "ENC004",
    "json_nan": "ENC006",
    "last_is_user": "FMT105",
    "lone_surrogate": "ENC007",
    "merged_instruction": "FMT116",
    "messages_empty": "FMT104",
    "messages_not_list": "FMT101",
    "missing_content": "FMT102",
    "missing_messages": "FMT101",
    "missing_role": "FMT102",
    "mojibake": "TXT701",
    "near_duplicate": "DUP403",
    "no_assistant": "FMT104",
    "no_output_marker": "FMT117",
    "normalised_duplicate": "DUP402",
    "pii_credit_card": "PII901",
    "pii_email": "PII901",
    "pii_phone": "PII901",
    "pii_ssn": "PII901",
    "repetition_loop": "ANS804",
    "replacement_char": "TXT701",
    "role_wrong_case": "FMT103",
    "same_role_twice": "FMT106",
    "secret_api_key": "SEC911",
    "system_in_middle": "FMT107",
    "template_leak_placeholder": "ANS807",
    "template_leak_special_token": "TOK306",
    "token_overflow": "TOK301",
    "tool_args_invalid_json": "TCL201",
    "tool_args_not_string": "TCL201",
    "tool_args_unknown_param": "TCL204",
    "tool_call_without_id": "TCL202",
    "tool_unknown_name": "TCL203",
    "unknown_role": "FMT103",
    "zero_width": "TXT703",
}
"""Injected defect -> the code that must be found on its line."""

PAIRED = ("DUP401", "DUP402", "DUP403", "LBL601")
"""Codes of defects that mark both rows of a pair."""


def truth() -> dict[str, list[int]]:
    """Defect -> line numbers."""
    lines: dict[str, list[int]] = defaultdict(list)
    for row in (MUTANTS / "truth.jsonl").read_text().splitlines():
        entry = json.loads(row)
        lines[entry["defect"]].append(entry["line"])
    return dict(lines)


def codes_by_line(result: Result) -> dict[int, set[str]]:
    """Line -> codes of its row-scope findings. Of two rows that repeat each other the finding is on one and names the
    other."""
    found: dict[int, set[str]] = defaultdict(set)
    for finding in result.findings:
        if finding.place.line is not None:
            found[finding.place.line].add(finding.code)
            for other in finding.related:
                if finding.code in PAIRED and other.line is not None:
                    found[other.line].add(finding.code)
    return dict(found)


@cache
def broken() -> Result:
    """The mutants, judged. The file's size is the rows of one file, so FMT114 has nothing to say."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "broken.jsonl"
        path.write_bytes(gzip.decompress((MUTANTS / "broken.jsonl.gz").read_bytes()))
        return audit.check(path, target=TARGET, extend_select=preview())


def recall_table(found: Mapping[int, set[str]]) -> Iterable[str]:
    """Markdown rows: defect, code, injected, found."""
    yield "| injected defect | code | lines | found | recall |"
    yield "|---|---|---|---|---|"
    for defect, lines in sorted(truth().items()):
        hits = sum(CODES[defect] in found.get(line, set()) for line in lines)
        yield f"| {defect} | {CODES[defect]} | {len(lines)} | {hits} | {hits / len(lines):.0%} |"


def precision_table(found: Mapping[int, set[str]]) -> Iterable[str]:
    """Markdown rows per code: lines found, of them with this code's defect, with another injected defect, untouched."""
    yield "| code | lines found | its own defect | another injected defect | untouched line |"
    yield "|---|---|---|---|---|"
    expected: dict[int, set[str]] = defaultdict(set)
    for defect, lines in truth().items():
        for line in lines:
            expected[line].add(CODES[defect])
    injected = {line for lines in truth().values() for line in lines}
    lines_of: dict[str, list[int]] = defaultdict(list)
    for line, codes in found.items():
        for code in codes:
            lines_of[code].append(line)
    for code, lines in sorted(lines_of.items()):
        right = sum(code in expected.get(line, set()) for line in lines)
        other = sum(code not in expected.get(line, set()) and line in injected for line in lines)
        yield f"| {code} | {len(lines)} | {right} | {other} | {len(lines) - right - other} |"
