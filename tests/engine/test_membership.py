"""Attributes and clusters: the same groups however the input is cut, merged, stored and spread over processes."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.api import make_run
from audit.attributes.groups import Groups
from audit.attributes.lookups import read_lookups
from audit.config.settings import Settings
from audit.engine import dependence, membership
from audit.engine import drive as driving
from audit.engine.batch import ParsedBatch
from audit.engine.dependence import clusters_of
from audit.engine.drive import Means, drive
from audit.engine.executors import Executor, Inline
from audit.engine.finish import Finished
from audit.engine.fold import Fold
from audit.engine.processes import Processes
from audit.errors import RuleError
from audit.model import Measure, Severity
from audit.read.identity import content_id
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.rule import Context, DatasetRule, Product, Run

EXECUTORS = [Inline(), *(Processes(n) for n in (2, 5)), Processes(2, start_method="spawn")]


class Said(DatasetRule, frozen=True):
    """Hands over everything that can be asked of attributes and clusters."""

    code: ClassVar[str] = "ACM901"
    severity: ClassVar[Severity] = Severity.INFO
    needs: ClassVar[frozenset[Product]] = frozenset({"attributes", "clusters"})

    def finish(self, state: Any, context: Context, run: Run) -> list[Measure]:
        said: dict[str, Any] = {"clusters": list(context.clusters())}
        for attribute in run.attributes:
            column = context.attribute(attribute.name)
            said[attribute.name] = [
                list(column.groups), list(column.codes), [list(column.members(name)) for name in column.groups],
                dict(column.variants), list(column.similar), list(column.terms), list(column.term_codes),
                dict(column.coverage), list(column.notes), column.reason,
            ]  # fmt: skip
        return [self.measure("said", table=said)]


def row(prompt: str, answer: str = "ok", **metadata: Any) -> bytes:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages, "metadata": metadata}).encode()


def run_of(attributes: dict[str, Any], **data: Any) -> Run:
    return make_run(Settings(sections={"attributes": attributes, "data": data}))


def said(paths: Sequence[str], run: Run, executor: Executor | None = None) -> dict[str, Any]:
    readers = [SourceReader(source) for source in find_sources(paths)]
    (measure,) = drive(readers, [Said()], run, Means(executor=executor)).outcome.measures
    table: dict[str, Any] = msgspec.to_builtins(measure.table)
    return table


def finished(tmp_path: Path, rows: Sequence[bytes], run: Run, name: str = "x.jsonl") -> Finished:
    (tmp_path / name).write_bytes(b"\n".join(rows) + b"\n")
    fold = Fold([Said()], run)
    for chunk in SourceReader(find_sources([str(tmp_path / name)])[0]):
        fold.take(chunk)
    return Finished(fold.found, None, fold.run)


def groups(tmp_path: Path, rows: Sequence[bytes], **table: Any) -> Groups:
    return finished(tmp_path, rows, run_of({"sex": table})).attribute("sex")


def by_row(found: Groups) -> list[str]:
    return [found.groups[code] for code in found.codes]


# ----------------------------------------------------------------------------- where rows keep a value


TOOLS = {
    "messages": [{"role": "user", "content": "sex: F, the man"}, {"role": "assistant", "content": "ok"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "metadata": {"sex": "f"},
}
ROWS = [
    row("sex: M; she asks", sex="F"),
    b"",
    b"{broken",
    json.dumps(TOOLS).encode(),
    b'{"prompt": "sex: M", "completion": "she", "sex": "M", "metadata": null}',
    row("nothing", sex=["M", "F"]),
    row("no value", "sex: F"),
    b"[1]",
]


def test_a_field_is_found_in_rows_of_every_kind(tmp_path: Path) -> None:
    found = by_row(groups(tmp_path, ROWS, field="sex"))
    assert found == ["F", "unknown", "f".upper(), "M", "multiple", "unknown", "unknown"]


@pytest.mark.parametrize("field", ["messages.0.role", "/messages/0/role"])
def test_a_field_of_the_chat_is_found_in_canonical_rows_too(tmp_path: Path, field: str) -> None:
    assert by_row(groups(tmp_path, ROWS, field=field)) == [
        "user",
        "unknown",
        "user",
        *["unknown"],
        "user",
        "user",
        "unknown",
    ]


def test_a_pattern_is_looked_for_in_the_prompt(tmp_path: Path) -> None:
    assert by_row(groups(tmp_path, ROWS, pattern=r"sex: (\w)")) == ["M", "unknown", "F", "M", *["unknown"] * 3]
    answers = by_row(groups(tmp_path, ROWS, pattern=r"sex: \w", role="answer"))
    assert answers == [*["unknown"] * 5, "sex: F", "unknown"]


def test_a_system_prompt_is_part_of_the_prompt_and_an_earlier_answer_is_not(tmp_path: Path) -> None:
    chat = [("system", "sex: A"), ("user", "x"), ("assistant", "sex: B"), ("user", "y"), ("assistant", "sex: C")]
    rows = [json.dumps({"messages": [{"role": r, "content": c} for r, c in chat[i:]]}).encode() for i in (0, 1)]
    odd = json.dumps({"messages": [{"role": r, "content": c} for r, c in chat], "odd": 1}).encode()
    assert by_row(groups(tmp_path, [*rows, odd], pattern=r"sex: (\w)")) == ["A", "unknown", "A"]
    assert by_row(groups(tmp_path, [*rows, odd], pattern=r"sex: (\w)", role="all")) == ["A", "B", "A"]


def test_numbers_are_put_into_bands(tmp_path: Path) -> None:
    rows = [row("a", sex=age) for age in (24, "25", 39.9, 40, "old", None, [10, 90])]
    found = by_row(groups(tmp_path, rows, field="metadata.sex", bands=[25, 40]))
    assert found == ["<25", "25-39", "25-39", "40+", "old", "unknown", "multiple"]


def test_more_values_than_groups_can_have_make_an_attribute_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "MOST_VALUES", 10)
    found = groups(tmp_path, [row("a", sex=f"id {i}") for i in range(11)], field="metadata.sex")
    assert found.reason == "it has more than 10 different values, so they name no groups"
    assert by_row(found) == ["unknown"] * 11


# ----------------------------------------------------------------------------- mentions


def test_mentions_are_counted_by_role_and_language(tmp_path: Path) -> None:
    rows = [
        row("My mother asked him.", "The man said no."),
        row("Please write a short story about a rainy day in the old town."),
        row("请写一个关于下雨天的短篇小说，谢谢你的帮助，我们明天再见。"),
        row("", ""),
    ]
    found = groups(tmp_path, rows, lexicon="gender")
    assert by_row(found) == ["multiple", "none", "unknown", "unknown"]
    assert {term.partition("/")[0] for term in found.terms[found.term_codes[0]]} == {"female", "male"}
    assert found.coverage["not covered"] == 1
    assert sum(found.coverage.values()) == len(rows)
    assert by_row(groups(tmp_path, rows, lexicon="gender", role="answer"))[0] == "male"


# ----------------------------------------------------------------------------- sidecars


def test_a_sidecar_goes_by_lines_by_row_ids_or_by_a_field(tmp_path: Path) -> None:
    rows = [row("a", id=1), b"", row("b", id="two"), row("a", id=3), row("c")]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    chunk = next(iter(SourceReader(find_sources([str(tmp_path / "x.jsonl")])[0])))
    batch = ParsedBatch(chunk, texts=True)
    ids = [content_id(batch.bare_record(number)) for number in (0, 2)]
    tables = {
        "line": "line,sex\n1,F\n3,M\n4.0,X\n9,F\n",
        "id": "id,sex\n1,F\ntwo,M\n3,X\n99,F\n",
        "row": f"row_id,sex\n{ids[0]}#1,F\n{ids[1]},M\n{ids[0]}#2,X\n{ids[0]}#3,F\n",
    }
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text)
        run = make_run(
            Settings(
                sections={"attributes": {"sex": {"sidecar": f"{tmp_path}/{name}.csv"}}, "data": {"id": "metadata.id"}}
            )
        )
        found = finished(tmp_path, rows, run).attribute("sex")
        assert by_row(found) == ["F", "M", "X", "unknown"], name
        assert found.notes[0].partition(": ")[2].startswith("1 of 4 keys match no row"), name
        assert found.notes[1] == f"1 of 4 rows have no entry in {tmp_path.as_posix()}/{name}.csv"


def test_a_line_whose_row_was_changed_has_no_group(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("line,row_id,sex\n1,0123#1,F\n2,,M\n")
    found = groups(tmp_path, [row("a"), row("b")], sidecar=f"{tmp_path}/s.csv")
    assert by_row(found) == ["unknown", "M"]
    assert any("1 rows are not those that its lines were written for" in note for note in found.notes)


def test_lines_that_fit_two_files_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("line,sex\n1,F\n2,M\n")
    paths = []
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(row("a") + b"\n")
        paths.append(str(tmp_path / name))
    table = said(paths, run_of({"sex": {"sidecar": f"{tmp_path}/s.csv"}}))
    assert table["sex"][0] == ["unknown"]
    assert "does not name their files" in table["sex"][-1]


# ----------------------------------------------------------------------------- cut, merged, spread


VALUES = st.sampled_from([None, "F", "f", "M", " m", "?", ["F", "M"], 3, 3.0, {"a": 1}, "\ud800"])
TEXTS = st.sampled_from(["he said", "she asked", "her dog and his cat", "nothing", "sex: F", "sex: m"])
LINES = st.builds(lambda text, sex: row(text, sex=sex), TEXTS, VALUES) | st.sampled_from(
    [b"{broken", b"", ROWS[3], ROWS[4]]
)
ATTRIBUTES = {
    "sex": {"field": "metadata.sex"},
    "asked": {"pattern": r"sex: (\w)"},
    "gender": {"lexicon": "gender"},
}


@given(lines=st.lists(LINES, min_size=2, max_size=14), shard_bytes=st.integers(100, 700), most=st.sampled_from([2, 99]))
@settings(max_examples=40)
def test_any_cut_gives_the_same_groups(lines: list[bytes], shard_bytes: int, most: int) -> None:
    run = run_of(ATTRIBUTES, group="metadata.sex")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "MOST_VALUES", most)
        path = Path(folder, "x.jsonl")
        path.write_bytes(b"\n".join(lines) + b"\n")
        whole = said([str(path)], run, Inline())
        patch.setattr(driving, "shards_of", partial(driving.shards_of, shard_bytes=shard_bytes))
        assert said([str(path)], run, Inline()) == whole


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "SHARD_BYTES", 2_000)
    monkeypatch.setattr(driving, "shards_of", partial(driving.shards_of, shard_bytes=2_000))


@pytest.mark.usefixtures("small_shards")
def test_any_number_of_processes_gives_the_same_groups(tmp_path: Path) -> None:
    chance = random.Random(3)
    sexes = ["F", "f", "M", None, "?", ["F", "M"]]
    rows = [row(f"he asks {i % 40}", sex=chance.choice(sexes), id=i, age=i % 90) for i in range(300)]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([*rows, b"{broken"]))
    (tmp_path / "id.csv").write_text("id,ethnicity\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(0, 310, 3)))
    (tmp_path / "line.csv").write_text("line,religion\n" + "".join(f"{i},{'xyz'[i % 3]}\n" for i in range(1, 250)))
    run = run_of(
        {
            "sex": {"field": "metadata.sex"},
            "age": {"field": "metadata.age", "bands": [30, 60]},
            "gender": {"lexicon": "gender"},
            "ethnicity": {"sidecar": f"{tmp_path}/id.csv", "join": "metadata.id"},
            "religion": {"sidecar": f"{tmp_path}/line.csv"},
        },
        group="metadata.age",
    )
    first, *others = [said([str(tmp_path / "x.jsonl")], run, executor) for executor in EXECUTORS]
    assert first["sex"][0] == ["F", "M", "multiple", "unknown"]
    assert first["religion"][0] == ["x", "y", "z", "unknown"]
    assert all(other == first for other in others)


def test_memberships_leave_sidecars_and_lexicons_behind_when_they_travel(tmp_path: Path) -> None:
    import pickle

    run = run_of({"gender": {"lexicon": "gender"}})
    columns = membership.Memberships(run.attributes, read_lookups(run.attributes, ()))
    again = pickle.loads(pickle.dumps(columns))
    assert again.columns.keys() == columns.columns.keys()
    with pytest.raises(RuleError):
        _ = again.lookups


def test_an_attribute_that_is_not_configured_is_an_error_of_the_rule(tmp_path: Path) -> None:
    whole = finished(tmp_path, ROWS, run_of({"sex": {"field": "sex"}}))
    with pytest.raises(RuleError, match="'race', which is not configured"):
        whole.attribute("race")
    with pytest.raises(RuleError, match="does not name in `needs`"):
        finished(tmp_path, ROWS, run_of({})).attribute("sex")


# ----------------------------------------------------------------------------- clusters


COLUMN = st.lists(st.integers(0, 6), min_size=12, max_size=12)


def linked(columns: Sequence[Sequence[int]], rows: int) -> list[int]:
    """The same by asking again and again which rows are linked."""
    cluster = list(range(rows))
    for _ in range(rows):
        for column in columns:
            for key in set(column) - {0}:
                inside = [row for row in range(rows) if column[row] == key]
                least = min(cluster[row] for row in inside)
                for one in inside:
                    cluster[one] = least
    return cluster


@given(st.lists(COLUMN, max_size=3))
def test_clusters_are_what_is_linked_whether_rows_are_few_or_many(columns: list[list[int]]) -> None:
    from array import array

    identities = [array("Q", column) for column in columns]
    expected = linked(columns, 12)
    assert list(clusters_of(12, identities)) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dependence, "MANY", 0)
        assert list(clusters_of(12, identities)) == expected


def test_copies_and_rows_of_one_group_are_one_cluster_through_each_other(tmp_path: Path) -> None:
    rows = [row("a", p=1), row("b", p=1), row("b", p=2), row("c"), row("c", other=1), b"{broken", row("d", p=2)]
    run = run_of({"sex": {"field": "sex"}}, group="metadata.p")
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    assert said([str(tmp_path / "x.jsonl")], run)["clusters"] == [0, 0, 0, 3, 3, 5, 0]
    without = run_of({"sex": {"field": "sex"}})
    assert said([str(tmp_path / "x.jsonl")], without)["clusters"] == [0, 1, 1, 3, 3, 5, 6]
