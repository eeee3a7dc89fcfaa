"""What a rule may know of a run beside the rows: target, fields, attributes, tokens, reference files. Reads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

import msgspec

from audit.model import Record, RowTokens, Target
from audit.rule.arms import Comparison, ReferenceRow, TrainedOn


class PlainTurn(Protocol):
    """A message that is a role and a string."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


class TokenCounter(Protocol):
    """Counts tokens for one model. ``exact`` is False for an estimate, which never fails a gate."""

    @property
    def name(self) -> str:
        """The encoding or the tokenizer's folder name."""

    @property
    def exact(self) -> bool:
        """Whether counts are the tokenizer's own."""

    @property
    def note(self) -> str:
        """What is not exact about the counts, in a few words."""

    def count(self, text: str) -> int:
        """Tokens of a text, special-token strings in it counted as plain text."""

    def row(self, record: Record) -> RowTokens:
        """Token counts of a whole row: contents, with chat overhead and tools, and trainable."""

    def plain_chats(self, chats: Sequence[Sequence[PlainTurn]]) -> list[RowTokens]:
        """Token counts of rows whose messages are all plain strings: the hot path."""


class Scorer(Protocol):
    """A model that scores texts: a classifier in a folder, a moderation endpoint. No rule needs one."""

    @property
    def name(self) -> str:
        """What evidence calls it: no address, no key."""

    def score(self, texts: Sequence[str]) -> Sequence[Mapping[str, float]]:
        """For each text a score from 0 to 1 for each category that it knows. Raises AuditError when it cannot."""


class Reference(msgspec.Struct, frozen=True, eq=False):
    """Files that the data is compared with and that are not judged. Compared and hashed by identity."""

    rows: tuple[ReferenceRow, ...]


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Where rows keep what the configuration names: paths such as ``metadata.label`` or ``/metadata/label``.

    ``label`` may also be ``answer``; ``label_pattern`` is a regular expression over the answer (or over the value at
    ``label``), whose first group is the label. ``split`` names the field that says to which split a row belongs,
    ``weight`` the one with its weight (beside ``metadata.audit.weight``, which counts where it is None).
    """

    label: str | None = None
    label_pattern: str | None = None
    favourable: tuple[str, ...] = ()
    group: str | None = None
    split: str | None = None
    weight: str | None = None


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """A protected attribute (a sensitive feature), and where a row says to which of its groups it belongs.

    ``kind`` is the evidence class that every table names: ``declared`` (a field, a pattern in the prompt, a sidecar),
    ``annotated`` (somebody's judgement of the row), ``mention`` (words in the text: a claim about content, never about
    people) or ``name_cue`` (given names; off by default). ``where`` is the field's path, the regular expression, the
    sidecar as ``file#column`` or the lexicon's axis. ``reference`` is the expected share of each group, or
    ``uniform``; ``reference_source`` says who chose it. Groups of fewer than ``min_n`` rows are too few to judge.
    ``role`` is the part of a row that a lexicon or a pattern is looked for in. ``reference_group`` is what the other
    groups are compared with: a group, or ``rest``, or ``best``. ``bands`` are the lower edges of bands of numbers: 25
    and 40 make "<25", "25-39" and "40+". ``join`` is how an entry of a sidecar finds its row, the first way of these
    that the sidecar has a column for: ``line`` (with ``file``), ``row_id``, or the field that holds the key. ``origin``
    is where it comes from as tables say it, where that is not ``source`` and ``where``.
    """

    name: str
    source: Literal["field", "pattern", "sidecar", "lexicon"]
    where: str
    kind: Literal["declared", "annotated", "mention", "name_cue"] = "declared"
    reference: Mapping[str, float] | Literal["uniform"] | None = None
    reference_source: str = ""
    reference_group: str = "best"
    min_n: int = 30
    role: Literal["prompt", "answer", "all"] = "prompt"
    bands: tuple[float, ...] = ()
    join: tuple[str, ...] = ()
    origin: str = ""

    @property
    def comes_from(self) -> str:
        """Where it comes from, in words."""
        return self.origin or f"{self.source} {self.where}"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule may know of the run: what the file is judged as, for which model, as of which day.

    ``lexicons`` are the user's own lexicon files, laid over the built-in ones, ``known_citations`` files of citations
    that were checked. ``scorers`` are models that somebody handed in, by the name that a rule's option calls them.

    ``judged`` says whether the rows are outputs of models; ``comparison`` is then what is known of their arms, and
    ``trained_on`` the rows that a model was trained on.
    """

    target: Target
    judged: Literal["data", "outputs"] = "data"
    comparison: Comparison = Comparison()
    trained_on: TrainedOn | None = None
    fields: Fields = Fields()
    attributes: tuple[Attribute, ...] = ()
    lexicons: tuple[str, ...] = ()
    known_citations: tuple[str, ...] = ()
    scorers: Mapping[str, Scorer] = {}
    against: Reference | None = None
    target_sample: Reference | None = None
    model: str | None = None
    as_of: date | None = None
    tokens: TokenCounter | None = None
    max_tokens: int | None = None
    epochs: float | None = None
    max_cost: float | None = None
    seed: int = 0
