"""The wheel holds what the tree holds, has one top-level name, and works beside a user's ``train.py``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA_SUFFIXES = {".toml", ".json", ".gz", ".txt", ".typed", ".tiktoken"}
ROWS = [
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hello {n}"}]} for n in range(12)
]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("setuptools") is None or int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools 77 or newer is needed to build the wheel without a network")
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    # Built from a copy, so that no build folder is left in the tree or taken over from an earlier build.
    copy = tree_copy(root, tmp_path_factory.mktemp("tree"))
    done = subprocess.run([sys.executable, "-c", build, str(folder)], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


def tree_copy(root: Path, folder: Path) -> Path:
    """The project as a clone without symbolic links sees it: the links are small text files."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((root / name).read_bytes())
    for path in source_files(root):
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    for name in ("rules", "train", "reports"):
        (folder / "audit" / name).write_text(f"../{name}", encoding="utf-8")
    return folder


def source_files(root: Path) -> list[Path]:
    """Every module and data file of the four folders, each once, under the folder where it really is."""
    found: list[Path] = []
    for top in ("audit", "rules", "train", "reports"):
        for folder, below, names in os.walk(root / top):
            below[:] = [name for name in below if name != "__pycache__" and not Path(folder, name).is_symlink()]
            paths = [Path(folder, name) for name in names]
            found += [path for path in paths if path.suffix == ".py" or path.suffix in DATA_SUFFIXES]
    return sorted(path for path in found if not path.is_symlink())


def name_in_wheel(path: Path) -> str:
    name = path.as_posix()
    return name if name.startswith("audit/") else f"audit/{name}"


def test_the_wheel_holds_every_module_and_data_file_and_nothing_else(wheel: Path, root: Path) -> None:
    in_tree = {name_in_wheel(path.relative_to(root)) for path in source_files(root)}
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert in_wheel == in_tree


def test_the_wheel_puts_one_name_into_site_packages(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"audit"}


def test_the_wheel_carries_the_licence_and_the_command(wheel: Path, root: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    by_name = {name.split(".dist-info/")[-1]: name for name in archive.namelist()}
    assert archive.read(by_name["licenses/LICENSE"]) == (root / "LICENSE").read_bytes()
    assert b"audit = audit.cli:main" in archive.read(by_name["entry_points.txt"])


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as pip does for a pure one. Its dependencies come from the running environment."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run_beside_user_files(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``python ...`` with the wheel first on the path, in a folder with the user's train.py, rules/ and reports.py."""
    trap = "from pathlib import Path\nPath('touched').write_text(__name__)\n"
    for name in ("train.py", "reports.py"):
        (folder / name).write_text(trap, encoding="utf-8")
    (folder / "rules").mkdir()
    (folder / "rules" / "__init__.py").write_text(trap, encoding="utf-8")
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def test_a_check_beside_a_users_train_file_and_rules_folder_touches_neither(installed: Path, tmp_path: Path) -> None:
    done = run_beside_user_files(installed, tmp_path, "-m", "audit", "check", "--isolated", "x.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "touched").exists()


def test_the_installed_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    program = "import audit, audit.rules, audit.train, audit.reports; print(audit.rules.__file__)"
    done = run_beside_user_files(installed, tmp_path, "-c", program)
    assert Path(done.stdout.strip()) == installed / "audit" / "rules" / "__init__.py", done.stderr


def test_the_version_of_the_command_is_that_of_the_project(installed: Path, tmp_path: Path, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = run_beside_user_files(installed, tmp_path, "-m", "audit", "--version")
    assert project["version"] in done.stdout
