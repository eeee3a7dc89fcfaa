"""TOK rules: lengths, cuts, cost and control tokens, on toy rows; and no false alarm on real text."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.model import (
    ABSENT,
    Applicability,
    Chat,
    DropRow,
    Json,
    Measure,
    Message,
    PointerEdit,
    Record,
    RowTokens,
    Severity,
    Source,
    Target,
)
from audit.rule import Context, DatasetRule, Hit, Run, Span
from audit.rules.tokens import RULES
from audit.rules.tokens.control_tokens import TRIGGERS, control_tokens, without
from audit.rules.tokens.cost import Cost
from audit.rules.tokens.fertility import Fertility
from audit.rules.tokens.over_length import OverLength
from audit.rules.tokens.padding import Padding
from audit.rules.tokens.rejected_token import RejectedToken
from audit.rules.tokens.retired_model import RetiredModel
from audit.rules.tokens.special_token import SpecialToken
from audit.rules.tokens.truncated_target import TruncatedTarget
from audit.tokens import Counter, make_counter

CHAT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "chat"

OPENAI = Target(
    name="openai-sft",
    title="t",
    as_of="2026-11-21",
    hosted=True,
    max_tokens={"": 65_536},
    special_tokens=("<|endoftext|>", "<|fim_suffix|>", "<|im_start|>", "<|im_end|>"),
)
GENERIC = Target(name="generic", title="t", as_of="2026-11-21")


class Rows:
    """Implements ``audit.rule.Batch`` over chats given as lists of (role, content)."""

    def __init__(
        self, chats: Sequence[Sequence[tuple[str, str]]], counter: Counter, start: int = 1, role: str = "data"
    ):
        self.source = Source(path="toy.jsonl", role=role)
        self._records = [record(*chat, line=start + index) for index, chat in enumerate(chats)]
        self.rows = len(self._records)
        self.shapes: Mapping[str, Sequence[int]] = {"openai-sft": range(self.rows)}
        self.tokens: Sequence[RowTokens] = [counter.row(one) for one in self._records]
        self.with_metadata: Sequence[int] = ()

    def line_of(self, row: int) -> int:
        return self._records[row].line

    def records(self) -> Iterator[Record]:
        return iter(self._records)


class Whole(Context):
    rows = 0
    sources: Sequence[Source] = ()


def record(*turns: tuple[str, Json], line: int = 1, weights: Sequence[Json] = (), **more: Json) -> Record:
    messages = tuple(
        Message(
            role=role,
            content=content,
            at=f"/messages/{index}",
            role_at=f"/messages/{index}/role",
            content_at=f"/messages/{index}/content",
            weight=weights[index] if weights else ABSENT,
        )
        for index, (role, content) in enumerate(turns)
    )
    chat = Chat(messages=messages, **more)
    return Record(source=Source(path="toy.jsonl"), line=line, offset=0, raw=b"", data={}, shape="openai-sft", chat=chat)


@pytest.fixture(scope="module")
def counter() -> Counter:
    made = make_counter("o200k_base")
    if not made.exact:
        pytest.skip("the ranks of o200k_base are not on this machine")
    return made


def run_of(counter: Counter | None = None, target: Target = OPENAI, **more: Json) -> Run:
    return Run(target=target, tokens=counter, **more)


def judge(rule: DatasetRule, rows: Rows, run: Run) -> tuple[list[Hit], dict[str, Measure]]:
    found = list(rule.finish(rule.take(rule.start(), rows, run), Whole(), run))
    hits = [one for one in found if isinstance(one, Hit)]
    return hits, {one.name: one for one in found if isinstance(one, Measure)}


TALK = (
    ("user", "Name three colours."),
    ("assistant", "Red, green and blue."),
    ("user", "Say more of each of them, please."),
    ("assistant", "Red is warm, " * 30),
)


# ----------------------------------------------------------------------------- TOK301


def test_a_row_within_the_limit_is_silent(counter: Counter) -> None:
    assert list(OverLength().check(record(*TALK), run_of(counter))) == []


def test_a_row_whose_answer_is_cut_is_an_error_with_its_numbers(counter: Counter) -> None:
    row = record(*TALK)
    (hit,) = OverLength(max_tokens=60).check(row, run_of(counter))
    total = counter.row(row).total
    assert hit.severity is Severity.ERROR
    assert f"the row has {total} tokens, {total - 60} more than the 60 allowed" in hit.message
    assert "loses the end of the answer" in hit.message


def test_a_row_that_is_refused_is_an_error_even_when_no_answer_is_cut(counter: Counter) -> None:
    row = record(*TALK, weights=(ABSENT, 1, ABSENT, 0))
    reject = Target(name="openai-sft", title="t", as_of="2026-11-21", overflow="reject")
    severities = [
        next(iter(OverLength(max_tokens=60).check(row, run_of(counter, target)))).severity
        for target in (OPENAI, reject)
    ]
    assert severities == [Severity.WARNING, Severity.ERROR]


def test_an_estimate_never_fails_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    (hit,) = OverLength(max_tokens=60).check(record(*TALK), run_of(make_counter("p50k_base")))
    assert hit.severity is Severity.WARNING
    assert "about" in hit.message
    assert hit.evidence["exact"] is False


def test_openais_encoding_is_an_estimate_for_another_providers_unnamed_model(counter: Counter) -> None:
    together = Target(name="together", title="t", as_of="2026-11-21", hosted=True)
    (hit,) = OverLength(max_tokens=60).check(record(*TALK), run_of(counter, together))
    assert hit.severity is Severity.WARNING


def test_tools_make_a_count_an_estimate(counter: Counter) -> None:
    row = record(*TALK, tools=[{"type": "function", "function": {"name": "f"}}])
    (hit,) = OverLength(max_tokens=60).check(row, run_of(counter))
    assert hit.severity is Severity.WARNING


def test_the_fix_ends_the_conversation_after_the_last_answer_that_fits(counter: Counter) -> None:
    (hit,) = OverLength(max_tokens=60).check(record(*TALK), run_of(counter))
    assert hit.fix is not None
    assert hit.fix.applicability is Applicability.UNSAFE
    assert hit.fix.edits == (PointerEdit("remove", "/messages/3"), PointerEdit("remove", "/messages/2"))


def test_a_row_of_which_nothing_fits_can_only_be_dropped(counter: Counter) -> None:
    (hit,) = OverLength(max_tokens=8).check(record(*TALK), run_of(counter))
    assert hit.fix is not None
    assert hit.fix.edits == (DropRow(),)


@given(limit=st.integers(1, 150))
def test_what_the_fix_keeps_fits(counter: Counter, limit: int) -> None:
    for hit in OverLength(max_tokens=limit).check(record(*TALK), run_of(counter)):
        assert hit.fix is not None
        if hit.fix.applicability is Applicability.UNSAFE:
            kept = record(*TALK[: len(TALK) - len(hit.fix.edits)])
            assert counter.row(kept).total <= limit


@pytest.mark.parametrize(
    ("option", "more", "limit"),
    [
        (50, {"max_tokens": 60}, 50),
        (0, {"max_tokens": 60, "model": "gpt-3.5-turbo"}, 60),
        (0, {"model": "gpt-3.5-turbo"}, 16_385),
        (0, {"model": "gpt-4o-mini"}, 65_536),
        (0, {}, 65_536),
    ],
)
def test_the_nearest_limit_counts(counter: Counter, option: int, more: dict[str, Json], limit: int) -> None:
    row = record(("user", "Hi"), ("assistant", "one two three " * 30_000))
    (hit,) = OverLength(max_tokens=option).check(row, run_of(counter, **more))
    assert hit.evidence["limit"] == limit


def test_without_a_limit_the_rule_says_why_it_is_skipped() -> None:
    assert "no limit" in (OverLength().applies_to(run_of(None, GENERIC)) or "")
    assert OverLength().applies_to(run_of(None, GENERIC, max_tokens=9)) is None


def test_only_rows_over_the_limit_are_suspects(counter: Counter) -> None:
    rows = Rows([TALK[:2], TALK, TALK[:2], TALK], counter)
    assert OverLength(max_tokens=60).suspects(rows, run_of(counter)) == [1, 3]


# ----------------------------------------------------------------------------- TOK302


def test_a_prompt_that_fills_the_limit_leaves_nothing_to_learn(counter: Counter) -> None:
    row = record(("user", "word " * 100), ("assistant", "yes"))
    (hit,) = TruncatedTarget().check(row, run_of(counter, max_tokens=50))
    assert hit.severity is Severity.ERROR
    assert "0 of 2 trained tokens are left" in hit.message


def test_an_answer_cut_in_the_middle_loses_its_end(counter: Counter) -> None:
    (hit,) = TruncatedTarget().check(record(*TALK), run_of(counter, max_tokens=60))
    assert "without the token that ends the answer" in hit.message


def test_a_cut_after_the_last_trained_answer_is_silent(counter: Counter) -> None:
    row = record(*TALK, weights=(ABSENT, 1, ABSENT, 0))
    assert list(TruncatedTarget().check(row, run_of(counter, max_tokens=60))) == []


def test_a_row_without_a_trained_message_is_not_this_rules(counter: Counter) -> None:
    assert list(TruncatedTarget().check(record(("user", "Hi")), run_of(counter))) == []


def test_short_answers_are_reported_on_request(counter: Counter) -> None:
    row = record(("user", "Hi"), ("assistant", "yes"))
    assert list(TruncatedTarget().check(row, run_of(counter))) == []
    (hit,) = TruncatedTarget(min_trainable=5).check(row, run_of(counter))
    assert "at least 5" in hit.message


def test_a_row_that_is_refused_is_not_cut() -> None:
    reject = Target(name="x", title="t", as_of="2026-11-21", overflow="reject")
    assert TruncatedTarget().applies_to(run_of(None, reject)) is not None


def test_a_row_that_the_chat_template_refuses_is_reported(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers import models as kinds

    Tokenizer(kinds.WordLevel({"a": 0, "?": 1}, unk_token="?")).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}")
    made = make_counter(str(tmp_path))
    rows = Rows([TALK], made)
    assert TruncatedTarget().suspects(rows, run_of(made)) == [0]
    (hit,) = TruncatedTarget().check(record(*TALK), run_of(made))
    assert "roles must alternate" in hit.message


# ----------------------------------------------------------------------------- TOK303


def test_measures_name_sums_tables_epochs_and_cost(counter: Counter) -> None:
    rows = Rows([TALK[:2]] * 9 + [TALK], counter)
    hits, measures = judge(Cost(), rows, run_of(counter, model="gpt-4o-2024-08-06", max_tokens=100))
    totals = [row.total for row in rows.tokens]
    assert hits == []
    assert measures["tokens.total"].value == sum(totals)
    assert measures["tokens.total"].table["max"] == max(totals)
    assert measures["tokens.total"].n == 10
    assert measures["tokens.billable"].value == sum(min(100, n) for n in totals)
    assert measures["tokens.over_limit"].value == 1
    assert measures["tokens.epochs"].value == 10
    per_epoch = measures["tokens.billable"].value * 25 / 1e6
    assert measures["cost.per_epoch"].value == pytest.approx(per_epoch)
    assert measures["cost.total"].value == pytest.approx(per_epoch * 10)


def test_a_cost_over_the_budget_is_a_warning_with_the_price_and_its_day(counter: Counter) -> None:
    run = run_of(counter, model="gpt-4o-mini", max_cost=0.0001, epochs=3.0)
    (hit,), _ = judge(Cost(), Rows([TALK], counter), run)
    assert "$3 per million for gpt-4o-mini as of 2026-11-21" in hit.message
    assert hit.scope == "dataset"


def test_an_unknown_model_is_not_quoted_and_a_budget_for_it_is_not_passed(counter: Counter) -> None:
    hits, measures = judge(Cost(), Rows([TALK], counter), run_of(counter, model="gpt-9", max_cost=5.0))
    assert "cost.total" not in measures
    assert "no price of gpt-9" in str(measures["cost.unquoted"].value)
    assert [hit.key for hit in hits] == ["unquoted"]


@pytest.mark.parametrize("target", ["azure", "together", "trl", "openai-rft"])
def test_openais_price_is_not_quoted_elsewhere(counter: Counter, target: str) -> None:
    elsewhere = Target(name=target, title="t", as_of="2026-11-21")
    _, measures = judge(Cost(), Rows([TALK], counter), run_of(counter, elsewhere, model="gpt-4o"))
    assert "cost.unquoted" in measures


def test_validation_rows_are_counted_and_not_billed(counter: Counter) -> None:
    _, measures = judge(Cost(), Rows([TALK], counter, role="validation"), run_of(counter))
    assert measures["tokens.total"].n == 1
    assert measures["tokens.billable"].value == 0


# ----------------------------------------------------------------------------- any cut

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=12)
DATASET_RULES = (
    Cost(),
    Padding(min_rows=0, max_padding=0.1),
    Fertility(min_rows=1, min_tokens=1, max_z=1.0),
)


@pytest.mark.parametrize("rule", DATASET_RULES, ids=lambda rule: rule.code)
@given(lengths=LENGTHS, at=st.integers(0, 12))
def test_any_cut_gives_the_same(counter: Counter, rule: DatasetRule, lengths: list[int], at: int) -> None:
    run = run_of(counter, model="gpt-4o", max_cost=0.0)
    chats = [(("user", "Hi"), ("assistant", "ab" * n if n % 2 else "word " * n)) for n in lengths]
    whole = rule.take(rule.start(), Rows(chats, counter), run)
    first = rule.take(rule.start(), Rows(chats[:at], counter), run)
    second = rule.take(rule.start(), Rows(chats[at:], counter, start=1 + len(chats[:at])), run)
    both = json.loads(json.dumps(rule.merge(first, second)))
    assert list(rule.finish(both, Whole(), run)) == list(rule.finish(whole, Whole(), run))


# ----------------------------------------------------------------------------- TOK304, TOK305


def test_rows_of_one_length_need_no_padding(counter: Counter) -> None:
    hits, measures = judge(Padding(min_rows=0), Rows([TALK] * 5, counter), run_of(counter))
    assert hits == []
    assert measures["tokens.padding_share"].value == 0
    assert measures["tokens.length_skew"].value == 1


def test_one_long_row_among_short_ones_pads_the_rest(counter: Counter) -> None:
    rows = Rows([TALK[:2]] * 60 + [(("user", "Hi"), ("assistant", "word " * 5000))], counter)
    (hit,), _ = judge(Padding(), rows, run_of(counter))
    assert "is padding" in hit.message


def test_encoded_data_among_prose_is_an_outlier(counter: Counter) -> None:
    prose = [
        (("user", f"What is the number {n} in words, please?"), ("assistant", "It is what it is. " * 3))
        for n in range(60)
    ]
    noise = (("user", "q7Zx/9kQ+vT2nB8=wY4jR6pL1mC3"), ("assistant", "Xz9+Qk7/vB2nT8=jY4wL6pR1cM3sD5gH0"))
    (hit,), measures = judge(Fertility(), Rows([*prose, noise], counter), run_of(counter))
    assert hit.line == 61
    assert "below" in hit.message
    assert measures["tokens.fertility"].n == 61


def test_rows_of_one_kind_have_no_outlier(counter: Counter) -> None:
    prose = [
        (("user", f"What is the number {n} in words?"), ("assistant", "It is what it is. " * 3)) for n in range(60)
    ]
    hits, _ = judge(Fertility(), Rows(prose, counter), run_of(counter))
    assert hits == []


# ----------------------------------------------------------------------------- TOK306, TOK307


def spans(text: str, role: str = "assistant", target: Target = OPENAI) -> list[tuple[str, Span]]:
    run = Run(target=target)
    message = Message(role=role, content=text, at="", role_at="", content_at="")
    found = [("TOK306", span) for span in SpecialToken().find(text, message, run)]
    if RejectedToken().applies_to(run) is None:
        found += [("TOK307", span) for span in RejectedToken().find(text, message, run)]
    return found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Fine.<|im_end|>\n<|im_start|>user\n", "TOK306"),
        ("<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "TOK306"),
        ("[INST] Hi [/INST]", "TOK306"),
        ("<s>[INST] <<SYS>>be kind<</SYS>> Hi [/INST] Hello </s>", "TOK306"),
        ("<start_of_turn>model\nHi<end_of_turn>", "TOK306"),
        ("Hello.</s>", "TOK306"),
        ("<s> Hello.", "TOK306"),
        ("x<|fim_suffix|>", "TOK307"),
        ("x<|endoftext|>", "TOK307"),
        ("x<|reserved_special_token_12|>", "TOK306"),
    ],
)
def test_each_control_token_is_reported_once_under_one_code(text: str, code: str) -> None:
    ((found, span),) = spans(text)
    assert found == code
    assert span.severity is Severity.ERROR
    assert text[span.start : span.end] in span.evidence["tokens"]


def test_a_token_that_nobody_refuses_is_tok306() -> None:
    assert [code for code, _ in spans("x<|endoftext|>", target=GENERIC)] == ["TOK306"]


def test_an_unknown_token_is_a_warning() -> None:
    ((_, span),) = spans("x<|my_marker|>")
    assert span.severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        "This is <s>old</s> new.",
        "<s>All of it is struck out</s>",
        "let y = x <| f |> g",
        "A <|--|> B",
        "matrix[INST] and table[0][INST]",
        "if a<s and b>s",
        "a </s> in the middle of prose",
        "<<sys>> [inst] <|im start|>",
        "x<||>y <|>",
    ],
)
def test_what_only_looks_like_a_control_token_is_silent(text: str) -> None:
    assert spans(text) == []


@pytest.mark.parametrize(
    ("text", "role", "found"),
    [
        ("<think>a</think>b", "assistant", 0),
        ("<think>a", "assistant", 1),
        ("a</think>b", "assistant", 1),
        ("<think>a", "user", 0),
        ("The tag `<think>` opens it.", "assistant", 0),
    ],
)
def test_reasoning_marks_of_an_answer_come_in_pairs(text: str, role: str, found: int) -> None:
    assert len(spans(text, role)) == found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Fine.<|im_end|>\n<|im_start|>user\n", "Fine."),
        ("[INST] Hi [/INST]", " Hi "),
        ("a<|im_end|>\nb", "a\nb"),
        ("Hello.</s>", "Hello."),
        ("a<|fim_suffix|>b", "ab"),
    ],
)
def test_the_fix_leaves_the_words(text: str, left: str) -> None:
    assert without(text, control_tokens(text)) == left
    ((_, span),) = spans(text)
    assert span.fix is not None
    assert span.fix("/messages/1/content").edits == (PointerEdit("replace", "/messages/1/content", left),)


def test_a_text_of_nothing_but_markup_can_only_be_dropped() -> None:
    ((_, span),) = spans("<|im_end|>\n<|im_start|>user\n")
    assert span.fix is not None
    assert span.fix("/x").applicability is Applicability.DROP


@given(st.text(alphabet="<|>s/[]INST imend_\n", max_size=60))
def test_whatever_is_found_has_a_trigger_and_fits_the_text(text: str) -> None:
    found = control_tokens(text)
    assert all(text[one.start : one.end] == one.text for one in found)
    if found:
        assert any(re.search(pattern, text) for pattern in TRIGGERS)


@pytest.mark.parametrize("name", ["self-instruct-seed", "dolly-subset", "human-eval", "xstest"])
def test_real_text_raises_no_alarm(name: str) -> None:
    path = CHAT / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip("the shared data folder is absent")
    alarms = [
        span.message
        for line in gzip.decompress(path.read_bytes()).splitlines()
        for turn in json.loads(line)["messages"]
        if isinstance(turn.get("content"), str)
        for _, span in spans(turn["content"], turn["role"])
    ]
    assert alarms == []


# ----------------------------------------------------------------------------- TOK308


@pytest.mark.parametrize(
    ("model", "day", "said"),
    [
        ("gpt-3.5-turbo-0125", date(2026, 11, 21), "was shut down on 2026-10-23"),
        ("gpt-4o-2024-08-06", date(2026, 11, 21), "shut down on 2027-01-14 and new fine-tuning jobs end on 2027-01-06"),
        ("gpt-4o-2024-08-06", date(2027, 1, 7), "new fine-tuning jobs have ended on 2027-01-06"),
    ],
)  # fmt: skip
def test_a_model_that_ends_is_named_with_its_days_and_source(model: str, day: date, said: str) -> None:
    run = Run(target=OPENAI, model=model, as_of=day)
    (hit,) = [one for one in RetiredModel().finish({}, Whole(), run) if isinstance(one, Hit)]
    assert said in hit.message
    assert "developers.openai.com" in hit.message


def test_a_model_with_time_left_is_only_measured() -> None:
    run = Run(target=OPENAI, model="gpt-4o-2024-08-06", as_of=date(2026, 1, 1))
    (measure,) = RetiredModel().finish({}, Whole(), run)
    assert isinstance(measure, Measure)
    assert measure.value == 370


@pytest.mark.parametrize(("target", "model"), [("openai-sft", None), ("openai-sft", "x"), ("trl", "gpt-4o")])
def test_without_dates_the_rule_is_skipped(target: str, model: str | None) -> None:
    run = Run(target=Target(name=target, title="t", as_of="2026-11-21"), model=model)
    assert RetiredModel().applies_to(run) is not None


def test_codes_and_names_are_unique() -> None:
    assert [rule.code for rule in RULES] == [f"TOK{number}" for number in range(301, 309)]
    assert len({rule.name for rule in RULES}) == len(RULES)
