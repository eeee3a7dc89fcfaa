"""Other trainers read what was exported: their own parsers take the configuration, and the tokens that they train on
are those of a run on this machine, one for one."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.errors import UsageError
from audit.train.exporting.settings import Given, yaml_of
from audit.train.exporting.trainer import TEMPLATE
from audit.train.exporting.trainers import TRAINERS as TRAINERS_BY_NAME
from audit.train.models import templates
from tests.train.exported import (
    THINKING,
    TRAINERS,
    answers_of,
    asked,
    copies_of,
    encoded,
    exported,
    options_of,
    rows_of_calls,
    rows_of_chats,
    settings_of,
)
from tests.train.small_models import base_model

pytestmark = pytest.mark.usefixtures("one_thread")
WEIGHED = settings_of(weight="metadata.weight")
Lines = list[tuple[list[int], list[int]]]


def lines_of_answers(folder: Path, rows: list[dict[str, Any]]) -> Lines:
    """Ids and labels of every line, where each trained answer is one: all copies in the order of the file."""
    each = [list(answers_of(one)) for one in encoded(folder, rows)]
    copies = copies_of(folder, [len(one) for one in each])
    made: Lines = []
    for copy in range(max(copies)):
        for answers, number in zip(each, copies, strict=True):
            if number > copy:
                made += [(ids, [-100] * (len(ids) - trained) + ids[-trained:]) for ids, trained in answers]
    return made


def lines_of_rows(folder: Path, rows: list[dict[str, Any]]) -> Lines:
    """Ids and labels of every line, where each row is one."""
    each = [one.examples[0] for one in encoded(folder, rows)]
    copies = copies_of(folder, [1] * len(each))
    made: Lines = []
    for copy in range(max(copies)):
        for example, number in zip(each, copies, strict=True):
            if number > copy:
                ids = [int(token) for token in example.ids]
                made.append(
                    (ids, [token if weight else -100 for token, weight in zip(ids, example.weights, strict=True)])
                )
    return made


def test_trl_trains_one_step_on_an_export_with_the_expected_supervised_tokens(tmp_path: Path) -> None:
    rows = [*rows_of_chats(), *rows_of_calls()]
    told = exported(
        tmp_path, rows, "trl", settings=WEIGHED, validation=rows_of_chats(3)[:2], batch_size=64, epochs=2.5,
        lora_r=4, method="lora", schedule="linear", lr_floor=0.1,
    )  # fmt: skip
    found = asked("trl", tmp_path)
    expected = lines_of_answers(tmp_path, rows)
    assert told.splits["train"].lines == len(expected) > len(rows)
    assert [(one["ids"], one["labels"]) for one in found["lines"]] == expected
    assert found["steps"] == 1
    assert sum(found["stepped_on"]) == sum(label != -100 for _, labels in expected for label in labels)
    assert (found["rate"], found["epochs"], found["validation"]) == (1e-3, 2.5, 4)
    assert found["lora"] == [4, 32, "all-linear"]
    assert found["schedule"] == ["polynomial", {"lr_end": 1e-4, "power": 1.0}]


def test_trl_trains_what_a_template_writes_behind_an_answer_and_nothing_else_beside(tmp_path: Path) -> None:
    base_model(tmp_path / "base", "llama")
    ending = "{%- endgeneration -%}\n"
    source = templates.TINY.replace(ending, ending + "{{- '\\n' -}}\n")
    (tmp_path / "base" / "chat_template.jinja").write_text(source)
    rows = rows_of_chats()
    exported(tmp_path, rows, "trl", method="full")
    found = asked("trl", tmp_path)
    expected = lines_of_answers(tmp_path, rows)
    behind = {tuple(one["ids"][len(ids) :]) for one, (ids, _) in zip(found["lines"], expected, strict=True)}
    assert len(behind) == 1
    (newline,) = behind
    assert len(newline) == 1
    given = [(one["ids"], one["labels"]) for one in found["lines"]]
    assert given == [([*ids, *newline], [*labels, *newline]) for ids, labels in expected]


def test_trl_takes_a_step_on_exported_preferences(tmp_path: Path) -> None:
    told = exported(
        tmp_path, preferences(), "trl", validation=preferences()[:2], beta=0.25, method="lora",
        lora_targets=("q_proj", "v_proj"), max_steps=1, early_stopping="loss",
    )  # fmt: skip
    found = asked("trl", tmp_path)
    assert (told.kind, found["steps"], found["beta"], found["lines"]) == ("preference", 1, 0.25, 6)
    assert (found["validation"], found["evaluated"], found["trained"]) == (2, 1, ["lora_A", "lora_B"])


def test_axolotl_trains_the_same_tokens_of_an_export(tmp_path: Path) -> None:
    rows = [*rows_of_chats(), *rows_of_calls()]
    exported(tmp_path, rows, "axolotl", settings=WEIGHED, validation=rows_of_chats(3)[:2], method="lora", epochs=2.5)
    found = asked("axolotl", tmp_path)
    expected = lines_of_rows(tmp_path, rows)
    given = [(one["input_ids"], one["labels"]) for one in found["lines"]]
    assert sorted(given) == sorted(expected)  # it shuffles
    assert (found["rate"], found["epochs"], found["validation"]) == (1e-3, 2.5, 2)
    assert found["lora"] == ["lora", 16, 32, True]
    assert found["schedule"] == ["cosine_with_min_lr", {"min_lr_rate": 0.02}]


def test_axolotl_trains_thoughts_and_every_answer_of_a_template_that_keeps_the_last_ones(tmp_path: Path) -> None:
    base_model(tmp_path / "base", "llama")
    (tmp_path / "base" / "chat_template.jinja").write_text(THINKING)
    rows = rows_of_chats(6)
    for row in rows:
        for at, said in enumerate(row["messages"]):  # type: ignore[arg-type, var-annotated]
            said |= {"reasoning_content": f"thought {at}"} if said["role"] == "assistant" else {}
    exported(tmp_path, rows, "axolotl", method="full")
    found = asked("axolotl", tmp_path)
    given = [(one["input_ids"], one["labels"]) for one in found["lines"]]
    assert sorted(given) == sorted(lines_of_answers(tmp_path, rows))


def test_axolotl_reads_exported_preferences(tmp_path: Path) -> None:
    exported(tmp_path, preferences(), "axolotl", beta=0.25, method="full")
    found = asked("axolotl", tmp_path)
    assert found["rl"] == "dpo"
    assert sorted(one["chosen"] for one in found["lines"]) == [f"yes {at}<|end|>" for at in range(6)]


def test_llama_factory_trains_the_same_tokens_of_an_export(tmp_path: Path) -> None:
    rows = rows_of_chats()
    exported(tmp_path, rows, "llama-factory", settings=WEIGHED, validation=rows_of_chats(3)[:2], epochs=2.5)
    found = asked("llama-factory", tmp_path)
    given = [(one["input_ids"], one["labels"]) for one in found["lines"]]
    assert given == lines_of_answers(tmp_path, rows)
    assert (found["rate"], found["epochs"], found["validation"]) == (1e-3, 2.5, 4)
    assert found["lora"] == ["lora", 16, 32, ["all"]]
    assert (found["mask_history"], found["checkpointing"]) == (True, False)


def test_llama_factory_reads_exported_preferences(tmp_path: Path) -> None:
    exported(tmp_path, preferences(), "llama-factory", beta=0.25, method="full")
    found = asked("llama-factory", tmp_path)
    assert (found["stage"], found["beta"], len(found["lines"])) == ("dpo", 0.25, 6)


def test_llama_factory_writes_tool_calls_and_declared_tools(tmp_path: Path) -> None:
    rows = rows_of_calls()
    told = exported(tmp_path, rows, "llama-factory")
    found = asked("llama-factory", tmp_path)
    assert len(found["texts"]) == told.splits["train"].lines == 2 * len(rows)
    assert all(text.count("look") >= 3 for text in found["texts"])  # declared, asked about, called
    assert sum("found" in text for text in found["texts"]) == len(rows)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lora": {"method": "lora", "lora_targets": ("q_proj", "v_proj"), "lora_dropout": 0.1, "revision": "main"},
    "qlora": {"method": "qlora", "precision": "bf16", "gradient_checkpointing": True},
    "full": {"method": "full", "schedule": "linear", "lr_floor": 0.1, "max_length": 99, "over_length": "truncate"},
    "freeze": {"method": "freeze", "train_last": 3},
    "level": {"schedule": "linear", "lr_floor": 1.0, "max_length": 99, "over_length": "error", "max_steps": 1},
    "constant": {"schedule": "constant", "over_length": "drop", "max_length": 99, "precision": "auto", "beta": 0.3},
    "template": {"chat_template": "chatml", "precision": "fp64", "seed": 2**40, "unit": "example"},
    "stopping": {"early_stopping": "loss", "patience": 2, "min_delta": 0.1, "hold_out": 0.3, "tensorboard": True},
    "choosing": {"choose": "f1", "betas": (0.8, 0.9), "lora_targets": "q_proj", "merge": True, "canaries": 2},
    "half": {"precision": "fp16", "device": "auto", "method": "full"},
}
REFUSED: dict[str, set[str]] = {
    "trl": {"chat-freeze", "preference-freeze", "preference-template"},
    "axolotl": {"chat-freeze", "preference-freeze"},
    "llama-factory": set(),
}
"""What cannot be exported at all."""


@pytest.mark.parametrize("to", TRAINERS)
def test_every_configuration_is_one_for_the_parser_of_the_trainer(tmp_path: Path, to: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    refused = set()
    for kind, name in itertools.product(("chat", "preference"), SETTINGS):
        options = options_of("org/model", **SETTINGS[name])
        options = msgspec.structs.replace(options, train=options.train.settled)
        template = TEMPLATE if options.train.chat_template else None
        lines = {"train": 90, **({} if name == "plain" else {"validation": 9})}
        given = Given(options=options, kind=kind, lines=lines, model="org/model", template=template)
        try:
            config = TRAINERS_BY_NAME[to].configure(given).config
        except UsageError:
            refused.add(f"{kind}-{name}")
        else:
            (folder / f"{kind}-{name}.yaml").write_bytes(yaml_of(config, name))
            wrong = {**config, "learning_rat": 1.0}
            (folder / f"{kind}-wrong.yaml").write_bytes(yaml_of(wrong, "a key that there is not"))
    assert refused == REFUSED[to]
    (folder / TEMPLATE).write_text(templates.TINY)
    found = asked(to, tmp_path, table=True)
    del found[TEMPLATE]
    wrong_ones = {name: found.pop(f"{name}-wrong.yaml") for name in ("chat", "preference")}
    assert all("learning_rat" in said for said in wrong_ones.values()), wrong_ones
    assert {name: said for name, said in found.items() if said} == {}


def preferences() -> list[dict[str, Any]]:
    """Six rows of two answers."""
    return [
        {
            "input": {"messages": [{"role": "user", "content": f"is it {at}?"}]},
            "preferred_output": [{"role": "assistant", "content": f"yes {at}"}],
            "non_preferred_output": [{"role": "assistant", "content": f"no {at}"}],
        }
        for at in range(6)
    ]


def test_rows_are_accounted_for(tmp_path: Path) -> None:
    rows = rows_of_chats()
    exported(tmp_path, rows, "trl", settings=WEIGHED)
    lines = (tmp_path / "export" / "rows.jsonl").read_text().splitlines()
    assert len(lines) == len(rows)
    assert {json.loads(line)["outcome"] for line in lines} <= {"used", "not_drawn"}
