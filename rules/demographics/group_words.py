"""DEM106: words that stand in the rows of one group far more often than in those of the others. Judges no meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import log
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from audit.model import Applicability, Json, Measure, Severity
from audit.read.folding import fold
from audit.rule import Context, DatasetRule, Hit, Product, Run
from audit.rules.demographics.advice import augment
from audit.rules.demographics.by_construction import labelled
from audit.rules.demographics.groups import (
    NEEDS,
    Groups,
    as_json,
    evidence_of,
    judged,
    rows_per_cluster,
    why_not,
)
from audit.rules.demographics.texts import are_labels, sampled
from audit.rules.labels.reporting import plain, quoted

if TYPE_CHECKING:
    from audit.statistics.word_association import WordAssociations

LONGEST: Final = 20_000
"""Characters of a row that are looked at."""
MOST_WORDS: Final = 20_000
"""Words that are compared, the most frequent first."""
ANY_PERSON: Final = (
    "a", "an", "i", "person", "persons", "people", "man", "men", "woman", "women", "boy", "boys", "girl", "girls",
    "himself", "herself", "themselves", "hers", "being", "anyone", "someone", "everyone", "somebody", "everybody",
)  # fmt: skip
"""English words for persons of any kind, beside those in the table of the commonest words."""
_SHOWN: Final = 50
_NAMED: Final = 6


class _Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word that goes with a group: rows with it in and outside the group, how strongly, and one row with it."""

    word: str
    group: str
    rows: int
    of: int
    other_rows: int
    of_others: int
    log_odds: float
    z: float
    q: float
    file: str | None
    line: int | None


class GroupWords(DatasetRule, frozen=True):
    """Words, and with them roles and traits, that travel with a group of a protected attribute (sensitive feature).

    Where rows about one group speak of nurses and rows about another of engineers, a model learns just that. Every word
    is counted once in a row, and each group is held against all others by the log-odds ratio with an informative
    Dirichlet prior (Monroe, Colaresi and Quinn 2008). Words in at least ``min_rows`` rows are reported where the false
    discovery rate is below ``level`` and the odds are larger than ``min_odds`` times those elsewhere. The names of the
    groups themselves, the terms of a lexicon, words for persons and the commonest words of a language are left out. A sample of at most 20,000 different rows is read.
    Measure: ``associated_words``.

    Bad:
        40 x {"messages": [{"role": "user", "content": "Case {n}: she is a nurse"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Case {n}: he is a pilot"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
    Good:
        40 x {"messages": [{"role": "user", "content": "Case 1{n}: a nurse"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "f"}}
        40 x {"messages": [{"role": "user", "content": "Case 2{n}: a nurse"}, {"role": "assistant", "content": "fine"}], "metadata": {"sex": "m"}}
    Do: look at the rows that are named. Add rows in which the words change places (`audit balance --by ATTRIBUTE --method
        augment`), or ignore the code with the reason why the words belong to the group.
    """  # noqa: E501

    code: ClassVar[str] = "DEM106"
    name: ClassVar[str] = "words-go-with-group"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.SHOWN
    needs: ClassVar[frozenset[Product]] = NEEDS | {"conversation"}
    example: ClassVar[dict[str, Json]] = {"sections": {"attributes": {"sex": {"field": "metadata.sex"}}}}

    min_rows: int = 20
    min_odds: float = 2.0
    level: float = 0.01

    def applies_to(self, run: Run) -> str | None:
        """Needs an attribute."""
        return super().applies_to(run) or why_not(run)

    @labelled
    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """The words of every attribute, and a hit for each that has any."""
        import numpy as np

        attributes = list(judged(context, run))
        counts = [_Counts(groups, context.attribute(groups.attribute.name).terms) for groups in attributes]
        sample = sampled(context)
        labelled = are_labels(sample)
        for said in sample:
            # Labels that go with a group are DEM103's.
            words = set(fold((said.prompt if labelled else f"{said.prompt}\n{said.answer}")[:LONGEST]).split())
            for one in counts:
                one.add(said.place, said.row, words)
        together = evidence_of(context).at(np.array([said.place for said in sample], dtype=np.int64)).together
        effect = rows_per_cluster(together)
        for one in counts:
            yield from self._of_attribute(one, context, effect)

    def _of_attribute(self, counts: _Counts, context: Context, effect: float) -> Iterator[Hit | Measure]:
        groups = counts.groups
        found = self._words(counts, context, effect)
        name = groups.attribute.name
        read = sum(counts.rows)
        listed = [as_json(word) for word in found[:_SHOWN]]
        table = {**groups.facts(), "rows_read": read, "words_compared": counts.compared, "words": listed}
        yield self.measure("associated_words", len(found), table=table, n=read, attribute=name, split=groups.split)
        if not found:
            return
        named = "; ".join(
            f"{quoted(word.word)} with {quoted(word.group)} ({word.rows / word.of:.1%} of its rows, elsewhere "
            f"{word.other_rows / word.of_others:.1%})"
            for word in found[:_NAMED]
        )
        more = f"; and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        yield self.hit(
            f"{groups.title}: words go with a group: {named}{more}",
            scope="dataset",
            key=name,
            evidence={"attribute": name, "words": listed, "rows_read": read},
            fix=augment(name),
        )

    def _words(self, counts: _Counts, context: Context, effect: float) -> list[_Word]:
        """The words that cross the bounds, the clearest first."""
        found: list[_Word] = []
        words, said = counts.associations(self.min_rows, effect)
        for one in said.found(self.level) if said is not None else ():
            if one.log_odds_ratio < log(self.min_odds):
                continue
            word = words[one.word]
            place = context.place(counts.first[word])
            found.append(
                _Word(
                    word=plain(word.decode()),
                    group=counts.names[one.group],
                    rows=one.documents,
                    of=one.of,
                    other_rows=one.elsewhere,
                    of_others=one.of_elsewhere,
                    log_odds=round(one.log_odds_ratio, 4),
                    z=round(one.z, 3),
                    q=one.q,
                    file=place.file,
                    line=place.line,
                )
            )
        return found


def _of_no_account() -> Iterable[str]:
    """Words that name no role and no trait: the commonest words of a language, and words for persons of any kind."""
    from audit.language.words import common_words

    return (*common_words(), *ANY_PERSON)


class _Counts:
    """In how many rows of each group every word stands."""

    def __init__(self, groups: Groups, terms: Iterable[Iterable[str]]) -> None:
        self.groups = groups
        self._terms = [term.partition("/")[2] for together in terms for term in together]
        self.index = {code: number for number, code in enumerate(groups.compared)}
        self.names = [groups.names[code] for code in groups.compared]
        self.rows = [0] * len(self.names)
        self.words: list[Counter[bytes]] = [Counter() for _ in self.names]
        self.first: dict[bytes, int] = {}
        self.compared = 0

    def add(self, place: int, row: int, words: set[bytes]) -> None:
        """Count the words of one row."""
        group = self.index.get(int(self.groups.codes[place]))
        if group is None:
            return
        self.rows[group] += 1
        self.words[group].update(words)
        for word in words:
            self.first.setdefault(word, row)

    def associations(self, least: int, effect: float) -> tuple[Sequence[bytes], WordAssociations | None]:
        """The frequent words, and how strongly each goes with each group; None where there is nothing to compare."""
        import numpy as np

        from audit.statistics.word_association import word_associations

        total: Counter[bytes] = Counter()
        for words in self.words:
            total.update(words)
        own = {word for name in (*self.names, *self._terms, *_of_no_account()) for word in fold(name).split()}
        kept = [(-count, word) for word, count in total.items() if count >= least and word not in own]
        vocabulary = [word for _, word in sorted(kept)[:MOST_WORDS]]
        self.compared = len(vocabulary)
        if len(self.names) < 2 or not vocabulary:
            return vocabulary, None
        documents = np.array([[words[word] for words in self.words] for word in vocabulary], dtype=np.int64)
        totals = np.array(self.rows, dtype=np.int64)
        return vocabulary, word_associations(documents, totals, design_effect=effect)
