"""`python -m benchmarks adaptation [SET ...] [--seeds N] [--texts N] [--rows N]`: does `mlm` adaptation pay?

Each candidate is trained twice, with the packaged encoder as it is and with the same encoder adapted to the domain's
text, and both answer the same validation rows (which a user would choose by) and published test rows. Whichever way it
falls, it is printed: nothing is promised.

- fomc: sentences of a central bank; the adapted encoder reads its train rows and sentences without labels.
- ohsumed: medical abstracts; the adapted encoder reads its train rows alone.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.recipes import FINETUNE
from benchmarks.workspace import Workspace, data

if TYPE_CHECKING:
    from benchmarks.answers import Answers

    Found = dict[tuple[str, str], list[Answers]]  # one a seed, by candidate and rows


@dataclass(frozen=True)
class Domain:
    """A data set with text of its domain.

    Attributes:
        unlabelled: the file of texts without labels, None where there is none.
        epochs: passes of the adaptation over all texts.
        max_tokens: where texts are cut.
    """

    unlabelled: str | None
    epochs: int
    max_tokens: int


DOMAINS = {"fomc": Domain("unlabelled.parquet", 1, 128), "ohsumed": Domain(None, 3, 128)}
CANDIDATES = {
    "frozen": ("encoder", {"model": "logistic_regression", "class_weight": "balanced"}),
    "finetune": ("tokens", {key: value for key, value in FINETUNE.items() if key != "features"}),
}
"""Of each candidate the kind of its feature set and its recipe, which both twins share."""

METRICS = ("accuracy", "macro_f1")
TEXTS = 40_000
"""Texts without labels that are read, by default: the whole corpus of fomc would take four times as long."""


def main(arguments: list[str]) -> None:
    """Prints, for each candidate, the means with the plain and the adapted encoder, and the gain with its interval.

    Before that, a line for each model as it is there.

    Raises:
        SystemExit: if there is no such set.
    """
    parser = argparse.ArgumentParser("python -m benchmarks adaptation")
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(DOMAINS)}; all by default")
    parser.add_argument("--seeds", type=int, default=3, help="runs, each with another seed")
    parser.add_argument("--texts", type=int, default=TEXTS, help="texts without labels, at most")
    parser.add_argument("--rows", type=int, help="train rows and test rows, at most, to see whether it works")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.sets) - set(DOMAINS))
    if unknown:
        sys.exit(f"no set {', '.join(unknown)}; there are {', '.join(DOMAINS)}")
    for name in given.sets or DOMAINS:
        found = run(name, given.seeds, given.texts, given.rows)
        for line in table(name, found):
            print(line, flush=True)


def run(name: str, seeds: int, texts: int, count: int | None) -> "Found":
    """Runs the pipeline up to evaluation, once a seed, and collects the answers of all candidates."""
    from benchmarks.answers import on_test, on_validation

    found: Found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = write(name, Path(folder), texts, count)
        workspace = Workspace(Path(folder) / "workspace", changes(name, files))
        for seed in range(1, seeds + 1):
            workspace.regraft("run", "evaluate", "--set", f"seed={seed}")
            for candidate in (f"{own}{twin}" for own in CANDIDATES for twin in ("", "_adapted")):
                answers = (
                    on_validation(workspace.folder, candidate),
                    on_test(workspace.folder, f"candidates/{candidate}"),
                )
                for split, some in zip(("validation", "test"), answers, strict=True):
                    found.setdefault((candidate, split), []).append(some)
                reached = ", ".join(f"{some.score('accuracy'):.4f}" for some in answers)
                print(f"{name} seed {seed}: {candidate:16} accuracy {reached} on validation, test rows", flush=True)
    return found


def write(name: str, folder: Path, texts: int, count: int | None) -> dict[str, Path]:
    """Writes the rows, and a sample of the texts without labels, where the workspace reads them."""
    from benchmarks.labelled import sample

    files = {split: data(name) / f"{split}.parquet" for split in ("train", "test")}
    if DOMAINS[name].unlabelled:
        files["unlabelled"] = data(name) / str(DOMAINS[name].unlabelled)
    most = {"train": count, "test": count, "unlabelled": texts}
    return {split: sample(file, folder / f"{split}.parquet", most[split]) for split, file in files.items()}


def changes(name: str, files: dict[str, Path]) -> dict[str, Any]:
    """What of `params.yaml` is changed, by dotted key: two encoders, and each candidate on either."""
    domain = DOMAINS[name]
    texts = [str(files["unlabelled"])] if "unlabelled" in files else []
    mlm = {"source": "minilm", "objective": "mlm", "texts": texts, "epochs": domain.epochs}
    features: dict[str, Any] = {}
    candidates: dict[str, Any] = {}
    for own, (kind, recipe) in CANDIDATES.items():
        for encoder, twin in (("minilm", ""), ("adapted", "_adapted")):
            features[f"{own}{twin}"] = {"kind": kind, "encoder": encoder, "max_tokens": domain.max_tokens}
            candidates[f"{own}{twin}"] = {"features": f"{own}{twin}", **recipe}
    return {
        "ingest.sources": [str(files["train"])],
        "ingest.test_sources": [str(files["test"])],
        "ingest.columns": {"text": "text", "label": "label", "time": None, "id": None},
        "clean.duplicates.near": False,  # the published test rows are what they are
        "cross_validation.folds": 0,
        "encoders.adapted": mlm | {"max_tokens": domain.max_tokens},
        "features": features,
        "candidates": candidates,
    }


def table(name: str, found: "Found") -> Iterator[str]:
    """The lines that tell of one data set."""
    from benchmarks.answers import gain

    heads = f"{'candidate':9} {'rows':10} {'metric':9} {'plain':>7} {'adapted':>7} {'gain':>8}"
    yield f"{name:8} {heads}  95 % interval; each seed"
    for candidate in CANDIDATES:
        for split in ("validation", "test"):
            plain, adapted = (found[f"{candidate}{twin}", split] for twin in ("", "_adapted"))
            for metric in METRICS:
                means = [statistics.fmean(some.score(metric) for some in pair) for pair in (plain, adapted)]
                difference = gain(adapted, plain, metric)
                seeds = " ".join(f"{value:+.4f}" for value in difference.by_seed)
                yield (
                    f"{name:8} {candidate:9} {split:10} {metric:9} {means[0]:7.4f} {means[1]:7.4f} "
                    f"{difference.mean:+8.4f}  {difference.low:+.4f} to {difference.high:+.4f}, "
                    f"{difference.verdict}; {seeds}"
                )
