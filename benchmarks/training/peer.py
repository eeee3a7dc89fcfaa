"""TRL's own environment, ``.venv-trl`` beside ``.venv``: made when it is missing, with the versions of
``requirements-trl.txt``. ``PEER_PYTHON`` names another interpreter that has TRL."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".venv-trl"
REQUIREMENTS: Final = Path(__file__).with_name("requirements-trl.txt")
CONSTRAINTS: Final = ROOT / "constraints.txt"
_DONE: Final = FOLDER / ".set-up"


def python() -> Path | None:
    """The interpreter that has TRL, after making its environment where there is none; None where that fails."""
    if named := os.environ.get("PEER_PYTHON"):
        return Path(named)
    interpreter = FOLDER / "bin" / "python"
    if _DONE.is_file() and _DONE.read_text("utf-8") == _wanted():
        return interpreter
    print(f"TRL's environment is made in {FOLDER.name} (once; minutes, and a package registry is needed)", flush=True)
    try:
        _make(interpreter)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"TRL's environment could not be made ({error}); its side is left out", flush=True)
        return None
    _DONE.write_text(_wanted(), "utf-8")
    return interpreter


def versions(interpreter: Path) -> str:
    """``trl 1.16.0, torch 2.13.0+cpu, ...`` of what is installed there."""
    script = (
        "import importlib.metadata as m; "
        "print(', '.join(f'{n} {m.version(n)}' for n in ('trl', 'transformers', 'torch', 'accelerate')))"
    )
    told = subprocess.run([str(interpreter), "-c", script], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def _wanted() -> str:
    return f"{_torch()}\n{sys.version}\n{REQUIREMENTS.read_text('utf-8')}"


def _torch() -> str:
    """The pin of torch, which is installed first and by itself: else pip moves to the newest build."""
    return next(line for line in CONSTRAINTS.read_text("utf-8").splitlines() if line.startswith("torch=="))


def _make(interpreter: Path) -> None:
    venv.create(FOLDER, with_pip=True, symlinks=True)
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    index = os.environ.get("TORCH_INDEX")
    subprocess.run([*install, *(["--index-url", index] if index else []), _torch()], check=True)
    subprocess.run([*install, "-c", str(CONSTRAINTS), "-r", str(REQUIREMENTS)], check=True)
