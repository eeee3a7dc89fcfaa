"""Reading the rows of a run: splits, what is held out, weights, labels and groups."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from audit.config.settings import Settings
from audit.errors import InputError, UsageError
from audit.model import Json
from audit.train.data.rows import gathering
from audit.train.options import TrainOptions


def chat(question: str, answer: str, **metadata: Json) -> dict[str, Json]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **({"metadata": metadata} if metadata else {})}


def written(path: Path, rows: list[dict[str, Json]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


MANY = [chat(f"question number {at}", ["yes", "no"][at % 2], who=f"u{at // 2}") for at in range(200)]


def test_rows_of_one_file_are_all_for_training(tmp_path: Path) -> None:
    with gathering([written(tmp_path / "a.jsonl", MANY)], Settings(), TrainOptions()) as rows:
        assert {name: len(found) for name, found in rows.splits.items()} == {"train": 200}
        assert rows.files["a.jsonl"].rows == 200
        assert len(rows.files["a.jsonl"].sha256) == 64


@pytest.mark.parametrize("name", ["validation", "valid", "dev", "eval", "val"])
def test_every_usual_name_of_a_validation_split_is_understood(tmp_path: Path, name: str) -> None:
    files = [written(tmp_path / f"{split}.jsonl", MANY[:20]) for split in ("train", name, "test")]
    splits = tuple(zip(("train", name, "test"), files, strict=True))
    with gathering([], Settings(splits=splits), TrainOptions(hold_out=0.5)) as rows:
        assert {split: len(found) for split, found in rows.splits.items()} == {
            "train": 20,
            "validation": 20,
            "test": 20,
        }


def test_the_field_of_the_configuration_says_the_split(tmp_path: Path) -> None:
    data = [chat(f"q{at}", "a", split=["train", "DEV", "other"][at % 3]) for at in range(30)]
    settings = Settings(sections={"data": {"splits": "metadata.split"}})
    with gathering([written(tmp_path / "a.jsonl", data)], settings, TrainOptions()) as rows:
        assert {split: len(found) for split, found in rows.splits.items()} == {
            "train": 10,
            "other": 10,
            "validation": 10,
        }


def test_without_a_training_split_nothing_is_trained(tmp_path: Path) -> None:
    settings = Settings(splits=(("test", written(tmp_path / "a.jsonl", MANY)),))
    with pytest.raises(UsageError, match="no split is called train"), gathering([], settings, TrainOptions()):
        pass


def test_no_rows_are_an_error_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(InputError, match="no rows"), gathering([str(tmp_path / "a.jsonl")], Settings(), TrainOptions()):
        pass


# ----------------------------------------------------------------------------- held out


def held_out(path: Path, rows_in: list[dict[str, Json]], share: float = 0.3, **sections: Json) -> set[str]:
    settings = Settings(sections=sections)
    with gathering([written(path, rows_in)], settings, TrainOptions(hold_out=share)) as rows:
        assert sorted([*rows.splits["train"], *rows.splits["validation"]]) == list(range(len(rows_in)))
        return {record.messages[0].text for record in rows.records(rows.splits["validation"])}


def test_what_is_held_out_follows_from_what_rows_say_and_not_from_where_they_stand(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(MANY, len(MANY))
    first = held_out(tmp_path / "a.jsonl", MANY)
    assert first == held_out(tmp_path / "b.jsonl", shuffled)
    assert 30 < len(first) < 90


def test_rows_with_one_prompt_stay_together(tmp_path: Path) -> None:
    data = [chat(f"Question {at % 20}?", f"answer {at}") for at in range(200)]
    held = held_out(tmp_path / "a.jsonl", data)
    with gathering([str(tmp_path / "a.jsonl")], Settings(), TrainOptions(hold_out=0.3)) as rows:
        trained = {record.messages[0].text for record in rows.records(rows.splits["train"])}
    assert held
    assert not held & trained


def test_rows_of_one_group_stay_together(tmp_path: Path) -> None:
    held = held_out(tmp_path / "a.jsonl", MANY, data={"group": "metadata.who"})
    members = [{row["messages"][0]["content"] for row in MANY[at : at + 2]} for at in range(0, 200, 2)]
    assert all(len(pair & held) in (0, 2) for pair in members)


def test_another_seed_holds_out_other_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", MANY)
    found = []
    for seed in (0, 1):
        with gathering([path], Settings(), TrainOptions(hold_out=0.3, seed=seed)) as rows:
            found.append(list(rows.splits["validation"]))
    assert found[0] != found[1]


def test_a_share_that_leaves_no_row_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [chat("one prompt", "a"), chat("one prompt", "b")])
    with pytest.raises(UsageError, match="leaves none"), gathering([path], Settings(), TrainOptions(hold_out=0.5)):
        pass


# ----------------------------------------------------------------------------- what rows are


def test_rows_have_names_places_weights_labels_and_groups(tmp_path: Path) -> None:
    data = [
        chat("a", "x", label="good", sex="F", w=2.0),
        chat("b", "y", label="bad", sex="m", w="much"),
        chat("c", "z", label="good", w=0.5),
        chat("d", "z", label="bad", sex="f"),
    ]
    sections = {
        "data": {"label": "metadata.label", "weight": "metadata.w"},
        "attributes": {"sex": {"field": "metadata.sex"}},
    }
    with gathering([written(tmp_path / "a.jsonl", data)], Settings(sections=sections), TrainOptions()) as rows:
        assert list(rows.weights) == [2.0, 1.0, 0.5, 1.0]
        assert [rows.has_bad_weight(record) for record in rows.records(range(4))] == [False, True, False, False]
        assert list(rows.labels) == ["good", "bad", "good", "bad"]
        assert rows.classes == ("good", "bad")
        assert [rows.members["sex"][code] if code >= 0 else None for code in rows.groups["sex"]] == [
            "F",
            "m",
            None,
            "F",
        ]
        assert (rows.place(2).file, rows.place(2).line) == ("a.jsonl", 3)
        assert len(set(rows.row_ids(range(4)))) == 4


def test_classes_are_those_of_the_training_rows_in_the_order_of_their_first_row(tmp_path: Path) -> None:
    train = written(tmp_path / "t.jsonl", [chat(f"q{at}", "bca"[at % 3]) for at in range(60)])
    valid = written(tmp_path / "v.jsonl", [chat(f"v{at}", "ad"[at % 2]) for at in range(20)])
    with gathering([], Settings(splits=(("train", train), ("validation", valid))), TrainOptions()) as rows:
        assert rows.classes == ("b", "c", "a")


def test_where_there_is_no_class_there_is_nothing_to_classify(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [chat(f"q{at}", f"answer {at} " * 20) for at in range(20)])
    options = TrainOptions(task="classify")
    with pytest.raises(UsageError, match="nothing to classify"), gathering([path], Settings(), options):
        pass


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    files = [written(tmp_path / "a.jsonl", MANY[:3]), written(tmp_path / "x" / "a.jsonl", MANY[3:5])]
    with gathering(files, Settings(), TrainOptions()) as rows:
        assert {name: file.rows for name, file in rows.files.items()} == {"a.jsonl": 3, "a.jsonl (2)": 2}
        assert rows.place(3).file == "a.jsonl (2)"


def test_rows_may_come_from_python() -> None:
    with gathering(MANY, Settings(), TrainOptions()) as rows:
        assert len(rows.splits["train"]) == 200
        assert next(rows.records([7])).messages[0].text == "question number 7"
