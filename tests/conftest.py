"""What every test may use: the root of the repository and hypothesis settings. Builds no data."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from audit.engine import processes

# The same examples on every run and machine: a failure seen once is seen again. To look for more, with other examples
# on every run: pytest --hypothesis-profile thorough.
settings.register_profile("audit", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile("audit")

# Hypothesis also draws constants from all modules that are loaded, so that examples would depend on which tests ran
# before; and reading some eight hundred modules takes every process up to 90 seconds. There is no setting for it.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants


# Modules of tests import torch, and with it loaded processes are spawned and not forked, which costs each a second. As
# long as torch has computed nothing it has no threads, so those that compute with it come last, and others fork until
# then.
COMPUTES: Final = ("train", "cli", "test_demo.py", "test_model_half.py")
UNSAFE: Final = processes.FORK_UNSAFE


def computes(item: pytest.Item) -> bool:
    """Whether a test may compute with torch."""
    return any(part in COMPUTES for part in item.path.relative_to(Path(__file__).parent).parts)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that compute with torch last, in the order in which they stand otherwise."""
    items.sort(key=computes)
    processes.FORK_UNSAFE = tuple(name for name in UNSAFE if name != "torch")  # type: ignore[misc]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """From the first test that computes with torch on, nothing is forked."""
    if computes(item):
        processes.FORK_UNSAFE = UNSAFE  # type: ignore[misc]


def pytest_collection_finish() -> None:
    """Leave the eleven thousand tests and their modules out of every later collection of garbage, of which each takes
    most of a second otherwise."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: what is trained is the same to the last bit, and small models are no faster on more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
