"""Speed of the text rules on one core: the scan of all triggers, each rule on all texts, and hostile texts.

``python -m benchmarks.text_rules`` prints megabytes a second of the scan (bar 100), the seconds that each rule takes on
the public chat sets beyond the scan, and for texts of 10 MB in UTF-8 that are made to be slow the ratio to plain prose
of as many bytes (bar 3).
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from audit.api import make_run
from audit.catalog import all_rules
from audit.config.settings import Settings
from audit.engine.fold import Fold
from audit.engine.scan import TriggerScan
from audit.model import Message, Source
from audit.read.lines import SourceReader
from audit.rule import Rule, TextRule, with_options
from benchmarks.__main__ import CHAT
from benchmarks.interleaved import interleave, ratio

RUN: Final = make_run(Settings())
SIZE: Final = 10_000_000
LONG: Final = 700
FAMILIES: Final = ("TXT", "ANS", "PII", "SEC", "SAF", "TOK306", "TOK307", "FMT116", "FMT117")


def rows(most: int = 30_000_000) -> list[list[tuple[str, str]]]:
    """(role, text) of the messages of each row of all public chat sets, up to ``most`` characters a set."""
    found: list[list[tuple[str, str]]] = []
    for file in sorted(CHAT.glob("*.jsonl.gz")):
        size = 0
        for line in gzip.open(file, "rb"):  # noqa: SIM115 closed at its end
            turns = [turn for turn in json.loads(line)["messages"] if isinstance(turn.get("content"), str)]
            if turns:
                found.append([(turn["role"], turn["content"]) for turn in turns])
                size += sum(len(turn["content"]) for turn in turns)
            if size > most:
                break
    return found


def scan_speed(scan: TriggerScan, data: list[list[tuple[str, str]]]) -> str:
    """Megabytes a second of the look at every row for all triggers, as the engine does it, and at rows put together to
    some 700 characters: a look has a price of its own, and the rows of these sets are short."""
    contents = [[text for _, text in row] for row in data]
    said: list[str] = []
    longer: list[list[str]] = []
    for texts in contents:
        said += texts
        if sum(map(len, said)) >= LONG:
            longer.append(said)
            said = []
    return "; ".join(f"{name}: {_speed(scan, some)}" for name, some in (("rows", contents), ("of 700", longer)))


def _speed(scan: TriggerScan, data: list[list[str]]) -> str:
    size = sum(len(text.encode("utf-8", "replace")) for row in data for text in row)
    for _ in range(2):  # the automaton is built by the first pass
        began = time.process_time()
        hits = sum(map(scan.may_hold, data))
        took = time.process_time() - began
    share = hits / len(data)
    return f"{size / took / 1e6:.0f} MB/s over {len(data):,} rows of {size / 1e6:.0f} MB, {share:.1%} with a trigger"


def rule_costs(scan: TriggerScan, said: list[tuple[str, str]]) -> list[str]:
    """For every rule: texts that it is shown, seconds in ``find``, microseconds a text of all."""
    shown: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    for role, text in said:
        for rule in scan.rules_for(text, role):
            message = Message(role=role, content=text, at="", role_at="", content_at="")
            began = time.perf_counter()
            for _ in rule.find(text, message, RUN):
                pass
            spent[rule.code] += time.perf_counter() - began  # type: ignore[assignment]
            shown[rule.code] += 1
    return [
        f"{code}: shown {shown[code]:,} texts, {spent[code]:.2f} s, {1e6 * spent[code] / len(said):.2f} us a text"
        for code in sorted(shown, key=lambda code: -spent[code])
    ]


PROSE: Final = "The quick brown fox jumps over the lazy dog, and nobody in the village minds it at all. "
HOSTILE: Final[Mapping[str, str]] = {
    "digits": "4111 1111 1111 1112 ",
    "one long number": "7",
    "e-mail starts": "a@a.a@",
    "dots and ats": "a.b.c-d_e@",
    "brackets": "([{",
    "quotes": "\"'`“",
    "fences": "```\n",
    "braces": "{{ {% ",
    "zero width": "a\u200b",
    "bidi": "\u202e\u202d",
    "combining": "a\u0301\u0302\u0323",
    "homoglyphs": "pаypаl ",
    "mojibake": "Ã©â€™",
    "replacement": "\ufffd",
    "entities": "&amp;&#39;&lt;",
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo",
    "hex": "deadbeef",
    "keys": "sk-AKIA ghp_ ",
    "links": "http://a.b/c?d=e&",
    "apologies": "I'm sorry, but I can't ",
    "ignore": "ignore all previous ",
    "white space": " \n\t",
    "one letter": "a",
    "loop": "and so on and ",
    "capitals": "John Smith Mary ",
    "citations": "410 U.S. 113 10.1000/",
    "doctors": "Dr. MRN: DOB: 1/2/",
}


def check_of(text: str, rules: tuple[Rule, ...]) -> Callable[[], object]:
    """Judges one row with a text, twice: as question and as answer, by the rules of texts and of rows."""
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    row = json.dumps({"messages": turns}, ensure_ascii=False).encode() + b"\n"

    def check() -> object:
        fold = Fold(rules, RUN)
        for chunk in SourceReader(Source(path="x.jsonl"), data=row):
            fold.take(chunk)
        return fold.found

    return check


def hostile(rules: tuple[Rule, ...]) -> list[str]:
    """Ratio of the CPU of each hostile text to that of plain prose of the same length."""
    lines = []
    plain = check_of(PROSE * (SIZE // len(PROSE)), rules)
    for name, piece in HOSTILE.items():
        bad = check_of(piece * (SIZE // len(piece.encode())), rules)
        first, second = interleave([(name, bad), ("prose", plain)], repeats=1)
        lines.append(f"{name}: {ratio(first, second)}, {first.median:.2f} s (bar 3)")
    return lines


def main() -> None:
    """Print the three parts."""
    built = tuple(with_options(rule, {}) for rule in all_rules() if rule.code.startswith(FAMILIES))
    scan = TriggerScan([rule for rule in built if isinstance(rule, TextRule)], RUN)
    if "hostile" not in sys.argv[1:]:
        data = rows()
        for name, some in (("all", scan.rules), ("stable", [rule for rule in scan.rules if rule.status == "stable"])):
            print(f"{name}, {len(some)} rules: {scan_speed(TriggerScan(some, RUN), data)} (bar 100 MB/s)")
        print("\n".join(rule_costs(scan, [one for row in data for one in row])))
    print("\n".join(hostile(built)))


if __name__ == "__main__":
    main()
