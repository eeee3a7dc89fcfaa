"""DUP406: rows that mean the same in other words. A hint: the method sees words, or the user's own embeddings."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from audit.clusters.answers import alike_answers, numbers_in
from audit.model import Applicability, Json, Measure, Record, Severity
from audit.read.dialogue import conversation_text
from audit.read.folding import fold
from audit.read.groups import read_groups
from audit.read.identity import tool_names
from audit.rule import Context, DatasetRule, Hit, Product, Run, Status
from audit.rules.duplicates.embeddings import check_path, vectors_of
from audit.rules.duplicates.reporting import DROP_SURVIVOR_KEPT, shown_place
from audit.rules.duplicates.sampling import distinct_rows
from audit.rules.duplicates.wording import answer_of, distinct_similarity, unfolded
from audit.rules.made_rows import NEEDS, Made

if TYPE_CHECKING:
    from audit.rules.duplicates.neighbours import Alike


class SemanticDuplicate(DatasetRule, frozen=True):
    """Two rows seem to mean the same in other words.

    Paraphrases teach less than they cost, and a paraphrase on the other side of a split makes the evaluation lie. Each
    row is a vector: its words weighted by TF-IDF and reduced to ``components`` dimensions by latent semantic analysis,
    or what the file ``embeddings`` says (.npy with one vector a row; .jsonl or .parquet with ``embedding`` and ``line``
    or ``row_id``). Reported is a row whose cosine with a longer or earlier one, its survivor, is ``similarity`` or
    more. Words are not meaning: this is a hint. A row takes part that has ``min_units`` words, that DUP401, DUP402 and
    DUP403 leave, and of whose words (not of embeddings) the reduction keeps ``min_kept`` of the vector's length. Of
    more than ``max_rows`` rows those with the smallest identities are a sample; of fewer than ``min_rows`` nothing is
    said. Rows with an answer of fewer than ``short_answer`` words (labels, numbers, calls) must agree in it, and
    all in the names of their tools. Compared by words, answers must have ``other_answer`` of theirs in common, and the
    rows must not each have numbers that the other one lacks.
    Measures: ``duplicates.semantic.redundant_rows`` and ``duplicates.semantic.rows_compared``.

    Bad:
        {"messages": [{"role": "user", "content": "Where is the river Nile?"}, {"role": "assistant", "content": "The Nile is in Africa."}]}
        {"messages": [{"role": "user", "content": "The river Nile is where?"}, {"role": "assistant", "content": "In Africa is the Nile."}]}
        {"messages": [{"role": "user", "content": "Who paints a fence?"}, {"role": "assistant", "content": "Whoever has bought some colour and brushes."}]}
    Good:
        {"messages": [{"role": "user", "content": "Where is the river Nile?"}, {"role": "assistant", "content": "The Nile is in Africa."}]}
        {"messages": [{"role": "user", "content": "Which lake feeds it?"}, {"role": "assistant", "content": "Victoria, the largest one of that continent."}]}
        {"messages": [{"role": "user", "content": "Who paints a fence?"}, {"role": "assistant", "content": "Whoever has bought some colour and brushes."}]}
    Do: read some pairs. Where they mean the same, keep the better one; with embeddings of a good model trust it more.
    """  # noqa: E501

    code: ClassVar[str] = "DUP406"
    name: ClassVar[str] = "semantic-duplicate"
    severity: ClassVar[Severity] = Severity.INFO
    status: ClassVar[Status] = "preview"
    fix: ClassVar[Applicability | None] = Applicability.UNSAFE
    needs: ClassVar[frozenset[Product]] = NEEDS | {"normalised", "prompt", "near_clusters"}
    example: ClassVar[dict[str, Json]] = {"rules": {"DUP406": {"min_rows": 3}}}

    similarity: float = 0.95
    components: int = 256
    min_kept: float = 0.7
    min_units: int = 5
    min_rows: int = 50
    max_rows: int = 20_000
    short_answer: int = 5
    other_answer: float = 0.3
    embeddings: str = ""

    def applies_to(self, run: Run) -> str | None:
        """Raises ConfigError for a file of embeddings that is not there."""
        if self.embeddings:
            check_path(self.embeddings)
        return super().applies_to(run)

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """A hit for every row that another one stands for; two measures. Raises ConfigError for bad embeddings."""
        eligible = _eligible(context)
        sample = _Sample.of(distinct_rows(eligible, self.max_rows), context, self.min_units, self.short_answer)
        compared = redundant = 0
        if len(sample.rows) >= max(2, self.min_rows):
            compared, found = self._alike(sample, context, run)
            for hit in self._hits(found, sample, context):
                redundant += 1
                yield hit
        sampled = len(eligible) - eligible.count(0) > self.max_rows
        yield self.measure("duplicates.semantic.redundant_rows", redundant, n=context.rows)
        yield self.measure(
            "duplicates.semantic.rows_compared",
            compared,
            table={"by": "embeddings" if self.embeddings else "words", "sampled": sampled},
            n=context.rows,
        )

    def _alike(self, sample: _Sample, context: Context, run: Run) -> tuple[int, Sequence[Alike]]:
        """How many rows were compared, and those that a survivor stands for."""
        import numpy as np

        from audit.rules.duplicates.neighbours import Alike, leaders, unit_vectors, word_vectors

        if self.embeddings:
            vectors, lengths = unit_vectors(vectors_of(self.embeddings, sample.rows, context))
            clear = np.flatnonzero(lengths > 0)
        else:
            vectors, kept = word_vectors(sample.texts, self.components, run.seed)
            clear = np.flatnonzero(kept >= self.min_kept)
        order = np.array(sorted(clear.tolist(), key=lambda at: (-sample.units[at], sample.rows[at])), dtype=np.int64)
        if not len(order):
            return 0, ()
        kinds = np.array(sample.kinds, dtype=np.int64)[order]
        found = leaders(vectors[order], kinds, self.similarity)
        return len(order), [Alike(int(order[one.row]), int(order[one.survivor]), one.cosine) for one in found]

    def _hits(self, found: Iterable[Alike], sample: _Sample, context: Context) -> Iterator[Hit]:
        """The pairs that mean the same in other words."""
        prompts = context.column("prompt")
        pairs = sorted((sample.rows[one.row], sample.rows[one.survivor], one.cosine) for one in found)
        made = Made(context)
        pairs = [pair for pair in pairs if not (made.is_copy(pair[0]) or made.are_related(*pair[:2]))]
        groups = read_groups(context, ((row, survivor) for row, survivor, _ in pairs))
        for (row, survivor, cosine), (_, records) in zip(pairs, groups, strict=True):
            first, other = records
            if not self._is_paraphrase(first, other, same_prompt=prompts[row] == prompts[survivor]):
                continue
            by = "embeddings" if self.embeddings else "words"
            yield self.hit(
                f"seems to mean the same as {shown_place(context, row, survivor)}: cosine {cosine:.3f} of their {by}; "
                f"asked for less than {self.similarity:g}",
                row=row,
                key=context.identity(row),
                related=(context.place(survivor),),
                evidence={"cosine": round(cosine, 3), "similarity_of": by},
                fix=DROP_SURVIVOR_KEPT,
            )

    def _is_paraphrase(self, first: Record, other: Record, *, same_prompt: bool) -> bool:
        """Not two answers to one long prompt, nor one sum with other numbers. One prompt with nearly the same answer
        is DUP403's."""
        if same_prompt and alike_answers((first, other)):
            return False
        if self.embeddings:
            return True
        one, two = (numbers_in(fold(conversation_text(record)).split()) for record in (first, other))
        words = (frozenset(answer_of(record).units) for record in (first, other))
        return not (one - two and two - one) and distinct_similarity(*words) >= self.other_answer


def _eligible(context: Context) -> array[int]:
    """The conversation identities, 0 for rows that the other rules find redundant."""
    identities = array("Q", context.column("conversation"))
    for group in context.groups("normalised"):
        for row in group[1:]:
            identities[row] = 0
    for cluster in context.near_clusters().clusters:
        for row in cluster.members:
            identities[row] = 0
    return identities


class _Sample(NamedTuple):
    """Columns over the rows compared, in the order of their identities: folded texts and their units, and the kind of
    a row: 63 bits of the names of its tools and, where that is short, of its answer."""

    rows: list[int]
    texts: list[str]
    units: list[int]
    kinds: list[int]

    @classmethod
    def of(cls, rows: Sequence[int], context: Context, least_units: int, short: int) -> _Sample:
        """The rows that have enough units, read again."""
        ascending = sorted(rows)
        read: dict[int, tuple[str, int, int]] = {}
        for row, record in zip(ascending, context.records(ascending), strict=True):
            text = fold(conversation_text(record)).decode()
            units = text.count(" ") + bool(text)
            if units >= max(1, least_units):
                read[row] = (text, units, _kind(record, short))
        kept = [row for row in rows if row in read]
        told = [read[row] for row in kept]
        return cls(kept, [text for text, _, _ in told], [units for _, units, _ in told], [kind for _, _, kind in told])


def _kind(record: Record, short: int) -> int:
    parts = tool_names(record.tools) if record.tools else []
    answer = answer_of(record)
    if len(answer.units) < short:
        parts = [*parts, unfolded(answer), *map(bytes.decode, answer.units)]
    key = blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(key, "little") >> 1
