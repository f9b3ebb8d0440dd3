"""What all tests share: a workspace with tiny rows, a tiny encoder, and one Prefect server."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take minutes first, so that no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores, four at most: a third of the time is waiting for servers and processes."""
    return min((os.cpu_count() or 1) + 1, 4)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny encoder; do not change it."""
    return tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a Prefect server that lives as long as the tests; its database is temporary."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield PREFECT_API_URL.value()


@pytest.fixture
def workspace(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A workspace whose clean rows and one encoder, `tiny`, are there."""
    tiny.clean_rows(tmp_path)
    shutil.copytree(tiny_encoder, tmp_path / "models" / "encoders" / "tiny")
    return tmp_path
