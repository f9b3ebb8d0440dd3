"""`models/selected/`: the winner in a form that a well-known library loads, with its model card.

Nothing measured in time goes in, so that the same inputs give the same bytes.
"""

import io
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

from tasks import contestants
from tasks.files import read_json, replacing, sha256
from tasks.rows import SPLITS
from tasks.select import mistakes, template, wording
from tasks.select.choice import Choice
from tasks.select.evidence import Evidence
from tasks.select.examination import Examination
from tasks.select.params import SelectParams

SELECTED = Path("models/selected")
RULES = Path("data/clean/rules.json")
_FEW_ROWS = 10  # rows below which a class's own figures say little
_WEAKEST = 5  # classes named among the limits
_LIBRARIES = {
    "sklearn": "skops",
    "network": "sentence-transformers",
    "vectors": "sentence-transformers",
    "onnx": "onnx",
}
_ESTIMATORS = {"sklearn": "model.skops", "vectors": "classifier.skops"}


def write(root: Path, evidence: Evidence, choice: Choice, examination: Examination, params: SelectParams) -> None:
    """Copies the winner's folder and adds `cleaning.json` and `README.md`."""
    candidate = root / contestants.folder(root, choice.winner)
    with replacing(root / SELECTED) as folder:
        shutil.copytree(candidate, folder)
        shutil.copyfile(root / RULES, folder / "cleaning.json")
        facts = {
            **_model_facts(folder, examination),
            **_class_facts(evidence, choice.winner),
            "splits": [_split(root, name) for name in SPLITS],
            "validation": evidence.named(choice.winner).validation,
            "out_of_fold": evidence.named(choice.winner).out_of_fold,
            "rows": evidence.rows,
            "rows_name": wording.ROWS[evidence.rows],
            "split_names": wording.SPLITS,
            "standing": choice.standing(choice.winner),
            "test": examination,
            "params": params,
        }
        (folder / "README.md").write_text(template.render("card.md", **facts), encoding="utf-8")


def _model_facts(folder: Path, examination: Examination) -> dict[str, Any]:
    describe = read_json(folder / "candidate.json")
    return {
        "front_matter": _front_matter(describe, examination),
        "model": describe,
        "folder": SELECTED.as_posix(),
        "library": _LIBRARIES[describe["family"]],
        "trusted": _trusted(folder, describe["family"]),
        "cleaning": rules_on(read_json(folder / "cleaning.json")),
        "own_rules": rules_on(describe["rules"]),
    }


def _trusted(folder: Path, family: str) -> list[str]:
    """The types in the winner's skops file that skops wants to be told are wanted."""
    if family not in _ESTIMATORS:
        return []
    from skops import io as skops_io

    return sorted(skops_io.get_untrusted_types(file=folder / _ESTIMATORS[family]))


def _class_facts(evidence: Evidence, winner: str) -> dict[str, Any]:
    scores = mistakes.class_scores(evidence, evidence.named(winner))
    with_rows = [score for score in scores if score.rows]
    return {
        "classes": scores,
        "rare": [score.label for score in scores if score.rows < _FEW_ROWS],
        "few": _FEW_ROWS,
        "weakest": sorted(with_rows, key=lambda score: (score.f1, score.label))[:_WEAKEST],
    }


def rules_on(rules: dict[str, Any]) -> list[str]:
    """The cleaning rules that act, as `name` or `name: value`, in the order in which they act."""
    acting = {name: value for name, value in rules.items() if value and value not in ("keep", "none")}
    return [name if value is True else f"{name}: {_listed(value)}" for name, value in acting.items()]


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _split(root: Path, name: str) -> dict[str, Any]:
    path = root / "data/clean" / f"{name}.parquet"
    return {"name": name, "rows": pq.read_metadata(path).num_rows, "sha256": sha256(path)}


def _front_matter(describe: dict[str, Any], examination: Examination) -> str:
    kinds = {"accuracy": "accuracy", "macro_f1": "f1"}
    metrics = [
        {"type": kind, "name": f"test {name}", "value": round(examination.measures[name], 4)}
        for name, kind in kinds.items()
    ]
    result = {
        "task": {"type": "text-classification"},
        "dataset": {"name": "test split of the owner's data", "type": "own", "split": "test"},
        "metrics": metrics,
    }
    front = {
        "library_name": _LIBRARIES[describe["family"]],
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "regraft"],
        "metrics": list(kinds.values()),
        "model-index": [{"name": describe["name"], "results": [result]}],
    }
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(front, stream)
    return stream.getvalue()
