"""A toy project, and one Prefect server for all tests of the flows."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.flows.toy import TASKS, Project


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a Prefect server that lives as long as the tests; its database is temporary."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield PREFECT_API_URL.value()


@pytest.fixture
def project(tmp_path: Path, prefect_api: str) -> Project:
    return Project(tmp_path, prefect_api)


@pytest.fixture
def quiet_project(tmp_path: Path) -> Project:
    """A project for what needs no Prefect."""
    return Project(tmp_path)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Runs the flow in this process, in the project; returns how each item came to be."""
    import textwrap

    stub = ModuleType("tasks.params")
    exec(textwrap.dedent(TASKS["params.py"]), stub.__dict__)
    monkeypatch.setitem(sys.modules, "tasks.params", stub)
    monkeypatch.chdir(project.root)

    from flows.pipeline import pipeline

    return lambda *targets, **options: pipeline(targets=list(targets) or None, **options)
