"""From the rows of a split to its sequences: weights, rows that are left out, rows that stop a run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from audit.config.settings import Settings
from audit.errors import ConfigError, InputError
from audit.model import Json
from audit.train.data.accounting import account
from audit.train.data.building import Built, build, left_alone
from audit.train.data.encode import Encoder
from audit.train.data.rows import gathering
from audit.train.data.weighting import row_factors
from audit.train.options import TrainOptions
from tests.train.chats import tokenizer_of

TOKENIZER = tokenizer_of("generation")
SECTIONS: dict[str, Json] = {
    "data": {"label": "metadata.label"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}


def chat(question: str, answer: str, **metadata: Json) -> dict[str, Json]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "metadata": metadata}


ROWS = [chat(f"q{at}", "yes", label="ab"[at % 4 == 3], sex="fm?"[at % 3]) for at in range(24)]


def built(rows: list[dict[str, Json]], limit: int | None = None, **options: Json) -> Built:
    made = TrainOptions(**options)
    with gathering(rows, Settings(sections=SECTIONS), made) as found:
        return build(found, "train", Encoder(TOKENIZER, made, limit, found.classes))


def test_every_sequence_knows_its_row_class_and_groups() -> None:
    made = built(ROWS)
    examples = made.examples
    assert examples.rows.tolist() == list(range(24))
    assert [examples.classes[code] for code in examples.labels.tolist()] == [row["metadata"]["label"] for row in ROWS]
    assert examples.members == {"sex": ("f", "m")}
    assert examples.groups["sex"].tolist() == [0, 1, -1] * 8
    assert len(set(examples.row_ids)) == 24
    assert {one.outcome for one in made.outcomes} == {"used"}
    assert made.roles == {"assistant": int(examples.trained.sum())}


def test_the_order_of_processes_and_batches_does_not_show() -> None:
    rows = [chat(f"q{at}", f"a{at}") for at in range(700)]
    assert built(rows).examples.sha256 == built(rows).examples.sha256
    assert built(rows).examples.rows.tolist() == list(range(700))


# ----------------------------------------------------------------------------- weights


def test_weights_of_row_class_and_group_are_multiplied() -> None:
    rows = [
        chat("1", "x", label="a", sex="f", audit={"weight": 2.0}),
        chat("2", "x", label="b", sex="f"),
        chat("3", "x", label="b", sex="m"),
        chat("4", "x", label="a"),
    ]
    made = built(rows, class_weights={"b": 3.0}, group_weights={"sex": {"f": 0.5}})
    assert made.examples.row_weights.tolist() == [1.0, 1.5, 3.0, 1.0]
    assert [one.weight for one in made.outcomes] == [1.0, 1.5, 3.0, 1.0]
    for index, weight in enumerate(made.examples.row_weights.tolist()):
        weights = made.examples.tokens_of(index)[1]
        assert set(weights[weights > 0].tolist()) == {weight}


def test_balanced_class_weights_make_classes_count_the_same() -> None:
    made = built(ROWS, class_weights="balanced")
    mass = [made.examples.row_weights[made.examples.labels == code].sum() for code in (0, 1)]
    assert mass == pytest.approx([12.0, 12.0])


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": {"c": 1.0}},
        {"class_weights": {"a": -1.0}},
        {"group_weights": {"gender": {"f": 1.0}}},
        {"group_weights": {"sex": {"F.": 1.0}}},
        {"group_weights": {"sex": {"f": float("inf")}}},
    ],
)
def test_weights_for_what_is_not_there_are_refused(options: dict[str, Json]) -> None:
    with pytest.raises(ConfigError):
        built(ROWS, **options)


def test_class_weights_without_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="no classes"):
        built([chat(f"q{at}", f"a{at}" * 50) for at in range(9)], class_weights="balanced")


def test_a_row_of_weight_zero_is_left_out_and_not_an_error() -> None:
    made = built([*ROWS, chat("zero", "x", label="a", audit={"weight": 0})])
    assert made.outcomes[-1].outcome == "weight_0"
    assert len(made.examples) == 24


def weighed(rows: list[dict[str, Json]], field: str | None) -> Built:
    made = TrainOptions()
    data = {"weight": field} if field else {}
    with gathering(rows, Settings(sections={"data": data}), made) as found:
        return build(found, "train", Encoder(TOKENIZER, made, None, found.classes))


def test_a_weight_that_no_training_row_has_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"weight = 'metadata\.wieght': no training row has that") as told:
        weighed([chat("1", "x", weight=2.0), chat("2", "x", weight=1.0)], "metadata.wieght")
    assert "metadata.weight" in (told.value.hint or "")
    assert weighed([chat("1", "x", weight=2.0), chat("2", "x")], "metadata.weight").outcomes[0].weight == 2.0


def test_a_weight_that_nothing_asks_for_is_told() -> None:
    rows = [chat("1", "x") | {"weight": 2.0}, chat("2", "x") | {"weight": 0}, chat("3", "x") | {"weight": 1}]
    assert weighed(rows, None).unused_weights == 2
    used = weighed(rows, "weight")
    assert (used.unused_weights, [one.weight for one in used.outcomes]) == (0, [2.0, 0.0, 1.0])


def test_where_all_rows_weigh_nothing_the_weights_are_what_to_look_at() -> None:
    with pytest.raises(InputError, match="weight_0 2") as told:
        weighed([chat("1", "x", w=0), chat("2", "x", w=0)], "metadata.w")
    assert told.value.hint == "look at the weights of rows"


def test_validation_counts_every_row_once() -> None:
    rows = [chat(f"q{at}", "x", label="ab"[at % 2], audit={"weight": 5.0}) for at in range(80)]
    options = TrainOptions(hold_out=0.3, class_weights={"a": 2.0})
    with gathering(rows, Settings(sections=SECTIONS), options) as found:
        validation = build(found, "validation", Encoder(TOKENIZER, options, None, found.classes)).examples
        assert set(validation.row_weights.tolist()) == {1.0}
        assert set(row_factors(found, options).tolist()) == {5.0, 10.0}


# ----------------------------------------------------------------------------- rows that cannot be used


LONG = chat("long", "word " * 200)
BROKEN: list[dict[str, Json]] = [{"odd": 1}, {"messages": [{"role": "user", "content": "no answer"}]}]


def test_a_row_that_is_too_long_stops_the_run_and_is_named() -> None:
    with pytest.raises(
        InputError, match=r"<rows> line 2 \(row [0-9a-f]{32}#1\) .* 100 can be read \[over_length\]"
    ) as error:
        built([ROWS[0], LONG], 100)
    assert "max_length" in str(error.value.hint)


def test_a_row_of_which_nothing_fits_is_not_told_to_be_cut_where_it_is_cut_already() -> None:
    with pytest.raises(InputError, match="fits whole") as told:
        built([chat("1", "x"), LONG], limit=30, over_length="truncate")
    assert "unusable" in (told.value.hint or "")
    assert "truncate" not in (told.value.hint or "")


def test_a_row_that_is_too_long_can_be_left_out() -> None:
    made = built([ROWS[0], LONG], 100, over_length="drop")
    assert [one.outcome for one in made.outcomes] == ["used", "over_length"]


def test_a_row_that_cannot_be_used_stops_the_run_and_the_others_are_counted() -> None:
    with pytest.raises(
        InputError, match=r"line 2 .*, and 1 other row \(nothing_trained 1, unreadable 1 in all\)"
    ) as error:
        built([ROWS[0], *BROKEN])
    assert 'unusable = "drop"' in str(error.value.hint)


def test_rows_that_cannot_be_used_can_be_left_out_each_with_its_reason() -> None:
    made = built([ROWS[0], *BROKEN, chat("w", "x", audit={"weight": -1})], unusable="drop")
    assert [one.outcome for one in made.outcomes] == ["used", "unreadable", "nothing_trained", "bad_weight"]
    assert [one.examples for one in made.outcomes] == [1, 0, 0, 0]
    assert [one.line for one in made.outcomes] == [1, 2, 3, 4]


def test_where_no_row_is_left_the_run_stops() -> None:
    with pytest.raises(InputError, match="none of the 2 rows of the split train can be used: nothing_trained 1"):
        built(BROKEN, unusable="drop")


def test_a_row_that_is_cut_is_told() -> None:
    talk = [{"role": role, "content": text} for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"),
        ("assistant", "word " * 200))]  # fmt: skip
    made = built([ROWS[0], {"messages": talk}], 100, over_length="truncate")
    assert [one.outcome for one in made.outcomes] == ["used", "truncated"]


def test_a_class_that_was_not_trained_stops_the_run_in_validation_whatever_is_asked(tmp_path: Path) -> None:
    files = []
    for name, labels in (("train", "ab"), ("validation", "ac")):
        rows = [chat(f"{name} {at}", "x", label=labels[at % 2]) for at in range(20)]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append((name, str(path)))
    options = TrainOptions(task="classify", unusable="drop")
    with gathering([], Settings(splits=tuple(files), sections=SECTIONS), options) as rows:
        encoder = Encoder(TOKENIZER, options, None, rows.classes)
        assert len(build(rows, "train", encoder).examples) == 20
        with pytest.raises(InputError, match="no training row has its label 'c'"):
            build(rows, "validation", encoder)


def test_rows_of_other_splits_are_told_and_left_alone(tmp_path: Path) -> None:
    rows = [chat(f"q{at}", "x", split=["train", "test"][at % 2]) for at in range(6)]
    settings = Settings(sections={"data": {"splits": "metadata.split"}})
    with gathering(rows, settings, TrainOptions()) as found:
        made = left_alone(found, "test")
    assert [(one.ordinal, one.split, one.outcome, one.examples) for one in made] == [
        (1, "test", "other_split", 0),
        (3, "test", "other_split", 0),
        (5, "test", "other_split", 0),
    ]


def test_no_outcome_holds_words_of_a_row() -> None:
    rows = [chat("SECRETQ", "SECRETA", label="SECRETL"), {"SECRETK": "SECRETV"}, *ROWS]
    text = json.dumps(
        [[str(value) for value in (one.row_id, one.file, one.outcome)] for one in built(rows, unusable="drop").outcomes]
    )
    assert "SECRET" not in text


def test_a_classification_weighs_rows_and_trains_no_token() -> None:
    made = built(ROWS, task="classify", class_weights="balanced").examples
    assert not made.weights.any()
    assert made.loss_weights().sum() == pytest.approx(24.0)
    assert np.array_equal(made.loss_weights(), made.row_weights)


# ----------------------------------------------------------------------------- hostile rows


ODD: tuple[Json, ...] = (
    None, True, 0, -1, 1e308, 10**30, "", "yes", "\ud800", "\x00", [], {}, [1], {"a": {}},
    [{"type": "text", "text": "t"}],
    [{"type": "image_url"}],
)  # fmt: skip


def hostile(draw: random.Random) -> dict[str, Json]:
    """A row of which every part may be of the wrong type."""
    messages: Json = [
        {
            "role": draw.choice(["user", "assistant", "assistant", draw.choice(ODD)]),
            "content": draw.choice(["hi", draw.choice(ODD)]),
            **({"weight": draw.choice(ODD)} if draw.random() < 0.2 else {}),
        }
        for _ in range(draw.randint(0, 4))
    ]
    audit = {"weight": draw.choice(ODD)} if draw.random() < 0.3 else draw.choice(ODD)
    metadata = {
        "label": draw.choice(["a", "b", draw.choice(ODD)]),
        "sex": draw.choice(["f", draw.choice(ODD)]),
        "audit": audit,
    }
    row = {"messages": draw.choice([messages] * 9 + [draw.choice(ODD)]), "metadata": metadata}
    return draw.choice([row] * 9 + [{"prompt": draw.choice(ODD), "chosen": draw.choice(ODD)}])


@pytest.mark.parametrize("seed", range(8))
def test_rows_of_any_kind_are_used_or_left_out_with_a_reason_and_all_are_counted(seed: int) -> None:
    draw = random.Random(seed)
    rows = [*ROWS, *(hostile(draw) for _ in range(120))]
    options = TrainOptions(
        task=draw.choice(["chat", "chat", "classify"]),
        unusable="drop",
        over_length=draw.choice(["drop", "truncate"]),
        unit=draw.choice(["token", "example"]),
        class_weights=draw.choice(["none", "balanced"]),
    )
    with gathering(rows, Settings(sections=SECTIONS), options) as found:
        made = build(found, "train", Encoder(TOKENIZER, options, 60, found.classes))
        split = account(found, {"train": made}, options).splits["train"]
    assert split.rows == len(rows) == split.used + split.weightless + sum(split.dropped.values())
    assert split.trained == sum(one.trained for one in made.outcomes)
    assert np.isfinite(made.examples.loss_weights()).all()
