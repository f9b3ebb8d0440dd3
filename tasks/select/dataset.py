"""What the report tells of the data, from the cleaning report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.files import read_json
from tasks.rows import SPLITS
from tasks.select import wording

REPORT = Path("data/clean/report.json")
_SEEN = 0.01  # share of texts from which a language is named; short texts are often taken for a rare one


@dataclass(frozen=True)
class Dataset:
    """The data in short.

    Attributes:
        rows: how many came in, are in each split, and were set aside, by name.
        set_aside: rows set aside by reason.
        facts: what else is worth a line: a name and a phrase.
        train_rows: rows to learn from, by class.
    """

    rows: dict[str, int]
    set_aside: dict[str, int]
    facts: list[tuple[str, str]]
    train_rows: dict[str, int]


def read(root: Path) -> Dataset:
    """Reads the cleaning report; what it does not tell is left out."""
    report = read_json(root / REPORT)
    counts = report.get("rows", {})
    named = {"in": "rows read", **{split: split for split in SPLITS}, "set_aside": "set aside"}
    facts = {
        "Duplicates merged": _duplicates(report.get("duplicates", {})),
        "Same text, other label": _conflicts(report.get("conflicts", {})),
        "Corrected by hand": _corrections(report.get("corrections", {})),
        "Words a text": _lengths(report.get("lengths", {}).get("words", {})),
        "Languages": _languages(report.get("languages", {})),
        "Changed by cleaning": _touched(report.get("rules", {})),
    }
    return Dataset(
        rows={words: counts[key] for key, words in named.items() if key in counts},
        set_aside=dict(report.get("set_aside", {})),
        facts=[(name, phrase) for name, phrase in facts.items() if phrase],
        train_rows={label: splits.get("train", 0) for label, splits in report.get("classes", {}).items()},
    )


def _duplicates(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _conflicts(counts: Mapping[str, Any]) -> str:
    pairs = counts.get("pairs", 0)
    if not pairs:
        return "none"
    return f"{pairs:,} {'pair' if pairs == 1 else 'pairs'}, {counts.get('set_aside', 0):,} set aside"


def _corrections(counts: Mapping[str, Any]) -> str:
    if not counts.get("given"):
        return ""
    missed = counts["not_applied"]["corrections"]
    parts = {
        "with another label": counts["relabelled"],
        "removed": counts["removed"],
        "set aside with the old label": counts.get("old_label", 0),
        "not applied": missed,
    }
    return ", ".join(f"{number:,} {words}" for words, number in parts.items() if number) or "no change"


def _lengths(spread: Mapping[str, float]) -> str:
    if not {"median", "p95", "max"} <= set(spread):
        return ""
    return f"median {spread['median']:,.0f}, 95 % up to {spread['p95']:,.0f}, longest {spread['max']:,.0f}"


def _languages(found: Mapping[str, Any]) -> str:
    texts: Mapping[str, int] = found.get("texts", {})
    total = sum(texts.values())
    if not total:
        return ""
    ordered = sorted(texts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{name} {wording.share(number / total)}" for name, number in ordered if number / total >= _SEEN]
    if len(ordered) > len(shown):
        shown.append(f"{len(ordered) - len(shown)} more below {wording.share(_SEEN)} each")
    return f"{', '.join(shown)} (guessed from {total:,} texts)"


def _touched(rules: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in rules.items() if number) or "nothing"
