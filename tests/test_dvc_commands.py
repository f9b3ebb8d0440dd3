"""DVC's own commands on a workspace of Regraft: experiments, metrics and plots as DVC's users know them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow

NAME = "naive_bayes"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, prefect_api: str) -> Project:
    """A committed workspace with one small candidate, after one run."""
    made = Project(tmp_path_factory.mktemp("dvc_commands") / "project", tiny_encoder, prefect_api)
    made.set_params(
        tiny_encoder,
        encoders={"tiny": {"source": f"path:{tiny_encoder}", "objective": "none"}},
        features={"words": {"kind": "tfidf", "encoder": "none", "min_rows": 1}},
        candidates={NAME: {"features": "words", "model": "naive_bayes"}},
        students={},
        ensembles={},
        quantized={},
        cross_validation={"folds": 0},
        evaluate={"latency_rows": 2, "latency_batches": 1, "robustness_rows": 5},
        select={"metric": "macro_f1", "draws": 100},
    )
    _in_blocks(made.folder / "params.yaml")
    made.run("run")
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        made.git("config", key, value)
    made.git("add", "--all")
    made.git("commit", "-qm", "First run")
    made.executed()
    return made


def _in_blocks(file: Path) -> None:
    """Writes YAML without braces, in which DVC spoils values with a colon when it sets a parameter."""
    tree, yaml = json.loads(file.read_text(encoding="utf-8")), YAML()
    yaml.default_flow_style = False
    yaml.dump(tree, file)


def test_our_parameters_outlive_being_set_by_dvc(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    file = Path(shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml"))
    before = YAML(typ="safe").load(file)
    apply_overrides(file, ["select.metric=accuracy"])
    before["select"]["metric"] = "accuracy"
    assert YAML(typ="safe").load(file) == before


def answer(project: Project, *arguments: str) -> Any:
    """What a command of DVC says as JSON."""
    return json.loads(project.dvc(*arguments).stdout)


def test_an_experiment_runs_what_its_parameter_touches_and_is_shown_and_compared(project: Project) -> None:
    said = project.dvc("exp", "run", "-n", "by_accuracy", "-S", "select.metric=accuracy")
    assert project.executed() == {"select"}, said.stdout
    assert project.selection()["metric"] == "accuracy"
    workspace, baseline = answer(project, "exp", "show", "--json")
    (experiment,) = (one["revs"][0] for one in baseline["experiments"])
    assert experiment["name"] == "by_accuracy"
    shown = experiment["data"]
    assert shown["params"]["params.yaml"]["data"]["select"]["metric"] == "accuracy"
    chosen = shown["metrics"]["reports/selection.json"]["data"]
    assert (chosen["winner"], chosen["verdict"]) == (NAME, "PROMOTE")
    assert chosen["test"]["macro_f1"] > 0.5
    assert set(shown["metrics"]) >= {f"metrics/{NAME}.json", f"costs/predict/{NAME}.json"}
    assert workspace["data"]["metrics"] == shown["metrics"]

    changed = answer(project, "metrics", "diff", "--json")
    assert changed["reports/selection.json"]["metric"] == {"old": "macro_f1", "new": "accuracy"}
    assert f"metrics/{NAME}.json" not in changed  # select alone ran
    assert answer(project, "params", "diff", "--json")["params.yaml"]["select.metric"]["new"] == "accuracy"


def test_an_experiment_in_a_folder_of_its_own_leaves_the_workspace_alone(project: Project) -> None:
    project.git("reset", "-q", "--hard")
    project.dvc("checkout")
    before = project.selection()
    project.executed()
    project.dvc("exp", "run", "-n", "apart", "--temp", "--copy-paths", "links", "-S", "select.metric=mcc")
    assert project.executed() == set()
    assert project.selection() == before
    assert "up to date" in project.dvc("status").stdout
    changed = answer(project, "metrics", "diff", "--json", "HEAD", "apart")
    assert changed["reports/selection.json"]["metric"] == {"old": "macro_f1", "new": "mcc"}


def test_plots_show_every_picture(project: Project) -> None:
    shown = answer(project, "plots", "show", "--json", "--out", str(project.folder.parent / "plots"))
    assert not shown.get("errors"), shown["errors"]
    drawn = {name.rpartition("::")[2]: pictures for name, pictures in shown["data"].items()}
    for kind in ("calibration", "risk_coverage", "confusion"):
        assert drawn[f"plots/{kind}/{NAME}.csv"], kind
