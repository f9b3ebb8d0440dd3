"""Data sets of the Hugging Face hub, and local folders laid out like them, streamed through `datasets`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import BadInput, TransientError
from tasks.ingest import network
from tasks.ingest.places import HUB
from tasks.ingest.raw import Item, RawRecord
from tasks.ingest.tables import class_name


@dataclass(frozen=True)
class Address:
    """What `hub:<dataset>[@revision][:config][:split]` names; `choice` is the part that may be either."""

    dataset: str
    revision: str | None
    config: str | None
    split: str | None
    choice: str | None


def parse(source: str) -> Address:
    """Takes the address of a data set apart.

    Raises:
        BadInput: if it has more parts than there can be.
    """
    name, *parts = source.removeprefix(HUB).split(":")
    dataset, _, revision = name.partition("@")
    if not dataset or len(parts) > 2:
        form = "hub:<dataset>[@revision][:config][:split]"
        raise BadInput(source, form, f"{len(parts) + 1} parts", "Correct it in ingest.sources.")
    choice = parts[0] if len(parts) == 1 else None
    config, split = (parts[0] or None, parts[1] or None) if len(parts) == 2 else (None, None)
    return Address(dataset, revision or None, config, split, choice)


def hub_records(source: str, root: Path, scratch: Path, wanted: Sequence[str] | None) -> Iterator[Item]:
    """Streams one split of a data set; class numbers become class names.

    A single part after the data set is a config if the data set has one of that name, else a split. Without a
    split it is train, or the only one that there is. Code that comes with a data set is never run.

    Args:
        root: a local folder is looked for here.
        scratch: what `datasets` keeps goes here.
        wanted: the columns to read, None for all.

    Raises:
        BadInput: if there is no such data set, config or split, or its files cannot be read.
        TransientError: if the hub does not answer.
    """
    address = parse(source)
    stream = _guarded(source, lambda: _open(source, address, root, scratch))
    features = stream.features or {}
    names = {name: list(f.names) for name, f in features.items() if type(f).__name__ == "ClassLabel"}
    if wanted is not None and features:
        stream = stream.select_columns([name for name in features if name in wanted])
    rows = iter(stream)
    row = 0
    while (values := _guarded(source, lambda: next(rows, None))) is not None:
        row += 1
        yield RawRecord(source, row, None, {k: class_name(v, names.get(k)) for k, v in values.items()})


def _open(source: str, address: Address, root: Path, scratch: Path) -> Any:
    import datasets  # seconds to import, and needed by few

    local = (root / address.dataset).is_dir()
    path = str(root / address.dataset) if local else address.dataset
    revision = None if local else address.revision
    config, split = address.config, address.split
    if address.choice is not None:
        known = datasets.get_dataset_config_names(path, revision=revision)
        config, split = (address.choice, None) if address.choice in known else (None, address.choice)
    found = datasets.load_dataset(path, config, revision=revision, streaming=True, cache_dir=str(scratch / "hub"))
    if split is None:
        split = "train" if "train" in found or len(found) > 1 else next(iter(found))
    if split not in found:
        have = ", ".join(sorted(found))
        raise BadInput(source, f"a split {split!r}", f"only {have}", "Name one of them: hub:<dataset>:<split>.")
    return found[split]


def _guarded(source: str, step: Callable[[], Any]) -> Any:
    """Makes a call of the `datasets` library; turns its errors into ours."""
    try:
        return step()
    except BadInput:
        raise
    except Exception as error:
        found = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        status = getattr(getattr(error, "response", None), "status_code", 0)
        own = type(error).__module__.partition(".")[0] in {"datasets", "huggingface_hub", "pyarrow"}
        passing = isinstance(error, ConnectionError) or status == 429 or status >= 500
        if not passing and (own or isinstance(error, FileNotFoundError | ValueError)):
            fix = "Check name, revision, config and split, and that it holds plain data files."
            raise BadInput(source, "a data set that can be streamed", found, fix) from error
        if passing or network.failed(error):
            raise TransientError(f"{source}: the hub could not be reached ({found}). Run again.") from error
        raise
