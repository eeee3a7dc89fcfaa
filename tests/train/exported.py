"""Data, models and answers for the tests of exports: what our own encoder trains of the rows, and how other trainers
read what was exported."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from audit.config.settings import Settings
from audit.model import Json
from audit.train.data.encode import Encoder, RowIn, RowOut
from audit.train.exporting.options import ExportOptions
from audit.train.exporting.report import Export
from audit.train.exporting.running import export
from audit.train.models import templates
from audit.train.options import TrainOptions
from tests.train.chats import record
from tests.train.small_models import base_model, tokenizer_of

WORDS: Final = ("amber", "basin", "cedar", "delta", "ember", "fjord")
MODULES: Final = {"trl": "trl", "axolotl": "axolotl", "llama-factory": "llamafactory"}
VARIABLES: Final = {
    "trl": "AUDIT_TRL_PYTHON", "axolotl": "AUDIT_AXOLOTL_PYTHON", "llama-factory": "AUDIT_LLAMA_FACTORY_PYTHON",
}  # fmt: skip
"""The interpreter that has a trainer, where it is not this one."""
TRAINERS: Final = tuple(MODULES)
WAIVER: Final = "A. Jones: made up"
SECTIONS: Final[dict[str, Any]] = {
    "fairness": {"not_applicable": {"reason": "x", "owner": "A. Jones", "expires": "2099-01-01"}}
}
_WORDS: Final = "{{- words(message.content or '') -}}"
_THOUGHT: Final = (
    "{%- if loop.last and message.reasoning_content -%}{{- '<' ~ message.reasoning_content ~ '>' -}}{%- endif -%}"
)
THINKING: Final = (
    templates.TINY.replace(_WORDS, _THOUGHT + _WORDS, 1)
    .replace("{%- generation -%}\n", "")
    .replace("{%- endgeneration -%}\n", "")
)
"""The built-in template for a model that thinks: thoughts stand in the last turn alone, as in Qwen 3."""
TOOLS: Final = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def turn(role: str, content: Json, **more: Json) -> dict[str, Json]:
    """A message."""
    return {"role": role, "content": content, **more}


def rows_of_chats(count: int = 18) -> list[dict[str, Json]]:
    """Chats of one and of several answers, some of which are not to be learnt from, with weights."""
    made = []
    for at in range(count):
        one, other = WORDS[at % 6], WORDS[(at * 5 + 1) % 6]
        turns = [turn("user", f"Is {one} {at} like {other}?"), turn("assistant", f"No, {one} é {at}.")]
        if at % 3 == 0:
            turns.insert(0, turn("system", "be short"))
        if at % 4 == 0:
            turns += [turn("user", f"why {at}?"), turn("assistant", "it is", **({"weight": 0} if at % 8 else {}))]
            turns += [turn("user", "and?"), turn("assistant", f"then {other} {at}")]
        made.append({"messages": turns, "metadata": {"weight": (0.5, 1, 2)[at % 3], "kind": "x"}})
    return made


def rows_of_calls() -> list[dict[str, Json]]:
    """Chats with tool calls whose arguments have nothing in common, in an order that is not that of the alphabet."""
    made = []
    for at, given in enumerate(({"z": 1, "a": "2024-05-01"}, {"b": None}, {"a": [1, {"c": "x"}]})):
        call = {"id": f"call_{at}", "type": "function", "function": {"name": "look", "arguments": json.dumps(given)}}
        turns = [turn("user", f"look {at}"), turn("assistant", None, tool_calls=[call])]
        turns += [turn("tool", "found", tool_call_id=f"call_{at}"), turn("assistant", f"2024-05-0{at + 1}")]
        made.append({"messages": turns, "tools": TOOLS, "metadata": {"weight": 1}})
    return made


def write_rows(path: Path, rows: Sequence[Json]) -> Path:
    """Rows as a file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def settings_of(weight: str | None = None, **more: Any) -> Settings:
    """Settings under which the gate asks for no groups; ``weight`` is the field of the weights of rows."""
    data = {} if weight is None else {"data": {"weight": weight}}
    return Settings(sections={**SECTIONS, **data}, **more)


def options_of(
    model: Path | str, *, lowering: Any = "resample", beta: float | None = None, **given: Any
) -> ExportOptions:
    """Options of an export for a model."""
    train = TrainOptions(**{"device": "cpu", "precision": "fp32", "lr": 1e-3, **given, "model": str(model)})
    return ExportOptions(train=train, lowering=lowering, beta=beta)


def made(folder: Path, rows: Sequence[Json], to: str = "trl", settings: Settings | None = None, **given: Any) -> Any:
    """An export of rows into ``folder / "out"``, for a model that nobody has."""
    data = write_rows(folder / "rows.jsonl", rows)
    how = {name: given.pop(name) for name in ("force", "dry_run") if name in given}
    options = options_of("org/model", **given)
    return export(
        [str(data)], folder / "out", to=to, options=options, settings=settings or settings_of(), waive=WAIVER, **how
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def chat(*turns: dict[str, Json], **more: Json) -> dict[str, Json]:
    """A row."""
    return {"messages": list(turns), **more}


def exported(
    folder: Path,
    rows: Sequence[Json],
    to: str,
    *,
    settings: Settings | None = None,
    validation: Sequence[Json] = (),
    **given: Any,
) -> Export:
    """Rows exported into ``folder / "export"`` for the small model in ``folder / "base"``, which is made if need be."""
    data = write_rows(folder / "rows.jsonl", rows)
    if not (folder / "base").is_dir():
        base_model(folder / "base", "llama")
    settings = settings or settings_of()
    if validation:
        held = write_rows(folder / "held.jsonl", validation)
        splits = (("train", str(data)), ("validation", str(held)))
        settings = msgspec.structs.replace(settings, splits=splits)
    options = options_of(folder / "base", **given)
    paths = [] if validation else [str(data)]
    report = export(paths, folder / "export", to=to, options=options, settings=settings, waive=WAIVER)
    return report.export


def asked(trainer: str, folder: Path, *, table: bool = False) -> dict[str, Any]:
    """What another trainer makes of ``folder / "export"``; of a ``table``, what its parser says of each configuration
    in there. Skips the test where it is not installed."""
    python = os.environ.get(VARIABLES[trainer])
    if python is None:
        if importlib.util.find_spec(MODULES[trainer]) is None:
            pytest.skip(
                f"{MODULES[trainer]} is not installed; {VARIABLES[trainer]} can name an interpreter that has it"
            )
        python = sys.executable
    script = Path(__file__).parent / f"exported_{trainer.replace('-', '_')}.py"
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hub"),
        "AXOLOTL_DO_NOT_TRACK": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [python, str(script), *(["--table"] if table else []), str(folder / "export"), str(folder / "answer.json")],
        env={**os.environ, **offline, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    return told


# ----------------------------------------------------------------------------- what we train


def encoded(folder: Path, rows: Sequence[dict[str, Json]], **given: Any) -> list[RowOut]:
    """The rows as a run on this machine encodes them for the model of an export."""
    options = options_of(folder / "base", **given).train.settled
    tokenizer = tokenizer_of(options, folder / "tokenizer")
    found = Encoder(tokenizer, options).encode_all([RowIn(record(row), at) for at, row in enumerate(rows)])
    assert all(isinstance(one, RowOut) for one in found), found
    return [one for one in found if isinstance(one, RowOut)]


def answers_of(one: RowOut) -> Iterator[tuple[list[int], int]]:
    """Of every trained stretch the ids up to its end, and how many of them are trained."""
    for example in one.examples:
        weights = example.weights.tolist()
        for end in range(1, len(weights) + 1):
            if weights[end - 1] and (end == len(weights) or not weights[end]):
                start = end
                while start and weights[start - 1]:
                    start -= 1
                yield [int(token) for token in example.ids[:end]], end - start


def copies_of(folder: Path, answers: Sequence[int]) -> list[int]:
    """How often each row of the training split was written, by ``rows.jsonl``; ``answers`` are its lines of a copy."""
    told = [json.loads(line) for line in (folder / "export" / "rows.jsonl").read_text().splitlines()]
    lines = [one["examples"] for one in told if one["split"] == "train"]
    return [number // of for number, of in zip(lines, answers, strict=True)]
