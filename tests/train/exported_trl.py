"""One step of TRL on an export, as a script of TRL's own interpreter: imports no part of this project.

``python exported_trl.py EXPORT ANSWER.json`` writes the ids and labels of every line, as the trainer has them, and the
labels of the batches that it took a step on.
"""

from __future__ import annotations

import json

from exported_asked import answer


class Seen:
    """The collator of the trainer, with the trained tokens of every batch counted as they pass."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.trained: list[int] = []

    def __call__(self, features):
        batch = self.inner(features)
        self.trained.append(int((batch["labels"] != -100).sum()))
        return batch


def chats() -> dict:
    from datasets import load_dataset
    from trl import (
        DatasetMixtureConfig,
        ModelConfig,
        ScriptArguments,
        SFTConfig,
        SFTTrainer,
        TrlParser,
        get_peft_config,
    )

    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig))
    words = ["--config", "trl.yaml", "--max_steps", "1", "--save_strategy", "no", "--load_best_model_at_end", "false"]
    script, config, model, _ = parser.parse_args_and_config([*words, "--disable_tqdm", "true"])
    read = load_dataset(script.dataset_name)
    trainer = SFTTrainer(
        model=model.model_name_or_path,
        args=config,
        train_dataset=read[script.dataset_train_split],
        eval_dataset=read[script.dataset_test_split] if config.eval_strategy != "no" else None,
        peft_config=get_peft_config(model),
    )
    lines = [{"ids": list(one["input_ids"]), "labels": list(one["labels"])} for one in trainer.train_dataset]
    trainer.data_collator = seen = Seen(trainer.data_collator)
    trainer.train()
    return {
        "lines": lines,
        "validation": 0 if trainer.eval_dataset is None else len(trainer.eval_dataset),
        "steps": trainer.state.global_step,
        "stepped_on": seen.trained[: -(-len(lines) // config.per_device_train_batch_size)],
        "rate": config.learning_rate,
        "epochs": config.num_train_epochs,
        "lora": None if not model.use_peft else [model.lora_r, model.lora_alpha, model.lora_target_modules],
        "schedule": [str(config.lr_scheduler_type.value), config.lr_scheduler_kwargs],
    }


def preferences() -> dict:
    from datasets import load_dataset
    from trl import (
        DatasetMixtureConfig,
        DPOConfig,
        DPOTrainer,
        ModelConfig,
        ScriptArguments,
        TrlParser,
        get_peft_config,
    )

    parser = TrlParser((ScriptArguments, DPOConfig, ModelConfig, DatasetMixtureConfig))
    words = ["--config", "trl.yaml", "--max_steps", "1", "--save_strategy", "no", "--load_best_model_at_end", "false"]
    script, config, model, _ = parser.parse_args_and_config([*words, "--disable_tqdm", "true"])
    read = load_dataset(script.dataset_name)
    trainer = DPOTrainer(
        model=model.model_name_or_path,
        args=config,
        train_dataset=read[script.dataset_train_split],
        eval_dataset=read[script.dataset_test_split] if config.eval_strategy != "no" else None,
        peft_config=get_peft_config(model),
    )
    trainer.train()
    return {
        "lines": len(trainer.train_dataset),
        "steps": trainer.state.global_step,
        "beta": config.beta,
        "validation": 0 if trainer.eval_dataset is None else len(trainer.eval_dataset),
        "evaluated": sum("eval_loss" in one for one in trainer.state.log_history),
        "trained": sorted({name.split(".")[-3] for name, one in trainer.model.named_parameters() if one.requires_grad}),
    }


def parse(name: str, kind: str) -> None:
    from trl import DatasetMixtureConfig, DPOConfig, ModelConfig, ScriptArguments, SFTConfig, TrlParser

    config = DPOConfig if kind == "preference" else SFTConfig
    TrlParser((ScriptArguments, config, ModelConfig, DatasetMixtureConfig)).parse_args_and_config(["--config", name])


def read() -> dict:
    import torch

    torch.set_num_threads(1)
    with open("export.json") as told_of:
        return preferences() if json.load(told_of)["kind"] == "preference" else chats()


if __name__ == "__main__":
    answer(read, parse)
