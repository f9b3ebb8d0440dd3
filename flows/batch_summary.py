"""What a run of batch scoring has done: how many rows, with which labels, and how far these are from training's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows import part as parts
from flows.markdown import table
from tasks.files import read_json, write_json

FILE = "summary.json"
_TRAIN = Path("data/clean/train.parquet")
_COUNTS = ("rows", "blank", "abstained", "rejected")
_SHOWN = 30  # labels


def write(
    root: Path, folder: Path, unchanged: int, settling: Sequence[str], failed: Mapping[str, str]
) -> dict[str, Any]:
    """Sums up the parts that no summary has told of yet, and writes that as `summary.json` into their folder.

    Args:
        folder: of the parts.
        unchanged: files that had nothing new.
        settling: files that were left for the next run.
        failed: why a file could not be scored, by its name.
    """
    before = last_part(folder)
    notes = {number: parts.read(folder, number) for number in parts.numbers(folder) if number > before}
    counts = {name: sum(int(note[name]) for note in notes.values()) for name in _COUNTS}
    labels: Counter[str] = Counter()
    for note in notes.values():
        labels.update(note["labels"])
    training = _training(root)
    summary = {
        **counts,
        "parts": list(notes),
        "last_part": max(notes, default=before),
        "models": sorted({str(note["model"]) for note in notes.values()}),
        "files": {source: _rows_of(notes, source) for source in sorted({note["source"] for note in notes.values()})},
        "unchanged_files": unchanged,
        "settling_files": list(settling),
        "failed_files": dict(failed),
        "labels": _shares(labels, training),
        "distance": distance(labels, training),
    }
    write_json(folder / FILE, summary)
    return summary


def last_part(folder: Path) -> int:
    """The highest number of a part that a summary has told of, even if that part was moved away since; 0 for none."""
    return int(read_json(folder / FILE)["last_part"]) if (folder / FILE).is_file() else 0


def distance(now: Mapping[str, int], before: Mapping[str, int]) -> float | None:
    """The total variation distance of two counts of labels: 0 where all shares agree, 1 where no label is in both.

    It is the largest difference that any set of labels has in its share of the rows. None where one side has no rows.
    """
    if not sum(now.values()) or not sum(before.values()):
        return None
    names = sorted({*now, *before})
    return sum(abs(_share(now, name) - _share(before, name)) for name in names) / 2


def markdown(summary: Mapping[str, Any]) -> str:
    """The summary for people."""
    lines = [f"# {summary['rows']:,} rows scored", ""]
    lines += table(["", "rows"], [[words, f"{summary[name]:,}"] for name, words in _words(summary)])
    lines += ["", f"By {', '.join(summary['models']) or 'no model'}, in parts {_span(summary['parts'])}.", ""]
    if summary["failed_files"]:
        lines += ["## Files that could not be scored", ""]
        lines += table(["file", "why"], [[name, why] for name, why in summary["failed_files"].items()])
        lines += [""]
    lines += ["## Labels", ""]
    if summary["distance"] is None:
        lines += ["There is nothing to compare: no row has a label now, or the training rows are not here.", ""]
    else:
        lines += [
            f"Distance of the predicted shares from those of the training labels: **{summary['distance']:.3f}** "
            "(0: the same; 1: no label in common). Predictions err, so some distance is there without any drift.",
            "",
        ]
    rows = [[one["label"], _percent(one["share"]), _percent(one["training"])] for one in summary["labels"][:_SHOWN]]
    lines += table(["label", "predicted now", "in training"], rows)
    more = len(summary["labels"]) - _SHOWN
    lines += ["", f"And {more} more labels in `{FILE}`."] if more > 0 else []
    return "\n".join(lines) + "\n"


def _words(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = {
        "rows": "scored",
        "abstained": "of them: the model abstains",
        "blank": "of them: without text, and so without a label",
        "rejected": "that could not be read",
    }
    return [(name, words) for name, words in known.items() if name == "rows" or summary[name]]


def _rows_of(notes: Mapping[int, Mapping[str, Any]], source: str) -> int:
    return sum(int(note["rows"]) for note in notes.values() if note["source"] == source)


def _shares(now: Mapping[str, int], before: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of each label, what has changed most first."""
    shares = [
        {
            "label": name,
            "rows": now.get(name, 0),
            "share": _share(now, name) if sum(now.values()) else None,
            "training": _share(before, name) if sum(before.values()) else None,
        }
        for name in sorted({*now, *before})
    ]
    return sorted(shares, key=lambda one: -abs((one["share"] or 0.0) - (one["training"] or 0.0)))


def _share(counts: Mapping[str, int], name: str) -> float:
    return counts.get(name, 0) / sum(counts.values())


def _training(root: Path) -> Counter[str]:
    """How many train rows have each label; empty where these rows are not here."""
    counts: Counter[str] = Counter()
    if (root / _TRAIN).is_file():
        import pyarrow.parquet as pq

        with pq.ParquetFile(root / _TRAIN) as file:
            for batch in file.iter_batches(columns=["label"]):
                counts.update(map(str, batch.column(0).to_pylist()))
    return counts


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _span(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
