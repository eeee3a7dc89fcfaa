"""What tests of providers share: the stand-in, and the same behind Prism, started once for a file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.train.provider.prism import Proxied, prism
from tests.train.provider.process import Provider, provider


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Provider]:
    """The stand-in provider, of this test alone."""
    with provider(tmp_path) as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """What a connection whose ``sleep`` is ``waits.append`` would have waited, in seconds."""
    return []


@pytest.fixture(scope="module")
def one_proxied(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """One for all tests of a file. The first of them waits for Prism, and the first of all for npm: mark the file with
    ``pytest.mark.timeout(240)``."""
    if (kept := getattr(pytestconfig, "cache", None)) is None:
        pytest.skip("pytest keeps no cache, and Prism is installed in it")
    cache = kept.mkdir("prism")
    with provider(tmp_path_factory.mktemp("proxied")) as server, prism(server, cache) as watch:
        yield Proxied(server, watch)


@pytest.fixture
def proxied(one_proxied: Proxied) -> Iterator[Proxied]:
    """The same with nothing of another test in what was seen; no violation is left unsaid."""
    one_proxied.watch.seen.clear()
    yield one_proxied
    assert one_proxied.watch.violations == []
