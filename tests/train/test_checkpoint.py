"""Checkpoints: bit for bit, whole or not at all, and refused by name where anything is not as it was."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from audit.errors import OutputError
from audit.train.core.state import Progress, Snapshot
from audit.train.runs import checkpoint
from audit.train.runs.checkpoint import load, newest, save
from audit.train.runs.identity import ResumeRefused
from tests.train.run_folder import examples, identity, on, snapshot

SAME = identity()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def saved(folder: Path, *steps: int, keep: int = 9, best: int = 0) -> Path:
    """Checkpoints of these steps; ``best`` is named by it and by those after it. Returns the last one."""
    paths = [
        save(folder, snapshot(at, best if at >= best else 0), SAME, keep=keep, best=at == best and best > 0)
        for at in steps
    ]
    return paths[-1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def bits(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[torch.dtype, tuple[int, ...], bytes]]:
    return {
        name: (one.dtype, tuple(one.shape), one.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        for name, one in tensors.items()
    }


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool],
)
def test_every_type_of_tensor_comes_back_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    drawn = torch.randint(0, 256, (5, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    tensor = drawn % 2 == 0 if dtype is torch.bool else drawn.view(dtype)  # NaN patterns and subnormal numbers too
    before = Snapshot(Progress(1), {"a": tensor, "scalar": tensor[0, 0].clone()}, {"b": tensor.T})
    after = load(save(tmp_path, before, SAME, keep=1, best=False), SAME)
    assert bits(after.model) == bits(before.model)
    assert bits(after.optimiser) == bits(before.optimiser)


def test_a_snapshot_comes_back_whole(tmp_path: Path) -> None:
    before = snapshot(7, best=7, stopped="the end")
    after = load(save(tmp_path / "checkpoints", before, SAME, keep=2, best=True), SAME)
    assert after.progress == before.progress
    assert bits(after.model) == bits(before.model)
    assert bits(after.optimiser) == bits(before.optimiser)


def test_an_optimiser_without_state_and_an_infinite_best_come_back(tmp_path: Path) -> None:
    before = Snapshot(Progress(3, float("inf"), 3), {"a": torch.ones(1)}, {})
    after = load(save(tmp_path, before, SAME, keep=1, best=True), SAME)
    assert after.progress == before.progress
    assert after.optimiser == {}


def test_two_equal_snapshots_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "a", 4), saved(tmp_path / "b", 4)
    assert names(one) == names(other)
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names(one))


def test_without_a_checkpoint_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert newest(tmp_path, SAME) is None
    assert newest(tmp_path / "none", SAME) is None


def test_the_newest_is_found(tmp_path: Path) -> None:
    saved(tmp_path, 9, 10, 100)
    found = newest(tmp_path, SAME)
    assert found is not None
    assert (found.step, found.path.name, found.passed_over) == (100, "step-00000100", ())


# ----------------------------------------------------------------------------- which stay


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4, 5, keep=2, best=2)
    assert names(tmp_path) == ["step-00000002", "step-00000004", "step-00000005"]


def test_what_a_kept_checkpoint_names_as_its_best_stays_until_it_goes(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, keep=2, best=1)
    save(tmp_path, snapshot(4, best=4), SAME, keep=2, best=True)
    assert names(tmp_path) == ["step-00000001", "step-00000003", "step-00000004"]
    save(tmp_path, snapshot(5, best=4), SAME, keep=2, best=False)
    assert names(tmp_path) == ["step-00000004", "step-00000005"]


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    path = save(tmp_path, snapshot(2, stopped="patience"), SAME, keep=2, best=False)
    assert load(path, SAME).progress.stopped == "patience"
    assert names(tmp_path) == ["step-00000001", "step-00000002"]


def test_a_later_step_that_was_passed_over_goes_and_does_not_count_as_newest(tmp_path: Path) -> None:
    flip(saved(tmp_path, 1, 2, 3) / "model.safetensors")
    save(tmp_path, snapshot(2), SAME, keep=1, best=False)
    assert names(tmp_path) == ["step-00000002"]


# ----------------------------------------------------------------------------- crashes


def gone_process() -> int:
    """The number of a process that is no more."""
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    return int(process.pid or 0)


def test_what_dead_processes_left_is_swept_and_what_living_ones_write_is_not(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    (tmp_path / f".step-00000002.{gone_process()}.tmp").mkdir()
    (tmp_path / f".step-00000002.{os.getpid()}.tmp").mkdir()
    (tmp_path / f".step-00000002.{os.getppid()}.tmp").mkdir()
    assert newest(tmp_path, SAME) is not None
    assert names(tmp_path) == [f".step-00000002.{os.getppid()}.tmp", "step-00000001"]


def test_a_crash_while_a_step_is_replaced_brings_the_old_one_back(tmp_path: Path) -> None:
    os.rename(saved(tmp_path, 3), tmp_path / f".step-00000003.{os.getpid()}.old")
    found = newest(tmp_path, SAME)
    assert found is not None
    assert found.step == 3


def save_for_ever(folder: Path) -> None:
    torch.set_num_threads(1)
    step = 0
    while True:
        step += 1
        best = step - step % 3
        save(folder, snapshot(step, best), SAME, keep=2, best=best == step)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork beside torch's threads
def test_a_process_that_is_killed_while_it_saves_leaves_a_checkpoint_that_can_be_used(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    found_any = False
    for wait in (0.02, 0.031, 0.05, 0.083, 0.11, 0.17, 0.5):
        folder = tmp_path / str(wait)
        process = context.Process(target=save_for_ever, args=(folder,), daemon=True)
        process.start()
        process.join(wait)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        found = newest(folder, SAME)
        if found is not None:
            found_any = True
            assert found.passed_over == ()
            assert bits(load(found.path, SAME).model) == bits(snapshot(found.step).model)
            assert not [name for name in names(folder) if name.startswith(".")]
    assert found_any


# ----------------------------------------------------------------------------- damage


def flip(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def as_link(path: Path) -> None:
    target = path.parent.parent / f"{path.parent.name}-{path.name}"
    if not target.exists():
        path.rename(target)
        path.symlink_to(target)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: (path / "model.safetensors").unlink(), "model.safetensors is missing"),
    (lambda path: (path / "optimiser.safetensors").unlink(), "optimiser.safetensors is missing"),
    (lambda path: (path / "progress.json").unlink(), "progress.json is missing"),
    (lambda path: (path / "identity.json").unlink(), "identity.json is missing"),
    (lambda path: cut(path / "model.safetensors"), "model.safetensors was changed: "),
    (lambda path: cut(path / "optimiser.safetensors"), "optimiser.safetensors was changed: "),
    (lambda path: cut(path / "manifest.json"), "manifest.json was changed"),
    (lambda path: flip(path / "model.safetensors"), "model.safetensors was changed: the same number"),
    (lambda path: flip(path / "optimiser.safetensors"), "optimiser.safetensors was changed: the same"),
    (lambda path: flip(path / "progress.json", 9), "progress.json was changed"),
    (lambda path: flip(path / "identity.json", 30), "identity.json was changed"),
    (lambda path: flip(path / "logged.json", 12), "logged.json was changed"),
    (lambda path: (path / "notes.txt").write_text("mine"), "it holds notes.txt, which is not its own"),
    (lambda path: as_link(path / "model.safetensors"), "model.safetensors is a link"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_damaged_checkpoint_is_refused_by_name_with_the_way_out(
    damage: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, 1, 2)
    damage(path)
    for read in (lambda: load(path, SAME), lambda: newest(tmp_path, SAME)):
        with pytest.raises(ResumeRefused, match="step-00000002 cannot be gone on from") as refused:
            read()
        assert said in refused.value.what
    assert f"delete {path} to go on from the one before it" in str(refused.value.hint)
    shutil.rmtree(path)
    found = newest(tmp_path, SAME)
    assert found is not None
    assert found.step == 1
    damage(found.path)
    with pytest.raises(ResumeRefused) as alone:
        newest(tmp_path, SAME)
    assert "train anew" in str(alone.value.hint)


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_over_and_named(tmp_path: Path) -> None:
    (saved(tmp_path, 1, 2) / "manifest.json").unlink()
    found = newest(tmp_path, SAME)
    assert found is not None
    assert found.step == 1
    assert found.passed_over == (("step-00000002", "manifest.json is missing: it was not written to its end"),)
    (found.path / "manifest.json").unlink()
    with pytest.raises(ResumeRefused, match="no checkpoint can be gone on from: step-00000002: "):
        newest(tmp_path, SAME)


def test_a_flipped_byte_anywhere_in_a_checkpoint_is_detected(tmp_path: Path) -> None:
    path = saved(tmp_path, 2)
    for name in names(path):
        whole = (path / name).read_bytes()
        for at in range(0, len(whole), 3 if name == "manifest.json" else 19):
            flip(path / name, at)
            with pytest.raises(ResumeRefused):
                load(path, SAME)
            (path / name).write_bytes(whole)
    load(path, SAME)


def test_a_checkpoint_under_another_name_is_refused(tmp_path: Path) -> None:
    os.rename(saved(tmp_path, 2), tmp_path / "step-00000009")
    with pytest.raises(ResumeRefused, match="it is named step-00000009, and holds step 2"):
        newest(tmp_path, SAME)


def test_a_missing_best_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, best=1)
    shutil.rmtree(tmp_path / "step-00000001")
    with pytest.raises(ResumeRefused, match=r"step-00000002 names step-00000001 as the best .* it is not there"):
        newest(tmp_path, SAME)


def test_a_damaged_best_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, best=1)
    flip(tmp_path / "step-00000001" / "model.safetensors")
    with pytest.raises(ResumeRefused, match=r"names step-00000001 as the best .* model.safetensors was changed"):
        newest(tmp_path, SAME)


@pytest.mark.parametrize(
    "other",
    [
        identity(examples(((4, 5), (1, 2, 3), (6, 7, 8)))),
        identity(examples(((1, 2, 3), (4, 5)))),
        identity(examples(weight=2.0)),
        identity(tokenizer="9" * 64),
        identity(machine=on(threads=1)),
        identity(machine=on(torch_build="9" * 64)),
        identity(token_budget=3),
    ],
)
def test_a_checkpoint_of_a_run_that_differs_is_not_passed_over_but_refused(other: object, tmp_path: Path) -> None:
    path = saved(tmp_path, 1, 2)
    with pytest.raises(ResumeRefused, match=r"step-00000002 cannot be gone on from: .* and was "):
        newest(tmp_path, other)  # type: ignore[arg-type]
    with pytest.raises(ResumeRefused, match=r"step-00000002 cannot be gone on from: .* and was "):
        load(path, other)  # type: ignore[arg-type]


def test_weights_can_be_looked_at_without_an_identity(tmp_path: Path) -> None:
    assert load(saved(tmp_path, 2), None).progress.step == 2


# ----------------------------------------------------------------------------- no room


def test_a_full_disk_is_an_output_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    saved(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for most in (10, 300, 600, 1200):  # in the model, the optimiser, the identity, the manifest
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
            with pytest.raises(OutputError, match="step-00000002 cannot be written"):
                save(tmp_path, snapshot(2), SAME, keep=1, best=False)
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert names(tmp_path) == ["step-00000001"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    load(tmp_path / "step-00000001", SAME)


def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save(tmp_path / "file" / "checkpoints", snapshot(1), SAME, keep=1, best=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        save(tmp_path, snapshot(1), SAME, keep=1, best=False)
    tmp_path.chmod(0o700)


def test_the_manifest_lists_size_and_hash_of_each_file(tmp_path: Path) -> None:
    path = saved(tmp_path, 2)
    manifest = json.loads((path / "manifest.json").read_bytes())
    assert manifest["step"] == 2
    assert sorted(manifest["files"]) == list(checkpoint.CONTENTS)
    assert all(one["bytes"] == (path / name).stat().st_size for name, one in manifest["files"].items())
