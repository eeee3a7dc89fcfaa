"""LLaMA-Factory reads an export, as a script of its own interpreter: imports no part of this project.

``python exported_llama_factory.py EXPORT ANSWER.json`` loads the configuration with the library's own parser and writes
what it understood, with the ids and labels of every line as its trainer would have them.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from exported_asked import answer


def without_sound() -> None:
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError):  # what PyPI has of it needs CUDA, and only rows with sound need it
        stand_in = ModuleType("torchaudio")
        stand_in.__spec__ = ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = stand_in


def parse(name: str, kind: str) -> None:
    without_sound()
    from llamafactory.hparams import get_train_args, read_args

    sys.argv = ["llamafactory-cli", name]
    get_train_args(read_args())


def read() -> dict:
    without_sound()
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args, read_args
    from llamafactory.model import load_tokenizer

    sys.argv = ["llamafactory-cli", "llama-factory.yaml"]
    model, data, training, tuning, _ = get_train_args(read_args())
    loaded = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data)
    stage = "rm" if tuning.stage == "dpo" else tuning.stage  # as its own workflow for DPO asks
    sets = get_dataset(template, model, data, training, stage=stage, **loaded)
    texts = [loaded["tokenizer"].decode(one["input_ids"]) for one in sets["train_dataset"] if "input_ids" in one]
    return {
        "texts": texts,
        "lines": [
            {name: one[name] for name in one if name.endswith(("ids", "labels"))} for one in sets["train_dataset"]
        ],
        "validation": len(sets.get("eval_dataset") or ()),
        "stage": tuning.stage,
        "rate": training.learning_rate,
        "epochs": training.num_train_epochs,
        "lora": [tuning.finetuning_type, tuning.lora_rank, tuning.lora_alpha, tuning.lora_target],
        "beta": tuning.pref_beta,
        "cutoff": data.cutoff_len,
        "mask_history": data.mask_history,
        "checkpointing": not model.disable_gradient_checkpointing,
    }


if __name__ == "__main__":
    answer(read, parse)
