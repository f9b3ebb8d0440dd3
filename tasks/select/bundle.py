"""`models/selected/`: the winner in forms that well-known libraries load, with its cleaning rules and its model card.

Nothing measured in time goes in, so that the same inputs give the same bytes.
"""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks import cleaning, learned_rows, thresholds
from tasks.compute import Compute
from tasks.ensemble import COMBINATION
from tasks.errors import BadInput
from tasks.files import read_json, replacing, sha256
from tasks.learned_rows import Hashes
from tasks.model import CARD
from tasks.progress import log
from tasks.rows import SPLITS
from tasks.select import abstention_words, behaviour, cutoff_words, front_matter, mistakes, packages, template, wording
from tasks.select import parts as models
from tasks.select.evidence import Evidence
from tasks.select.examination import Examination
from tasks.select.findings import Findings

SELECTED = Path("models/selected")
RULES = Path("data/clean/rules.json")
ONNX = "onnx"
"""The folder, in that of a fine-tuned encoder, with its ONNX form."""

_FEW_ROWS = 10  # rows below which a class's own figures say little
_WEAKEST = 5  # classes named among the limits
_SLICES = 3  # parts of the rows named there


def write(root: Path, found: Findings, learned: Hashes, computing: Compute) -> None:
    """Copies the winner's folder; adds its ONNX form, cleaning rules, hashes of rows, thresholds, and a card.

    Args:
        learned: the hashes of the rows that it has learned from.
    """
    candidate = root / found.evidence.named(found.choice.winner).folder
    with replacing(root / SELECTED) as folder:
        shutil.copytree(candidate, folder)
        refused = _add_onnx(folder, computing.threads) if found.params.onnx else None
        shutil.copyfile(root / RULES, folder / "cleaning.json")
        shutil.copyfile(Path(cleaning.__file__), folder / "cleaning.py")
        learned_rows.write(folder, learned)
        if found.abstention is not None:
            thresholds.write(folder, found.abstention.thresholds)
        if found.cutoff is not None:
            thresholds.write(folder, found.cutoff.cutoff)
        facts = {
            "no_onnx": refused,
            "seed": computing.seed,
            "threads": computing.threads,
            **_model_facts(folder, found.examination),
            **_class_facts(found.evidence, found.choice.winner),
            **_behaviour_facts(root, found.evidence, found.choice.winner),
            **_result_facts(found),
            "splits": [_split(root, name) for name in SPLITS],
            "learned": len(learned),
        }
        (folder / "README.md").write_text(template.render("card.md", **facts), encoding="utf-8")


def _result_facts(found: Findings) -> dict[str, Any]:
    evidence, choice, level = found.evidence, found.choice, found.params.level
    winner = evidence.named(choice.winner)
    return {
        "validation": winner.validation,
        "out_of_fold": winner.out_of_fold,
        "rows": evidence.rows,
        "rows_name": wording.ROWS[evidence.rows],
        "split_names": wording.SPLITS,
        "standing": choice.standing(choice.winner),
        "corrected": choice.corrected,
        "choice_draws": choice.comparison.draws,
        "test": found.examination,
        "params": found.params,
        "abstention": found.abstention,
        "abstention_told": [] if found.abstention is None else abstention_words.sentences(found.abstention, level),
        "cutoff": found.cutoff,
        "cutoff_told": [] if found.cutoff is None else cutoff_words.sentences(found.cutoff, level),
    }


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
    parts = models.read(folder)
    has_onnx = (folder / ONNX).is_dir()
    cards = [describe, *(part.card for part in parts)]
    combinations = [read_json(file) for file in folder.rglob(COMBINATION)]
    return {
        "onnx": has_onnx,
        "packages": packages.needed(cards, [read_json(folder / "cleaning.json")], has_onnx=has_onnx),
        "calibration": describe["notes"].get("calibration"),
        "pooling": _pooling(folder, describe["family"]),
        "front_matter": front_matter.write(describe, parts, examination),
        "model": describe,
        "parts": parts,
        "families": {part.card["family"] for part in parts},
        "method": read_json(folder / COMBINATION)["method"] if describe["family"] == "ensemble" else None,
        "methods": {how["method"] for how in combinations},
        "bagged": "bag" in describe["params"],  # its members have their temperature in their weights
        "softened": any("temperature" in how for how in combinations),
        "folder": SELECTED.as_posix(),
        "trusted": _trusted(folder),
        "cleaning": models.rules_on(read_json(folder / "cleaning.json")),
    }


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


def _split(root: Path, name: str) -> dict[str, Any]:
    path = root / "data/clean" / f"{name}.parquet"
    return {"name": name, "rows": pq.read_metadata(path).num_rows, "sha256": sha256(path)}
