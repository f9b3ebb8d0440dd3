"""The house keeps its walls: who may import what, and that the graph declares all that its stages use."""

from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, closure, modules, third_party

ROOMS = sorted(path.name for path in (ROOT / "tasks").iterdir() if (path / "stage.py").is_file())
STAGES: dict[str, dict[str, Any]] = {
    name: entry.get("do", entry) for name, entry in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()
}

# Libraries that change no number of any stage: they parse parameters, draw pages, fetch files, store what was
# computed. Everything else that a stage can import must be among its dependencies.
WITHOUT_NUMBERS = {"pydantic", "ruamel", "jinja2", "markupsafe", "threadpoolctl", "safetensors", "huggingface_hub"}
# Parquet holds the same rows whichever version wrote it; these stages also read foreign files with it.
STORES = {"pyarrow": {"ingest", "adapt", "distill"}}


# What a stage could import, but has no use for: finetune reads features that are made, combine predictions that are
# made, and neither runs a saved model. A student runs its teacher, and has no search.
NOT_USED = {
    "finetune": {"zhconv-rs", "rjieba", "onnxruntime", "datasketch"},
    "combine": {"zhconv-rs", "rjieba", "onnxruntime", "tokenizers", "torch", "transformers"},
    "distill": {"optuna"},
    # It writes another form of a network, and neither cleans texts nor loads models of scikit-learn.
    "quantize": {"zhconv-rs", "rjieba", "scikit-learn", "scipy", "skops"},
}
# What works behind another library, so that no import of ours shows it.
BEHIND = {"transformers": {"tokenizers"}, "torch": {"onnx"}}


def room_of(stage: str) -> str:
    """The room that a stage's command runs; more than one stage may run the same."""
    return str(STAGES[stage]["cmd"]).split()[3]


def code_of(stage: str) -> set[Path]:
    return closure(ROOT / "tasks" / "__main__.py", ROOT / "tasks" / room_of(stage) / "stage.py")


def test_every_stage_has_a_room_and_every_room_a_stage() -> None:
    assert {room_of(stage) for stage in STAGES} == set(ROOMS)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_all_code_that_it_can_import(stage: str) -> None:
    declared = STAGES[stage]["deps"]
    missing = [
        path.relative_to(ROOT).as_posix()
        for path in code_of(stage)
        if not {path.relative_to(ROOT).as_posix(), path.parent.relative_to(ROOT).as_posix()} & set(declared)
    ]
    assert not missing, "dvc.yaml would not notice a change in these"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_code_that_it_cannot_import(stage: str) -> None:
    used = {path.relative_to(ROOT).as_posix() for path in code_of(stage)} | {f"tasks/{room_of(stage)}"}
    assert not [dep for dep in STAGES[stage]["deps"] if dep.startswith("tasks/") and dep not in used]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_library_that_its_numbers_depend_on(stage: str) -> None:
    distributions = packages_distributions()
    names = third_party(code_of(stage)) - WITHOUT_NUMBERS
    names -= {name for name, stages in STORES.items() if stage not in stages}
    wanted = {distributions[name][0].lower().replace("_", "-") for name in names}
    declared = {Path(dep).name for dep in STAGES[stage]["deps"] if dep.startswith("links/libraries/")}
    behind = {name for library in wanted for name in BEHIND.get(library, set())}
    assert wanted - declared == wanted & NOT_USED.get(stage, set())
    assert declared <= wanted | behind


def test_rooms_do_not_import_each_other() -> None:
    for room in ROOMS:
        for path in (ROOT / "tasks" / room).glob("*.py"):
            others = {f"tasks.{other}" for other in ROOMS if other != room}
            assert not {".".join(name.split(".")[:2]) for name in modules(path)} & others, path


def test_no_stage_depends_on_the_recipes_of_the_ladder() -> None:
    for room in ROOMS:
        assert not {path for path in code_of(room) if "ladder" in path.parent.name}, room


def test_the_work_knows_nothing_of_the_orchestration() -> None:
    for path in (ROOT / "tasks").rglob("*.py"):
        assert not {name.split(".")[0] for name in modules(path)} & {"flows", "prefect", "dvc"}, path


def test_the_shared_modules_do_not_import_rooms() -> None:
    for path in (ROOT / "tasks").glob("*.py"):
        if path.name not in {"params.py", "__main__.py"}:  # the one puts them together, the other starts one by name
            assert not {".".join(name.split(".")[:2]) for name in modules(path)} & {f"tasks.{room}" for room in ROOMS}


def test_what_lies_beside_each_selected_model_needs_python_alone_to_load() -> None:
    file = ROOT / "tasks" / "cleaning.py"
    assert closure(file) == {file}
    assert third_party({file}) == {"zhconv_rs", "rjieba", "sklearn"}
    text = file.read_text(encoding="utf-8")
    for name in third_party({file}):
        assert f"\nfrom {name}" not in text and f"\nimport {name}" not in text, "only inside functions"


def test_models_are_never_loaded_by_pickle() -> None:
    for folder in ("flows", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not {name.split(".")[0] for name in modules(path)} & {"pickle", "joblib", "dill", "cloudpickle"}, (
                path
            )
            text = path.read_text(encoding="utf-8")
            assert "trust_remote_code=True" not in text, path
            assert "torch.load" not in text, path
