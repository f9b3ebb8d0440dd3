"""A toy project for the tests of the flows."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.flows.toy import TASKS, Project


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
