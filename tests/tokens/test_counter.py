"""Counting rows: the fast way equals the slow one, nothing raises, and an estimate says that it is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError, UsageError
from audit.model import ABSENT, Chat, Json, Message, Record, RowTokens, Source
from audit.tokens import Counter, make_counter
from audit.tokens.counter import after_truncation, estimate

TOY = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "raw" / "openai-cookbook-toy"


class Turn(NamedTuple):
    role: str
    content: str


def message(role: Json, content: Json, **more: Json) -> Message:
    return Message(role=role, content=content, at="", role_at="", content_at="", **more)


def record(*messages: Message, **more: Json) -> Record:
    chat = Chat(messages=messages, **more)
    return Record(source=Source(path="x"), line=1, offset=0, raw=b"", data={}, shape="openai-sft", chat=chat)


@pytest.fixture(scope="module", params=["o200k_base", "cl100k_base"])
def counter(request: pytest.FixtureRequest) -> Counter:
    made = make_counter(request.param)
    if not made.exact:
        pytest.skip("the ranks are not on this machine")
    return made


def test_the_cookbooks_file_has_the_published_counts() -> None:
    if not TOY.is_dir():
        pytest.skip("the shared data folder is absent")
    counter = make_counter("cl100k_base")
    lines = (TOY / "toy_chat_fine_tuning.jsonl").read_text("utf-8").splitlines()
    chats = [[Turn(turn["role"], turn["content"]) for turn in json.loads(line)["messages"]] for line in lines]
    totals = [row.total for row in counter.plain_chats(chats)]
    answers = [sum(counter.count(turn.content) for turn in chat if turn.role == "assistant") for chat in chats]
    assert sorted(totals) == [26, 28, 45, 111, 8032]
    assert (min(answers), max(answers)) == (4, 8000)
    assert sum(min(16_385, tokens) for tokens in totals) == 8242


CHATS = st.lists(
    st.tuples(st.sampled_from(["system", "user", "assistant", "a role of more than sixteen characters"]), st.text()),
    max_size=6,
)


@given(CHATS)
def test_the_fast_way_counts_what_the_slow_one_counts(counter: Counter, turns: list[tuple[str, str]]) -> None:
    chats = [[Turn(*turn) for turn in turns]] * 2
    slow = counter.row(record(*(message(*turn) for turn in turns)))
    assert counter.plain_chats(chats) == [slow, slow]


def test_control_tokens_in_a_text_are_plain_text(counter: Counter) -> None:
    assert counter.count("<|endoftext|>") == 7
    assert counter.count("<|im_start|>") > 1


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00", "\U0010ffff", ""])
def test_no_text_raises(counter: Counter, text: str) -> None:
    assert counter.count(text) >= 0
    assert counter.plain_chats([[Turn("user", text)]])[0].total >= 6


@pytest.mark.parametrize("run", [" ", "\t", "\u00a0"])
def test_a_run_of_white_space_that_makes_tiktoken_panic_is_counted(counter: Counter, run: str) -> None:
    assert counter.count(run * 1_100_000) > 1000


def test_a_text_has_no_more_tokens_than_bytes(counter: Counter) -> None:
    for text in ("hello", "日本語", "\U0001f600", "q7Zx/9kQ+v"):
        assert 0 < counter.count(text) <= len(text.encode())


def test_a_preference_row_counts_every_content_and_the_longer_answer(counter: Counter) -> None:
    made = record(
        message("user", "Hi"), chosen=(message("assistant", "yes"),), rejected=(message("assistant", "no " * 9),)
    )
    tokens = counter.row(made)
    longer = counter.plain_chats([[Turn("user", "Hi"), Turn("assistant", "no " * 9)]])[0]
    assert tokens.total == longer.total
    assert tokens.content == counter.count("Hi") + counter.count("yes") + counter.count("no " * 9)
    assert tokens.trainable == counter.count("yes") + 1


def test_a_name_costs_one_token_more_than_itself(counter: Counter) -> None:
    plain, named = (counter.row(record(message("user", "Hi", name=name))) for name in (ABSENT, "bob"))
    assert named.total - plain.total == counter.count("bob") + 1


def test_weight_zero_is_counted_and_not_trained(counter: Counter) -> None:
    tokens = counter.row(record(message("user", "Hi"), message("assistant", "yes", weight=0)))
    assert tokens.trainable == 0
    assert tokens.content == 2


def test_without_ranks_the_count_is_an_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    counter = make_counter("p50k_base")
    assert (counter.exact, counter.name) == (False, "bytes/4")
    assert "estimated" in counter.note
    assert counter.plain_chats([[Turn("user", "abcdefgh\ud800")]]) == [RowTokens(3, 10, 0)]


@given(st.text())
def test_the_estimate_is_a_quarter_of_the_bytes_rounded_up(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    assert (size + 3) // 4 == estimate(text)


@pytest.mark.parametrize(
    ("model", "name", "exact"),
    [
        (None, "o200k_base", True),
        ("gpt-4o-mini", "o200k_base", True),
        ("gpt-3.5-turbo", "cl100k_base", True),
        ("o4-mini", "o200k_base", False),
        ("meta-llama/Llama-3.1-8B", "o200k_base", False),
    ],
)
def test_a_count_is_exact_only_where_the_models_overhead_is_published(
    model: str | None, name: str, exact: bool
) -> None:
    counter = make_counter(None, model)
    assert (counter.name, counter.exact) == (name, exact)


def test_a_tokenizer_that_is_nowhere_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="o100k"):
        make_counter("o100k")
    with pytest.raises(InputError, match="no tokenizer"):
        make_counter(str(tmp_path))


def test_a_foreign_counter_serves_the_layout(counter: Counter) -> None:
    class Words:
        name = "words"
        exact = False
        note = ""

        def count(self, text: str) -> int:
            return len(text.split())

        def row(self, record: Record) -> RowTokens:
            return RowTokens(0, 0, 0)

    chat = Chat(messages=(message("user", "a b"), message("assistant", "c d e")))
    left, problem = after_truncation(chat, Words(), None)
    assert problem is None
    assert (left.total, left.trained) == (3 + 1 + 2 + 3 + 1 + 3 + 3, 4)
