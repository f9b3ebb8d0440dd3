"""`models/selected/`: the winner in forms that well-known libraries load, with its cleaning rules and its model card.

Nothing measured in time goes in, so that the same inputs give the same bytes.
"""

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

from tasks import cleaning, learned_rows, thresholds
from tasks.compute import Compute
from tasks.ensemble import COMBINATION, MEMBERS
from tasks.errors import BadInput
from tasks.files import read_json, replacing, sha256
from tasks.learned_rows import Hashes
from tasks.model import CARD
from tasks.progress import log
from tasks.rows import SPLITS
from tasks.select import behaviour, mistakes, packages, template, wording
from tasks.select.abstention import Abstention
from tasks.select.abstention_words import sentences
from tasks.select.choice import Choice
from tasks.select.evidence import Evidence
from tasks.select.examination import Examination
from tasks.select.params import SelectParams

SELECTED = Path("models/selected")
RULES = Path("data/clean/rules.json")
ONNX = "onnx"
"""The folder, in that of a fine-tuned encoder, with its ONNX form."""

_FEW_ROWS = 10  # rows below which a class's own figures say little
_WEAKEST = 5  # classes named among the limits
_SLICES = 3  # parts of the rows named there
_LIBRARIES = {
    "sklearn": "skops",
    "network": "sentence-transformers",
    "vectors": "sentence-transformers",
    "onnx": "onnx",
}


def write(
    root: Path,
    evidence: Evidence,
    choice: Choice,
    examination: Examination,
    learned: Hashes,
    abstention: Abstention | None,
    params: SelectParams,
    computing: Compute,
) -> None:
    """Copies the winner's folder; adds its ONNX form, cleaning rules, hashes of rows, thresholds, and a card.

    Args:
        learned: the hashes of the rows that it has learned from.
        abstention: when it abstains; None for never, and then there is no `thresholds.json`.
    """
    candidate = root / evidence.named(choice.winner).folder
    with replacing(root / SELECTED) as folder:
        shutil.copytree(candidate, folder)
        refused = _add_onnx(folder, computing.threads) if params.onnx else None
        shutil.copyfile(root / RULES, folder / "cleaning.json")
        shutil.copyfile(Path(cleaning.__file__), folder / "cleaning.py")
        learned_rows.write(folder, learned)
        if abstention is not None:
            thresholds.write(folder, abstention.thresholds)
        facts = {
            "no_onnx": refused,
            "seed": computing.seed,
            "threads": computing.threads,
            **_model_facts(folder, examination),
            **_class_facts(evidence, choice.winner),
            **_behaviour_facts(root, evidence, choice.winner),
            "splits": [_split(root, name) for name in SPLITS],
            "validation": evidence.named(choice.winner).validation,
            "out_of_fold": evidence.named(choice.winner).out_of_fold,
            "rows": evidence.rows,
            "rows_name": wording.ROWS[evidence.rows],
            "split_names": wording.SPLITS,
            "standing": choice.standing(choice.winner),
            "corrected": choice.corrected,
            "choice_draws": choice.comparison.draws,
            "test": examination,
            "params": params,
            "abstention": abstention,
            "abstention_told": [] if abstention is None else sentences(abstention, params.level),
            "learned": len(learned),
        }
        (folder / "README.md").write_text(template.render("card.md", **facts), encoding="utf-8")


def _add_onnx(folder: Path, threads: int) -> str | None:
    """Writes a fine-tuned encoder as ONNX too; one that has no such form is selected without, and why is returned."""
    if read_json(folder / CARD)["family"] != "network":
        return None
    from tasks import onnx_export

    try:
        with replacing(folder / ONNX) as partial:
            partial.mkdir()
            onnx_export.save_encoder(folder, partial, threads)
    except BadInput as error:
        reason = f"expected {error.expected}, found {error.found}"
        log(f"{SELECTED} has no ONNX form: {reason}")
        return reason
    return None


def _model_facts(folder: Path, examination: Examination) -> dict[str, Any]:
    describe = read_json(folder / CARD)
    parts = _parts(folder)
    has_onnx = (folder / ONNX).is_dir()
    cards = [describe, *(part.card for part in parts)]
    combinations = [read_json(file) for file in folder.rglob(COMBINATION)]
    return {
        "onnx": has_onnx,
        "packages": packages.needed(cards, [read_json(folder / "cleaning.json")], has_onnx=has_onnx),
        "calibration": describe["notes"].get("calibration"),
        "pooling": _pooling(folder, describe["family"]),
        "front_matter": _front_matter(describe, parts, examination),
        "model": describe,
        "parts": parts,
        "families": {part.card["family"] for part in parts},
        "method": read_json(folder / COMBINATION)["method"] if describe["family"] == "ensemble" else None,
        "methods": {how["method"] for how in combinations},
        "bagged": "bag" in describe["params"],  # its members have their temperature in their weights
        "softened": any("temperature" in how for how in combinations),
        "folder": SELECTED.as_posix(),
        "trusted": _trusted(folder),
        "cleaning": rules_on(read_json(folder / "cleaning.json")),
    }


@dataclass(frozen=True)
class Part:
    """A model that reads texts: the winner itself, or a member of the ensemble that it is.

    Attributes:
        name: its place in the ensemble, empty for the winner itself.
        card: its `candidate.json`.
        rules: its own cleaning rules that act.
    """

    name: str
    card: dict[str, Any]
    rules: list[str]


def _parts(folder: Path) -> list[Part]:
    """The models in a folder that are no ensembles, in the order of their names."""
    found = []
    for file in sorted(folder.rglob(CARD)):
        card = read_json(file)
        if card["family"] != "ensemble":
            places = file.parent.relative_to(folder).parts
            found.append(Part("/".join(place for place in places if place != MEMBERS), card, rules_on(card["rules"])))
    return found


def _pooling(folder: Path, family: str) -> str | None:
    if family != "network":
        return None
    from tasks import network

    return network.read_pooling(folder)


def _trusted(folder: Path) -> list[str]:
    """The types in the winner's skops files that skops wants to be told are wanted."""
    from skops import io as skops_io

    files = folder.rglob("*.skops")
    return sorted({name for file in files for name in skops_io.get_untrusted_types(file=file)})


def _class_facts(evidence: Evidence, winner: str) -> dict[str, Any]:
    scores = mistakes.class_scores(evidence, evidence.named(winner))
    with_rows = [score for score in scores if score.rows]
    return {
        "classes": scores,
        "rare": [score.label for score in scores if score.rows < _FEW_ROWS],
        "few": _FEW_ROWS,
        "weakest": sorted(with_rows, key=lambda score: (score.f1, score.label))[:_WEAKEST],
    }


def _behaviour_facts(root: Path, evidence: Evidence, winner: str) -> dict[str, Any]:
    known = behaviour.read(root, winner, evidence.rows)
    return {
        "weak_slices": known.slices.weakest(_SLICES),
        "unsteady": [one for one in known.steadiness if one.changed],
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


def _front_matter(describe: dict[str, Any], parts: Sequence[Part], examination: Examination) -> str:
    libraries = sorted({_LIBRARIES[part.card["family"]] for part in parts})
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
        # Of an ensemble of unlike models no single library loads all.
        **({"library_name": libraries[0]} if len(libraries) == 1 else {}),
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
