"""The real pipeline on small data: through each door, again, after changes, and with nothing but what it declares."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.stage import shell_command
from flows.worker import Worker
from tests.imports import ROOT, closure
from tests.project import CANDIDATES, ENSEMBLES, FEATURES, QUANTIZED, STUDENTS, Project

pytestmark = pytest.mark.slow

ITEMS = {
    "ingest", "clean", "adapt@tiny", "adapt@domain",
    "embed@words", "embed@word_ids", "embed@vectors", "embed@ids", "embed@plain_ids", "finetune@lora", "evaluate@lora",
    "finetune@naive_bayes", "finetune@forest", "finetune@frozen", "finetune@text_cnn", "finetune@finetune",
    "evaluate@naive_bayes", "evaluate@forest", "evaluate@frozen", "evaluate@text_cnn", "evaluate@finetune",
    "combine@blend", "combine@stacked", "evaluate_ensemble@blend", "evaluate_ensemble@stacked",
    "distill@small", "evaluate_student@small", "quantize@lora_int8", "evaluate_quantized@lora_int8", "select",
}  # fmt: skip
ROOMS = {
    "evaluate_ensemble": "evaluate", "evaluate_student": "evaluate", "evaluate_quantized": "evaluate",
    "distill": "finetune",
}  # fmt: skip
"""The rooms of stages that work in another's."""
RAN = {"@".join([ROOMS.get(stage, stage), *item]) for stage, *item in (item.split("@") for item in ITEMS)}
"""What all items leave records of."""

FEW = ("naive_bayes", "text_cnn", "finetune")
FEW_FEATURES = ("words", "word_ids", "ids")
FEW_ITEMS = {
    "ingest", "clean", "adapt@tiny", "adapt@domain", *(f"embed@{name}" for name in FEW_FEATURES),
    *(f"{stage}@{name}" for stage in ("finetune", "evaluate") for name in FEW), "select",
}  # fmt: skip
"""Of the smaller graph that tests have where the size does not matter: `dvc repro` takes ten seconds an item."""


@pytest.fixture(scope="module")
def by_flow(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, prefect_api: str) -> Iterator[Project]:
    """A workspace after one `regraft run`. Tests leave it as they found it."""
    project = Project(tmp_path_factory.mktemp("flow") / "project", tiny_encoder, prefect_api)
    project.run("run")
    assert project.executed() == RAN
    yield project


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, prefect_api: str) -> Project:
    """A smaller workspace, with items like those of `by_flow`, after one `dvc repro`. Tests leave it as it was."""
    project = Project(tmp_path_factory.mktemp("dvc") / "project", tiny_encoder, prefect_api)
    project.set_params(
        tiny_encoder,
        features={name: FEATURES[name] for name in FEW_FEATURES},
        candidates={name: CANDIDATES[name] for name in FEW},
        students={},
        ensembles={},
        quantized={},
    )
    project.run("links")
    project.dvc("repro")
    assert project.executed() == FEW_ITEMS
    return project


def test_a_run_ends_with_a_selected_model_and_a_report(by_flow: Project) -> None:
    selection = by_flow.selection()
    declared = set(CANDIDATES | STUDENTS | ENSEMBLES | QUANTIZED)
    assert selection["winner"] in declared
    assert {candidate["name"] for candidate in selection["candidates"]} == declared
    assert selection["test"]["accuracy"] > 0.8
    assert (by_flow.folder / "reports" / "report.html").stat().st_size > 10_000
    assert (by_flow.folder / "models" / "selected" / "README.md").exists()


def test_both_doors_leave_the_same_lock_and_the_same_bytes(by_flow: Project, by_dvc: Project) -> None:
    shared = FEW_ITEMS - {"select"}  # which sees all candidates
    ours, theirs = ({item: lock["stages"][item] for item in shared} for lock in (by_flow.lock(), by_dvc.lock()))
    assert ours == theirs
    made, again = by_flow.outputs(), by_dvc.outputs()
    same = {path for path in again if not path.startswith("models/selected/")}
    assert len(same) > 40
    assert {path: made.get(path) for path in same} == {path: again[path] for path in same}


def test_after_one_door_the_others_find_nothing_to_do(by_flow: Project, by_dvc: Project) -> None:
    for project in (by_flow, by_dvc):
        assert "up to date" in project.dvc("status").stdout
        project.dvc("repro")
        project.run("run")
        assert project.run("explain").returncode == 0
        assert project.executed() == set()


# Each ensemble is combined anew when any candidate has changed, and measured only if it has changed itself.
COMBINED = {"combine@blend", "combine@stacked", "evaluate@stacked", "finetune@small", "evaluate@small"}


def test_a_changed_rate_runs_that_candidate_and_what_reads_it_and_going_back_runs_nothing(by_flow: Project) -> None:
    before = by_flow.outputs()
    params = by_flow.folder / "params.yaml"
    original = params.read_text()
    params.write_text(original.replace('"learning_rate": 0.005', '"learning_rate": 0.004'))
    explained = by_flow.run("explain", check=False)
    assert explained.returncode == 1
    assert "learning_rate" in explained.stdout
    by_flow.run("run")
    assert by_flow.executed() == {"finetune@finetune", "evaluate@finetune", "select"} | COMBINED
    assert by_flow.outputs() != before
    params.write_text(original)
    by_flow.run("run")
    assert by_flow.executed() == set()
    assert by_flow.outputs() == before


def test_an_override_holds_for_one_run(by_dvc: Project) -> None:
    before = (by_dvc.folder / "params.yaml").read_bytes()
    by_dvc.run("run", "--set", "candidates.text_cnn.learning_rate=0.03")
    assert by_dvc.executed() == {"finetune@text_cnn", "evaluate@text_cnn", "select"}
    assert (by_dvc.folder / "params.yaml").read_bytes() == before
    by_dvc.run("run")
    assert by_dvc.executed() == set()


STARTS = {
    "tasks/rules.py": {"clean", "adapt", "embed", "finetune", "evaluate", "combine", "quantize", "select"},
    "tasks/finetune/order.py": {"finetune"},
    "tasks/folds.py": {"finetune", "combine"},
    "tasks/select/wording.py": {"select"},
    "tasks/scores.py": {"evaluate", "select"},
}


@pytest.mark.parametrize("module", STARTS)
def test_editing_a_module_makes_every_stage_that_imports_it_due(by_flow: Project, module: str) -> None:
    importing = {room for room in STARTS[module] if ROOT / module in closure(ROOT / "tasks" / room / "stage.py")}
    assert importing == STARTS[module]
    file = by_flow.folder / module
    original = file.read_text()
    file.write_text(original + "\n# edited\n")
    try:
        status = by_flow.dvc("status").stdout
    finally:
        file.write_text(original)
    due = {line.split("@")[0].rstrip(":") for line in status.splitlines() if line and not line.startswith(("\t", " "))}
    assert {ROOMS.get(stage, stage) for stage in due} == importing


def test_editing_a_test_or_the_readme_makes_nothing_due(by_flow: Project) -> None:
    for name in ("README.md", "tests/test_x.py", "data/source/README.md", "tasks/params.py"):
        path = by_flow.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + "\n# edited\n")
    assert "up to date" in by_flow.dvc("status").stdout
    assert by_flow.run("explain").returncode == 0


def test_a_lost_output_and_a_spoilt_one_are_put_right(by_flow: Project) -> None:
    before = by_flow.outputs()
    (by_flow.folder / "predictions" / "frozen.parquet").unlink()
    weights = by_flow.folder / "models" / "candidates" / "frozen" / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert by_flow.run("explain", check=False).returncode == 1
    by_flow.run("run")
    assert by_flow.outputs() == before


def test_a_champion_makes_the_selection_alone_due_and_is_judged_against(by_dvc: Project) -> None:
    before = by_dvc.outputs()
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        by_dvc.git("config", key, value)
    by_dvc.run("promote", "--commit")
    assert (by_dvc.folder / "models/champion/champion.json").exists()
    assert by_dvc.run("explain", check=False).returncode == 1
    by_dvc.run("run")
    assert by_dvc.executed() == {"select"}
    assert "up to date" in by_dvc.dvc("status").stdout
    selection = by_dvc.selection()
    assert (selection["verdict"], selection["champion"]["version"]) == ("HOLD", "v0.1.0")

    by_dvc.git("tag", "--delete", "model@v0.1.0", "model#prod#1")
    by_dvc.run("run")  # from the run cache
    assert by_dvc.executed() == set()
    assert not (by_dvc.folder / "models/champion").exists()
    assert by_dvc.outputs() == before
    assert (by_dvc.selection()["verdict"], by_dvc.selection()["champion"]) == ("PROMOTE", None)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Starts stages from a warm process, as a run does: each alone would take ten seconds to import libraries."""
    with Worker(tmp_path_factory.mktemp("worker")) as started:
        started.warm_up()
        yield started


def _declared(project: Project) -> dict[str, dict[str, Any]]:
    """Every item's command, dependencies, parameters and outputs, as DVC resolves them."""
    stages: dict[str, dict[str, Any]] = YAML(typ="safe").load(project.folder / "dvc.lock")["stages"]
    return stages


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.resolve())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, last = path.split(".")
        node = tree
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = value
    return tree


@pytest.mark.parametrize("item", sorted(ITEMS))
def test_a_stage_needs_no_more_than_it_declares_and_writes_no_more(
    by_flow: Project, worker: Worker, item: str, tmp_path: Path
) -> None:
    """Run where only its declared dependencies and parameters exist, it gives the same bytes, and nothing else."""
    stage = _declared(by_flow)[item]
    for dep in stage.get("deps", []):
        _copy(by_flow.folder / dep["path"], tmp_path / dep["path"])
    with (tmp_path / "params.yaml").open("w") as file:
        YAML().dump(_nested(stage.get("params", {}).get("params.yaml", {})), file)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    lines: list[str] = []
    command = stage["cmd"]
    code = worker.run(command, shell_command(command), str(tmp_path), os.environ, lines.append)
    assert code == 0, "\n".join(lines)
    outs = [out["path"] for out in stage["outs"]]
    written = {path for path in tmp_path.rglob("*") if path.is_file() and "__pycache__" not in path.parts} - before
    for path in written:
        relative = path.relative_to(tmp_path).as_posix()
        if relative.startswith(("costs/records/", "scratch/")):
            continue
        assert any(relative == out or relative.startswith(f"{out}/") for out in outs), f"{relative} is not declared"
        if not relative.startswith(("costs/", "reports/")):
            assert path.read_bytes() == (by_flow.folder / relative).read_bytes(), relative
    assert all((tmp_path / out).exists() for out in outs)
