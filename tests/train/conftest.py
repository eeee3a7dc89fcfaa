"""What tests of the hosted run share: the stand-in provider behind Prism, started once for a file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.train.provider.prism import Proxied, prism
from tests.train.provider.process import provider


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
