"""`make fidelity`: the code of the selected model's card, in a fresh environment without Regraft.

Its answers to the validation rows, from their texts as they came in, are compared with `predictions/<winner>.parquet`.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import predictions, rows
from tests.imports import ROOT

SELECTED = Path("models/selected")
TOLERANCE = 1e-4
"""The largest difference of a probability that rounding in another order may make."""

Probabilities = npt.NDArray[np.float64]


def main() -> None:
    """Prints how far each piece of code is from the predictions.

    Raises:
        SystemExit: if there is no selected model, or a piece of code answers otherwise.
    """
    if not (ROOT / SELECTED / "README.md").is_file():
        sys.exit(f"{SELECTED}: no model is selected; run `make run` first")
    winner = json.loads((ROOT / "reports/selection.json").read_text(encoding="utf-8"))["winner"]
    table = rows.read(ROOT / "predictions" / f"{winner}.parquet")
    texts = raw_texts(ROOT, rows.strings(table, "id"))
    wrong = 0
    for number, one in enumerate(answered(texts), start=1):
        far, others = compare(one, predictions.classes(table), predictions.probabilities(table))
        wrong += far > TOLERANCE or others > 0
        told = f"probabilities differ by {far:.1e} at most, {others} other classes"
        print(f"{winner}, piece {number} of the card's code, {len(texts):,} rows: {told}", flush=True)
    if wrong:
        sys.exit(f"{wrong} of the card's pieces of code answer otherwise than the model did")


def answered(texts: list[str]) -> list[dict[str, Any]]:
    """What each piece of the card's code answers, in an environment that has what the card names and nothing else."""
    card = (ROOT / SELECTED / "README.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder / "environment", requirements(card))
        shutil.copytree(ROOT / SELECTED, folder / SELECTED)
        runner = shutil.copyfile(ROOT / "tests/card_alone.py", folder / "card_alone.py")
        (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        subprocess.run([python, "-I", runner, folder / "texts.json", folder], check=True, cwd=folder)
        found: list[dict[str, Any]] = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    return found


def requirements(card: str) -> list[str]:
    """What the card says to install."""
    (line,) = re.findall(r"^pip install (.+)$", card, flags=re.MULTILINE)
    return str(line).split()


def environment(folder: Path, wanted: list[str]) -> Path:
    """Makes a virtual environment with these packages, and gives its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", *wanted], check=True)
    return python


def raw_texts(root: Path, ids: list[str]) -> list[str]:
    """The texts of these rows as they came in, before any cleaning."""
    table = rows.read(root / "data/raw/rows.parquet", ["id", "text", "official_test"])
    named = zip(table["id"].to_pylist(), table["text"].to_pylist(), table["official_test"].to_pylist(), strict=True)
    texts = {name: text for name, text, official in named if not official}  # of these alone come validation rows
    return [texts[one] if one in texts else texts[one.removesuffix("#source")] for one in ids]


def compare(answer: dict[str, Any], classes: list[str], expected: Probabilities) -> tuple[float, int]:
    """How far answers are from what is expected.

    Args:
        answer: labels, and probabilities [rows, labels].
        classes: of the columns of `expected`.
        expected: probabilities [rows, classes].

    Returns:
        The largest difference of a probability, and how many rows get another class whose two most probable classes do
        not lie as near to each other as the tolerance.
    """
    found = np.array(answer["probabilities"])[:, [answer["labels"].index(name) for name in classes]]
    first, second = -np.sort(-expected, axis=1)[:, :2].T
    other = (found.argmax(axis=1) != expected.argmax(axis=1)) & (first - second > 2 * TOLERANCE)
    return float(np.abs(found - expected).max()), int(other.sum())


if __name__ == "__main__":
    main()
