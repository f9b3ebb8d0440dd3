"""`python -m tasks.retraining BEFORE AFTER TARGET [--champion FOLDER]`: looks for drift between two tables of rows.

BEFORE and AFTER are Parquet files of rows as ingest writes them: those of the time that the champion learned from, and
newer ones. TARGET is the JSON file to write (see tasks/retraining/drift.py). Run it in the workspace, whose
`params.yaml` has the block `retrain.drift`.

Exit codes: 0 done (with drift or without), 1 a fault of the program, 2 something that the user can mend, 75 worth a
retry.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks import block, compute
from tasks.__main__ import BAD_INPUT, DONE, RETRY
from tasks.clean.params import CleanParams
from tasks.embed.params import VectorParams
from tasks.errors import BadInput, ParamsError, RegraftError, TransientError
from tasks.files import write_json
from tasks.progress import log
from tasks.retraining import window
from tasks.retraining.drift import Setting, report
from tasks.retraining.drift_params import DriftParams, unreadable


def main(arguments: list[str]) -> int:
    """Runs the command in the current folder and returns the exit code."""
    parser = argparse.ArgumentParser("python -m tasks.retraining", description="Looks for drift.")
    parser.add_argument("before", type=Path, help="rows of the time that the champion learned from (Parquet)")
    parser.add_argument("after", type=Path, help="newer rows (Parquet)")
    parser.add_argument("target", type=Path, help="the report to write (JSON)")
    parser.add_argument("--champion", type=Path, help="folder of the model in service")
    given = parser.parse_args(arguments)
    try:
        run(Path.cwd(), given.before, given.after, given.target, given.champion)
    except TransientError as error:
        print(f"error: {error}", file=sys.stderr)
        return RETRY
    except (RegraftError, OSError) as error:  # what the system refuses (no space, no permission) it names itself
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    return DONE


def run(root: Path, before: Path, after: Path, target: Path, champion: Path | None) -> None:
    """Writes the report on drift.

    Args:
        root: the workspace.
        before: the file of rows of the time that the champion learned from.
        after: the file of newer rows.
        target: the file to write.
        champion: folder of the model in service, None without one.

    Raises:
        ParamsError: if the parameters are wrong.
        BadInput: if a file, the encoder or the champion cannot be read.
    """
    setting = _setting(root, champion)
    setting.computing.apply()
    clean = block.read(root, "clean", CleanParams).rules.apply
    found = report(window.read(before, clean), window.read(after, clean), setting)
    for sentence in [one["sentence"] for one in (*found["tests"], *found["left_out"])] or found["reasons"]:
        log(sentence)
    write_json(target, found)


def _setting(root: Path, champion: Path | None) -> Setting:
    tree = block.load(root / block.PARAMS)
    retrain = tree.get("retrain")
    values = retrain.get("drift", {}) if isinstance(retrain, Mapping) else {}
    if values is None:
        fix = "Write `drift: {}` for the defaults."
        raise BadInput(f"{block.PARAMS}: retrain.drift", "a block of parameters", "null, which asks for no test", fix)
    params = block.parse(DriftParams, values, "retrain.drift")
    features: dict[str, Any] = tree.get("features") or {}
    if problems := unreadable(params, features):
        raise ParamsError(block.PARAMS, problems)
    name = params.features
    vectors = None if name is None else block.parse(VectorParams, features[name], f"features.{name}")
    return Setting(root, params, vectors, champion, compute.read(root))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
