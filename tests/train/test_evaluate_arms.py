"""Whom an evaluation asks: what names an arm, which seed it has, which examples stand in its prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.config.sections import EVALUATE_KEYS
from audit.config.settings import Settings
from audit.errors import ConfigError, InputError, UsageError
from audit.train.evaluation.arms import replicates_of
from audit.train.evaluation.facts import facts_of
from audit.train.evaluation.options import Arm, EvaluateOptions, read_options
from tests.train.reaudit_chats import evaluated, place, read, run
from tests.train.served import Answer, completion, serving

pytestmark = pytest.mark.usefixtures("one_thread")


def arms(*models: str, endpoints: tuple[str, ...] = ()) -> list[tuple[str, int, str, int]]:
    found = replicates_of(EvaluateOptions(models=models, endpoints=endpoints))
    return [(one.arm, one.seed, one.facts.kind, one.examples) for one in found]


def test_a_run_has_the_seed_it_was_trained_with_and_other_models_are_numbered() -> None:
    assert arms(f"raw={run(1)}", f"raw={run(0)}") == [("raw", 1, "run", 0), ("raw", 0, "run", 0)]
    assert arms("base=some/model,other/model") == [("base", 0, "model", 0), ("base", 1, "model", 0)]
    assert arms(run(0)) == [("run-0", 0, "run", 0)]


def test_examples_are_asked_of_another_arms_models() -> None:
    named = arms(f"raw={run(0)},{run(1)}", "shown=raw,examples=3", "base=hub/name", "fewshot=base,examples=8")
    assert named[2:4] == [("shown", 0, "few-shot", 3), ("shown", 1, "few-shot", 3)]
    assert named[5] == ("fewshot", 0, "few-shot", 8)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ((), "no model was named"),
        (("base=tiny",), "no weights before it is trained"),
        (("a/b=x",), "names no arm"),
        (("raw=",), "names no arm"),
        (("raw=x,examples=none",), "examples must be a number"),
        (("raw=x,exampels=3",), "no setting 'exampels'"),
        (("raw=examples=3",), "has no model"),
    ],
)
def test_what_names_no_arm_is_said(models: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        arms(*models)


def test_a_model_whose_name_has_commas_and_equals_signs_is_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1,examples=3").mkdir()
    assert arms("raw=lr=0.1,examples=3") == [("raw", 0, "model", 0)]
    assert arms("lr=0.1,examples=3") == [("lr-0-1-examples-3", 0, "model", 0)]
    found = replicates_of(EvaluateOptions(models=(Arm(name="raw", models=("a,b", "c")),)))
    assert [one.model for one in found] == ["a,b", "c"]


def test_arms_that_show_each_others_models_are_said_and_end() -> None:
    with pytest.raises(UsageError, match="no arm of a -> b -> a has a model of its own"):
        arms("a=b,examples=2", "b=a,examples=3")


def test_what_lies_beside_the_configuration_is_named_as_seen_from_here(tmp_path: Path) -> None:
    for name in ("raw", "more"):
        (tmp_path / "conf" / "runs" / name).mkdir(parents=True)
    (tmp_path / "conf" / "train.jsonl").write_text("")
    table = {"models": {"raw": ["runs/raw"], "both": "runs/raw,runs/more", "base": "hub/name"}, "train": "train.jsonl"}
    given = Settings(sections={"evaluate": table}, config_file=str(tmp_path / "conf" / "audit.toml"))
    options = read_options(given, {})
    runs = f"{tmp_path}/conf/runs"
    assert options.models == (Arm(name="raw", models=(f"{runs}/raw",)), f"both={runs}/raw,{runs}/more", "base=hub/name")
    assert options.train == (f"{tmp_path}/conf/train.jsonl",)


def test_two_runs_of_one_seed_are_no_replicates() -> None:
    with pytest.raises(UsageError, match="two replicates of raw have seed 0"):
        arms(f"raw={run(0)},{run(0)}")


def test_a_run_that_is_not_finished_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "record.jsonl").write_text("")
    with pytest.raises(InputError, match="has no model yet"):
        arms(f"raw={tmp_path}")


def test_the_facts_of_a_run_are_those_of_its_record() -> None:
    facts = facts_of(Path(run(1)), "raw")
    assert (facts.seed, facts.folder, facts.weighted, facts.kind) == (1, "run-1", False, "run")
    assert facts.identity["train"]["sequences"] == 80


# ----------------------------------------------------------------------------- options


def test_the_table_of_the_configuration_has_the_options_of_the_command() -> None:
    assert set(EVALUATE_KEYS) == set(EvaluateOptions.__struct_fields__) - {"force"}


def test_models_of_a_configuration_are_spelt_as_on_the_command_line() -> None:
    table = {"raw": ["a", "b"], "base": "c", "fewshot": {"model": "base", "examples": 8}}
    settings = Settings(sections={"evaluate": {"models": table, "most": 3}})
    written = (Arm(name="raw", models=("a", "b")), "base=c", Arm(name="fewshot", models=("base",), examples=8))
    assert read_options(settings, {}).models == written
    options = read_options(settings, {"models": ["x=y"], "greedy": "7"})
    assert (options.models, options.most, options.greedy) == (("x=y",), 3, 7)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"most": "many"}, "--most must be a whole number, not many"),
        ({"greedy": -1}, "--greedy must be at least 0"),
        ({"samples": 2}, "temperature 0"),
        ({"labels": "one"}, "fewer than two labels"),
        ({"answers": "x"}, "--answers must be a whole number"),
    ],
)
def test_a_value_that_does_not_fit_is_said(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_options(Settings(), {"models": ["a=b"], **given})


def test_an_address_in_a_configuration_that_nobody_named_is_refused() -> None:
    sections = {"evaluate": {"endpoints": ["raw=http://elsewhere/v1"]}}
    found = Settings(sections=sections, config_file="audit.toml", origins={"config_file": "found"})
    with pytest.raises(ConfigError, match="names endpoints"):
        read_options(found, {})


# ----------------------------------------------------------------------------- examples


def test_examples_are_training_rows_in_one_order_and_what_does_not_fit_is_left_out_and_counted(tmp_path: Path) -> None:
    report = evaluated(
        tmp_path / "e", f"raw={run(0)}", "shown=raw,examples=2", "more=raw,examples=40", greedy=0, most=3
    )
    lines = read(tmp_path / "e" / "predictions" / "shown-0.jsonl")
    questions = {row["messages"][1]["content"] for row in read(place() / "train.jsonl")}
    tested = {row["messages"][1]["content"] for row in read(place() / "test.jsonl")}
    for line in lines:
        turns = line["messages"]
        assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user", "assistant", "user"]
        shown = {turns[1]["content"], turns[3]["content"]}
        assert shown <= questions
        assert not shown & tested
        assert turns[5]["content"] in tested
    assert len({json.dumps(line["messages"][:5]) for line in lines}) == 1
    found = report.evaluation.few_shot
    assert found["shown-0"].shortened == 0
    assert len(found["shown-0"].rows) == 2
    by_arm = {one.arm: one for one in report.accounts}
    assert (by_arm["shown"].prompt_tokens or 0) > (by_arm["raw"].prompt_tokens or 0)
    assert by_arm["more"].missing == 0


def test_a_prompt_keeps_as_many_examples_as_the_model_has_positions_for(tmp_path: Path) -> None:
    from tests.train.asked import model

    folder = tmp_path / "e"
    given: dict[str, Any] = {"train": (str(place() / "train.jsonl"),), "counterfactual": False, "greedy": 0}
    report = evaluated(folder, f"shown={model('gpt2')},examples=6", answers=0, **given)
    lines = read(folder / "predictions" / "shown-0.jsonl")
    assert {line["examples"] for line in lines if line["error"] is None} <= set(range(6))
    for line in lines:
        assert len(line["messages"]) == 2 + 2 * line["examples"]
    assert report.accounts[0].shortened == len(lines) == report.evaluation.few_shot["shown-0"].shortened


def test_without_training_data_there_are_no_examples(tmp_path: Path) -> None:
    from tests.train.asked import model

    with pytest.raises(UsageError, match="drawn from the training data"):
        evaluated(tmp_path / "e", f"shown={model('gpt2')},examples=2")


# ----------------------------------------------------------------------------- servers


def test_an_endpoint_that_fails_half_its_calls_gives_no_verdict(tmp_path: Path) -> None:
    pytest.importorskip("openai")

    def answer(request: dict[str, Any], _: int) -> Answer:
        odd = int(request["messages"][-1]["content"].partition("number: ")[2].partition(";")[0]) // 2 % 2
        return Answer(400, {"error": {"message": "no"}}) if odd else completion("yes")

    with serving(answer) as server:
        endpoints = (f"remote={server.url}",)
        report = evaluated(tmp_path / "e", "remote=m", endpoints=endpoints, retries=0, counterfactual=False)
    assert report.exit_code == 2
    assert "20 of 40 outputs of remote (seed 0) are missing" in report.unable
    assert report.result is not None
    assert report.result.verdict != "PASS"


def test_an_endpoint_that_fails_half_the_questions_with_another_group_gives_no_verdict(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    asked: list[str] = []

    def answer(request: dict[str, Any], _: int) -> Answer:
        asked.append(request["messages"][-1]["content"])
        late = len(asked) > 40 and len(asked) % 2  # the questions themselves come first
        return Answer(400, {"error": {"message": "no"}}) if late else completion("yes")

    with serving(answer) as server:
        endpoints = (f"remote={server.url}",)
        report = evaluated(tmp_path / "e", "remote=m", endpoints=endpoints, retries=0, concurrency=1)
    assert report.accounts[0].missing == 0
    assert report.exit_code == 2
    assert "outputs with another group of remote (seed 0) are missing" in report.unable
    assert report.evaluation.unable == report.unable


def test_an_endpoint_is_asked_the_questions_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    with serving(lambda *_: completion("no")) as server:
        given: dict[str, Any] = {"endpoints": (f"remote={server.url}",), "counterfactual": False}
        report = evaluated(tmp_path / "e", "remote=m", **given)
        count = len(server.asked)
        evaluated(tmp_path / "e", "remote=m", **given)
        assert len(server.asked) == count == 40
    assert not report.unable
    assert report.evaluation.arms[0].kind == "endpoint"
    assert [path.name for path in (tmp_path / "e" / "predictions").glob("*.jsonl")] == ["remote-0.jsonl"]
