"""`adapt`: brings an encoder into the workspace, as it is or after more training on texts of the domain."""

from pathlib import Path
from typing import Any

from tasks import block
from tasks.adapt import source
from tasks.adapt.params import OBJECTIVES, AdaptedParams, EncoderParams
from tasks.adapt.pin import check_sums, pin
from tasks.errors import BadInput, ParamsError, Problem
from tasks.files import replacing, sha256, write_json
from tasks.progress import log
from tasks.records import Record


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/encoders/<item>/`: the encoder's files, and `encoder.json` with what they are and their checksums.

    Also `plots/adapt/<item>.json`, the learning curve; without entries for an encoder that stays as it is.

    Raises:
        BadInput: if the source is not an encoder that can be loaded safely, a checksum differs, or it cannot be adapted
            as declared.
    """
    if item is None:
        raise BadInput("python -m tasks adapt", "the name of an encoder", "none", "Give one of `encoders`.")
    params = _params(root, item)
    place = source.place(root, item, params.source)
    folder = source.folder(root, item, place)
    curve: list[dict[str, Any]] = []
    with replacing(root / "models" / "encoders" / item) as target:
        target.mkdir(parents=True)
        digests = pin(folder, target, params.sha256)
        check_sums(folder, digests, source.base_checksums(root, item))
        log(f"pinned {len(digests)} files of {place}")
        entry: dict[str, Any] = {"source": params.source, "objective": params.objective, "sha256": digests}
        if isinstance(params, AdaptedParams):
            adapted, curve = _adapt(root, item, target, params, record)
            entry |= {"from": {"source": place, "sha256": digests}, **adapted}
            entry["sha256"] = {file.name: sha256(file) for file in sorted(target.iterdir())}
        write_json(target / "encoder.json", entry)
    write_json(root / "plots" / "adapt" / f"{item}.json", curve)
    record.notes["files"] = len(digests)


def _params(root: Path, item: str) -> EncoderParams:
    at = f"encoders.{item}"
    node = source.declared(root).get(item)
    objective = node.get("objective", "none") if isinstance(node, dict) else None
    if objective not in OBJECTIVES:
        raise ParamsError(
            block.PARAMS, [Problem(f"{at}.objective", f"one of {', '.join(OBJECTIVES)}", repr(objective))]
        )
    return block.read(root, at, OBJECTIVES[objective])


def _adapt(
    root: Path, item: str, folder: Path, params: AdaptedParams, record: Record
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Adapts the encoder in `folder`; returns what `encoder.json` tells of it, and the learning curve."""
    # Imported here, as pinning an encoder takes no PyTorch.
    from tasks import compute
    from tasks.adapt.training import adapt

    resources = compute.read(root)
    resources.apply()
    made = adapt(root, item, folder, params, resources)
    record.rows_in = made.rows["train_rows"] + made.rows["file_rows"]
    record.rows_out = made.rows["trained_on"]
    record.device = resources.device
    record.notes |= {"precision": resources.precision, "train_seconds": round(made.seconds, 3), **made.rows}
    before, after = (made.curve[place]["held_out_loss"] for place in (0, -1))
    told = {"rows": made.rows, "head": made.head, "held_out_loss": {"before": before, "after": after}}
    return {**told, "params": params.model_dump(exclude={"source", "objective", "sha256"})}, made.curve
