"""Splitting whole files: what stays together, what is written, what is refused, and that order and processes do not
matter."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit
from audit.api.preparing import make_run
from audit.api.splitting import SplitOptions, split
from audit.catalog import plan
from audit.clusters import answers
from audit.config.settings import Settings
from audit.engine.drive import Means
from audit.errors import InputError, OutputError, UsageError
from audit.model import Json
from audit.remedy.split import units
from audit.remedy.split.certificate import Inspection, LeakError, Seen, inspect
from audit.remedy.split.gathering import Keys
from audit.remedy.split.report import SplitReport
from audit.remedy.split.units import Reasons

NAMES = ("train", "validation", "test")
WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "haven",
    "inlet",
    "jetty",
    "knoll",
    "larch",
    "marsh",
    "niche",
    "orbit",
    "plume",
    "quarry",
    "ridge",
    "spire",
    "thorn",
    "umber",
    "vault",
    "wharf",
    "yield",
    "zephyr",
    "acorn",
    "birch",
    "cliff",
    "drift",
    "eaves",
]
REASONS = Reasons(max_answers=5, answer_similarity=0.7, min_answer_words=5, groups=(), templates=())
ATTRIBUTES = {"sex": {"field": "metadata.sex"}, "region": {"field": "metadata.region"}}


def chat(prompt: str, answer: str = "Yes.", **metadata: Json) -> dict[str, Json]:
    row: dict[str, Json] = {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}
    return row | ({"metadata": metadata} if metadata else {})


def said(number: int, words: int = 12) -> str:
    """A text that no other number gives, and that has no number in it."""
    picked = random.Random(number)
    return " ".join(picked.choice(WORDS) for _ in range(words))


def save(path: Path, rows: list[dict[str, Json]]) -> Path:
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return path


def rows_in(folder: Path, name: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_bytes().splitlines()]


def homes(folder: Path) -> dict[str, str]:
    """Where each prompt lies; every row of a prompt in one file."""
    found: dict[str, str] = {}
    for name in NAMES:
        for row in rows_in(folder, name):
            prompt = row["messages"][0]["content"]
            assert found.setdefault(prompt, name) == name
    return found


def split_rows(tmp_path: Path, rows: list[dict[str, Json]], **more: Any) -> tuple[SplitReport, Path]:
    data = save(tmp_path / "data.jsonl", rows)
    options = SplitOptions(**{key: more.pop(key) for key in list(more) if key in SplitOptions.__struct_fields__})
    return split(str(data), tmp_path / "out", options=options, **more), tmp_path / "out"


# ----------------------------------------------------------------------------- what is written


def test_every_row_comes_out_once_byte_for_byte_and_in_order(tmp_path: Path) -> None:
    lines = [json.dumps(chat(said(number)), indent=None if number % 2 else 0).encode() for number in range(50)]
    lines = [line.replace(b"\n", b"  ") for line in lines]
    (tmp_path / "data.jsonl").write_bytes(b"\n\n".join(lines))
    report = split(str(tmp_path / "data.jsonl"))
    written = {name: (tmp_path / "data.split" / f"{name}.jsonl").read_bytes().splitlines() for name in NAMES}
    assert report.by_split() == {"train": 40, "validation": 5, "test": 5} == {n: len(w) for n, w in written.items()}
    assert sorted(line for found in written.values() for line in found) == sorted(lines)
    for found in written.values():
        assert [lines.index(line) for line in found] == sorted(lines.index(line) for line in found)


def test_the_manifest_tells_what_lies_beside_it(tmp_path: Path) -> None:
    report, folder = split_rows(tmp_path, [chat(said(number)) for number in range(30)])
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["schema"] == "audit.split/1"
    assert manifest["inputs"][0]["sha256"] == hashlib.sha256((tmp_path / "data.jsonl").read_bytes()).hexdigest()
    for output in manifest["outputs"]:
        data = (folder / output["name"]).read_bytes()
        assert (output["sha256"], output["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert output["rows"] == len(data.splitlines())
    assert {path.name for path in folder.iterdir()} == {output["name"] for output in manifest["outputs"]} | {
        "manifest.json"
    }
    assert manifest["certificate"]["rows"] == 30
    assert {entry["findings"] for entry in manifest["certificate"]["checked"]} == {0}
    assert report.certificate is not None


def test_the_assignment_names_every_row_with_its_split_and_unit(tmp_path: Path) -> None:
    rows = [chat(said(number // 2)) for number in range(40)]
    _, folder = split_rows(tmp_path, rows)
    lines = [json.loads(line) for line in (folder / "assignment.jsonl").read_bytes().splitlines()]
    assert [entry["line"] for entry in lines] == list(range(1, 41))
    assert [entry["row_id"].rpartition("#")[2] for entry in lines] == ["1", "2"] * 20
    assert all(first["unit"] == second["unit"] for first, second in zip(lines[::2], lines[1::2], strict=True))
    by_prompt = homes(folder)
    assert [entry["split"] for entry in lines] == [by_prompt[row["messages"][0]["content"]] for row in rows]


def test_rows_that_cannot_be_read_are_set_aside_and_named(tmp_path: Path) -> None:
    rows = [json.dumps(chat(said(number))).encode() for number in range(20)]
    (tmp_path / "data.jsonl").write_bytes(b"\n".join([*rows[:7], b'{"messages": [', b"[1]", *rows[7:]]))
    report = split(str(tmp_path / "data.jsonl"), tmp_path / "out")
    assert (report.rows, report.rejected) == (22, 2)
    assert [place.rpartition(":")[2] for place in report.rejected_at] == ["8", "9"]
    assert (tmp_path / "out" / "rejected.jsonl").read_bytes() == b'{"messages": [\n[1]\n'
    lines = [json.loads(line) for line in (tmp_path / "out" / "assignment.jsonl").read_bytes().splitlines()]
    assert [entry["line"] for entry in lines if entry["split"] is None] == [8, 9]
    assert len(lines) == 22


def test_rows_that_are_no_conversation_are_split_and_counted(tmp_path: Path) -> None:
    odd: list[dict[str, Json]] = [{"a": 1}, {"messages": None}, {"messages": []}]
    report, _ = split_rows(tmp_path, [*odd, *(chat(said(number)) for number in range(20))])
    assert report.rejected == 0
    where = ", ".join(f"{tmp_path}/data.jsonl:{line}" for line in (1, 2, 3))
    said_of_them = f"3 of 23 rows are of no known shape, or hold no message, and are split as well ({where})"
    assert report.notes == (said_of_them,)


def test_rows_without_a_usable_value_at_a_key_are_counted(tmp_path: Path) -> None:
    rows = [chat(said(number), user=["a"] if number else "a", form=number) for number in range(20)]
    report, _ = split_rows(tmp_path, rows, group=("metadata.user", "metadata.form"))
    (note,) = report.notes
    assert note.startswith("19 of 20 rows have no usable value at metadata.user ")


def test_single_rows_are_never_larger_than_a_split(tmp_path: Path) -> None:
    report, _ = split_rows(tmp_path, [chat(said(number)) for number in range(4)])
    assert not any("larger than a whole split" in note for note in report.notes)


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    rows = [chat(said(number)) for number in range(30)]
    data = save(tmp_path / "data.jsonl", rows)
    dry = split(str(data), write=False)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]
    wet = split(str(data))
    assert (dry.by_split(), dry.strata, dry.units) == (wet.by_split(), wet.strata, wet.units)
    assert (dry.certificate, dry.wrote, wet.wrote) == (None, False, True)
    assert {(output.bytes, output.sha256) for output in dry.outputs} == {(None, None)}


@pytest.mark.parametrize("form", ["array", "csv", "rows"])
def test_other_containers_come_out_as_lines(tmp_path: Path, form: str) -> None:
    rows = [chat(said(number)) for number in range(20)]
    data: Any = rows
    if form == "array":
        (tmp_path / "data.json").write_text(json.dumps(rows, indent=2))
        data = str(tmp_path / "data.json")
    elif form == "csv":
        lines = ["prompt,completion", *(f"{said(number)},Yes." for number in range(20))]
        (tmp_path / "data.csv").write_text("\n".join(lines))
        data = str(tmp_path / "data.csv")
    report = split(data, tmp_path / "out")
    assert report.by_split() == {"train": 16, "validation": 2, "test": 2}
    found = [row for name in NAMES for row in rows_in(tmp_path / "out", name)]
    assert len(found) == 20
    if form == "array":
        assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, rows))


# ----------------------------------------------------------------------------- what stays together


def together(tmp_path: Path, pairs: list[tuple[dict[str, Json], dict[str, Json]]], **more: Any) -> bool:
    """Whether both rows of every pair lie in one split, whatever the seed."""
    rows = [row for pair in pairs for row in pair]
    data = save(tmp_path / "data.jsonl", rows)
    options = SplitOptions(shares={"train": 1, "test": 1}, force=True, **more)
    for seed in range(3):
        split(str(data), tmp_path / "out", options=options, seed=seed)
        lines = [json.loads(line) for line in (tmp_path / "out" / "assignment.jsonl").read_bytes().splitlines()]
        if any(one["split"] != other["split"] for one, other in zip(lines[::2], lines[1::2], strict=True)):
            return False
    return True


def test_rows_with_the_same_conversation_stay_together(tmp_path: Path) -> None:
    assert together(tmp_path, [(chat(said(n), note=1), chat(said(n), note=2)) for n in range(12)])
    assert together(tmp_path, [(chat(said(n)), chat(f"{said(n).upper()}!")) for n in range(12)])


def test_rows_with_the_same_question_stay_together_whatever_is_answered(tmp_path: Path) -> None:
    assert together(tmp_path, [(chat(said(n), "Yes."), chat(said(n), "No.")) for n in range(12)])


def test_rows_with_the_same_instruction_and_other_answers_may_part(tmp_path: Path) -> None:
    rows = [(chat("Write a poem", said(n, 20)), chat("Write a poem", said(n + 1000, 20))) for n in range(12)]
    assert not together(tmp_path, rows)


def test_near_duplicates_stay_together(tmp_path: Path) -> None:
    rows = [(chat(said(n, 60), "Yes."), chat(f"{said(n, 60)} truly", "Yes.")) for n in range(12)]
    assert together(tmp_path, rows)


def test_answers_to_one_instruction_that_are_nearly_the_same_stay_together(tmp_path: Path) -> None:
    rows = [(chat("Write a poem", said(n)), chat("Write a poem", f"{said(n)} truly")) for n in range(12)]
    assert together(tmp_path, rows)
    report = audit.check([row for pair in rows for row in pair], select=["DUP403"])
    assert len(report.findings) == 12


def test_answers_that_are_not_compared_because_there_are_too_many_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (answers, units):
        monkeypatch.setattr(module, "GROUP_ROWS_LINKED", 20)
    rows = [chat("Write a poem", said(n)) for n in range(30)]
    report, _ = split_rows(tmp_path, [*rows, *rows])
    assert report.notes == ("the answers of 10 rows were compared with no other: over 20 rows have their prompt",)


def test_rows_that_differ_only_in_whom_they_mention_stay_together(tmp_path: Path) -> None:
    rows = [(chat(f"{said(n)}, she said"), chat(f"{said(n)}, he said")) for n in range(12)]
    assert together(tmp_path, rows)
    answers = [(chat("Complete", f"{said(n)} a Muslim"), chat("Complete", f"{said(n)} a Jew")) for n in range(12)]
    assert together(tmp_path, answers)


def test_rows_that_differ_only_in_numbers_stay_together(tmp_path: Path) -> None:
    pairs = [(chat(f"{said(n)} {n} apples"), chat(f"{said(n)} {n + 71} apples")) for n in range(6)]
    pairs += [(chat(said(n)), chat(said(n))) for n in range(100, 107)]
    assert together(tmp_path, pairs)


def test_numbers_that_most_rows_differ_by_are_no_template(tmp_path: Path) -> None:
    report, _ = split_rows(tmp_path, [chat(f"age {n}, hours {n * 7}, work in a mill by the river") for n in range(40)])
    assert any("numbers were not masked" in note for note in report.notes)
    assert report.units.units == 40


def test_repeated_prompts_with_numbers_are_no_reason_to_leave_numbers_unmasked(tmp_path: Path) -> None:
    report, _ = split_rows(tmp_path, [chat(f"{said(n // 4)} {n // 4} apples") for n in range(40)])
    assert report.notes == ()


def test_groups_and_templates_stay_together(tmp_path: Path) -> None:
    rows = [(chat(said(2 * n), user=n, form="a"), chat(said(2 * n + 1), user=n, form="b")) for n in range(12)]
    assert not together(tmp_path, rows)
    assert together(tmp_path, rows, group=("metadata.user",))
    assert together(tmp_path, rows, template=("metadata.user",))


def test_the_configured_group_counts_without_a_flag(tmp_path: Path) -> None:
    rows = [chat(said(n), user=n // 4) for n in range(40)]
    report, folder = split_rows(tmp_path, rows, sections={"data": {"group": "metadata.user"}})
    users = [{row["metadata"]["user"] for row in rows_in(folder, name)} for name in NAMES]
    assert sum(map(len, users)) == len(set().union(*users)) == 10
    assert report.certificate is not None
    assert "SPL503" in [entry.what for entry in report.certificate.checked]


def test_copies_and_made_up_rows_stay_with_their_source(tmp_path: Path) -> None:
    plain = [chat(said(n)) for n in range(12)]
    ids = audit_ids(tmp_path, plain)
    made = [chat(said(n + 500), audit={"synthetic": {"of": ids[n], "how": "paraphrase"}}) for n in range(12)]
    assert together(tmp_path, list(zip(plain, made, strict=True)))


def audit_ids(tmp_path: Path, rows: list[dict[str, Json]]) -> list[str]:
    split(rows, tmp_path / "ids", options=SplitOptions(shares={"train": 1, "test": 1}, force=True))
    return [json.loads(line)["row_id"] for line in (tmp_path / "ids" / "assignment.jsonl").read_bytes().splitlines()]


def test_the_report_says_what_joins_how_many_rows(tmp_path: Path) -> None:
    rows = [chat(said(n // 3)) for n in range(30)]
    report, _ = split_rows(tmp_path, rows)
    joined = {entry.reason: (entry.rows, entry.groups) for entry in report.units.joined}
    assert joined["same conversation"] == (30, 10)
    assert report.units.largest is not None
    assert (report.units.units, report.units.largest.rows) == (10, 3)
    assert report.units.largest.text == rows[report.units.largest.line - 1]["messages"][0]["content"]


# ----------------------------------------------------------------------------- strata


def labelled(count: int) -> list[dict[str, Json]]:
    return [
        chat(said(n), ("yes", "no", "no")[n % 3], sex="fm"[n % 2], region=("north", "south")[n % 5 == 0])
        for n in range(count)
    ]


def test_every_combination_of_label_and_group_is_divided_by_the_shares(tmp_path: Path) -> None:
    report, folder = split_rows(tmp_path, labelled(240), stratify=("label", "sex"), sections={"attributes": ATTRIBUTES})
    assert [stratum.stratum for stratum in report.strata] == [
        "label=no, sex=f", "label=no, sex=m", "label=yes, sex=f", "label=yes, sex=m",
    ]  # fmt: skip
    for name, share in report.shares.items():
        counts = Counter((row["messages"][1]["content"], row["metadata"]["sex"]) for row in rows_in(folder, name))
        assert all(abs(counts["no", sex] - 80 * share) < 1 for sex in "fm")
        assert all(abs(counts["yes", sex] - 40 * share) < 1 for sex in "fm")
    assert all(stratum.within and stratum.largest_unit == 1 for stratum in report.strata)


def test_rows_of_a_unit_in_other_strata_give_a_stratum_no_room(tmp_path: Path) -> None:
    rows = [chat(said(n), ("no", "yes")[n % 10 == 0], user=n if n < 100 else "all") for n in range(200)]
    report, _ = split_rows(tmp_path, rows, stratify=("label",), group=("metadata.user",))
    largest = {stratum.stratum: stratum.largest_unit for stratum in report.strata}
    assert largest == {"label=no": 90, "label=yes": 10}
    assert report.units.largest is not None
    assert report.units.largest.rows == 100


def test_rows_without_a_value_are_a_stratum_of_their_own(tmp_path: Path) -> None:
    rows = labelled(60) + [chat(said(n + 900), "yes") for n in range(20)]
    report, _ = split_rows(tmp_path, rows, stratify=("sex",), sections={"attributes": ATTRIBUTES})
    assert {stratum.stratum: stratum.rows for stratum in report.strata} == {
        "sex=f": 30, "sex=m": 30, "sex=unknown": 20,
    }  # fmt: skip


def test_groups_that_are_missing_from_a_split_are_named(tmp_path: Path) -> None:
    rows = labelled(60)
    rows[0]["metadata"]["sex"] = "x"
    report, _ = split_rows(tmp_path, rows, stratify=("label", "sex"), sections={"attributes": ATTRIBUTES})
    assert any('test has no row with sex "x"' in note for note in report.notes)
    assert any('"label=yes, sex=x"' in note and "missing from a split" in note for note in report.notes)


# ----------------------------------------------------------------------------- order, processes, seeds


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def mixed(count: int) -> list[dict[str, Json]]:
    return [chat(said(n * n % 97), f"answer {n % 2}", sex="fm"[n % 2]) for n in range(count)]


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_processes(tmp_path: Path) -> None:
    rows = mixed(150)
    data = [str(save(tmp_path / f"{cut}.jsonl", rows[cut : cut + 30])) for cut in range(0, 150, 30)]
    options = SplitOptions(stratify=("sex",))
    for jobs in (1, 2, 5):
        split(
            data, tmp_path / f"out{jobs}", options=options, jobs=jobs, executor="processes",
            sections={"attributes": ATTRIBUTES},
        )  # fmt: skip
    first = folder_bytes(tmp_path / "out1")
    assert first == folder_bytes(tmp_path / "out2") == folder_bytes(tmp_path / "out5")


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    data = save(tmp_path / "data.jsonl", mixed(150))
    found = []
    for seed in (0, 1):
        split(str(data), tmp_path / str(seed), seed=seed)
        found.append(folder_bytes(tmp_path / str(seed))["test.jsonl"])
    assert found[0] != found[1]


def test_the_order_of_the_rows_and_their_files_does_not_matter(tmp_path: Path) -> None:
    rows = mixed(150)
    options = SplitOptions(stratify=("sex",))
    found = []
    for turn in range(3):
        random.Random(turn).shuffle(rows)
        cut = 50 * turn
        parts = [save(tmp_path / f"a{turn}.jsonl", rows[:cut]), save(tmp_path / f"b{turn}.jsonl", rows[cut:])]
        folder = tmp_path / str(turn)
        split([str(part) for part in parts], folder, options=options, sections={"attributes": ATTRIBUTES})
        found.append({name: sorted(map(json.dumps, rows_in(folder, name))) for name in NAMES})
    assert found[0] == found[1] == found[2]


# ----------------------------------------------------------------------------- hostile data

TEXT = st.text(
    st.characters(codec=None, categories=("Lu", "Ll", "Nd", "Zs", "Cs", "Po", "Mn", "Lo")), max_size=30
) | st.sampled_from(["she said 3 things to him today here", "he said 4 things to her today here", "a b c d e 1"])
VALUE: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ROW = st.builds(lambda prompt, answer, sex: chat(prompt, answer, sex=sex, user=sex), TEXT, TEXT, VALUE) | VALUE


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=3, max_size=12), st.booleans())
def test_hostile_rows_are_split_or_set_aside_and_none_is_lost(
    tmp_path: Path, rows: list[Json], stratified: bool
) -> None:
    data = tmp_path / "data.jsonl"
    lines = [json.dumps(row).encode() for row in rows]
    data.write_bytes(b"".join(line + b"\n" for line in lines))
    options = SplitOptions(stratify=("sex",) if stratified else (), force=True)
    try:
        report = split(str(data), tmp_path / "out", options=options, sections={"attributes": ATTRIBUTES})
    except UsageError:
        return
    names = [output.name for output in report.outputs if output.name != "assignment.jsonl"]
    written = [line for name in names for line in (tmp_path / "out" / name).read_bytes().splitlines()]
    assert Counter(written) == Counter(lines)
    json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert report.certificate is not None


# ----------------------------------------------------------------------------- refusals


def test_an_interruption_writes_nothing(tmp_path: Path) -> None:
    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    data = save(tmp_path / "data.jsonl", mixed(40))
    report = audit.split(str(data), progress=interrupt)
    assert (report.partial, report.wrote) == (True, False)
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_rows_are_refused_and_leave_nothing(tmp_path: Path, count: int) -> None:
    data = save(tmp_path / "data.jsonl", [chat(said(number)) for number in range(count)])
    with pytest.raises(UsageError):
        split(str(data))
    assert [path.name for path in tmp_path.iterdir()] == ["data.jsonl"]


def test_an_unknown_stratum_and_a_key_that_no_row_has_are_refused_with_the_nearest(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    with pytest.raises(UsageError, match="'sexx'") as error:
        split(data, options=SplitOptions(stratify=("sexx",)), sections={"attributes": ATTRIBUTES})
    assert error.value.hint == 'did you mean "sex"?'
    with pytest.raises(UsageError, match="regoin") as error:
        split(data, options=SplitOptions(group=("metadata.regoin",)))
    assert error.value.hint == 'did you mean "metadata.region"?'


def test_a_file_without_labels_cannot_be_stratified_by_them(tmp_path: Path) -> None:
    rows = [chat(said(n), said(n + 700, 30)) for n in range(30)]
    with pytest.raises(UsageError, match="cannot stratify by label"):
        split_rows(tmp_path, rows, stratify=("label",))


def test_a_folder_in_use_is_refused_without_force(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    split(data)
    with pytest.raises(OutputError, match="not empty") as error:
        split(data)
    assert error.value.hint is not None
    assert "--force" in error.value.hint
    split(data, options=SplitOptions(force=True))


def test_a_split_in_two_leaves_no_third_file_of_an_earlier_one(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    split(data, tmp_path / "out")
    split(data, tmp_path / "out", options=SplitOptions(shares={"train": 0.9, "test": 0.1}, force=True))
    assert not (tmp_path / "out" / "validation.jsonl").exists()


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    data = save(tmp_path / "train.jsonl", labelled(30))
    before = data.read_bytes()
    with pytest.raises(OutputError, match="is an input"):
        split(str(data), tmp_path, options=SplitOptions(force=True))
    assert data.read_bytes() == before


FOREIGN = {"test.jsonl": b"mine\n", "rejected.jsonl": b"", "manifest.json": b'{"schema": "other/1"}'}


def test_files_that_no_split_wrote_are_neither_overwritten_nor_taken_away(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    options = SplitOptions(shares={"train": 9, "validation": 1}, force=True)
    for name, content in FOREIGN.items():
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_bytes(content)
        with pytest.raises(OutputError, match=f"in the way in .*: {name}$"):
            split(data, folder, options=options)
        assert folder_bytes(folder) == {name: content}


def test_a_file_that_was_changed_since_its_split_is_not_overwritten(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    split(data, tmp_path / "out")
    with open(tmp_path / "out" / "test.jsonl", "ab") as file:
        file.write(b"{}\n")
    before = folder_bytes(tmp_path / "out")
    with pytest.raises(OutputError, match=r"in the way in .*: test\.jsonl$"):
        split(data, tmp_path / "out", options=SplitOptions(force=True))
    assert folder_bytes(tmp_path / "out") == before


def test_other_files_in_the_folder_stay_where_a_split_is_overwritten(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    split(data, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_bytes(b"mine")
    split(data, tmp_path / "out", options=SplitOptions(force=True))
    assert (tmp_path / "out" / "notes.txt").read_bytes() == b"mine"


def test_a_file_that_the_data_is_compared_with_is_an_input(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    split(data, tmp_path / "out")
    with pytest.raises(OutputError, match="is an input"):
        split(data, tmp_path / "out", options=SplitOptions(force=True), against=[str(tmp_path / "out" / "test.jsonl")])


def test_a_folder_where_a_file_is_to_be_is_named_before_the_work(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    (tmp_path / "out" / "train.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"train\.jsonl/$"):
        split(data, tmp_path / "out", options=SplitOptions(force=True))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.jsonl"]


def test_a_link_to_nothing_is_named_as_what_it_is(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"is a link to .*nowhere, which does not exist"):
        split(data, tmp_path / "out")


def test_several_inputs_need_a_folder(tmp_path: Path) -> None:
    one, other = (save(tmp_path / f"{name}.jsonl", labelled(10)) for name in "ab")
    with pytest.raises(UsageError, match="folder"):
        split([str(one), str(other)])
    with pytest.raises(InputError):
        split(str(tmp_path / "none.jsonl"), tmp_path / "out")


def test_what_the_configuration_says_holds_where_no_option_does(tmp_path: Path) -> None:
    rows = labelled(40)
    section = {"train": 3, "test": 1, "stratify": "label,sex", "group": "metadata.user"}
    for number, row in enumerate(rows):
        row["metadata"]["user"] = number // 2
    report, _ = split_rows(
        tmp_path, rows, shares={"test": 2, "validation": 1}, sections={"split": section, "attributes": ATTRIBUTES}
    )
    assert report.shares == {"train": 0.5, "validation": 1 / 6, "test": 1 / 3}
    assert report.settings["stratify"] == ["label", "sex"]
    assert report.settings["group"] == ["metadata.user"]


def inspected(tmp_path: Path, train: list[dict[str, Json]], test: list[dict[str, Json]]) -> Seen:
    files = {"train": save(tmp_path / "train.jsonl", train), "test": save(tmp_path / "test.jsonl", test)}
    ids = {"train": audit_ids(tmp_path / "t", train), "test": audit_ids(tmp_path / "v", test)}
    held = {name: b"".join(bytes.fromhex(one.partition("#")[0]) for one in found) for name, found in ids.items()}
    run = make_run(Settings(as_of=date(2026, 1, 1)))
    rules = plan(Settings(select=("SPL501", "SPL502")), run).rules
    return inspect(files, held, Inspection(run, Means(), rules, (), Keys(), REASONS, True), 1)


def test_an_inspection_refuses_files_that_share_a_question(tmp_path: Path) -> None:
    one, other = [chat(said(n)) for n in range(5)], [chat(said(n)) for n in range(10, 15)]
    assert inspected(tmp_path, one, other).certificate is not None
    with pytest.raises(LeakError, match="SPL501"):
        inspected(tmp_path, one, [*other, chat(said(3), "No.")])


def test_an_inspection_names_near_duplicates_so_that_they_can_be_joined(tmp_path: Path) -> None:
    one, other = [chat(said(n, 60)) for n in range(5)], [chat(said(n, 60)) for n in range(10, 15)]
    seen = inspected(tmp_path, one, [*other, chat(f"{said(3, 60)} truly")])
    assert seen.certificate is None
    assert seen.near is not None
    assert [bool(number) for number in seen.near] == [row in (3, 10) for row in range(11)]


def test_an_inspection_refuses_files_that_do_not_hold_their_rows(tmp_path: Path) -> None:
    files = {"train": save(tmp_path / "train.jsonl", [chat(said(1))])}
    inspection = Inspection(make_run(Settings(as_of=date(2026, 1, 1))), Means(), (), (), Keys(), REASONS, True)
    with pytest.raises(LeakError, match="do not hold"):
        inspect(files, {"train": bytes(16)}, inspection, 1)


def test_anyone_can_run_the_rules_again_over_the_files(tmp_path: Path) -> None:
    _, folder = split_rows(tmp_path, mixed(150))
    splits = [(name, str(folder / f"{name}.jsonl")) for name in NAMES]
    result = audit.check([], splits=splits, select=["SPL501", "SPL502"])
    assert result.rows == 150
    assert list(result.findings) == []


def test_a_file_that_appears_during_a_split_is_not_overwritten(tmp_path: Path) -> None:
    data = str(save(tmp_path / "data.jsonl", labelled(30)))
    mine = tmp_path / "out" / "train.jsonl"

    def appears(_: Any) -> None:
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")

    with pytest.raises(OutputError, match="exists"):
        split(data, mine.parent, progress=appears)
    assert [path.name for path in mine.parent.iterdir()] == ["train.jsonl"]
    assert mine.read_text() == "mine"


def test_a_broken_row_over_several_lines_is_rejected_on_one_with_its_carriage_returns(tmp_path: Path) -> None:
    rows = ",".join(map(json.dumps, labelled(30)))
    (tmp_path / "data.json").write_bytes(f'[{rows},{{"messages": "cut\r\nshort'.encode())
    split(str(tmp_path / "data.json"), tmp_path / "out")
    assert (tmp_path / "out" / "rejected.jsonl").read_bytes() == b'{"messages": "cut\r short\n'
