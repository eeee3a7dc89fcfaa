"""The documentation is what the code says, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_the_generated_pages_are_what_the_code_says(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def handwritten(root: Path) -> Iterator[Path]:
    yield from (root / name for name in ("README.md", "CHANGELOG.md"))
    yield from (root / "docs").rglob("*.md")
    yield from (root / "examples").rglob("*.md")


def test_every_relative_link_leads_to_a_file(root: Path) -> None:
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in handwritten(root)
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_is_listed(root: Path) -> None:
    folder = root / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def readme_console_blocks(root: Path) -> list[str]:
    text = (root / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```console\n(.*?)```", text, re.DOTALL)


def test_every_command_shown_in_the_readme_exists(root: Path) -> None:
    from audit.cli.commands import BY_NAME

    shown = {
        word for block in readme_console_blocks(root) for word in re.findall(r"^\$ audit (\w+)", block, re.MULTILINE)
    }
    assert shown
    assert shown <= set(BY_NAME)


def test_every_rule_code_in_the_readme_is_a_rule(root: Path) -> None:
    from audit.catalog import all_rules

    named = set(re.findall(r"\b(?:ENC|FMT|TCL|TOK)\d{3}\b", (root / "README.md").read_text(encoding="utf-8")))
    assert named <= {rule.code for rule in all_rules()}


def test_the_output_shown_in_the_readme_is_what_the_command_prints(root: Path, tmp_path: Path) -> None:
    from audit.demo import write

    write(tmp_path / "audit-demo")
    [shown] = [block for block in readme_console_blocks(root) if "\n" in block.strip() and "audit-demo" in block]
    command, *lines = shown.splitlines()
    words = [sys.executable, "-m", *command.removeprefix("$ ").split()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert set(lines) <= set(done.stdout.splitlines())
