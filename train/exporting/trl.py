"""Hugging Face TRL: rows as prompt and completion, and the configuration of ``trl sft`` and ``trl dpo``.

Every answer that is trained on is a line of its own, with all that stands before it as the prompt: TRL then trains what
its template writes behind the prompt, with any template (TRL 1.16, ``trainer/sft_trainer.py``, completion_only_loss).
``messages`` with assistant_only_loss would be shorter, but needs a template with generation marks and cannot leave out
an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from audit.errors import UsageError
from audit.model import Json, Record
from audit.read.shapes.base import Unwritable, Written
from audit.train.data.rows import VALIDATION
from audit.train.exporting.arguments import (
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

_FEATURES: Final = {"chat": ("prompt", "completion"), "preference": ("prompt", "chosen", "rejected")}


def _write_answers(record: Record) -> Sequence[Written]:
    """A line for each trained answer."""
    chat, made = record.chat, []
    said, tools = messages_of(chat.messages), tools_of(chat)
    for index in trained_turns(chat):
        if index == 0:
            raise Unwritable("nothing stands before its first answer, and TRL asks for a prompt")
        row: dict[str, Json] = {"prompt": said.messages[:index], "completion": [said.messages[index]], "tools": tools}
        made.append(Written(row, said.lost))
    check_line(made[-1].row)
    return made


def _write_pair(record: Record) -> Sequence[Written]:
    chat = record.chat
    if not chat.messages:
        raise Unwritable("nothing stands before its answers, and TRL asks for a prompt")
    prompt, chosen, rejected = (messages_of(turns) for turns in (chat.messages, chat.chosen, chat.rejected))
    row: dict[str, Json] = {
        "prompt": prompt.messages,
        "chosen": chosen.messages,
        "rejected": rejected.messages,
        "tools": tools_of(chat),
    }
    check_line(row)
    return (Written(row, prompt.lost + chosen.lost + rejected.lost),)


def _card(given: Given) -> bytes:
    """A data set card that says how the columns are typed.

    Without it the reader guesses from the first rows: answers that are all dates become times, and keys that one tool
    call has and another lacks become null (datasets 5.2, ``packaged_modules/json``; tried)."""
    columns = [f"  - name: {name}\n    list: json\n" for name in _FEATURES[given.kind]]
    text = "".join(columns) + "  - name: tools\n    dtype: string\n"
    return f"---\ndataset_info:\n  features:\n{text}---\n".encode()


def _configure(given: Given) -> Sheet:
    check_method(given.train, "TRL")
    sheet = Sheet(given)
    _put_model(sheet)
    sheet.put(dataset_name=f"./{DATA}", dataset_train_split="train", output_dir=OUTPUT)
    if VALIDATION in given.lines:
        sheet.put(dataset_test_split=VALIDATION)
    if given.kind == "preference":
        sheet.put(loss_type=["sigmoid"], **({} if given.options.beta is None else {"beta": given.options.beta}))
    else:
        sheet.put(completion_only_loss=True, assistant_only_loss=False, packing=False)
    put_in_rows(sheet)
    _put_length(sheet)
    put_steps(sheet)
    put_rate(sheet)
    put_evaluation(sheet, None)
    put_rest(sheet)
    sheet.carry("gradient_checkpointing", gradient_checkpointing=given.train.gradient_checkpointing)
    put_precision(sheet, "TRL", "TRL chooses: bf16 beside weights in float32")
    put_machine(sheet)
    return sheet


def _put_model(sheet: Sheet) -> None:
    given, options = sheet.given, sheet.given.train
    sheet.carry("model", model_name_or_path=given.model)
    put_revision(sheet, "model_revision")
    if given.template is None:
        sheet.unasked("chat_template")
    elif given.kind == "preference":
        raise UsageError(
            "TRL's DPO takes no template beside the tokenizer's own, and chat_template names one",
            hint="save it with the tokenizer of the model",
        )
    else:
        sheet.carry("chat_template", chat_template_path=given.template)
    four = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"} if options.method == "qlora" else {}
    sheet.carry("method", use_peft=options.method in ADAPTERS, **four)
    put_adapter(sheet, lora_target_modules=layers_of(sheet))


def _put_length(sheet: Sheet) -> None:
    options = sheet.given.train
    sheet.carry("max_length", max_length=options.max_length)
    if options.max_length is None:
        sheet.unasked("over_length")
    elif not put_counted(sheet):
        why = "it cuts lines there, and leaves out those of which nothing trained is left"
        sheet.change("over_length", why, truncation_mode="keep_start")


def _history(row: Mapping[str, Json]) -> int:
    return len(row["prompt"])


TRL: Final = Trainer(
    name="trl",
    configuration="trl.yaml",
    write={"chat": _write_answers, "preference": _write_pair},
    configure=_configure,
    command={"chat": "trl sft --config trl.yaml", "preference": "trl dpo --config trl.yaml"},
    supervised=(
        "of each line the answer, the token that ends it, and what the chat template writes behind that (often a line "
        "feed, which a run of `audit train` does not train)"
    ),
    history=_history,
    card=f"{DATA}/README.md",
    describe=_card,
    is_typed=True,
)
