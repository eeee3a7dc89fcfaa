"""Predictions of a model in this process: every row stands in the file, with what was asked and what came back."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import audit
from audit.config.settings import Settings
from audit.errors import InputError, OutputError, UsageError
from audit.train.models.loading import load
from audit.train.models.saving import save
from audit.train.prediction import local
from audit.train.prediction.prompts import Prompts, Reply
from audit.train.prediction.questions import question_of
from audit.train.prediction.running import predict
from tests.train.asked import asked, chat, model, options, questions, read, write
from tests.train.small_models import CLASSES, base_model, moved, prepared, settled
from tests.train.test_predict_scoring import full

torch.set_num_threads(1)
LABELLED = [chat(f"how many foxes are {n}?", ("yes", "no", "yes")[n % 3]) for n in range(30)]
KEYS = [
    "row_id",
    "arm",
    "seed",
    "sample",
    "variant",
    "pair_id",
    "cluster",
    "prompt_sha256",
    "messages",
    "output",
    "finish_reason",
    "error",
    "truth",
    "label_scores",
    "label_mass",
    "token_logprobs",
    "seconds",
    "prompt_tokens",
    "output_tokens",
    "attributes",
]


def test_replies_stand_in_row_order_with_what_was_asked(tmp_path: Path) -> None:
    rows = questions()
    data = write(tmp_path / "in.jsonl", rows)
    report = asked(data, tmp_path / "out.jsonl", model=f"mine={model('gpt2')}", max_new_tokens=6, labels="none")
    found = read(tmp_path / "out.jsonl")
    assert [line["messages"] for line in found] == [row["messages"][:1] for row in rows]
    assert [line["truth"] for line in found] == [f"answer {n}" for n in range(12)]
    assert all(list(line) == KEYS for line in found)
    assert {(line["arm"], line["variant"], line["seconds"], line["error"]) for line in found} == {
        ("mine", "original", None, None)
    }
    assert all(isinstance(line["output"], str) and line["prompt_tokens"] > 3 for line in found)
    assert len({line["row_id"] for line in found}) == len({line["prompt_sha256"] for line in found}) == 12
    assert (report.rows, report.answers, report.errors, report.partial) == (12, 12, 0, False)


def test_two_runs_give_the_same_bytes_and_the_checker_reads_them(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions())
    given: dict[str, Any] = {"model": model("llama"), "max_new_tokens": 5, "temperature": 1.0, "samples": 3}
    for name in ("a.jsonl", "b.jsonl"):
        asked(data, tmp_path / name, logprobs=True, **given)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    found = read(tmp_path / "a.jsonl")
    assert [line["sample"] for line in found] == [0, 1, 2] * 12
    assert len({line["output"] for line in found}) > 12
    assert all(len(line["token_logprobs"]) == line["output_tokens"] for line in found)
    result = audit.check([str(tmp_path / "a.jsonl")])
    assert dict(result.sources[0].shapes) == {"predictions": 36}


def test_rows_that_cannot_be_asked_stand_in_the_file_with_their_error(tmp_path: Path) -> None:
    rows = [
        "{broken",
        {"messages": []},
        chat("fine?", "yes \ud800"),
        {"messages": [{"role": "assistant", "content": "alone"}]},
        chat("long " * 90, "x"),
        "[1]",
        chat("no answer yet", None),
    ]
    data = write(tmp_path / "in.jsonl", rows)
    report = asked(data, tmp_path / "out.jsonl", model=model("gpt2"), max_new_tokens=4, labels="none")
    found = read(tmp_path / "out.jsonl")
    words = [line["error"] and line["error"].partition(":")[0] for line in found]
    assert words == ["no_messages", "no_messages", None, "no_prompt", "over_length", "no_messages", None]
    assert all(line["output"] is None for line in found if line["error"])
    assert report.failed == {"no_messages": 3, "no_prompt": 1, "over_length": 1}
    assert found[-1]["truth"] is None


def test_rows_that_the_template_refuses_are_errors_of_their_own(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model("gpt2"), tmp_path / "model"))
    template = "{% if 'no' in messages[0].content %}{{ raise_exception('not ' + messages[0].content) }}{% endif %}"
    template += "{% for message in messages %}{{ message.content }}{{ eos_token }}{% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    data = write(tmp_path / "in.jsonl", [chat("yes?", "a"), chat("no \ud800?", "b"), chat("yes!", "a")])
    for given in ({"labels": "none", "max_new_tokens": 2}, {"labels": "a,b"}, {"score_answers": True}):
        report = asked(data, tmp_path / "out.jsonl", model=str(folder), force=True, **given)
        assert report.failed == {"refused_by_template": 1}
        assert "not no" in read(tmp_path / "out.jsonl")[1]["error"]


def test_labels_of_the_data_are_scored_where_nothing_else_is_said(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", LABELLED)
    asked(data, tmp_path / "out.jsonl", model=model("gpt2"))
    loaded = load(model("gpt2"))
    prompts = Prompts(loaded.tokenizer)
    for line, row in zip(read(tmp_path / "out.jsonl"), LABELLED, strict=True):
        scores = {}
        for label in ("yes", "no"):
            with_label = audit_chat({"messages": [*row["messages"][:1], {"role": "assistant", "content": label}]})
            reply = prompts.reply(with_label)
            assert isinstance(reply, Reply)
            scores[label] = math.exp(full(loaded.model, reply.ids.tolist(), reply.first))
        mass = sum(scores.values())
        assert line["label_mass"] == pytest.approx(mass, rel=1e-4)
        assert line["label_scores"] == pytest.approx({k: v / mass for k, v in scores.items()}, rel=1e-4)
        assert line["output"] == max(scores, key=lambda label: scores[label])
        assert (line["finish_reason"], line["truth"]) == ("label", row["messages"][1]["content"])


def audit_chat(row: dict[str, Any]) -> Any:
    """The chat that the reader makes of a row."""
    from audit.read.shapes.openai_sft import read_openai

    return read_openai(row)


def test_named_labels_keep_their_order_and_need_not_be_in_the_data(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    asked(data, tmp_path / "out.jsonl", model=model("llama"), labels="fox, cat, lazy dogs")
    for line in read(tmp_path / "out.jsonl"):
        assert list(line["label_scores"]) == ["fox", "cat", "lazy dogs"]
        assert sum(line["label_scores"].values()) == pytest.approx(1)
        assert 0 < line["label_mass"] < 1


def test_a_classifier_gives_its_classes_with_a_mass_of_one(tmp_path: Path) -> None:
    made = prepared(tmp_path, CLASSES, task="classify", method="full")
    moved(made.model)
    save(made, tmp_path / "tokenizer", tmp_path / "run/model", settled(task="classify"), CLASSES)
    data = write(tmp_path / "in.jsonl", questions(5))
    asked(data, tmp_path / "out.jsonl", model=str(tmp_path / "run"))
    for line in read(tmp_path / "out.jsonl"):
        assert list(line["label_scores"]) == list(CLASSES)
        assert sum(line["label_scores"].values()) == pytest.approx(1)
        assert (line["label_mass"], line["arm"]) == (1.0, "run")
        assert line["output"] == max(line["label_scores"], key=line["label_scores"].__getitem__)
    for labels in ("a,b", "none"):
        with pytest.raises(UsageError, match="classifies"):
            asked(data, tmp_path / "other.jsonl", model=str(tmp_path / "run"), labels=labels)
    with pytest.raises(UsageError, match="labels are scored as a whole"):
        asked(data, tmp_path / "other.jsonl", model=str(tmp_path / "run"), logprobs=True)


def test_the_rows_own_answers_are_measured(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", [*questions(4), chat("none", None)])
    asked(data, tmp_path / "out.jsonl", model=model("gpt2"), score_answers=True)
    found = read(tmp_path / "out.jsonl")
    assert [line["output"] for line in found] == [*(f"answer {n}" for n in range(4)), None]
    assert found[-1]["error"].startswith("no_answer")
    loaded = load(model("gpt2"))
    for row, line in zip(questions(4), found, strict=False):
        reply = Prompts(loaded.tokenizer).reply(audit_chat(row))
        assert isinstance(reply, Reply)
        assert len(line["token_logprobs"]) == line["output_tokens"] == len(reply.ids) - reply.first
        assert sum(line["token_logprobs"]) == pytest.approx(
            full(loaded.model, reply.ids.tolist(), reply.first), rel=1e-4
        )


def test_groups_clusters_and_copies_are_named(tmp_path: Path) -> None:
    rows = [chat("one?", "a", metadata={"sex": "f"}), chat("one?", "a", metadata={"sex": "m"}), chat("two?", "b")]
    data = write(tmp_path / "in.jsonl", rows)
    settings = Settings(sections={"attributes": {"sex": {"field": "metadata.sex"}}})
    asked(data, tmp_path / "out.jsonl", settings, model=model("gpt2"), max_new_tokens=2, labels="none")
    found = read(tmp_path / "out.jsonl")
    assert [line["attributes"] for line in found] == [{"sex": "f"}, {"sex": "m"}, {"sex": "unknown"}]
    assert [line["row_id"][-2:] for line in found] == ["#1", "#2", "#1"]
    assert [line["cluster"] for line in found] == [found[0]["row_id"], found[0]["row_id"], found[2]["row_id"]]


def test_only_the_rows_of_one_split_are_asked(tmp_path: Path) -> None:
    train, test = (write(tmp_path / f"{name}.jsonl", questions(n)) for name, n in (("train", 4), ("test", 2)))
    settings = Settings(jobs=1, splits=(("train", str(train)), ("test", str(test))))
    given = options(model=model("gpt2"), max_new_tokens=2, labels="none", only="test")
    assert predict([], tmp_path / "out.jsonl", options=given, settings=settings).rows == 2
    wrong = options(model=model("gpt2"), only="nope")
    with pytest.raises(UsageError, match="no split") as raised:
        predict([], tmp_path / "other.jsonl", options=wrong, settings=settings)
    assert raised.value.hint == "splits: test, train"


def test_a_split_is_found_under_the_names_that_training_knows_it_by(tmp_path: Path) -> None:
    train, dev = (write(tmp_path / f"{name}.jsonl", questions(n)) for name, n in (("train", 4), ("dev", 2)))
    settings = Settings(jobs=1, splits=(("train", str(train)), ("Dev", str(dev))))
    given = options(model=model("gpt2"), max_new_tokens=2, labels="none", only="validation")
    assert predict([], tmp_path / "out.jsonl", options=given, settings=settings).rows == 2


def test_the_rows_that_a_run_held_out_can_be_asked_about(tmp_path: Path) -> None:
    rows = questions(9)
    data, run = write(tmp_path / "in.jsonl", rows), tmp_path / "run"
    run.mkdir()
    shutil.copytree(model("gpt2"), run / "model")
    given: dict[str, Any] = {"model": str(run), "max_new_tokens": 2, "labels": "none"}
    asked(data, tmp_path / "all.jsonl", **given)
    ids = [line["row_id"] for line in read(tmp_path / "all.jsonl")]
    told = [{"row_id": one, "split": "validation" if at in (2, 5) else "train"} for at, one in enumerate(ids)]
    write(run / "rows.jsonl", told)
    for only, count in (("valid", 2), ("train", 7)):
        asked(data, tmp_path / f"{only}.jsonl", only=only, **given)
        assert len(read(tmp_path / f"{only}.jsonl")) == count
    assert [line["row_id"] for line in read(tmp_path / "valid.jsonl")] == [ids[2], ids[5]]
    with pytest.raises(UsageError, match="no split 'test'"):
        asked(data, tmp_path / "other.jsonl", only="test", **given)


def test_what_is_read_again_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "in.jsonl", LABELLED)
    ways: list[dict[str, Any]] = [
        {"labels": "none", "max_new_tokens": 3},
        {"labels": "a,long one"},
        {"score_answers": True},
    ]
    for at, way in enumerate(ways):
        monkeypatch.setattr(local, "KEPT", 1 << 24)
        asked(data, tmp_path / f"{at}.kept.jsonl", model=model("gpt2"), **way)
        monkeypatch.setattr(local, "KEPT", 60)
        asked(data, tmp_path / f"{at}.again.jsonl", model=model("gpt2"), **way)
        assert (tmp_path / f"{at}.kept.jsonl").read_bytes() == (tmp_path / f"{at}.again.jsonl").read_bytes()


def test_the_base_of_an_adapter_may_lie_anywhere(tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": str(base_model(tmp_path / "base", "llama")), "method": "lora"}
    made = prepared(tmp_path, **given)
    save(made, tmp_path / "tokenizer", tmp_path / "run/model", settled(**given), ())
    shutil.move(tmp_path / "base", tmp_path / "elsewhere/deep/moved")
    data = write(tmp_path / "in.jsonl", questions(2))
    given = {"model": str(tmp_path / "run"), "max_new_tokens": 2, "labels": "none"}
    with pytest.raises(InputError) as raised:
        asked(data, tmp_path / "out.jsonl", **given)
    assert "--base" in (raised.value.hint or "")
    asked(data, tmp_path / "out.jsonl", base=str(tmp_path / "elsewhere/deep/moved"), **given)
    assert "elsewhere" not in (tmp_path / "out.jsonl.state.json").read_text()


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    (tmp_path / "out.jsonl").write_text("mine")
    given: dict[str, Any] = {"model": model("gpt2"), "max_new_tokens": 2, "labels": "none"}
    with pytest.raises(OutputError, match="exists already"):
        asked(data, tmp_path / "out.jsonl", **given)
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    asked(data, tmp_path / "out.jsonl", force=True, **given)
    assert len(read(tmp_path / "out.jsonl")) == 2


def test_the_state_says_what_was_asked_and_names_no_place(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(2))
    asked(data, tmp_path / "out.jsonl", model=model("gpt2"), max_new_tokens=2, labels="none")
    state = json.loads((tmp_path / "out.jsonl.state.json").read_text())
    assert state["complete"] is True
    assert (state["rows"], state["answers"], state["errors"]) == (2, 2, {})
    assert [file["name"] for file in state["asked"]["data"]] == ["in.jsonl"]
    assert "model.safetensors" in state["asked"]["model files"]
    assert not [place for place in (str(tmp_path), model("gpt2")) if place in json.dumps(state)]
    assert not (tmp_path / "out.jsonl.partial").exists()


# ----------------------------------------------------------------------------- going on

CHILD = """
import sys, torch
torch.set_num_threads(1)
from audit.cli import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(200))
    given = {"model": model("gpt2"), "labels": "none", "max_new_tokens": 40, "logprobs": True}
    asked(data, tmp_path / "whole.jsonl", arm="m", **given)
    output, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    words = ["predict", str(data), "-o", str(output), "--model", f"m={model('gpt2')}", "--labels", "none"]
    words += ["--max-new-tokens", "40", "--logprobs", "--isolated", "--quiet"]
    with subprocess.Popen([sys.executable, "-c", CHILD, *words], stdout=subprocess.PIPE, text=True) as child:
        until = time.monotonic() + 60
        while time.monotonic() < until and child.poll() is None:
            if partial.exists() and partial.stat().st_size:
                child.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, out
    assert not output.exists()
    before = partial.read_bytes()
    assert before
    partial.write_bytes(before + b'{"row": 1, "sam')  # as a crash of the machine might leave it
    report = asked(data, output, arm="m", resume=True, **given)
    assert 0 < report.found < 200
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not partial.exists()


def test_another_question_is_refused_by_name(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", questions(3))
    given: dict[str, Any] = {"model": model("gpt2"), "max_new_tokens": 2, "labels": "none"}
    asked(data, tmp_path / "out.jsonl", **given)
    assert asked(data, tmp_path / "out.jsonl", resume=True, **given).found == 0
    with pytest.raises(InputError, match="another max new tokens: it was 2 and is 3"):
        asked(data, tmp_path / "out.jsonl", resume=True, **{**given, "max_new_tokens": 3})
    with pytest.raises(InputError, match="model files"):
        asked(data, tmp_path / "out.jsonl", resume=True, **{**given, "model": f"gpt2={model('llama')}"})
    with pytest.raises(InputError, match="another data"):
        asked(write(data, questions(4)), tmp_path / "out.jsonl", resume=True, **given)
    with pytest.raises(InputError, match="nothing to resume"):
        asked(data, tmp_path / "new.jsonl", resume=True, **given)


def test_a_question_is_what_stands_before_the_last_answer() -> None:
    turns = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user")]
    rows = [turns, turns[:3], turns[:2]]
    found = [question_of(0, _record({"messages": row})) for row in rows]
    assert [len(question.messages) for question in found] == [4, 2, 2]
    assert [question.answer for question in found] == [None, 2, None]


def _record(row: dict[str, Any]) -> Any:
    from audit.model import Record, Source

    return Record(
        source=Source(path="x"), line=1, offset=0, raw=b"", data=row, shape="openai-sft", chat=audit_chat(row)
    )


def test_samples_of_what_is_not_drawn_are_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", LABELLED)
    with pytest.raises(UsageError, match="none is written"):
        asked(data, tmp_path / "out.jsonl", model=model("gpt2"), samples=2, temperature=1.0)
    with pytest.raises(UsageError, match="labels are scored as a whole"):
        asked(data, tmp_path / "out.jsonl", model=model("gpt2"), logprobs=True)
    assert not list(tmp_path.glob("out*"))
