"""`adapt`: brings an encoder into the workspace. The objective `none` leaves it as it is."""

from pathlib import Path

from tasks import block, links
from tasks.adapt.hub import download
from tasks.adapt.params import EncoderParams
from tasks.adapt.pin import pin
from tasks.errors import BadInput
from tasks.files import replacing, write_json
from tasks.progress import log
from tasks.records import Record


def run(root: Path, item: str | None, record: Record) -> None:
    """Writes `models/encoders/<item>/`: the encoder's files and `encoder.json` with their checksums.

    Raises:
        BadInput: if the source is not an encoder that can be loaded safely, or a checksum differs.
    """
    if item is None:
        raise BadInput("python -m tasks adapt", "the name of an encoder", "none", "Give one of `encoders`.")
    params = block.read(root, f"encoders.{item}", EncoderParams)
    source = _folder(root, item, params.source)
    with replacing(root / "models" / "encoders" / item) as target:
        target.mkdir(parents=True)
        digests = pin(source, target, params.sha256)
        write_json(target / "encoder.json", {"source": params.source, "objective": "none", "sha256": digests})
    record.notes["files"] = len(digests)
    log(f"pinned {len(digests)} files of {params.source}")


def _folder(root: Path, item: str, source: str) -> Path:
    link = root / links.ENCODERS / item
    form, _, rest = source.partition(":")
    if form == "hub":
        name, _, revision = rest.partition("@")
        return download(name, revision)
    if not link.is_dir():
        raise BadInput(str(links.ENCODERS / item), f"a link to {source}", "none", links.REFRESH)
    declared = root / Path(rest).expanduser()
    if form == "path" and not (declared.exists() and link.samefile(declared)):
        raise BadInput(str(links.ENCODERS / item), f"a link to {rest}", "a link to another folder", links.REFRESH)
    if form == "package" and rest.split("/")[0] not in link.resolve().parts:
        raise BadInput(str(links.ENCODERS / item), f"a link into {rest}", "a link to another folder", links.REFRESH)
    return link
