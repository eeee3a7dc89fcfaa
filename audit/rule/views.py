"""What the engine shows a rule: a batch of rows while it reads, and afterwards the whole. Protocols only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from audit.model import Json, Record, Related, RowTokens, Source
from audit.rule.run import Attribute

if TYPE_CHECKING:
    from audit.outputs.table import Outputs

Product: TypeAlias = Literal[
    "tokens",
    "texts",
    "rows",
    "conversation",
    "normalised",
    "prompt",
    "answer",
    "label",
    "group",
    "near_clusters",
    "attributes",
    "clusters",
    "token_columns",
    "marks",
    "weights",
    "outputs",
]
"""What the engine computes once per run for every rule that names it in ``needs``.

``tokens``: token counts of every row. ``texts``: what is said in it. ``rows``: where every row lies, so that it can be
read again. The others imply ``rows`` and are one 64-bit identity per row, equal where two rows have the same:
``conversation`` (messages, answers and the names of the tools; no call ids, weights, metadata or tool schemas),
``normalised`` (the same without case, punctuation and white space), ``prompt`` (all that comes before the answer,
normalised), ``answer`` (the last turn of the assistant, stripped), ``label`` (the configured label, or else a short
answer), ``group`` (rows that belong together). ``near_clusters``: clusters of near-duplicate conversations.
``attributes``: the group of every row for every configured attribute. ``clusters``: rows that are no independent
evidence (the same conversation, the same configured group, a row and what a remedy made of it). ``token_columns``: the
token counts of every row, kept.
``marks``: which rows a remedy made. ``weights``: the weight of every row. ``outputs``: the rows that are outputs of
models, as columns.
"""

COPY, SYNTHETIC, WEIGHTED, NO_COPY = 1, 2, 4, 8
"""Bits of ``Context.marks``: the row is a marked copy (``metadata.audit.copy_of``) and a row without that mark says the
same; it was made up for balance (``metadata.audit.synthetic``); it has a weight of its own
(``metadata.audit.weight``); it says that it is a copy and is none, and is judged as any row."""


class ToolRow(msgspec.Struct, frozen=True, gc=False):
    """A canonical row that declares tools, for rules that need the schemas or the target to judge it.

    ``row`` is its row number, ``tools`` its tools as JSON (equal ones are the same object: a good key for what is worth
    keeping), ``calls`` the name and the parsed arguments of every call.
    """

    row: int
    tools: bytes
    calls: Sequence[tuple[str, Mapping[str, Json]]]


class Batch(Protocol):
    """A few megabytes of one source, parsed once.

    A row number is the index of its line in the batch, from 0; blank lines have one too but are in no column.
    """

    @property
    def source(self) -> Source:
        """Where the rows come from."""

    @property
    def rows(self) -> int:
        """Rows with content, unreadable ones included."""

    @property
    def bytes(self) -> int:
        """Bytes of the batch, line ends included."""

    @property
    def line_sizes(self) -> Sequence[int]:
        """Bytes of every line, blank ones included, by row number."""

    @property
    def parsed(self) -> Sequence[int]:
        """Row numbers of the rows that could be parsed, in order."""

    @property
    def shapes(self) -> Mapping[str, Sequence[int]]:
        """Shape name (``unknown`` for none) -> row numbers of that shape, in order; parsed rows only."""

    @property
    def tokens(self) -> Sequence[RowTokens] | None:
        """Token counts of the rows in ``parsed``, in that order, when a rule needs ``tokens``."""

    @property
    def with_metadata(self) -> Sequence[int]:
        """Row numbers of rows that carry ``metadata``."""

    @property
    def tool_rows(self) -> Sequence[ToolRow]:
        """The canonical rows that declare tools, in order. Their turns, calls and call ids are right for any target;
        the names and schemas of their tools, whether arguments fit and whether the target takes tools are open."""

    @property
    def texts(self) -> Sequence[str]:
        """What is said in each row of ``parsed``, in that order: see ``audit.read.dialogue.conversation_text``."""

    @property
    def exchanges(self) -> Sequence[tuple[int, str, str]]:
        """Row number, last text of the user and last text of the assistant of every canonical row, in order, for a rule
        that names ``texts`` in ``needs``: enough for ``suspects`` to tell which rows are worth a closer look."""

    def line_of(self, row: int) -> int:
        """The 1-based line number of a row."""

    def records(self) -> Iterator[Record]:
        """Every parsed row of the batch as a Record, in order (made on demand: prefer the columns)."""


class RowRange(NamedTuple):
    """The rows of one source: ordinals from ``first`` to before ``end``."""

    source: Source
    first: int
    end: int


class Summary(Protocol):
    """What the other rules found, without finding objects."""

    @property
    def rows(self) -> int:
        """Rows with content in all sources."""

    @property
    def ranges(self) -> Sequence[RowRange]:
        """Which rows lie in which source, in reading order."""

    def count(self, code: str) -> int:
        """Findings of a code."""

    def rows_with(self, code: str) -> Sequence[int]:
        """Ordinals (0-based, in reading order) of the rows with a row-scope finding of a code, sorted."""

    def drops(self, code: str) -> Sequence[int]:
        """Ordinals of the rows that the fixes of a code would drop, sorted."""

    def codes(self) -> Sequence[str]:
        """Codes with at least one finding, sorted."""

    def column(self, product: Product) -> Sequence[int]:
        """The identity of every row, for a rule that names the product in ``needs``; 0 where it has none."""

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits there are, as in ``Context``, for a rule that names ``rows`` in ``needs``."""

    @property
    def split_codes(self) -> Sequence[int]:
        """The index in ``splits`` of every row."""

    def attribute(self, name: str) -> AttributeColumn:
        """The groups of a configured attribute, for a rule that names ``attributes`` in ``needs``."""

    def clusters(self) -> Sequence[int]:
        """The cluster of every row, for a rule that names ``clusters`` in ``needs``."""

    @property
    def marks(self) -> Sequence[int]:
        """What every row says of itself, as in ``Context``, for a rule that names ``marks`` in ``needs``."""

    def origins(self) -> Sequence[int]:
        """The row that every row was made of, as in ``Context``."""

    def outputs(self) -> Outputs:
        """The outputs of models among the rows, for a rule that names ``outputs`` in ``needs``."""


class NearCluster(Protocol):
    """Rows that say nearly the same. Every one of ``members`` was itself compared with ``survivor``."""

    @property
    def survivor(self) -> int:
        """The row that would be kept: the longest, of those the first."""

    @property
    def members(self) -> Sequence[int]:
        """The other rows, ascending."""

    @property
    def similarity(self) -> Sequence[float]:
        """The exact Jaccard similarity of each member with the survivor."""


class NearClusters(Protocol):
    """All clusters of near-duplicate conversations of a run."""

    @property
    def clusters(self) -> Sequence[NearCluster]:
        """Sorted by their first row."""

    @property
    def rows(self) -> int:
        """Rows long enough to take part."""

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """Every verified pair: two rows, ascending, and their exact Jaccard similarity; sorted."""


class AttributeColumn(Protocol):
    """The groups of one attribute over all rows. A row is named by its ordinal.

    Group names are normalised (case and spaces); ``variants`` keeps the spellings. A row without a value is of group
    ``unknown``. A row that mentions several groups is of group ``multiple`` in ``codes`` and is in every one of them
    in ``members``; a row that mentions none is of group ``none``. These three stand after the others in ``groups``; a
    group that calls itself so is shown as ``none (as given)``. A field with a list of values makes ``multiple``, too.
    """

    @property
    def attribute(self) -> Attribute:
        """What was configured."""

    @property
    def groups(self) -> Sequence[str]:
        """Names of the groups there are, sorted (numbers and bands of numbers by size), ``multiple``, ``none`` and
        ``unknown`` last and only where needed."""

    @property
    def codes(self) -> Sequence[int]:
        """The index in ``groups`` of every row (an ``array('H')``): a partition of the rows."""

    def members(self, group: str) -> Sequence[int]:
        """Ordinals of the rows of a group, ascending; of a mention, those that mention others too are among them."""

    @property
    def variants(self) -> Mapping[str, Mapping[str, int]]:
        """Group -> the spellings that stand for it -> rows, for groups with more than one spelling."""

    @property
    def similar(self) -> Sequence[tuple[str, str]]:
        """Pairs of groups with nearly the same name, the more frequent first: perhaps one group."""

    @property
    def terms(self) -> Sequence[tuple[str, ...]]:
        """For a mention: the sets of terms (``group/form``) that rows mention, by number; empty otherwise."""

    @property
    def term_codes(self) -> Sequence[int]:
        """For a mention: the index in ``terms`` of every row; empty otherwise."""

    @property
    def coverage(self) -> Mapping[str, int]:
        """For a mention: language -> rows, those of languages without a lexicon under ``not covered``, those of which
        the language could not be told under ``undetermined``."""

    @property
    def expected(self) -> Mapping[str, float] | None:
        """The share that the reference gives to each group, groups spelt as in ``groups`` where they have rows; of
        ``uniform`` the same for all groups that have rows. None without a reference."""

    @property
    def reference_group(self) -> str:
        """What the other groups are compared with, spelt as in ``groups``: a group, ``best`` or ``rest``."""

    @property
    def notes(self) -> Sequence[str]:
        """What was met on the way from the data to the groups and is no group: keys of a sidecar that match no row,
        words that were taken for a missing value. Sentences without a full stop."""

    @property
    def reason(self) -> str:
        """Why the groups cannot be judged (too many of them, a sidecar that does not fit); "" where they can. The rows
        are then NOT_ASSESSED."""


class Context(Protocol):
    """What a DatasetRule may use when it finishes. A row is named by its ordinal: 0-based, in reading order.

    All but ``rows``, ``sources`` and ``ranges`` need the product in the rule's ``needs``.
    """

    @property
    def rows(self) -> int:
        """Rows with content in all sources."""

    @property
    def sources(self) -> Sequence[Source]:
        """The sources, in reading order."""

    @property
    def ranges(self) -> Sequence[RowRange]:
        """Which rows lie in which source, in reading order."""

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits there are: values of the configured field, else roles of the sources. ``data``, the
        role of a file that was named without one, is ``train`` where there are other splits. Sorted."""

    @property
    def split_codes(self) -> Sequence[int]:
        """The index in ``splits`` of every row."""

    def column(self, product: Product) -> Sequence[int]:
        """The identity of every row (an ``array`` of 64-bit numbers); 0 where it has none."""

    def groups(self, product: Product) -> Iterator[Sequence[int]]:
        """Rows with the same identity, ascending, two or more; sorted by their first row."""

    def near_clusters(self) -> NearClusters:
        """The clusters of near-duplicate conversations."""

    @property
    def marks(self) -> Sequence[int]:
        """Bits ``COPY``, ``SYNTHETIC``, ``WEIGHTED`` and ``NO_COPY`` of every row (an ``array('B')``)."""

    @property
    def weights(self) -> Sequence[float]:
        """The weight of every row (an ``array('d')``), 1.0 where it says nothing that can be used."""

    @property
    def token_totals(self) -> Sequence[int]:
        """Tokens of every row with chat overhead and tools (an ``array('I')``), 0 where it cannot be read."""

    @property
    def token_targets(self) -> Sequence[int]:
        """Tokens of every row that are trained on (an ``array('I')``)."""

    def place(self, row: int) -> Related:
        """File and line of a row, for ``Hit.related``."""

    def identity(self, row: int) -> str:
        """The ``conversation`` identity as text, for ``Hit.key``: the fingerprint then survives reordering."""

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """The rows read again, in the order asked for (ascending is fastest). Rows that cannot be parsed have an
        empty chat, so that there is one record for every row."""

    def attribute(self, name: str) -> AttributeColumn:
        """The groups of a configured attribute."""

    def clusters(self) -> Sequence[int]:
        """The cluster of every row (an ``array('Q')``): rows of one are copies, of one configured group, or made of one
        another, and are no independent evidence. Named by the ordinal of its first row."""

    def origins(self) -> Sequence[int]:
        """The row that every row was made of (an ``array('Q')``), for a rule that names ``marks`` and ``conversation``
        in ``needs``: itself, but for marked copies and made-up rows. Of a chain of these it is the end; of those whose
        source is not in the data, or that name each other in a ring, the first stands for it."""

    def outputs(self) -> Outputs:
        """The outputs of models among the rows, for a rule that names ``outputs`` in ``needs``."""
