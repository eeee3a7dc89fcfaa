"""ENC009: lines and files too large in bytes or rows. Length in tokens is TOK's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from audit.model import Applicability, Json, Measure, Severity, Source
from audit.rule import Batch, Context, DatasetRule, Hit, Run
from audit.rules.encoding.problems import DROP


class Oversize(DatasetRule, frozen=True):
    r"""A line, or the file, is larger than the target takes or than rows usually are.

    A provider rejects a file over its limit in bytes or rows. A very long line is mostly a whole document or an
    embedded image in one row: it will be truncated in training, and one such row can fill the memory of a reader.
    Over a limit of the target is an error; over ``max_line_bytes`` alone is a warning.

    Bad:
        {"messages": [{"role": "user", "content": "Summarise: one two three four five six seven eight nine ten"}, {"role": "assistant", "content": "Numbers."}]}
    Good:
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    Do: split the document into several rows, or the file into several files.
    """  # noqa: E501

    code: ClassVar[str] = "ENC009"
    name: ClassVar[str] = "oversize"
    severity: ClassVar[Severity] = Severity.WARNING
    fix: ClassVar[Applicability | None] = Applicability.DROP
    example: ClassVar[Mapping[str, Json]] = {"rules": {"ENC009": {"max_line_bytes": 100}}}

    max_line_bytes: int = 1 << 20

    def start(self) -> Json:
        """Per source its rows, bytes and longest line, and the lines over the limit."""
        return {"files": {}, "long": []}

    def take(self, state: Json, batch: Batch, run: Run) -> Json:
        """The state with a batch added."""
        path = batch.source.path
        sizes = batch.line_sizes
        longest = max(sizes, default=0)
        _add(state["files"], path, [batch.rows, batch.bytes, longest])
        limit = self._limit(run)
        if longest > limit:
            long = (row for row, size in enumerate(sizes) if size > limit)
            state["long"] += [[path, batch.line_of(row), sizes[row]] for row in long]
        return state

    def merge(self, first: Json, second: Json) -> Json:
        """One state from two."""
        for path, counts in second["files"].items():
            _add(first["files"], path, counts)
        first["long"] += second["long"]
        return first

    def without(self, state: Json, part: Json) -> Json:
        """The state less the lines of a part. The longest line of a file stays that of all, with its blank lines."""
        gone = set(map(tuple, part["long"]))
        for path, (rows, size, _) in part["files"].items():
            mine = state["files"][path]
            state["files"][path] = [mine[0] - rows, mine[1] - size, mine[2]]
        state["files"] = {path: counts for path, counts in state["files"].items() if counts[0]}
        return {**state, "long": [line for line in state["long"] if tuple(line) not in gone]}

    def finish(self, state: Json, context: Context, run: Run) -> Iterable[Hit | Measure]:
        """Measure ``line_bytes.max`` (bytes; n is rows); a hit per long line and per file over a limit."""
        files = state["files"]
        longest = max((counts[2] for counts in files.values()), default=0)
        rows = sum(counts[0] for counts in files.values())
        yield self.measure("line_bytes.max", longest, n=rows, unit="bytes")
        for source in context.sources:
            if source.path in files:
                yield from self._judge_file(source, files[source.path], run)
        by_path = {source.path: source for source in context.sources}
        for path, line, size in sorted(state["long"]):
            if path in by_path:
                yield self._long_line(by_path[path], line, size, run)

    def _limit(self, run: Run) -> int:
        limit = run.target.max_line_bytes
        return self.max_line_bytes if limit is None else min(limit, self.max_line_bytes)

    def _long_line(self, source: Source, line: int, size: int, run: Run) -> Hit:
        limit = run.target.max_line_bytes
        refused = limit is not None and size > limit
        asked = (
            f"{run.target.name} takes at most {limit:,}" if refused else f"asked for at most {self.max_line_bytes:,}"
        )
        return self.hit(
            f"the line is {size:,} bytes long; {asked}",
            source=source,
            line=line,
            severity=Severity.ERROR if refused else None,
            evidence={"bytes": size, "limit": limit if refused else self.max_line_bytes},
            fix=DROP if refused else None,
        )

    def _judge_file(self, source: Source, counts: Sequence[int], run: Run) -> Iterable[Hit]:
        target = run.target
        for what, seen, limit in (("bytes", counts[1], target.max_file_bytes), ("rows", counts[0], target.max_rows)):
            if limit is not None and seen > limit:
                yield self.hit(
                    f"the file has {seen:,} {what}; {target.name} takes at most {limit:,}",
                    scope="file",
                    source=source,
                    severity=Severity.ERROR,
                    evidence={what: seen, "limit": limit},
                    key=what,
                )


def _add(files: dict[str, list[int]], path: str, counts: Sequence[int]) -> None:
    rows, size, longest = files.get(path, (0, 0, 0))
    files[path] = [rows + counts[0], size + counts[1], max(longest, counts[2])]
