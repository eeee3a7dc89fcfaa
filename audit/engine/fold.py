"""The fold: takes chunks one after the other and keeps what rules find; merges with another fold, and finishes.

The same findings and measures come out however the input is cut and whichever fold read which part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from audit.engine.batch import ParsedBatch
from audit.engine.columns import KEYS, Columns, with_identities
from audit.engine.finish import Finished, Outcome, finish
from audit.engine.found import Found
from audit.engine.place import on_line, on_record
from audit.engine.rows import StoredRows
from audit.engine.scan import TriggerScan
from audit.model import ABSENT, Json, Message, Record
from audit.read.canonical import CanonicalRow, Turn
from audit.read.canonical_tools import Accepted
from audit.read.identity import content_id
from audit.read.lines import Chunk
from audit.read.shapes.predictions import GIVEN, OUTPUT, PREDICTIONS
from audit.read.strings import DECLARATIONS, strings
from audit.rule import DatasetRule, Hit, LineRule, Product, RecordRule, Rule, Run, Span, TextRule

if TYPE_CHECKING:
    from audit.attributes.lookups import Lookups
    from audit.clusters.builder import NearBuilder
    from audit.clusters.settings import NearSettings
    from audit.engine.membership import Memberships
    from audit.engine.outputs import OutputColumns

R = TypeVar("R", bound=Rule)


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """Where folds may keep what outgrows memory, and what was learnt from a sample before the first row is judged.

    ``folder`` is for what can be written to disk, None to keep it in memory. ``template`` are hashes of the shingles
    that too many rows share to say anything about one. ``spool`` is the file that holds the lines of sources that
    cannot be read again.
    """

    folder: str | None = None
    template: tuple[int, ...] = ()
    spool: str | None = None


OF_ROWS: frozenset[Product] = frozenset(
    {"rows", "near_clusters", "attributes", "clusters", "token_columns", "marks", "weights", "outputs", *KEYS}
)
"""The products that rest on rows that can be read again."""
DEFAULT_STORAGE = Storage()
NONE: frozenset[Product] = frozenset()


def needs_of(rules: Iterable[Rule], wanted: frozenset[Product] = NONE) -> frozenset[Product]:
    """Every product that the rules need, or that is wanted beside them, with what these rest on."""
    needs = wanted.union(*(rule.needs for rule in rules))
    if "outputs" in needs:
        needs |= {"attributes"}
    return needs | {"tokens"} if "token_columns" in needs else needs


class Fold:
    """Judges chunks; ``found`` is everything found so far in the part of the input that this fold has read."""

    def __init__(
        self,
        rules: Sequence[Rule],
        run: Run,
        *,
        storage: Storage = DEFAULT_STORAGE,
        scan: TriggerScan | None = None,
        lookups: Lookups | None = None,
        wanted: frozenset[Product] = NONE,
    ) -> None:
        """``scan`` and ``lookups`` are those of an earlier fold over the same rules, slow to compile and to read.
        ``wanted`` are products that somebody beside the rules needs."""
        self.rules = tuple(rules)
        self.run = run
        self.storage = storage
        self._finished: Finished | None = None
        self._line_rules = _of(rules, LineRule)
        self._record_rules = _of(rules, RecordRule)
        self._suspicious = [rule for rule in self._record_rules if type(rule).suspects is not RecordRule.suspects]
        self._text_rules = _of(rules, TextRule)
        self._dataset_rules = _of(rules, DatasetRule)
        self.scan = scan if scan is not None else TriggerScan(self._text_rules, run)
        needs = with_identities(needs_of(rules, wanted), run.fields)
        self._counter = run.tokens if "tokens" in needs else None
        self._texts = bool(self._text_rules or needs & {"texts", "near_clusters", "attributes", *KEYS})
        self.found = Found(
            {rule.code: rule.start() for rule in self._dataset_rules},
            Columns(needs, run.fields) if needs & OF_ROWS else None,
            near_builder(rules, run, storage) if "near_clusters" in needs else None,
            memberships(run, lookups) if run.attributes and "attributes" in needs else None,
            output_columns() if "outputs" in needs else None,
        )

    # ------------------------------------------------------------------ taking

    def take(self, chunk: Chunk) -> ParsedBatch:
        """Parse a chunk and show it to every rule. Returns the batch, for progress."""
        batch = ParsedBatch(chunk, self._counter, texts=self._texts)
        ordinals = _Ordinals(batch, self.found.rows)
        self._check_lines(batch, ordinals)
        self._check_records(batch, ordinals)
        self._check_texts(batch, ordinals)
        for rule in self._dataset_rules:
            self.found.states[rule.code] = rule.take(self.found.states[rule.code], batch, self.run)
        self._collect(batch)
        self._count_rows(batch)
        return batch

    def _check_lines(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        if not self._line_rules:
            return
        for row in sorted(batch.problems):
            line = batch.line(row)
            for rule in self._line_rules:
                for hit in rule.check(line, self.run):
                    self.found.keep(on_line(rule, hit, line), hit, ordinals.of(row))

    def _check_records(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        rules = self._record_rules
        if not rules:
            return
        # Asked first: a rule may learn from a whole batch what spares it a closer look at a row that is not canonical.
        suspected: dict[int, list[RecordRule]] = {}
        for rule in self._suspicious:
            for row in rule.suspects(batch, self.run):
                if row not in batch.odd:
                    suspected.setdefault(row, []).append(rule)
        for row in sorted(batch.odd):
            self._check_record(rules, batch.record(row), ordinals.of(row))
        for row in sorted(suspected):
            self._check_record(suspected[row], batch.record(row), ordinals.of(row))

    def _check_record(self, rules: Sequence[RecordRule], record: Record, ordinal: int | None) -> None:
        identity: str | None = None
        for rule in rules:
            for hit in rule.check(record, self.run):
                identity = identity or content_id(record)
                self.found.keep(on_record(rule, hit, record, identity), hit, ordinal)

    def _check_texts(self, batch: ParsedBatch, ordinals: _Ordinals) -> None:
        for row in self.scan.candidates(batch.chunk.lines):
            plain = batch.plain[row]
            if plain is not None:
                hits = self._hits_of_plain(plain)
            elif row in batch.odd or (row in batch.tool and self._may_hold(batch.tool[row])):
                hits = self._hits_of(batch.record(row))
            else:
                continue
            self._keep_all(list(hits), batch, row, ordinals)

    def _keep_all(
        self, hits: Sequence[tuple[TextRule, Hit]], batch: ParsedBatch, row: int, ordinals: _Ordinals
    ) -> None:
        if not hits:
            return
        record = batch.record(row)
        identity = content_id(record)
        for rule, hit in hits:
            if rule.stands(hit, record):
                self.found.keep(on_record(rule, hit, record, identity), hit, ordinals.of(row))

    def _hits_of_plain(self, row: CanonicalRow) -> Iterator[tuple[TextRule, Hit]]:
        """What text rules find in a canonical row, without making a record of it."""
        scan = self.scan
        metadata: list[tuple[str, str]] = []
        if scan.looks_elsewhere and isinstance(row.metadata, dict):
            metadata = list(strings(row.metadata, "/metadata"))
        contents = [turn.content for turn in row.messages]
        triggered = scan.may_hold([*contents, *[text for _, text in metadata]])
        for place, turn in enumerate(row.messages):
            rules = scan.rules_for(turn.content, turn.role, triggered=triggered)
            if rules:
                message = _message_of(turn, place)
                for rule in rules:
                    for hit in _text_hits(rule, message.content_at, turn.content, message, self.run):
                        yield rule, hit
        if triggered:
            yield from self._hits_elsewhere(metadata)

    def _hits_of(self, record: Record) -> Iterator[tuple[TextRule, Hit]]:
        """What text rules find in a row; of an output of a model only what the model wrote: not the prompt, and nothing
        where the row's own answer was scored."""
        said: set[str] = set()
        turns = record.turns
        is_output = self.run.judged == "outputs" and record.shape == PREDICTIONS.name
        if is_output:
            scored = isinstance(record.data, dict) and record.data.get("finish_reason") == GIVEN
            turns = () if scored else tuple(turn for turn in turns if turn.at == OUTPUT)
        for message in turns:
            for at, text in message.texts():
                said.add(at)
                for rule in self.scan.rules_for(text, message.role):
                    for hit in _text_hits(rule, at, text, message, self.run):
                        yield rule, hit
        if self.scan.looks_elsewhere and not is_output and isinstance(record.data, dict):
            rest = {key: value for key, value in record.data.items() if key not in DECLARATIONS}
            yield from self._hits_elsewhere([one for one in strings(rest) if one[0] not in said])

    def _hits_elsewhere(self, texts: Iterable[tuple[str, str]]) -> Iterator[tuple[TextRule, Hit]]:
        for at, text in texts:
            for rule in self.scan.elsewhere(text):
                nobody = Message(role=ABSENT, content=text, at=at, role_at=at, content_at=at)
                for hit in _text_hits(rule, at, text, nobody, self.run):
                    yield rule, hit

    def _may_hold(self, row: Accepted) -> bool:
        """Whether a text rule may find something in a canonical row with tools."""
        if any(self.scan.rules_for(text) for text in row.texts()):
            return True
        if not self.scan.looks_elsewhere:
            return False
        metadata = row.chat.metadata if isinstance(row.chat.metadata, dict) else {}
        rest = [call.function.arguments for call in row.all_calls()]
        rest += [text for _, text in strings(metadata)]
        return bool(self.scan.elsewhere("\n".join(rest)))

    def _collect(self, batch: ParsedBatch) -> None:
        """The columns that whole-dataset rules asked for."""
        if self.found.columns is not None:
            self.found.columns.take(batch)
        if self.found.near is not None:
            texts: Sequence[str] = batch.texts
            if len(batch.parsed) != batch.rows:
                by_row = dict(zip(batch.parsed, texts, strict=True))
                texts = [by_row.get(row, "") for row in batch.with_content]
            self.found.near.add(texts)
        if self.found.memberships is not None:
            self.found.memberships.take(batch)
        if self.found.outputs is not None:
            self.found.outputs.take(batch, self.found.rows)

    def _count_rows(self, batch: ParsedBatch) -> None:
        shapes = {shape: len(rows) for shape, rows in batch.shapes.items()}
        if unreadable := batch.rows - len(batch.parsed):
            shapes["unreadable"] = shapes.get("unreadable", 0) + unreadable
        self.found.count_rows(batch.source, batch.rows, shapes)

    # ------------------------------------------------------------------ merging and finishing

    def merge(self, later: Fold) -> Fold:
        """This fold with another one added that read a later part of the same input. Changes and returns this one."""
        self.add(later.found)
        return self

    def add(self, later: Found) -> None:
        """Add what another fold found in a later part of the same input."""
        self.found.merge(later, self._dataset_rules)

    def finish(self, processes: int = 1) -> Outcome:
        """Let the whole-dataset rules conclude, in up to so many processes, and give everything over, sorted."""
        return finish(self.found, self.rules, self.run, self.finished(), processes=processes)

    def finished(self) -> Finished:
        """The whole, when everything has been read, for whoever needs more of it than the rules' conclusions."""
        if self._finished is None:
            columns = self.found.columns
            rows = None if columns is None else StoredRows(columns, self.found.ranges, self.storage.spool)
            self._finished = Finished(self.found, rows, self.run)
        return self._finished


def near_builder(rules: Sequence[Rule], run: Run, storage: Storage) -> NearBuilder:
    """A builder of near-duplicate clusters as the first rule that has a word in it defines them."""
    from audit.clusters.builder import NearBuilder

    return NearBuilder(near_settings(rules, run), storage.template, storage.folder)


def memberships(run: Run, lookups: Lookups | None) -> Memberships:
    """Empty columns of all configured attributes, their sidecars and lexicons read if that has not been done."""
    from audit.attributes.lookups import read_lookups
    from audit.engine.membership import Memberships

    return Memberships(run.attributes, lookups or read_lookups(run.attributes, run.lexicons))


def output_columns() -> OutputColumns:
    """Empty columns of outputs."""
    from audit.engine.outputs import OutputColumns

    return OutputColumns()


def near_settings(rules: Sequence[Rule], run: Run) -> NearSettings:
    """What counts as a near-duplicate: ``near_settings`` of the first rule that has one, else the defaults."""
    from audit.clusters.settings import NearSettings

    for rule in rules:
        defined = getattr(rule, "near_settings", None)
        if defined is not None:
            settings: NearSettings = defined(run)
            return settings
    return NearSettings(seed=run.seed)


class _Ordinals:
    """The 0-based place in reading order of each row of a batch; None for a blank line, which is no row."""

    def __init__(self, batch: ParsedBatch, before: int) -> None:
        self._before = before
        self._blanks = [i for i, raw in enumerate(batch.chunk.lines) if not raw or raw.isspace()] if batch.blank else []

    def of(self, row: int) -> int | None:
        blanks_before = bisect_left(self._blanks, row)
        if blanks_before < len(self._blanks) and self._blanks[blanks_before] == row:
            return None
        return self._before + row - blanks_before


def _message_of(turn: Turn, place: int) -> Message:
    """A turn of a canonical row as OpenAI's shape reads it."""
    at = f"/messages/{place}"
    raw: Json = {"role": turn.role, "content": turn.content}
    return Message(
        role=turn.role, content=turn.content, at=at, role_at=at + "/role", content_at=at + "/content", raw=raw
    )


def _text_hits(rule: TextRule, at: str, text: str, message: Message, run: Run) -> Iterable[Hit]:
    span: Span
    for span in rule.find(text, message, run):
        yield Hit(
            message=span.message,
            at=at,
            start=span.start,
            end=span.end,
            severity=span.severity,
            evidence=span.evidence,
            fix=span.fix(at) if span.fix is not None else None,
            key=span.key or str(span.start),
        )


def _of(rules: Sequence[Rule], kind: type[R]) -> list[R]:
    return [rule for rule in rules if isinstance(rule, kind)]
