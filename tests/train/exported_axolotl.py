"""Axolotl reads an export, as a script of its own interpreter: imports no part of this project.

``python exported_axolotl.py EXPORT ANSWER.json`` loads the configuration with the library's own parser and writes what
it understood, with the ids and labels of every line as its trainer would have them.
"""

from __future__ import annotations

from exported_asked import answer


def on_a_device() -> None:
    import torch

    torch.cuda.get_device_capability = lambda *given: (8, 0)  # the parser asks for a device that is not here


def parse(name: str, kind: str) -> None:
    import yaml

    on_a_device()
    from axolotl.cli.config import gpu_capabilities
    from axolotl.utils.config import validate_config
    from axolotl.utils.dict import DictDefault
    from axolotl.utils.schemas.config import AxolotlInputConfig

    with open(name) as file:
        config = yaml.safe_load(file)
    if strange := set(config) - set(AxolotlInputConfig.model_fields):
        raise ValueError(f"Axolotl passes over {sorted(strange)}")
    capabilities, environment = gpu_capabilities()
    validate_config(DictDefault(config), capabilities=capabilities, env_capabilities=environment)


def read() -> dict:
    on_a_device()
    from axolotl.cli.config import load_cfg
    from axolotl.loaders import load_tokenizer
    from axolotl.utils.data.rl import prepare_preference_datasets
    from axolotl.utils.data.sft import prepare_datasets

    cfg = load_cfg("axolotl.yaml")
    tokenizer = load_tokenizer(cfg)
    prepare = prepare_preference_datasets if cfg.rl else prepare_datasets
    train, validation = prepare(cfg, tokenizer)[:2]
    names = [name for name in train.column_names if name.endswith(("ids", "labels")) or name in _PAIR]
    return {
        "lines": [{name: one[name] for name in names} for one in train],
        "validation": 0 if validation is None else len(validation),
        "rate": cfg.learning_rate,
        "epochs": cfg.num_epochs,
        "lora": [cfg.adapter, cfg.lora_r, cfg.lora_alpha, cfg.lora_target_linear],
        "rl": str(getattr(cfg.rl, "value", cfg.rl)),
        "length": cfg.sequence_len,
        "schedule": [str(getattr(cfg.lr_scheduler, "value", cfg.lr_scheduler)), dict(cfg.lr_scheduler_kwargs or {})],
    }


_PAIR = ("prompt", "chosen", "rejected")

if __name__ == "__main__":
    answer(read, parse)
