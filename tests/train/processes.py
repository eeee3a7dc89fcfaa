"""Starts the processes of a run as a launcher does: each with its rank, joined at one port."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


def started(command: Sequence[str], size: int, root: Path) -> list[subprocess.Popen[bytes]]:
    """``size`` processes of one command, from the root of the repository."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(size):
        told = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "WORLD_SIZE": size,
            "RANK": rank,
            "LOCAL_RANK": rank,
            "LOCAL_WORLD_SIZE": size,
            "OMP_NUM_THREADS": 1,
        }
        joined = {name: str(value) for name, value in told.items()} if size > 1 else {}
        environment = {**os.environ, **joined, "PYTHONPATH": str(root), "ACCELERATE_USE_CPU": "true"}
        processes.append(subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.PIPE))
    return processes
