"""What is installed is told as the standard library tells it, only sooner."""

from __future__ import annotations

import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from audit.catalog import _has_plugins
from audit.evidence import installed_version, metadata_folders


def test_every_installed_version_is_that_of_the_standard_library() -> None:
    names = {found.metadata["Name"] for found in distributions()}
    assert "msgspec" in names
    assert {name: installed_version(name) for name in names} == {name: version(name) for name in names}
    assert installed_version("no-such-distribution") is None


def test_a_plugin_on_the_import_path_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shouting_rules-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: Shouting.Rules\nVersion: 1.0\n\nVersion: 9\n")
    (folder / "entry_points.txt").write_text("[audit.rules]\nshouting = shouting\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert str(folder) in metadata_folders(tuple(sys.path))
    assert installed_version("shouting-rules") == "1.0"
    assert _has_plugins()
