"""Writes the embedded example: 3,000 rows of an invented loan-decision assistant, with planted faults and their truth.

Same seed, same bytes, on every machine and Python: every draw goes through ``random.Random.random``, whose sequence
Python guarantees. The words are in ``loan_phrases.toml``. Nothing here is real data, and no real lender decides so.

    python examples/loan_decisions.py FOLDER     writes loans.jsonl and truth.jsonl
    python examples/loan_decisions.py --package  renews audit/demo/data/loans.jsonl.gz and loan_decisions.truth.jsonl

What is in it, on purpose:
    broken rows     a few of each kind that an ENC, FMT, TCL or TOK rule finds
    duplicates      60 exact (half under another applicant id) and 60 near duplicates
    imbalance       about four approvals to one refusal
    skew            a third of the applicants are women; at equal figures, women whose repayments would be moderate are
                    refused more often than not, men whose repayments would be high are approved more often than not,
                    and applicants under 25 are refused more often
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from loan_defects import PLANTINGS, encode

HERE = Path(__file__).resolve().parent
PACKAGED = HERE.parent / "audit" / "demo" / "data" / "loans.jsonl.gz"
TRUTH = HERE / "loan_decisions.truth.jsonl"
SEED = 20260115
LINES = 3000
COPIES = 60
NEAR_COPIES = 60
DEBT_LIMIT = 25
"""Percent of net income that may go to repayments."""
INTEREST = 1.08
"""Flat cost of the loan, so that instalment = amount * INTEREST / months."""
EASY = 15
"""Percent of net income up to which an application is refused for no group's sake."""
STRETCH = 38
"""Percent of net income up to which one above the limit is approved for a group's sake."""
BURDENS = ((EASY, "low"), (DEBT_LIMIT, "moderate"), (STRETCH, "high"), (10**9, "too high"))
"""What the branch calls repayments of up to so many percent of net income."""
EXTRA_REFUSALS = {"female": 0.6, "18-24": 0.35}
"""Share of affordable applications above ``EASY`` that are refused all the same."""
EXTRA_APPROVALS = {"male": 0.62}
"""Share of applications above the limit, up to ``STRETCH``, that are approved all the same."""
STRAY_REFUSALS = 0.01
"""Share of all affordable applications that are."""
TITLES = {"female": "Ms", "male": "Mr"}
BANDS = (
    ("18-24", 18, 24, 0.14),
    ("25-34", 25, 34, 0.30),
    ("35-49", 35, 49, 0.30),
    ("50-64", 50, 64, 0.18),
    ("65+", 65, 79, 0.08),
)

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")

CREDIT_REPORT: Row = {
    "type": "function",
    "function": {
        "name": "credit_report",
        "description": "Late payments of an applicant in the last two years.",
        "parameters": {
            "type": "object",
            "properties": {"applicant": {"type": "string"}, "months": {"type": "integer", "minimum": 1}},
            "required": ["applicant"],
            "additionalProperties": False,
        },
    },
}


class Draw:
    """Random choices built on ``random()`` alone, because the other methods of Random may change between Pythons."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def one(self, options: Sequence[T]) -> T:
        return options[int(self.random() * len(options))]

    def between(self, low: int, high: int) -> int:
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        return self.random() < share

    def shuffled(self, items: Sequence[T]) -> list[T]:
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.between(0, last)
            out[last], out[other] = out[other], out[last]
        return out


@dataclass
class Line:
    """One line of the file, and what was planted in it."""

    raw: bytes
    code: str | None = None
    defect: str | None = None
    of: Line | None = None
    row: Row = field(default_factory=dict)


# ----------------------------------------------------------------------------- an application and its answer


@dataclass(frozen=True)
class Applicant:
    """The figures of one application. Money in dollars; income and debts per month; ``months`` is the term."""

    id: str
    sex: str
    age: int
    band: str
    amount: int
    months: int
    income: int
    debts: int
    months_employed: int
    retired: bool

    @property
    def payment(self) -> int:
        return round(self.amount * INTEREST / self.months)

    @property
    def share(self) -> int:
        return round(100 * (self.payment + self.debts) / self.income)

    @property
    def burden(self) -> str:
        return next(name for most, name in BURDENS if self.share <= most)


def applicant(draw: Draw, number: int, low: int, high: int) -> Applicant:
    """One invented applicant; ``low`` and ``high`` bound the amount. Sex and age have no influence on the figures."""
    sex = "female" if draw.chance(0.33) else "male"
    at = draw.random()
    for name, youngest, oldest, share in BANDS:
        band, age = name, draw.between(youngest, oldest)
        at -= share
        if at < 0:
            break
    months = draw.one((24, 24, 36, 36, 48, 60))
    tail = draw.random()
    return Applicant(
        id=f"A-{number:05d}",
        sex=sex,
        age=age,
        band=band,
        amount=50 * draw.between(low // 50, high // 50),
        months=12 if high <= 3500 and draw.chance(0.5) else months,
        income=50 * int((1250 + 1200 * (draw.random() + draw.random()) + 2500 * tail * tail * tail) / 50),
        debts=0 if draw.chance(0.4) else 10 * draw.between(5, 60),
        months_employed=draw.between(1, 5) if draw.chance(0.03) else draw.between(7, 12 * min(age - 17, 20)),
        retired=band == "65+" and draw.chance(0.8),
    )


def verdict(draw: Draw, one: Applicant) -> tuple[str, str]:
    """The label, and the list of reasons to choose from. The skew is made here, and only here."""
    if one.share > STRETCH:
        return "declined", "declined_share"
    if one.months_employed < 6 and not one.retired:
        return "declined", "declined_short"
    if one.amount > 0.8 * 12 * one.income:
        return "declined", "declined_size"
    if one.share > DEBT_LIMIT:
        is_favoured = draw.chance(EXTRA_APPROVALS.get(one.sex, 0.0))
        return ("approved", "approved_stretched") if is_favoured else ("declined", "declined_share")
    refused = STRAY_REFUSALS
    if one.share > EASY:
        refused += EXTRA_REFUSALS.get(one.sex, 0.0) + EXTRA_REFUSALS.get(one.band, 0.0)
    return ("declined", "declined_cautious") if draw.chance(refused) else ("approved", "approved")


def money(draw: Draw, dollars: int) -> str:
    """An amount of dollars, written in one of four ways."""
    style = draw.between(0, 9)
    if style == 0 and dollars % 500 == 0 and dollars >= 1000:
        return f"{dollars / 1000:g}k"
    return f"{dollars} dollars" if style == 1 else f"USD {dollars:,}" if style == 2 else f"${dollars:,}"


def duration(months: int) -> str:
    """A number of months in words: "7 months", "3 years and a half"."""
    if months < 24:
        return f"{months} month" + ("s" if months > 1 else "")
    return f"{months // 12} years" + (" and a half" if months % 12 >= 6 else "")


def facts(draw: Draw, words: Row, one: Applicant, purpose: str) -> dict[str, str]:
    """One sentence for each fact, each in one of many wordings."""
    kind = "permanent" if draw.chance(0.65) else draw.one(("temporary", "own"))
    kind = "retired" if one.retired else "new" if one.months_employed < 6 else kind
    job = draw.one(words["words"]["jobs"])
    fill = {
        "amount": money(draw, one.amount),
        "purpose": purpose,
        "income": money(draw, one.income),
        "debts": money(draw, one.debts),
        "months": str(one.months),
        "years": duration(one.months_employed),
        "job": job,
        "a_job": f"an {job}" if job[0] in "aeiou" else f"a {job}",
        "age": str(one.age),
    }
    sentences = {
        "ask": draw.one(words["asks"]),
        "income": draw.one(words["incomes"]),
        "job": draw.one(words["jobs"][kind]),
        "debts": draw.one(words["debts"] if one.debts else words["free_of_debt"]),
        "term": draw.one(words["terms"]),
        "extra": draw.one(words["extras"]) if draw.chance(0.6) else "",
    }
    return {part: sentence.format(**fill) for part, sentence in sentences.items()}


def request(draw: Draw, words: Row, one: Applicant, said: dict[str, str]) -> str:
    """The application as prose, as a list, or as a letter, below the line that the branch writes above each."""
    style = draw.random()
    name = draw.one(words["words"][one.sex])
    burden = f"Repayments with this loan: {one.burden}, {one.share}% of income."
    head = f"Applicant: {TITLES[one.sex]} {name}, {one.age}. {burden}\n\n"
    order = draw.shuffled([part for part in ("income", "job", "debts", "term", "extra") if said[part]])
    if style < 0.12:
        return head + "\n".join([said["ask"], *(f"- {said[part]}" for part in order)])
    first = draw.chance(0.8)
    body = " ".join(said[part] for part in (["ask", *order] if first else [*order, "ask"]))
    if style < 0.35:
        parts = [draw.one(words["greetings"]), body, draw.one(words["closings"]).format(name=name)]
        return head + "\n\n".join(parts)
    return head + body


def conversation(draw: Draw, words: Row, number: int) -> Row:
    """One good row: mostly question and answer, sometimes with a question back, sometimes with a tool call."""
    purpose = draw.one(words["purposes"])
    one = applicant(draw, number, purpose["low"], purpose["high"])
    label, reasons = verdict(draw, one)
    said = facts(draw, words, one, draw.one(purpose["phrases"]))
    yearly = f"${12 * one.income:,}"
    figures = {"share": one.share, "payment": f"${one.payment:,}", "limit": DEBT_LIMIT, "yearly": yearly}
    answer = {"role": "assistant", "content": draw.one(words[reasons]).format(**figures)}
    messages: list[Row] = [{"role": "system", "content": words["system"]}]
    row: Row = {"messages": messages}
    kind = draw.random()
    if kind < 0.02:
        held_back = said.pop("income")
        messages.append({"role": "user", "content": request(draw, words, one, {**said, "income": ""})})
        messages.append({"role": "assistant", "content": draw.one(words["questions"]), "weight": 0})
        messages.append({"role": "user", "content": held_back})
    else:
        messages.append({"role": "user", "content": request(draw, words, one, said)})
    if kind > 0.98:
        messages.extend(look_up(one, number))
        row["tools"] = [CREDIT_REPORT]
    messages.append(answer)
    split = "validation" if draw.chance(0.1) else "train"
    row["metadata"] = {"applicant": one.id, "sex": one.sex, "age_band": one.band, "label": label, "split": split}
    return row


def look_up(one: Applicant, number: int) -> list[Row]:
    """A call of the tool and its result."""
    call_id = f"call_{number:05d}"
    arguments = json.dumps({"applicant": one.id, "months": 24})
    call = {"id": call_id, "type": "function", "function": {"name": "credit_report", "arguments": arguments}}
    result = json.dumps({"applicant": one.id, "late_payments": 0})
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


# ----------------------------------------------------------------------------- the file


def near_copy(draw: Draw, row: Row) -> Row:
    """The same application with a word or two more."""
    copy: Row = json.loads(encode(row))
    user = next(message for message in copy["messages"] if message["role"] == "user")
    user["content"] += draw.one((" Thank you.", " Thanks.", " Best regards.", " Many thanks."))
    return copy


def build(seed: int = SEED) -> list[Line]:
    """Every line of the file in order."""
    draw = Draw(seed)
    words = tomllib.loads((HERE / "loan_phrases.toml").read_text(encoding="utf-8"))
    planted = [(code, defect, make) for code, defect, times, make in PLANTINGS for _ in range(times)]
    own_lines = sum(code == "ENC008" for code, _, _ in planted)
    count = LINES - COPIES - NEAR_COPIES - own_lines
    lines = [
        Line(encode(row), row=row) for row in (conversation(draw, words, number) for number in range(1, count + 1))
    ]
    victims = draw.shuffled(lines)
    with_tools = [line for line in victims if "tools" in line.row]
    plain = [line for line in victims if "tools" not in line.row and len(line.row["messages"]) == 3]
    extra: list[Line] = []
    for code, defect, make in planted:
        if code == "ENC008":
            extra.append(Line(make({}), code, defect))
            continue
        line = (with_tools if code.startswith("TCL") else plain).pop()
        line.raw, line.code, line.defect = make(json.loads(line.raw)), code, defect
    for _ in range(COPIES):
        origin = plain.pop()
        copy = json.loads(origin.raw)
        if draw.chance(0.5):
            copy["metadata"]["applicant"] = f"A-{90000 + len(extra):05d}"
        extra.append(Line(encode(copy), "DUP401", "exact-duplicate", origin))
    for _ in range(NEAR_COPIES):
        origin = plain.pop()
        extra.append(Line(encode(near_copy(draw, origin.row)), "DUP403", "near-duplicate", origin))
    return draw.shuffled([*lines, *extra])


def truth(lines: Sequence[Line]) -> bytes:
    """One JSON object per planted line: its number, the code that should find it, the defect, and what it copies."""
    number = {id(line): index for index, line in enumerate(lines, start=1)}
    rows: list[Row] = []
    for index, line in enumerate(lines, start=1):
        if line.code is not None:
            row: Row = {"line": index, "code": line.code, "defect": line.defect}
            rows.append({**row, "of": number[id(line.of)]} if line.of is not None else row)
    return b"".join(encode(row) + b"\n" for row in rows)


def data(lines: Sequence[Line]) -> bytes:
    """The bytes of the file."""
    return b"".join(line.raw + b"\n" for line in lines)


def main(arguments: Sequence[str]) -> None:
    """Write what the one argument asks for; without it, say how to call this script."""
    if len(arguments) != 1:
        sys.exit(__doc__)
    lines = build()
    if arguments[0] == "--package":
        PACKAGED.write_bytes(gzip.compress(data(lines), 9, mtime=0))
        TRUTH.write_bytes(truth(lines))
        return
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loans.jsonl").write_bytes(data(lines))
    (folder / "truth.jsonl").write_bytes(truth(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
