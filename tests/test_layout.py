"""One import root, a package list that is true, and a start-up that loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

OUTSIDE = {"audit.reports": "reports", "audit.rules": "rules", "audit.train": "train"}
HEAVY = {
    "pandas", "pyarrow", "numpy", "scipy", "sklearn", "torch", "transformers", "openai", "jinja2", "tokenizers",
}  # fmt: skip
GOOD_ROW = {"messages": [{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant", "content": "4"}]}


def setuptools_table(root: Path) -> dict[str, dict[str, str]]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def packages_on_disk(root: Path) -> Iterator[str]:
    for name, folder in {"audit": "audit", **OUTSIDE}.items():
        for found in (root / folder).rglob("*.py"):
            below = found.parent.relative_to(root / folder).parts
            top_is_a_link = name == "audit" and below and f"audit.{below[0]}" in OUTSIDE
            if not top_is_a_link:
                yield ".".join((name, *below))


def test_the_package_list_is_what_is_on_disk(root: Path) -> None:
    assert setuptools_table(root)["packages"] == sorted(set(packages_on_disk(root)))


def test_every_package_has_an_init(root: Path) -> None:
    mapping = setuptools_table(root)["package-dir"]
    for package in setuptools_table(root)["packages"]:
        top = next((name for name in OUTSIDE if package == name or package.startswith(f"{name}.")), "audit")
        folder = root / mapping[top] / Path(*package.removeprefix(top).strip(".").split("."))
        assert (folder / "__init__.py").is_file(), package


def test_the_three_outside_folders_are_mapped_and_linked(root: Path) -> None:
    mapping = setuptools_table(root)["package-dir"]
    assert {name: mapping[name] for name in OUTSIDE} == OUTSIDE
    for name, folder in OUTSIDE.items():
        link = root / "audit" / name.removeprefix("audit.")
        if link.is_file():  # git without symbolic links writes the target's path as text
            assert link.read_text(encoding="utf-8").strip() == f"../{folder}"
        else:
            assert link.resolve() == (root / folder).resolve()


def test_no_module_imports_a_top_level_folder_by_its_bare_name(root: Path) -> None:
    banned = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    table = banned["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(table) == set(OUTSIDE.values())


def loaded_by(program: str, folder: Path) -> set[str]:
    """Top-level names of the modules that are loaded after a program has run in a fresh interpreter."""
    report = "import json, sys; print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    wrapped = f"try:\n    {program}\nexcept SystemExit:\n    pass\n{report}"
    done = subprocess.run(
        [sys.executable, "-c", wrapped], cwd=folder, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "program",
    [
        "import audit",
        "import audit.cli",
        "from audit.cli import main; main(['--version'])",
        "from audit.cli import main; main(['--help'])",
        "from audit.cli import main; main(['explain', 'ENC001'])",
        "from audit.cli import main; main(['check', '--isolated', 'clean.jsonl'])",
        "from audit.cli import main; main(['check', '--isolated', '--target', 'openai-sft', 'clean.jsonl'])",
    ],
)
def test_start_up_and_a_small_check_load_no_heavy_library(program: str, tmp_path: Path) -> None:
    (tmp_path / "clean.jsonl").write_text("".join(json.dumps(GOOD_ROW) + "\n" for _ in range(12)), encoding="utf-8")
    assert not loaded_by(program, tmp_path) & HEAVY


def test_the_version_is_printed_without_the_data_model(tmp_path: Path) -> None:
    assert "msgspec" not in loaded_by("from audit.cli import main; main(['--version'])", tmp_path)
