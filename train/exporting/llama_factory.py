"""LLaMA-Factory: ShareGPT rows with one trained answer each, ``dataset_info.json`` and the configuration of a run.

It can train all answers of a line or the last one (``mask_history``), and knows no weights: every answer that is
trained on is a line of its own, with all that stands before it (0.9.5, ``data/processor/supervised.py``). It leaves out
rows whose turns do not alternate, with a warning among many (``data/converter.py``): they are refused here by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from audit.errors import UsageError
from audit.model import ABSENT, Chat, Json, Message, Record
from audit.read.shapes import writer
from audit.read.shapes.base import Unwritable, Written
from audit.train.data.encode import REASONING
from audit.train.data.rows import VALIDATION
from audit.train.exporting.arguments import (
    UNLIMITED,
    layers_of,
    put_adapter,
    put_counted,
    put_evaluation,
    put_in_rows,
    put_machine,
    put_precision,
    put_rate,
    put_rest,
    put_revision,
    put_steps,
)
from audit.train.exporting.lines import check_line, messages_of, tools_of, trained_turns
from audit.train.exporting.settings import ADAPTERS, Given, Sheet
from audit.train.exporting.trainer import DATA, OUTPUT, Trainer, check_method
from audit.train.options import ALL_LINEAR
from audit.train.outgoing.capabilities import capabilities_of

CHATML: Final = "chatml"
_ASKS: Final = ("human", "observation")
_SAYS: Final = ("gpt", "function_call")


def _write_answers(record: Record) -> Sequence[Written]:
    """A line for each trained answer."""
    chat = record.chat
    messages_of(chat.messages)
    turns = tuple(_plain(turn) for turn in chat.messages)
    made = []
    for index in trained_turns(chat):
        line = _line(msgspec.structs.replace(chat, messages=turns[: index + 1]))
        _check_turns(line.row["conversations"], answered=True)
        made.append(line)
    return made


def _write_pair(record: Record) -> Sequence[Written]:
    chat = record.chat
    answers = {"chosen": chat.chosen, "rejected": chat.rejected}
    plain: dict[str, tuple[Message, ...]] = {
        name: tuple(_plain(turn) for turn in turns) for name, turns in {"messages": chat.messages, **answers}.items()
    }
    messages_of((*chat.messages, *chat.chosen, *chat.rejected))
    line = _line(msgspec.structs.replace(chat, **plain))
    _check_turns(line.row["conversations"], answered=False)
    if any(line.row[name]["from"] not in _SAYS for name in answers):
        raise Unwritable("an answer that is not the assistant's")
    return (line,)


def _plain(turn: Message) -> Message:
    """A turn without what it says of training: that the last answer is trained is said for all lines at once."""
    raw = turn.raw
    if isinstance(raw, dict) and any(isinstance(raw.get(key), str) and raw[key] for key in REASONING):
        raise Unwritable("reasoning beside the content, for which LLaMA-Factory has no key")
    return msgspec.structs.replace(turn, weight=ABSENT, trained=None)


def _line(chat: Chat) -> Written:
    """A row with ``tools`` always there, because its absence in one row stops the reading of all."""
    tools = tools_of(chat)
    bare = msgspec.structs.replace(chat, tools=ABSENT if tools is None else json.loads(tools))
    made = writer(capabilities_of("llama-factory").shapes["chat"])(bare)
    row: dict[str, Json] = {**made.row, "tools": made.row.get("tools", "")}
    check_line(row)
    return Written(row, made.lost)


def _check_turns(turns: Sequence[Mapping[str, Json]], *, answered: bool) -> None:
    """Raise Unwritable where the turns do not alternate as LLaMA-Factory asks, after at most one system message."""
    said = [turn["from"] for turn in turns]
    rest = said[1:] if said[:1] == ["system"] else said
    wrong = next((at for at, name in enumerate(rest) if name not in (_ASKS, _SAYS)[at % 2]), None)
    if wrong is not None:
        raise Unwritable(
            "its turns do not alternate between the user (or a tool) and the assistant, and LLaMA-Factory leaves out "
            "such rows"
        )
    if (len(rest) % 2 == 0) != answered or not rest:
        raise Unwritable("it does not end as LLaMA-Factory asks: a question, then an answer")


def _info(given: Given) -> bytes:
    columns = {"messages": "conversations", "tools": "tools"}
    more: dict[str, Json] = {}
    if given.kind == "preference":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
        more["ranking"] = True
    info = {
        split: {"file_name": f"{split}.jsonl", "formatting": "sharegpt", **more, "columns": columns}
        for split in given.lines
    }
    return json.dumps(info, indent=2, sort_keys=True).encode() + b"\n"


def _configure(given: Given) -> Sheet:
    check_method(given.train, "LLaMA-Factory", freezes=True)
    sheet = Sheet(given, {"lora_r": "lora_rank"})
    is_pair = given.kind == "preference"
    sheet.put(stage="dpo" if is_pair else "sft", do_train=True)
    _put_model(sheet)
    sheet.put(dataset_dir=DATA, dataset="train", output_dir=OUTPUT, packing=False)
    if VALIDATION in given.lines:
        sheet.put(eval_dataset=VALIDATION)
    if is_pair:
        sheet.put(pref_loss="sigmoid", **({} if given.options.beta is None else {"pref_beta": given.options.beta}))
    else:
        sheet.put(mask_history=True, train_on_prompt=False)
    put_in_rows(sheet)
    _put_length(sheet)
    put_steps(sheet)
    put_rate(sheet)
    put_evaluation(sheet, "early_stopping_steps")
    put_rest(sheet)
    _put_method(sheet)
    off = not given.train.gradient_checkpointing
    sheet.carry("gradient_checkpointing", "it is on where nothing is said", disable_gradient_checkpointing=off)
    put_precision(sheet, "LLaMA-Factory", "LLaMA-Factory chooses by the weights of the model")
    put_machine(sheet)
    return sheet


def _put_method(sheet: Sheet) -> None:
    options = sheet.given.train
    four = {"quantization_bit": 4, "quantization_method": "bnb"} if options.method == "qlora" else {}
    sheet.carry("method", finetuning_type="lora" if options.method in ADAPTERS else options.method, **four)
    if options.method == "freeze":
        sheet.carry("train_last", freeze_trainable_layers=options.train_last)
    layers = "all" if options.lora_targets == ALL_LINEAR else ",".join(map(str, layers_of(sheet)))
    put_adapter(sheet, lora_target=layers)


def _put_model(sheet: Sheet) -> None:
    given, options = sheet.given, sheet.given.train
    sheet.carry("model", model_name_or_path=given.model)
    put_revision(sheet, "model_revision")
    if options.chat_template is None:
        sheet.unasked("chat_template")
    elif options.chat_template == CHATML:
        sheet.carry("chat_template", template=CHATML)
    else:
        raise UsageError(
            "LLaMA-Factory takes templates by name, and chat_template names a file",
            hint="save the template with the tokenizer of the model, from which it is read",
        )


def _put_length(sheet: Sheet) -> None:
    options = sheet.given.train
    if options.max_length is None:
        why = "LLaMA-Factory cuts at 2,048 where nothing is said; no line is padded to it"
        sheet.change("max_length", why, cutoff_len=UNLIMITED)
        sheet.unasked("over_length")
    else:
        sheet.carry("max_length", cutoff_len=options.max_length)
        if not put_counted(sheet):
            sheet.change("over_length", "it cuts longer lines there, and says nothing of it")


def _history(row: Mapping[str, Json]) -> int:
    return len(row["conversations"]) - 1


LLAMA_FACTORY: Final = Trainer(
    name="llama-factory",
    configuration="llama-factory.yaml",
    write={"chat": _write_answers, "preference": _write_pair},
    configure=_configure,
    command=dict.fromkeys(("chat", "preference"), "llamafactory-cli train llama-factory.yaml"),
    supervised=(
        "of each line the last answer (mask_history), the token that ends it, and what the chat template writes behind "
        "that; the template is read from the tokenizer by example and may differ from it in tools and default texts"
    ),
    history=_history,
    card=f"{DATA}/dataset_info.json",
    describe=_info,
    rewrites_tools=True,
)
