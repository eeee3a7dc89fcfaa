"""Accuracy of the rules on demographic skew: recall and precision on planted differences, false alarms without any.

``python -m benchmarks.demographics [recall] [bound] [null] [real] [power] [mentions]`` (default: all) prints the tables
of the section "Demographic skew" in ``docs/accuracy.md``. The rows are generated with fixed seeds (``planted_groups``),
but those of ``real`` and ``mentions``, which are public data.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

import audit
from audit.lexicons import load
from audit.model import Finding, Result
from audit.statistics.disparity import Question, compare
from audit.statistics.intervals import wilson
from audit.statistics.power import detectable_ratio
from audit.statistics.rates import GroupRate
from audit.statistics.score import Pair
from audit.statistics.screens import difference_p
from benchmarks.accuracy import SHARED
from benchmarks.planted_groups import EFFECTS, Planted, Row, chats, configured, group_names, labels, plant, sentences
from benchmarks.planted_groups import weights as unequal

SIZES: Final[Mapping[int, int]] = {300: 30, 3_000: 15, 30_000: 3}
"""Rows of a planted data set -> seeds, for each number of groups."""
GROUPS: Final = (2, 4, 8)
AT_BOUND: Final[Mapping[int, int]] = {300: 100, 3_000: 100}
SCREEN: Final = " screen"
NULL_RULES: Final = (
    "DEM101",
    "DEM102",
    "DEM103",
    "DEM104",
    "DEM104 screen",
    "DEM105",
    "DEM106",
    "DEM107",
    "DEM110",
    "DEM112",
)


def judged(rows: Sequence[Row], sections: Mapping[str, Any], select: Sequence[str]) -> Result:
    """The result of some rules on rows in memory."""
    return audit.check(rows, select=list(select), sections=dict(sections), jobs=1)


def keys_of(finding: Finding) -> list[str]:
    """What a finding says, as ``Planted.true`` spells it: the attribute, and what else names the thing found."""
    said, name = finding.evidence, finding.evidence.get("attribute", "")
    match finding.code:
        case "DEM102":
            return [f"{name}:unknown" if "unknown" in said else f"{name}:label" if "v" in said else f"{name}:other"]
        case "DEM103" if "terms" in said:
            return [f"{name}:{term['form']}" for term in said["terms"]]
        case "DEM104":
            return [f"{name}:{said['group']}{SCREEN if said['verdict'] != 'FAIL' else ''}"]
        case "DEM105":
            return [f"{name}:{said['by']}"]
        case "DEM106":
            return [f"{name}:{word['word']}:{word['group']}" for word in said["words"]]
        case "DEM107":
            return [f"{name}:{said['feature']}"]
        case "DEM112":
            return [f"{name}:{said['code']}" + (f":{said['group']}" if said["code"] != "removed" else "")]
    return [name]


class Tally(NamedTuple):
    """Keys that were planted and found, that were planted, and that were found and neither planted nor a shadow."""

    found: int = 0
    planted: int = 0
    wrong: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def recall(self) -> str:
        return f"{self.found / self.planted:.0%}" if self.planted else "-"

    @property
    def precision(self) -> str:
        said = self.found + self.wrong
        return f"{self.found / said:.0%} of {said:,}" if said else "-"


def told(one: Planted, code: str, *, screen: bool = False) -> Tally:
    """What a rule found in one data set; of DEM104 its verdicts, or its four-fifths screen."""
    findings = judged(one.rows, one.sections, one.select).findings
    said = {key for finding in findings if finding.code == code for key in keys_of(finding)}
    keys = {key.removesuffix(SCREEN) for key in said if key.endswith(SCREEN) == screen}
    return Tally(len(keys & one.true), len(one.true), len(keys - one.true - one.shadows))


def share(found: int, of: int) -> str:
    """A share in per cent with its Wilson interval (95 %)."""
    low, high = wilson(found, of)
    return f"{found / of:.1%} ({low:.1%} to {high:.1%})" if of else "-"


# ----------------------------------------------------------------------------- planted differences


def recall() -> Iterator[str]:
    """Recall by size and number of groups, and precision, where the difference is well beyond the bound."""
    groups = ", ".join(map(str, GROUPS))
    sizes = " | ".join(f"{n:,} rows: {groups} groups ({seeds} sets each)" for n, seeds in SIZES.items())
    yield f"| planted | {sizes} | of what was found, true |"
    yield "|---" * (len(SIZES) + 2) + "|"
    for effect in EFFECTS:
        cells, total = [], Tally()
        for n, seeds in SIZES.items():
            tallies = [_over_seeds(effect, n, k, seeds) for k in GROUPS]
            cells.append(", ".join(one.recall for one in tallies))
            for one in tallies:
                total = total.plus(one)
        yield f"| {effect} | {' | '.join(cells)} | {total.precision} |"


def _over_seeds(effect: str, n: int, k: int, seeds: int) -> Tally:
    total = Tally()
    for seed in range(seeds):
        total = total.plus(told(plant(effect, seed, n, k, "beyond"), effect.split()[0]))
    return total


def bound() -> Iterator[str]:
    """How often a difference exactly at the bound is reported, and something that is not there."""
    yield "| planted at the bound | rows | reported | something else reported |"
    yield "|---|---|---|---|"
    for effect in EFFECTS:
        for screen in (False, True) if effect.startswith("DEM104") else (False,):
            for n, seeds in AT_BOUND.items():
                yield _at_bound(effect, n, seeds, screen=screen)


def _at_bound(effect: str, n: int, seeds: int, *, screen: bool) -> str:
    planted = (plant(effect, seed, n, k, "bound") for k in (2, 8) for seed in range(seeds))
    tallies = [told(one, effect.split()[0], screen=screen) for one in planted]
    found, of = sum(one.found for one in tallies), sum(one.planted for one in tallies)
    wrong = sum(one.wrong > 0 for one in tallies)
    name = f"{effect}{SCREEN if screen else ''}"
    return f"| {name} | {n:,} | {share(found, of)} | {share(wrong, len(tallies))} |"


# ----------------------------------------------------------------------------- nothing planted


def without_association(seed: int, n: int, *, copies: int = 1, cluster: int = 1) -> list[Row]:
    """Rows whose groups, labels, faults and words have nothing to do with each other.

    With ``copies`` every row stands there so often. With ``cluster`` so many rows belong together
    (``metadata.person``): they share their groups, nine in ten of their labels, half of their words, and their faults.
    """
    rng = np.random.default_rng([seed, n, copies, cluster])
    people = n // copies // cluster
    of = np.repeat(np.arange(people), cluster)
    two, five = rng.integers(0, 2, people)[of], rng.choice(5, size=people, p=unequal(5))[of]
    label = (
        np.where(rng.random(len(of)) < (0.1 if cluster > 1 else 1), rng.random(len(of)), rng.random(people)[of]) < 0.4
    )
    shared = sentences(rng, people)
    prompts = [own + (shared[at] if cluster > 1 else []) for own, at in zip(sentences(rng, len(of)), of, strict=True)]
    two_names: list[str | None] = [*group_names(two)]
    for at in np.flatnonzero(rng.random(people)[of] < 0.02).tolist():
        two_names[at] = None
    names = [f"p{at}" for at in of.tolist()]
    rows = chats(rng, prompts, two=two_names, five=group_names(five), label=labels(label), person=names)
    for at in np.flatnonzero(rng.random(people)[of] < 0.1).tolist():
        rows[at]["messages"].append({"role": "user", "content": "And then?"})
    return [row for row in rows for _ in range(copies)]


def sections_of_null(cluster: int) -> dict[str, Any]:
    """The attributes with their true shares for a reference, and the field of the cluster."""
    five = {f"g{at}": share for at, share in enumerate(unequal(5).tolist())}
    data = {"group": "metadata.person"} if cluster > 1 else {}
    return configured("two", "five", two={"reference": {"g0": 0.5, "g1": 0.5}}, five={"reference": five}, data=data)


def null() -> Iterator[str]:
    """False alarms by rule on generated rows: the share of data sets with any finding of it."""
    settings = {
        "300 rows": (200, {"n": 300}),
        "3,000 rows": (200, {"n": 3_000}),
        "1,000 rows, 50 of them twenty times": (200, {"n": 1_000, "copies": 20}),
        "1,000 rows in clusters of 20": (200, {"n": 1_000, "cluster": 20}),
    }
    counted = {}
    for name, (seeds, how) in settings.items():
        data = (without_association(seed, **how) for seed in range(seeds))
        counted[f"{name} ({seeds} sets)"] = _alarms(data, seeds, sections_of_null(how.get("cluster", 1)))
    yield from _by_rule(counted)


def _alarms(data: Iterator[list[Row]], seeds: int, sections: Mapping[str, Any]) -> Mapping[str, str]:
    """The share of the data sets in which each rule found anything; "-" for rules that had nothing to measure."""
    counted: Counter[str] = Counter()
    measured: set[str] = set()
    for rows in data:
        result = judged(rows, sections, ["DEM", "FMT105"])
        counted.update({_rule(finding) for finding in result.findings})
        measured.update(one.code for one in result.measures)
    return {rule: share(counted[rule], seeds) if rule.split()[0] in measured else "-" for rule in NULL_RULES}


def _by_rule(counted: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A table with a line for each rule."""
    yield f"| rule | {' | '.join(counted)} |"
    yield "|---" * (len(counted) + 1) + "|"
    for rule in NULL_RULES:
        yield f"| {rule} | {' | '.join(shares[rule] for shares in counted.values())} |"


def _rule(finding: Finding) -> str:
    """The code, and of DEM104 whether it is the verdict or the four-fifths screen."""
    screen = finding.code == "DEM104" and finding.evidence.get("verdict") != "FAIL"
    return f"{finding.code}{SCREEN}" if screen else finding.code


# ----------------------------------------------------------------------------- real rows, random groups


class Random(NamedTuple):
    """A chat set whose groups are dealt out at random, and what else is configured."""

    name: str
    seeds: int
    label: str = ""
    favourable: str = ""
    shuffled: str = ""
    """The field whose values are shuffled; "" for two even groups and five uneven ones."""


REAL: Final = (
    Random("gsm8k", 50),
    Random("dolly-subset", 200),
    Random("banking77", 50, "metadata.label", "card_arrival"),
    Random("adult", 50, "metadata.label", ">50K", "sex"),
)


def read(name: str) -> list[Row]:
    """The rows of a chat set."""
    with gzip.open(SHARED / "chat" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def dealt(rows: list[Row], one: Random, seed: int) -> list[Row]:
    """The rows with random groups in their metadata."""
    rng = np.random.default_rng([seed, len(rows)])
    if one.shuffled:
        given = [row["metadata"][one.shuffled] for row in rows]
        two = [given[at] for at in rng.permutation(len(rows)).tolist()]
    else:
        two = group_names(rng.integers(0, 2, len(rows)))
    five = group_names(rng.choice(5, size=len(rows), p=unequal(5)))
    for row, a, b in zip(rows, two, five, strict=True):
        row["metadata"] |= {"two": a, "five": b}
    return rows


def real() -> Iterator[str]:
    """False alarms by rule on real rows with random groups."""
    counted = {}
    for one in REAL:
        rows = read(one.name)
        data = {"label": one.label, "favourable": one.favourable} if one.label else {}
        sets = (dealt(rows, one, seed) for seed in range(one.seeds))
        counted[f"{one.name} ({one.seeds} sets)"] = _alarms(
            sets, one.seeds, {**configured("two", "five"), "data": data}
        )
    yield from _by_rule(counted)


# ----------------------------------------------------------------------------- what can be detected


def power() -> Iterator[str]:
    """Whether the ratio that DEM109 prints is found as often as it says, by its own test and by DEM104."""
    yield "| rows of the group, of the others | rate | DEM109 says | p < 0.05 at that ratio | DEM104 reports it |"
    yield "|---" * 5 + "|"
    rng = np.random.default_rng(0)
    for n, others, rate in ((100, 200, 0.5), (300, 2_700, 0.3), (1_000, 2_000, 0.3), (3_000, 27_000, 0.1)):
        ratio = detectable_ratio(rate, n, others)
        if ratio is None:
            continue
        seen = failed = 0
        for hits, other_hits in zip(
            rng.binomial(n, rate * ratio, 1_000), rng.binomial(others, rate, 1_000), strict=True
        ):
            pair = Pair(int(hits), n, int(other_hits), others)
            seen += (difference_p(pair) or 1.0) < 0.05
            rates = [GroupRate("few", int(hits), n), GroupRate("many", int(other_hits), others)]
            failed += compare(rates, Question(tolerance=0.8)).verdict == "FAIL"
        yield f"| {n:,}, {others:,} | {rate:g} | {ratio:.2f} | {share(seen, 1_000)} | {share(failed, 1_000)} |"


# ----------------------------------------------------------------------------- mentions


TARGETS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "women": ("gender", ("female",)),
    "trans people": ("gender", ("trans",)),
    "gay people": ("sexual_orientation", ("gay", "lesbian", "queer", "bisexual")),
    "black people": ("ethnicity", ("black",)),
    "Muslims": ("religion", ("muslim",)),
    "disabled people": ("disability", ()),
    "immigrants": ("nationality", ()),
}
"""HateCheck's target -> the axis and the groups of it that a mention of the target is of; () for all."""


def mentioned(target: str, rows: Sequence[Row]) -> set[int]:
    """Which rows mention a target, by the lexicon of its axis."""
    axis, groups = TARGETS[target]
    lexicon = load(axis)
    texts = (row["messages"][-2]["content"] for row in rows)
    found = (any(not groups or mention.term.group in groups for mention in lexicon.find(text, "en")) for text in texts)
    return {at for at, yes in enumerate(found) if yes}


def mentions() -> Iterator[str]:
    """Mentions by lexicon against the target that HateCheck's authors name: recall and precision of rows."""
    rows = read("hatecheck")
    yield "| target | axis and groups | rows | of these mentioned | rows that mention it | of these the target's |"
    yield "|---" * 6 + "|"
    for target, (axis, groups) in TARGETS.items():
        found = mentioned(target, rows)
        own = {at for at, row in enumerate(rows) if row["metadata"]["target_group"] == target}
        both = len(own & found)
        said = f"{axis}: {', '.join(groups) or 'all'}"
        yield f"| {target} | {said} | {len(own)} | {share(both, len(own))} | {len(found)} | {share(both, len(found))} |"


PARTS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "recall": recall, "bound": bound, "null": null, "real": real, "power": power, "mentions": mentions,
}  # fmt: skip


def main() -> None:
    """Print the tables that are asked for, or all."""
    for name in sys.argv[1:] or PARTS:
        for line in PARTS[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
