"""The recipes of ``examples/cloud``: what they name exists, SkyPilot's own parser reads them, and a run that is killed
goes on from what was kept of it. No image is built and no machine is rented."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from audit.train.runs.verify import verify
from tests.train.run_chats import write_chats

yaml = pytest.importorskip("yaml", reason="PyYAML reads the recipe")

SKYPILOT = os.environ.get("AUDIT_SKYPILOT_PYTHON", sys.executable)
"""An interpreter that has SkyPilot, which wants other versions of much that is installed here."""
PARSE = """
import json, sys
import sky, yaml
with open(sys.argv[1]) as file:
    config = yaml.safe_load(file)
try:
    sky.Task.from_yaml_config(dict(config))
except ValueError as error:
    required = "DATA" in str(error)
task = sky.Task.from_yaml_config(
    config, env_overrides=[("DATA", "s3://my-data/loans"), ("KEPT", "my-audit-runs")]
)
print("TASK", json.dumps({
    "required": required,
    "clouds": sorted(str(one.cloud) for one in task.resources),
    "spot": all(one.use_spot for one in task.resources),
    "data": task.file_mounts["/data"],
    "mode": task.storage_mounts["/kept"].mode.value,
    "bucket": task.storage_mounts["/kept"].name,
}))
"""
SMALL = ("width=16", "layers=1", "heads=2", "vocabulary=300", "save_every=10", "threads=1", "energy=off")


@pytest.fixture
def cloud(root: Path) -> Path:
    return root / "examples" / "cloud"


def recipe(cloud: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((cloud / "train.sky.yaml").read_text(encoding="utf-8")))


# ----------------------------------------------------------------------------- the recipe


def test_the_recipe_runs_on_three_clouds_with_one_kind_of_gpu_and_goes_on(cloud: Path) -> None:
    task = recipe(cloud)
    anywhere = task["resources"]["any_of"]
    assert [one["infra"] for one in anywhere] == ["aws", "gcp", "azure"]
    assert len({one["accelerators"] for one in anywhere}) == 1
    assert task["resources"]["use_spot"] is True
    assert "examples/cloud/train.sh" in task["run"]
    assert "--resume" in (cloud / "train.sh").read_text(encoding="utf-8")


def test_every_variable_of_the_recipe_is_declared(cloud: Path) -> None:
    task = recipe(cloud)
    written = f"{task['file_mounts']} {task['run']} {task['setup']}"
    assigned = set(re.findall(r"^\s*(?:if .* then )?(\w+)=", task["run"], re.MULTILINE)) | {"validation"}
    assert set(re.findall(r"\$\{?(\w+)", written)) <= {*task["envs"], *assigned, "HOME", "PATH"}


def test_extras_and_pins_that_are_installed_exist(root: Path, cloud: Path) -> None:
    import tomllib

    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for text in (recipe(cloud)["setup"], (cloud / "Dockerfile").read_text(encoding="utf-8")):
        named = re.findall(r"\.\[([a-z,]+)\]|EXTRAS=([a-z,]+)", text)
        assert {one for pair in named for part in pair if part for one in part.split(",")} <= set(extras)
    assert re.search(r"^torch==", (root / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)


def test_skypilot_reads_the_recipe(cloud: Path, tmp_path: Path) -> None:
    import json

    if subprocess.run([SKYPILOT, "-c", "import sky"], capture_output=True, check=False).returncode:
        pytest.skip("SkyPilot is not installed: AUDIT_SKYPILOT_PYTHON names an interpreter that has it")
    told = subprocess.run(
        [SKYPILOT, "-c", PARSE, str(cloud / "train.sky.yaml")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"},
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.rpartition("TASK ")[2])
    assert found == {
        "required": True,
        "clouds": ["AWS", "Azure", "GCP"],
        "spot": True,
        "data": "s3://my-data/loans",
        "mode": "MOUNT",
        "bucket": "my-audit-runs",
    }


# ----------------------------------------------------------------------------- the image


def test_the_image_copies_what_there_is_and_runs_without_rights(root: Path, cloud: Path) -> None:
    lines = (cloud / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (root / name).exists()] == []
    # All that the links in `audit` point to is there, too.
    assert {link.resolve().name for link in (root / "audit").iterdir() if link.is_symlink()} <= set(copied)
    assert "USER audit" in lines
    assert 'ENTRYPOINT ["audit"]' in lines
    assert lines[lines.index("USER audit") :].count("USER root") == 0


# ----------------------------------------------------------------------------- a machine that is taken away


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``audit`` is this checkout, and every new checkpoint is kept within a second or two."""
    if not shutil.which("bash") or not shutil.which("sha256sum"):
        pytest.skip("bash and sha256sum are not installed")
    command = tmp_path / "bin" / "audit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KEEP_EVERY": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def words(cloud: Path, folder: Path) -> list[str]:
    """The command of a small run whose data and copies lie in ``folder``."""
    (folder / "audit.toml").write_text(
        '[fairness.not_applicable]\nreason = "made up"\nowner = "A. Jones"\nexpires = "2099-01-01"\n'
    )
    places = (cloud / "train.sh", folder / "run", folder / "kept", write_chats(folder / "train.jsonl", 60))
    sets = [word for one in SMALL for word in ("--set", one)]
    config = ("--config", str(folder / "audit.toml"))
    return [*map(str, places), *config, *sets, "--epochs", "60", "--no-progress", "--no-evaluate"]


def keep(kept: Path, number: int, content: bytes, *, whole: bool) -> None:
    kept.mkdir(exist_ok=True)
    (kept / f"run.{number}.tar").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest() if whole else "0" * 64
    (kept / f"run.{number}.tar.sha256").write_text(f"{digest}  run.{number}.tar\n")


def kill_when_kept(command: list[str], kept: Path, environment: dict[str, str]) -> None:
    """Start a run and kill it, with all that it has started, as soon as a copy of it is complete."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
        while process.poll() is None:
            if any(path.read_text().endswith(".tar\n") for path in kept.glob("*.sha256")):
                break
            time.sleep(0.05)
        assert process.poll() is None, "it ended before anything was kept"
        os.killpg(process.pid, signal.SIGKILL)


def test_a_killed_run_goes_on_from_the_newest_whole_pack(
    cloud: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    pytest.importorskip("torch", reason="a run is made")
    kept, run, back = tmp_path / "kept", tmp_path / "run", tmp_path / "back"
    command = words(cloud, tmp_path)
    kill_when_kept(command, kept, environment)
    keep(kept, 99, b"cut off", whole=False)
    shutil.rmtree(run)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run.99.tar is not whole, or cannot be read, and is passed over" in done.stdout
    assert (kept / "run.99.tar").read_bytes() == b"cut off"
    assert re.search(r"going on from run\.\d+\.tar", done.stdout)
    assert verify(run).state == "intact"
    packs = sorted(kept.glob("*.tar"), key=lambda path: int(path.suffixes[0][1:]))
    assert len(packs) == 3
    newest = packs[-1]
    shutil.unpack_archive(newest, back, filter="data")
    assert {path.name for path in back.iterdir()} == {path.name for path in run.iterdir()}


def test_the_two_newest_packs_stay_and_the_exit_code_is_that_of_audit(
    cloud: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    kept, run = tmp_path / "kept", tmp_path / "run"
    for number in (9, 10):
        keep(kept, number, b"of a machine before", whole=True)
    run.mkdir()
    (run / "note.txt").write_text("the disk of the machine is still there")
    command = [str(cloud / "train.sh"), str(run), str(kept), str(tmp_path / "missing.jsonl")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "error: " in done.stderr
    assert sorted(path.name for path in kept.glob("*.tar")) == ["run.10.tar", "run.11.tar"]


def test_packs_of_which_none_can_be_read_stop_it_and_stay(
    cloud: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    kept = tmp_path / "kept"
    for number in (3, 4):
        keep(kept, number, b"cut off", whole=False)
    command = [str(cloud / "train.sh"), str(tmp_path / "run"), str(kept), "data.jsonl"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "no pack in" in done.stderr) == (1, True)
    assert sorted(path.name for path in kept.glob("*.tar")) == ["run.3.tar", "run.4.tar"]
    assert not (tmp_path / "run").exists()


STUB = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
mkdir -p "$2/checkpoints/1" && sleep 1.5 && echo whole > "$2/checkpoints/1/end"
"""
BROKEN_COPY = """#!/bin/sh
echo x >> "$FAILURES"
[ "$(wc -l < "$FAILURES")" -gt "$MOST_FAILURES" ] || exit 1
exec /bin/cp "$@"
"""


@pytest.mark.parametrize(("failures", "code", "packs"), [(1, 0, 1), (99, 1, 0)])
def test_a_copy_that_fails_ends_neither_the_training_nor_the_machine_without_a_word(
    cloud: Path, tmp_path: Path, environment: dict[str, str], failures: int, code: int, packs: int
) -> None:
    for name, script in (("audit", STUB), ("cp", BROKEN_COPY)):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    told = {"FAILURES": str(tmp_path / "failures"), "MOST_FAILURES": str(failures), "KEEP_AGAIN": "0"}
    command = [str(cloud / "train.sh"), str(tmp_path / "run"), str(tmp_path / "kept"), "data.jsonl"]
    done = subprocess.run(command, env={**environment, **told}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "could not be written" in done.stderr
    assert (tmp_path / "run" / "checkpoints" / "1" / "end").exists()
    whole = [path for path in (tmp_path / "kept").glob("*.sha256") if path.with_suffix("").exists()]
    assert len(whole) >= 1 if packs else not whole
    for path in whole:
        shutil.unpack_archive(path.with_suffix(""), tmp_path / "back", filter="data")
    assert (tmp_path / "back" / "checkpoints" / "1" / "end").exists() == bool(packs)
