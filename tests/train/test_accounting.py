"""The accounting: what is counted adds up, and agrees with what `audit check` counts of the same rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from audit.config.settings import Settings
from audit.model import Json
from audit.render import trainable_tokens
from audit.tokens.counter import TemplateCounter
from audit.train.data.accounting import Accounting, account
from audit.train.data.building import Built, build
from audit.train.data.encode import Encoder
from audit.train.data.rows import gathering
from audit.train.options import TrainOptions
from benchmarks.accuracy import SHARED
from tests.train.chats import tokenizer_of

CHATML = tokenizer_of("chatml")
SECTIONS: dict[str, Json] = {
    "data": {"label": "metadata.label"},
    "attributes": {"sex": {"field": "metadata.sex"}},
}


def chat(question: str, answer: str, **metadata: Json) -> dict[str, Json]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "metadata": metadata}


ROWS = [chat(f"q{at}", "x" * (1 + at % 5), label="ab"[at % 4 == 3], sex="fm?"[at % 3]) for at in range(24)]
BROKEN: list[dict[str, Json]] = [{"odd": 1}, chat("w", "x", audit={"weight": 0}), chat("w", "x", audit={"weight": -1})]


def accounted(rows: list[dict[str, Json]], limit: int | None = None, **options: Json) -> tuple[Accounting, Built]:
    made = TrainOptions(unusable="drop", **options)
    with gathering(rows, Settings(sections=SECTIONS), made) as found:
        built = build(found, "train", Encoder(tokenizer_of("generation"), made, limit, found.classes))
        return account(found, {"train": built}, made), built


def test_every_row_is_counted_once() -> None:
    split = accounted([*ROWS, *BROKEN])[0].splits["train"]
    assert (split.rows, split.used, split.weightless) == (27, 24, 1)
    assert split.dropped == {"bad_weight": 1, "unreadable": 1}
    assert split.rows == split.used + split.weightless + sum(split.dropped.values())


def test_parts_add_up_to_the_whole() -> None:
    split = accounted(ROWS, class_weights="balanced")[0].splits["train"]
    for parts in (split.by_class, *split.by_group.values()):
        assert sum(one.rows for one in parts.values()) == split.used
        assert sum(one.tokens for one in parts.values()) == split.tokens
        assert sum(one.trained for one in parts.values()) == split.trained
        assert sum(one.mass for one in parts.values()) == pytest.approx(split.mass)
    assert set(split.by_group["sex"]) == {"f", "m", "unknown"}
    assert sum(split.by_role.values()) == split.trained


def test_the_figures_are_those_of_the_sequences() -> None:
    found, built = accounted(ROWS, class_weights={"a": 2.0})
    split = found.splits["train"]
    assert split.tokens == len(built.examples.ids)
    assert split.longest == built.examples.lengths.max()
    assert split.mass == pytest.approx(built.examples.weights.sum())
    weights = built.examples.row_weights
    assert split.effective_rows == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_without_weights_every_row_is_worth_one() -> None:
    assert accounted(ROWS)[0].splits["train"].effective_rows == 24


def test_independence_in_rows_is_not_independence_in_what_is_learnt() -> None:
    rows = [
        chat(f"q{at}", "x" * (40 if (at % 2, at // 2 % 2) == (0, 0) else 1), label="ab"[at % 2], sex="fm"[at // 2 % 2])
        for at in range(40)
    ]
    found = accounted(rows)[0].splits["train"].association["sex"]
    assert found.rows == 0.0
    assert found.loss_mass is not None
    assert found.loss_mass > 0.05


def test_rows_of_two_answers_are_counted_as_such() -> None:
    row = {
        "prompt": [{"role": "user", "content": "a"}],
        "chosen": [{"role": "assistant", "content": "good"}],
        "rejected": [{"role": "assistant", "content": "bad"}],
    }
    assert accounted([row, *ROWS])[0].splits["train"].preference_rows == 1


def test_a_split_that_is_not_trained_on_is_counted_in_rows() -> None:
    rows = [chat(f"q{at}", "x", split=["train", "test"][at % 3 == 0]) for at in range(9)]
    options = TrainOptions()
    with gathering(rows, Settings(sections={"data": {"splits": "metadata.split"}}), options) as found:
        built = build(found, "train", Encoder(CHATML, options))
        made = account(found, {"train": built}, options)
    assert (made.splits["test"].rows, made.splits["test"].used, made.splits["train"].used) == (3, 0, 6)


def test_a_classification_is_counted_in_rows() -> None:
    made = accounted(ROWS, task="classify")[0]
    assert (made.trained_on, made.splits["train"].trained, made.splits["train"].mass) == ("classes", 0, 24.0)


def test_what_a_user_may_not_expect_is_noted() -> None:
    assert accounted(ROWS)[0].notes == ()
    thinking: list[Json] = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning": "r!"}]
    notes = accounted([ROWS[0] | {"weight": 3}, {"messages": thinking}])[0].notes
    assert notes == (
        'training rows with a "weight" that is not used ([data] weight = "weight" uses it): 1',
        "rows with reasoning that the chat template does not write: 1",
    )


def test_the_same_rows_give_the_same_bytes() -> None:
    first, second = (msgspec.json.encode(accounted([*ROWS, *BROKEN])[0]) for _ in range(2))
    assert first == second
    assert msgspec.json.decode(first)["schema"] == "audit.accounting/1"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize("name", ["dolly-subset", "glaive-toolcall-en"])
def test_the_tokens_are_those_that_check_counts(name: str) -> None:
    path = str(Path(SHARED) / "chat" / f"{name}.jsonl.gz")
    counter = TemplateCounter(CHATML)
    options = TrainOptions(unusable="drop", over_length="drop")
    with gathering([path], Settings(), options) as rows:
        built = build(rows, "train", Encoder(CHATML, options))
        split = account(rows, {"train": built}, options).splits["train"]
        counted = [counter.row(record) for record in rows.records(range(rows.total))]
        again = [trainable_tokens(counter.render(record.chat), counter) for record in rows.records(range(rows.total))]
    assert split.used == split.rows == rows.total
    assert [one.trained for one in built.outcomes] == [one.trainable for one in counted]
    assert [one.tokens for one in built.outcomes] == [one.total for one in again]
    assert split.trained == sum(one.trainable for one in counted)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_what_a_cut_leaves_is_what_check_says_it_leaves_less_answers_that_are_cut_through() -> None:
    path = str(Path(SHARED) / "chat" / "glaive-toolcall-en.jsonl.gz")
    counter, limit = TemplateCounter(CHATML), 900
    options = TrainOptions(unusable="drop", over_length="truncate")
    with gathering([path], Settings(), options) as rows:
        built = build(rows, "train", Encoder(CHATML, options, limit))
        again = [trainable_tokens(counter.render(one.chat), counter, limit) for one in rows.records(range(rows.total))]
    cut = [one for one in built.outcomes if one.outcome == "truncated"]
    assert cut
    for one, said in zip(built.outcomes, again, strict=True):
        assert one.trained <= said.left
        assert one.trained == said.left or said.end_cut
        assert (one.outcome == "used") == (said.longest <= limit)
