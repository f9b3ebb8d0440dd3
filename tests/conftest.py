"""What all tests share: a workspace with tiny rows and a tiny encoder."""

import shutil
from pathlib import Path

import pytest

from tests import tiny


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny encoder; do not change it."""
    return tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def workspace(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A workspace whose clean rows and one encoder, `tiny`, are there."""
    tiny.clean_rows(tmp_path)
    shutil.copytree(tiny_encoder, tmp_path / "models" / "encoders" / "tiny")
    return tmp_path
