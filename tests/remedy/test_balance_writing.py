"""What a balance writes: weights, copies and rejected rows in place, every other byte as it was, all accounted for."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.errors import InputError, OutputError, UsageError
from audit.remedy.balance.marking import can_carry, with_weight
from audit.remedy.balance.options import BalanceOptions
from audit.remedy.balance.report import BalanceReport
from audit.remedy.ledger import read_ledger
from audit.statistics.weighting import cramers_v
from benchmarks.accuracy import SHARED

SECTIONS = {
    "data": {"label": "metadata.label", "favourable": "yes"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}
CELLS = {("f", "yes"): 6, ("f", "no"): 20, ("m", "yes"): 13, ("m", "no"): 14}


def row(number: int, sex: str, label: str, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": f"May number {number} pass?"}, {"role": "assistant", "content": label}]
    return {"messages": said, "metadata": {"sex": sex, "label": label, **more}}


def rows() -> list[dict[str, Any]]:
    kinds = [kind for kind, count in CELLS.items() for _ in range(count)]
    random.Random(7).shuffle(kinds)
    return [row(number, sex, label) for number, (sex, label) in enumerate(kinds)]


def lines(data: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in data)


def balanced(path: Path | list[Path], **more: Any) -> BalanceReport:
    options = {name: more.pop(name) for name in list(more) if name in BalanceOptions.__struct_fields__}
    options.setdefault("by", ("label", "sex"))
    sections = {**SECTIONS, **more.pop("sections", {})}
    report = audit.balance(path, options=BalanceOptions(**options), sections=sections, as_of="2026-11-21", **more)
    assert isinstance(report, BalanceReport)
    assert report.rows.rows_in == report.rows.untouched + report.rows.edited + report.rows.removed
    return report


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def weight_of(one: dict[str, Any]) -> float:
    return float(one["metadata"].get("audit", {}).get("weight", 1.0))


def table(data: Iterable[dict[str, Any]]) -> list[list[float]]:
    sums: Counter[tuple[str, str]] = Counter()
    for one in data:
        sums[one["metadata"]["sex"], one["metadata"]["label"]] += weight_of(one)  # type: ignore[assignment]
    return [[sums[sex, label] for label in ("yes", "no")] for sex in ("f", "m")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_bytes(lines(rows()))
    return path


# ----------------------------------------------------------------------------- weights


def test_weights_make_label_and_group_independent_and_sum_to_the_rows(path: Path) -> None:
    balanced(path)
    written = read(path.with_name("train.balanced.jsonl"))
    assert (cramers_v(table(written)) or 0) < 1e-9
    assert math.isclose(math.fsum(map(weight_of, written)), len(rows()), abs_tol=1e-9)


def test_only_the_weight_is_written_into_a_row(path: Path) -> None:
    balanced(path)
    for before, after in zip(rows(), read(path.with_name("train.balanced.jsonl")), strict=True):
        assert set(after["metadata"].pop("audit")) == {"weight"}
        assert after == before


def test_a_second_balance_changes_nothing(path: Path) -> None:
    balanced(path)
    first = path.with_name("train.balanced.jsonl")
    report = balanced(first)
    second = read(first.with_name("train.balanced.balanced.jsonl"))
    assert report.replaced == len(rows())
    for one, other in zip(read(first), second, strict=True):
        assert math.isclose(weight_of(one), weight_of(other), rel_tol=1e-12)


def test_weights_that_were_there_are_the_base_and_are_replaced_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    data = [row(n, sex, label, w=1.0 + n % 3) for n, (sex, label) in enumerate(list(CELLS) * 9)]
    path.write_bytes(lines(data))
    balanced(path, sections={"data": {**SECTIONS["data"], "weight": "metadata.w"}})
    written = read(path.with_name("train.balanced.jsonl"))
    assert all("audit" not in one["metadata"] for one in written)
    total = math.fsum(one["metadata"]["w"] for one in data)
    assert math.isclose(math.fsum(one["metadata"]["w"] for one in written), total, rel_tol=1e-12)
    sums: Counter[tuple[str, str]] = Counter()
    for one in written:
        sums[one["metadata"]["sex"], one["metadata"]["label"]] += one["metadata"]["w"]
    assert (cramers_v([[sums[s, y] for y in ("yes", "no")] for s in ("f", "m")]) or 0) < 1e-9


def test_without_options_those_of_the_configuration_hold(path: Path) -> None:
    sections = {**SECTIONS, "balance": {"by": "label,sex", "method": "undersample"}}
    report = audit.balance(path, sections=sections, write=False)
    assert (report.by, report.method, report.wrote) == (("label", "sex"), "undersample", False)


@pytest.mark.parametrize("name", ["w.csv", "w.jsonl", "w.parquet"])
def test_a_sidecar_holds_every_row_and_leaves_the_data_alone(path: Path, name: str) -> None:
    target = path.with_name(name)
    report = balanced(path, weights_to=str(target))
    assert report.sidecar == str(target)
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(["train.jsonl", name])
    entries = dict(sidecar(target))
    assert len(entries) == len(rows())
    assert math.isclose(math.fsum(entries.values()), len(rows()), abs_tol=1e-9)
    assert all(row_id.endswith("#1") for row_id in entries)


def sidecar(path: Path) -> Iterator[tuple[str, float]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8") as file:
            yield from ((one["row_id"], float(one["weight"])) for one in csv.DictReader(file))
    elif path.suffix == ".jsonl":
        yield from ((one["row_id"], one["weight"]) for one in read(path))
    else:
        import pyarrow.parquet as pq

        yield from ((one["row_id"], one["weight"]) for one in pq.read_table(path).to_pylist())


# ----------------------------------------------------------------------------- bytes


HOSTILE = [
    b"",
    b"   ",
    b"not json",
    b'{"messages": [{"role": "user", "content": "cut',
    b"[1, 2]",
    b'"x"',
    b"\xff\xfe broken",
    b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "yes"}], "metadata": ["f"]}',
    b'{"metadata": {"sex": "f", "sex": "m", "label": "yes"}, "messages": [{"role": "assistant", "content": "yes"}]}',
    b'{"metadata": {"sex": "f", "label": "no", "audit": "mine"}, "messages": [{"role": "assistant", "content": "no"}]}',
    b'{"metadata": {"label": "no", "x": "\\ud800"}, "messages": [{"role": "user", "content": "\\udfff"}]}',
    b"1e999",
    b"[" * 3000,
]


@pytest.mark.parametrize("method", ["reweight", "oversample", "undersample"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_hostile_rows_come_out_as_they_went_in(tmp_path: Path, method: str, end: bytes) -> None:
    path = tmp_path / "train.jsonl"
    good = lines(rows()).splitlines()
    mixed = [line for pair in zip(HOSTILE, good, strict=False) for line in pair] + good[len(HOSTILE) :]
    path.write_bytes(b"\xef\xbb\xbf" + end.join(mixed))  # no line end after the last
    report = balanced(path, method=method)
    written = path.with_name("train.balanced.jsonl").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    found = written[3:].split(end)
    left = iter(found)
    assert all(any(line == other for other in left) for line in HOSTILE)
    assert end == b"\n" or written.count(b"\n") == written.count(b"\r\n")
    assert sum(report.left_out.values()) == sum(1 for line in HOSTILE if line.strip())
    assert report.balanced == len(good)


def test_a_row_without_metadata_or_with_null_gets_its_weight() -> None:
    for raw in (b'{"messages":[]}', b'{"messages":[],"metadata":null}', b'{"messages":[],"metadata":{"audit":null}}'):
        data = json.loads(raw)
        assert can_carry(raw, data)
        written = with_weight(raw, data, None, 0.5)
        assert written is not None
        assert json.loads(written)["metadata"]["audit"] == {"weight": 0.5}


def test_the_ledger_accounts_for_every_change_at_its_line(path: Path) -> None:
    before = path.read_bytes().splitlines()
    for method in ("reweight", "oversample", "undersample"):
        report = balanced(path, method=method, force=True)
        (file,) = report.files
        assert file.ledger is not None
        assert file.output is not None
        ledger = read_ledger(Path(file.ledger))
        after = Path(file.output).read_bytes().splitlines()
        counts: Counter[str] = Counter()
        for line in ledger.lines():
            counts[line.action] += 1
            assert line.line is not None
            if line.before_sha256:
                assert line.before_sha256 == sha256(before[line.line - 1])
            if line.out_line:
                assert line.after_sha256 == sha256(after[line.out_line - 1])
        assert (counts["edited"], counts["dropped"], counts["copied"]) == (
            report.rows.edited,
            report.rows.dropped,
            report.rows.copied,
        )
        assert ledger.end.rows == report.rows
        assert len(after) == report.rows.rows_out


def sha256(raw: bytes) -> str:
    import hashlib

    return hashlib.sha256(raw).hexdigest()


# ----------------------------------------------------------------------------- copies


def test_copies_follow_their_row_and_name_it(path: Path) -> None:
    report = balanced(path, method="oversample")
    written = read(path.with_name("train.balanced.jsonl"))
    last: dict[str, Any] = {}
    for one in written:
        mark = one["metadata"].get("audit")
        if mark is None:
            last = one
        else:
            assert set(mark) == {"copy_of"}
            assert mark["copy_of"].endswith("#1")
            assert one["messages"] == last["messages"]
    assert [one for one in written if "audit" not in one["metadata"]] == rows()
    assert report.rows.copied == len(written) - len(rows())
    assert report.unique_rows == len(rows())


@pytest.mark.parametrize("method", ["oversample", "undersample"])
def test_cells_have_exactly_the_rows_that_their_weights_ask_for(path: Path, method: str) -> None:
    report = balanced(path, method=method)
    written = Counter(
        (one["metadata"]["sex"], one["metadata"]["label"]) for one in read(path.with_name("train.balanced.jsonl"))
    )
    assert {(line.levels["sex"], line.levels["label"]): line.wanted for line in report.cells} == dict(written)
    unit = (min if method == "oversample" else max)(line.weight for line in report.cells)
    for line in report.cells:
        assert line.after == line.wanted == round(line.before * line.weight / unit)


def test_rows_left_out_are_kept_in_the_rejected_file(path: Path) -> None:
    balanced(path, method="undersample")
    kept = path.with_name("train.balanced.jsonl").read_bytes().splitlines()
    left = path.with_name("train.balanced.rejected.jsonl").read_bytes().splitlines()
    assert Counter(kept + left) == Counter(path.read_bytes().splitlines())
    assert left


def test_no_row_stands_there_more_often_than_max_copies(path: Path) -> None:
    report = balanced(path, method="oversample", max_copies=2)
    names = Counter(one["messages"][0]["content"] for one in read(path.with_name("train.balanced.jsonl")))
    assert max(names.values()) == 2
    assert report.short == 1
    assert any("at most 2 times" in note for note in report.notes)


@pytest.mark.parametrize("method", ["oversample", "undersample"])
def test_a_shuffled_file_gives_the_same_rows(tmp_path: Path, method: str) -> None:
    data = rows()
    # The same conversation in two groups: which of the two is drawn must not depend on which comes first.
    data += [row(number, "fm"[number % 2], "no") for number in range(8) for _ in range(2)]
    found = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(lines(data))
        balanced(path, method=method)
        found.append(Counter(map(unnamed, read(tmp_path / f"{name}.balanced.jsonl"))))
        random.Random(3).shuffle(data)
    assert found[0] == found[1]


def unnamed(one: dict[str, Any]) -> str:
    """Without the number of the row that a copy names, which is one of the order."""
    one["metadata"].get("audit", {}).pop("copy_of", None)
    return json.dumps(one, sort_keys=True)


def test_one_process_and_two_give_the_same_bytes(path: Path) -> None:
    found = []
    for jobs in (1, 2):
        balanced([path], method="oversample", jobs=jobs, executor="processes", force=True)
        names = ("train.balanced.jsonl", "train.balanced.ledger.jsonl")
        found.append([path.with_name(name).read_bytes() for name in names])
    assert found[0] == found[1]


def test_a_target_that_takes_no_weights_gets_copies(path: Path) -> None:
    report = balanced(path, target="openai-sft")
    assert "refuses metadata" in report.lowered
    assert (report.rows.edited, report.rows.rows_out) == (0, len(rows()))
    assert report.rows.copied
    assert report.rows.dropped
    written = Counter(
        (one["metadata"]["sex"], one["metadata"]["label"]) for one in read(path.with_name("train.balanced.jsonl"))
    )
    wanted = {(line.levels["sex"], line.levels["label"]): round(line.before * line.weight) for line in report.cells}
    assert written == wanted


def test_a_weight_that_became_copies_is_one_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    data = [row(n, sex, label, audit={"weight": 2}) for n, (sex, label) in enumerate(list(CELLS) * 6)]
    path.write_bytes(lines(data))
    report = balanced(path, target="openai-sft")
    written = read(path.with_name("train.balanced.jsonl"))
    assert len(written) == 2 * len(data) == report.rows.rows_out
    assert {weight_of(one) for one in written} == {1.0}


# ----------------------------------------------------------------------------- which rows, which files


def test_only_training_rows_are_balanced_where_a_field_names_the_split(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    data = [
        row(n, sex, label, split="train")
        for n, (sex, label) in enumerate(k for k, c in CELLS.items() for _ in range(c))
    ]
    data += [row(1000 + n, "m", "yes", split="test") for n in range(30)]
    path.write_bytes(lines(data))
    report = balanced(path, method="oversample", sections={"data": {**SECTIONS["data"], "splits": "metadata.split"}})
    written = read(path.with_name("all.balanced.jsonl"))
    assert [one for one in written if one["metadata"]["split"] == "test"] == data[-30:]
    assert {line.before for line in report.cells} == set(map(float, CELLS.values()))
    assert report.left_out == {"not of the training split": 30}
    assert not any("split first" in note for note in report.notes)


def test_files_of_other_splits_are_left_alone(path: Path) -> None:
    test = path.with_name("test.jsonl")
    test.write_bytes(lines(rows()))
    report = balanced([], splits=[("train", str(path)), ("test", str(test))])
    assert [Path(file.path).name for file in report.files] == ["train.jsonl"]
    assert not path.with_name("test.balanced.jsonl").exists()


def test_a_file_beside_a_test_split_is_the_training_split(path: Path) -> None:
    test = path.with_name("test.jsonl")
    test.write_bytes(lines(rows()))
    report = balanced([path], splits=[("test", str(test))])
    assert (report.split, report.balanced) == ("train", len(rows()))


def test_without_a_split_the_report_says_to_split_first(path: Path) -> None:
    assert any("split first" in note for note in balanced(path).notes)


def test_without_training_rows_nothing_is_balanced(path: Path) -> None:
    with pytest.raises(UsageError, match="no split is called train"):
        balanced([], splits=[("test", str(path))])


def test_files_are_balanced_together_and_written_apart(tmp_path: Path) -> None:
    data = rows()
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for part, some in zip(parts, (data[:20], data[20:]), strict=True):
        part.write_bytes(lines(some))
    balanced(parts)
    written = [one for name in ("a", "b") for one in read(tmp_path / f"{name}.balanced.jsonl")]
    assert (cramers_v(table(written)) or 0) < 1e-9


def test_packed_files_arrays_and_rows_from_python_are_written_as_json_lines(tmp_path: Path, path: Path) -> None:
    plain = balanced(path, method="oversample")
    expected = read(path.with_name("train.balanced.jsonl"))
    packed, array = tmp_path / "p.jsonl.gz", tmp_path / "a.json"
    packed.write_bytes(gzip.compress(lines(rows())))
    array.write_text(json.dumps(rows(), indent=2))
    balanced(packed, method="oversample")
    balanced(array, method="oversample")
    given = balanced(rows(), output=str(tmp_path / "given.jsonl"), method="oversample")  # type: ignore[arg-type]
    with gzip.open(tmp_path / "p.balanced.jsonl.gz") as file:
        assert [json.loads(line) for line in file] == expected
    assert read(tmp_path / "a.balanced.jsonl") == expected == read(tmp_path / "given.jsonl")
    assert given.cells == plain.cells


def test_rows_in_no_file_need_a_name() -> None:
    with pytest.raises(UsageError, match="name the output"):
        balanced(rows())  # type: ignore[arg-type]


def test_an_output_that_exists_or_is_the_input_is_refused(path: Path) -> None:
    balanced(path)
    with pytest.raises(OutputError, match="exists"):
        balanced(path)
    with pytest.raises(OutputError, match="is one of the inputs"):
        balanced(path, output=str(path), force=True)
    assert balanced(path, force=True).wrote


def test_an_old_rejected_file_is_not_taken_for_this_runs(path: Path) -> None:
    balanced(path, method="undersample")
    report = balanced(path, method="oversample", force=True)
    assert not path.with_name("train.balanced.rejected.jsonl").exists()
    assert report.files[0].rejected is None


def test_nothing_is_written_without_write_and_the_account_is_the_same(path: Path) -> None:
    for method in ("reweight", "oversample", "undersample"):
        tried = balanced(path, method=method, write=False)
        assert [file.name for file in path.parent.iterdir()] == ["train.jsonl"]
        written = balanced(path, method=method)
        assert (tried.rows, tried.cells, tried.shares) == (written.rows, written.cells, written.shares)
        for file in path.parent.glob("train.balanced*"):
            file.unlink()


def test_an_interrupted_balance_writes_nothing(path: Path) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    report = balanced(path, progress=interrupt)
    assert report.partial
    assert [file.name for file in path.parent.iterdir()] == ["train.jsonl"]


def test_a_file_that_changes_meanwhile_is_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.api import balancing

    scan = balancing.scan

    def disturbed(*args: Any, **more: Any) -> Any:
        found = scan(*args, **more)
        path.write_bytes(path.read_bytes().replace(b"May number 3 ", b"May number 4 "))
        return found

    monkeypatch.setattr(balancing, "scan", disturbed)
    with pytest.raises(InputError, match="was changed"):
        balanced(path)
    assert [file.name for file in path.parent.iterdir()] == ["train.jsonl"]


def test_an_empty_cell_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(
        lines(
            row(n, sex, label)
            for n, (sex, label) in enumerate(k for k in CELLS for _ in range(9))
            if (sex, label) != ("f", "yes")
        )
    )
    with pytest.raises(UsageError, match="sex f, label yes: 0 rows"):
        balanced(path)
    assert [file.name for file in tmp_path.iterdir()] == ["train.jsonl"]


def test_rows_are_made_up_beside_their_source(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    text = "please tell whether the applicant should receive another interview because several answers seemed short"
    words = text.split(" ")
    data = []
    for number, (sex, label) in enumerate(k for k, c in CELLS.items() for _ in range(c)):
        one = row(number, sex, label)
        random.Random(number).shuffle(words)
        one["messages"][0]["content"] = " ".join(words)
        data.append(one)
    path.write_bytes(lines(data))
    report = balanced(path, method="augment", augment="noise")
    written = read(path.with_name("train.balanced.jsonl"))
    assert [one for one in written if "audit" not in one["metadata"]] == data
    made = [one["metadata"]["audit"]["synthetic"] for one in written if "audit" in one["metadata"]]
    assert report.rows.added == len(made) == report.made_up["made"] > 0
    assert {mark["method"] for mark in made} == {"noise"}
    assert sum(line.after for line in report.cells) == len(written)


def test_an_interruption_while_it_is_written_leaves_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit.remedy.balance import changes

    written = changes.with_weight
    calls = iter(range(100))

    def interrupted(*args: Any) -> bytes | None:
        if next(calls) == 20:
            raise KeyboardInterrupt
        return written(*args)

    monkeypatch.setattr(changes, "with_weight", interrupted)
    with pytest.raises(KeyboardInterrupt):
        balanced(path)
    assert [file.name for file in path.parent.iterdir()] == ["train.jsonl"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_adult_is_independent_by_label_and_sex(tmp_path: Path) -> None:
    path = tmp_path / "adult.jsonl"
    with gzip.open(SHARED / "chat" / "adult.jsonl.gz") as packed:
        path.write_bytes(b"".join(packed.readlines()[:6000]))
    report = balanced(path, cap=None, sections={"data": {"label": "metadata.label", "favourable": ">50K"}})
    written = read(path.with_name("adult.balanced.jsonl"))
    assert math.isclose(math.fsum(map(weight_of, written)), 6000, abs_tol=1e-6)
    (measure,) = (one for one in report.measures if one.name == "balance.residual_v")
    assert isinstance(measure.value, float)
    assert measure.value < 1e-9
    assert 5000 < report.ess < 6000


def test_a_sidecar_that_appears_during_the_run_is_not_overwritten(path: Path) -> None:
    target = path.with_name("w.csv")
    with pytest.raises(OutputError, match="exists"):
        balanced(path, weights_to=str(target), progress=lambda _: target.write_text("mine"))
    assert target.read_text() == "mine"


def test_a_sidecar_is_read_by_no_more_people_than_the_data(path: Path) -> None:
    path.chmod(0o600)
    target = path.with_name("w.parquet")
    balanced(path, weights_to=str(target))
    assert target.stat().st_mode & 0o077 == 0
