"""What a row is asked: a labelled one as a classifier is trained on it, with nothing that gives the label away."""

from __future__ import annotations

from pathlib import Path

from audit.model import Json
from audit.train.data.encode import question_of as classified
from audit.train.prediction.questions import question_of, writable
from tests.train.asked import asked, model, read, write
from tests.train.chats import record


def thanked(question: str, answer: str) -> dict[str, Json]:
    """A row that goes on after its answer."""
    turns = (("user", question), ("assistant", answer), ("user", f"so {answer}, thanks"))
    return {"messages": [{"role": role, "content": said} for role, said in turns]}


def test_a_labelled_row_is_asked_as_a_classifier_reads_it() -> None:
    row = record(thanked("q", "yes"))
    found = question_of(0, row, labelled=True)
    assert [message["content"] for message in found.messages] == ["q"]
    assert found.prompt.messages == classified(row).messages
    assert found.answer == 1
    assert found.chat.messages[1].content == "yes"


def test_a_row_without_a_label_is_asked_for_the_reply_to_its_last_question() -> None:
    found = question_of(0, record(thanked("q", "yes")))
    assert (len(found.messages), found.answer) == (3, None)


def test_a_label_stands_in_no_question_of_a_row_that_goes_on_after_its_answer(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", [thanked(f"q{at}", ("yes", "no")[at % 2]) for at in range(6)])
    asked(data, tmp_path / "out.jsonl", model=model("gpt2"), labels="yes,no")
    lines = read(tmp_path / "out.jsonl")
    assert [[said["content"] for said in line["messages"]] for line in lines] == [[f"q{at}"] for at in range(6)]
    assert [line["truth"] for line in lines] == ["yes", "no"] * 3


def test_a_lone_surrogate_is_written_as_one_replacement_character() -> None:
    assert writable({"\udc00": ["a\ud800é", "é"]}) == {"\ufffd": ["a\ufffdé", "é"]}
