"""Third-party rules: found through their entry point, judged like our own, and refused when they break the contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOUD = (
    b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "HELLO THERE, MY FRIEND!"}]}\n'
)


def install(folder: Path, package: str, entry: str) -> None:
    """Metadata of an installed distribution, as pip would leave it."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[audit.rules]\n{entry}\n")


def audit(root: Path, *paths: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, root]))}
    return subprocess.run(
        [sys.executable, "-m", "audit", *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_the_example_plugin_is_found_listed_explained_and_run(root: Path, tmp_path: Path) -> None:
    install(tmp_path, "audit-rule-shouting", "shouting = audit_rule_shouting")
    data = tmp_path / "loud.jsonl"
    data.write_bytes(LOUD)
    paths = (tmp_path, root / "examples" / "plugin")
    found = audit(root, *paths, arguments=["check", str(data), "--isolated", "--format", "json", "--ignore", "TOK"])
    assert [finding["code"] for finding in json.loads(found.stdout)["findings"]] == ["ACM001"]
    assert "ACM001" in audit(root, *paths, arguments=["rules"]).stdout
    assert audit(root, *paths, arguments=["explain", "ACM001"]).returncode == 0


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("from audit.rules.encoding import RULES", "two rules have the code ENC001"),
        ("RULES = ()\nraise ImportError('no such library')", "cannot be loaded"),
        ("RULES = []", "no RULES tuple"),
    ],
)
def test_a_plugin_that_breaks_the_contract_stops_the_run_with_a_reason(
    root: Path, tmp_path: Path, source: str, says: str
) -> None:
    install(tmp_path, "bad-plugin", "bad = bad_plugin")
    (tmp_path / "bad_plugin.py").write_text(source + "\n")
    stopped = audit(root, tmp_path, arguments=["rules"])
    assert (stopped.returncode, says in stopped.stderr) == (2, True)
