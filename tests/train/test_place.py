"""Where a run computes, and that several processes compute what one does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from audit.errors import ConfigError
from audit.train.core import place
from audit.train.core.place import ALONE, Place, place_for
from tests.train.core_models import options
from tests.train.processes import started

WORKER = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from audit.train.core.loop import fit
from audit.train.core.place import place_for
from tests.train.core_models import Kept, chats, gpt2, options, parts, weights_of
settings = options(precision="fp64", batch_size=6, epochs=2, evaluate_every=1.0)
world = place_for(settings).world
made = parts(gpt2(), chats(20), settings, validation=chats(9, seed=9), budget=40, world=world)
kept = Kept()
fit(made, kept)
told = {"weights": weights_of(made.prepared.model), "logs": len(kept.logs), "saves": len(kept.saved),
        "losses": [log.loss for log in kept.logs], "norms": [log.grad_norm for log in kept.logs],
        "validation": [one.loss for one, _ in kept.evaluations]}
torch.save(told, Path(sys.argv[1]) / f"{world.size}-{world.rank}.pt")
if world.size > 1:
    torch.distributed.destroy_process_group()
"""


def start(folder: Path, root: Path, size: int) -> list[subprocess.Popen[bytes]]:
    return started([sys.executable, "-c", WORKER, str(folder)], size, root)


def test_two_processes_learn_what_one_does(tmp_path: Path, root: Path) -> None:
    """Within 1e-10 in float64 over the run: only the order in which gradients are added up differs."""
    for process in [*start(tmp_path, root, 1), *start(tmp_path, root, 2)]:
        _, said = process.communicate(timeout=110)
        assert process.returncode == 0, said.decode()[-2000:]
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for name, value in alone["weights"].items():
        assert (first["weights"][name] - value).abs().max() < 1e-10
        assert torch.equal(first["weights"][name], second["weights"][name])
    for measure in ("losses", "norms", "validation"):
        assert first[measure] == pytest.approx(alone[measure], rel=1e-10)
    assert (second["logs"], second["saves"]) == (0, 0)
    assert (first["logs"], first["saves"]) == (alone["logs"], alone["saves"])


def test_a_place_follows_the_settings() -> None:
    place = place_for(options(threads=3))
    assert (place.device.type, place.threads, place.half, place.world) == ("cpu", 3, None, ALONE)
    assert place_for(options(precision="auto")).precision == "fp32"
    assert place_for(options(precision="bf16")).half == torch.bfloat16
    assert place_for(options(precision="fp64")).dtype == torch.float64
    assert place.described == {"device": "cpu", "precision": "fp32", "threads": 3, "processes": 1}


@pytest.mark.parametrize("device", ["abacus", "mps", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=device):
        place_for(options(device=device))


@pytest.mark.parametrize(("device", "size"), [("auto", 2), ("cuda", 2), ("cuda:1", 1)])
def test_a_place_is_the_same_whichever_device_of_its_kind_a_process_has(
    device: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a CUDA device only the name can be looked at: torch is told which one is meant."""
    chosen: list[torch.device] = []
    for name, answer in (("is_available", True), ("device_count", 2), ("is_bf16_supported", True)):
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(place, "_world", lambda: place.World(1 if size > 1 else 0, size))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    assert str(place_for(options(device=device)).device) == "cuda"
    assert chosen == [torch.device("cuda:1")]


def test_float16_is_refused_where_losses_cannot_be_scaled() -> None:
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device"):
        place_for(options(precision="fp16"))


def test_switches_are_set_while_a_place_is_applied_and_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with Place(threads=2).applied():
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.get_num_threads() == 2
            torch.manual_seed(123)
            raise KeyError

    torch.manual_seed(7)
    state = torch.get_rng_state()
    with pytest.raises(KeyError):
        fail()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), state)
