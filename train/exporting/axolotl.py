"""Axolotl: conversations that say of every message whether it is trained on, and the configuration of a run.

Messages are a text of JSON, which Axolotl reads as well (0.19, ``prompt_strategies/chat_template.py``): the reader of
tables can then neither fill in missing keys nor take a date for a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from audit.model import Chat, Json, Record
from audit.read.shapes.base import Unwritable, Written
from audit.train.data.encode import REASONING
from audit.train.data.rows import VALIDATION
from audit.train.exporting.arguments import (
    OF_THE_MACHINE,
    UNLIMITED,
    layers_of,
    put_adapter,
    put_evaluation,
    put_in_rows,
    put_precision,
    put_rate,
    put_rest,
    put_revision,
    put_steps,
)
from audit.train.exporting.lines import KEYS, check_line, messages_of, tools_of, trained_turns
from audit.train.exporting.settings import ADAPTERS, Given, Sheet
from audit.train.exporting.trainer import DATA, OUTPUT, Trainer, check_method
from audit.train.options import ALL_LINEAR

TRAIN_KEY: Final = "train"
"""The key of a message that says whether it is trained on."""
_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
"""What its preferences know (``prompt_strategies/dpo/chat_template.py``)."""
_NAMES: Final = {
    "per_device_train_batch_size": "micro_batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "num_train_epochs": "num_epochs",
    "lr_scheduler_type": "lr_scheduler",
    "optim": "optimizer",
}


def _write_chat(record: Record) -> Sequence[Written]:
    """One line, which says of each message whether it is trained on."""
    chat = record.chat
    trained = set(trained_turns(chat))
    said = messages_of(chat.messages)
    messages = [{**turn, TRAIN_KEY: at in trained} for at, turn in enumerate(said.messages)]
    check_line(messages)
    return (Written({"messages": json.dumps(messages), "tools": tools_of(chat)}, said.lost),)


def _write_apart(record: Record) -> Sequence[Written]:
    """A line for each trained answer, where the template writes an answer otherwise as soon as something follows."""
    said, made = messages_of(record.chat.messages), []
    for index in trained_turns(record.chat):
        messages = [{**turn, TRAIN_KEY: at == index} for at, turn in enumerate(said.messages[: index + 1])]
        check_line(messages)
        made.append(Written({"messages": json.dumps(messages), "tools": tools_of(record.chat)}, said.lost))
    return made


def _write_pair(record: Record) -> Sequence[Written]:
    """Role and content are all that is read of a preference; of an answer only its last message."""
    chat = record.chat
    _check_pair(chat)
    said = messages_of((*chat.messages, *chat.chosen, *chat.rejected))
    lost: list[str] = list(said.lost)
    *prompt, chosen, rejected = (_plain(turn, lost) for turn in said.messages)
    row: dict[str, Json] = {"messages": prompt, "chosen": chosen, "rejected": rejected}
    check_line(row)
    return (Written(row, tuple(lost)),)


def _check_pair(chat: Chat) -> None:
    turns = (*chat.messages, *chat.chosen, *chat.rejected)
    if not chat.messages:
        raise Unwritable("nothing stands before its answers")
    if len(chat.chosen) != 1 or len(chat.rejected) != 1:
        raise Unwritable("an answer of several messages, of which Axolotl reads the last")
    if tools_of(chat) is not None or any(turn.calls for turn in turns):
        raise Unwritable("tools, which Axolotl does not read of a preference")
    if strange := next((turn for turn in turns if turn.role not in _ROLES), None):
        raise Unwritable(f"the role at {strange.role_at}, which Axolotl does not know of a preference")
    if not all(turn.text.strip() for turn in (*chat.chosen, *chat.rejected)):
        raise Unwritable("an empty answer, which Axolotl takes for its place holder")


def _plain(message: Mapping[str, Json], lost: list[str]) -> dict[str, Json]:
    if not isinstance(message["content"], str):
        raise Unwritable("a content of parts, which Axolotl does not read of a preference")
    if any(message.get(key) for key in REASONING):
        raise Unwritable("reasoning beside the content, which Axolotl does not read of a preference")
    plain = {"role": message["role"], "content": message["content"]}
    lost += [f"/messages/*/{key}: Axolotl does not read it of a preference" for key in message.keys() - plain.keys()]
    return plain


def _configure(given: Given) -> Sheet:
    check_method(given.train, "Axolotl")
    sheet = Sheet(given, _NAMES)
    _put_model(sheet)
    sheet.put(datasets=[_data_set(given, "train")])
    if VALIDATION in given.lines:
        sheet.put(test_datasets=[_data_set(given, VALIDATION)])
    if given.kind == "preference":
        sheet.put(rl="dpo", **({} if given.options.beta is None else {"rl_beta": given.options.beta}))
    sheet.put(output_dir=OUTPUT, dataset_prepared_path="prepared", train_on_inputs=False)
    sheet.put(sample_packing=False, pad_to_sequence_len=False)
    put_in_rows(sheet)
    _put_length(sheet)
    put_steps(sheet)
    put_rate(sheet)
    put_evaluation(sheet, "early_stopping_patience")
    put_rest(sheet)
    sheet.put(optim="adamw_torch")
    sheet.carry("gradient_checkpointing", gradient_checkpointing=given.train.gradient_checkpointing)
    sheet.carry("tensorboard", use_tensorboard=given.train.tensorboard)
    put_precision(sheet, "Axolotl")
    sheet.leave(OF_THE_MACHINE, "device")
    return sheet


def _data_set(given: Given, split: str) -> dict[str, Json]:
    file: dict[str, Json] = {"path": f"{DATA}/{split}.jsonl", "ds_type": "json", "split": "train"}
    if given.kind == "preference":
        return {**file, "type": "chat_template.default", "field_messages": "messages"}
    return {
        **file,
        "type": "chat_template",
        "field_messages": "messages",
        "field_tools": "tools",
        "message_property_mappings": {key: key for key in KEYS},  # else those alone that it finds in the template
        "message_field_training": TRAIN_KEY,
        "roles_to_train": [],
        "train_on_eos": "turn",
    }


def _put_model(sheet: Sheet) -> None:
    given, options = sheet.given, sheet.given.train
    sheet.carry("model", base_model=given.model)
    put_revision(sheet, "revision_of_model")
    if given.template is None:
        sheet.put(chat_template="tokenizer_default")
        sheet.unasked("chat_template")
    else:
        sheet.carry("chat_template", chat_template="jinja", chat_template_jinja=given.template)
    if options.method in ADAPTERS:
        sheet.carry("method", adapter=options.method, load_in_4bit=options.method == "qlora")
    else:
        sheet.carry("method", "no adapter: all weights are trained")
    is_all = options.lora_targets == ALL_LINEAR
    put_adapter(sheet, **({"lora_target_linear": True} if is_all else {"lora_target_modules": layers_of(sheet)}))


def _put_length(sheet: Sheet) -> None:
    options = sheet.given.train
    if options.max_length is None:
        why = "Axolotl asks for a limit; no line is padded to it"
        sheet.change("max_length", why, sequence_len=UNLIMITED)
    else:
        sheet.carry("max_length", sequence_len=options.max_length)
    said = {"error": "raise", "drop": "drop", "truncate": "truncate"}[options.over_length]
    if options.over_length == "truncate":
        sheet.change("over_length", "it cuts within answers there", excess_length_strategy=said)
    else:
        sheet.carry("over_length", excess_length_strategy=said)


def _history(row: Mapping[str, Json]) -> int:
    return len(json.loads(row["messages"])) - 1


AXOLOTL: Final = Trainer(
    name="axolotl",
    configuration="axolotl.yaml",
    write={"chat": _write_chat, "preference": _write_pair},
    configure=_configure,
    command=dict.fromkeys(("chat", "preference"), "axolotl train axolotl.yaml"),
    supervised=(
        f'of each line the messages with "{TRAIN_KEY}": true, each with the token that ends its turn (eos_token; set '
        "eot_tokens where the chat template ends turns with another), and nothing that the template writes into an "
        "answer of itself, such as an empty block of thoughts"
    ),
    apart=_write_apart,
    counts=True,
    history=_history,
    unrendered=(
        "where the chat template rewrites the turns before the last, as those of models that think do, earlier answers "
        "of a chat are trained as they are rewritten"
    ),
)
