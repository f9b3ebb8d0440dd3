"""Files of `reports/`, as a run leaves them, but small."""

import json
from pathlib import Path
from typing import Any


def candidate(name: str, value: float, latency: float, **others: Any) -> dict[str, Any]:
    """One of `reports/selection.json`."""
    interval = {"metric": "macro_f1", "low": value - 0.03, "high": value + 0.03}
    return {
        "name": name,
        "validation": {"macro_f1": value, "accuracy": value, "interval": interval},
        "out_of_fold": None,
        "cost": {"latency_ms_p50": latency, "latency_ms_p95": 2 * latency, "size_mb": 90.5, "fit_seconds": 61.25},
        "eligible": True,
        "breaches": [],
        "tied_with_best": False,
        **others,
    }


SELECTION: dict[str, Any] = {
    "winner": "finetune",
    "verdict": "PROMOTE",
    "reasons": [
        "finetune has the best macro F1 on 320 validation rows: 0.9132.",
        "Against v0.1.0 it gains 0.0214 (at least 0.0061) on the test rows.",
    ],
    "metric": "macro_f1",
    "rows": "validation",
    "candidates": [
        candidate("finetune", 0.9132, 11.2, tied_with_best=True),
        candidate("frozen", 0.8871, 9.8),
        candidate("naive_bayes", 0.8125, 0.4),
        candidate(
            "large",
            0.92,
            80.0,
            eligible=False,
            breaches=[{"limit": "latency_ms_p50", "allowed": 50.0, "found": 80.0, "reason": "too slow"}],
        ),
    ],
    "pareto": {"latency_ms_p50": ["naive_bayes", "frozen", "finetune"], "size_mb": ["finetune"]},
    "test": {"rows": 310, "accuracy": 0.9258, "macro_f1": 0.9043},
    "champion": {"version": "v0.1.0"},
}
DECISION: dict[str, Any] = {
    "decision": "PROMOTE",
    "reasons": ["241 new rows since the last decision.", "The verdict is PROMOTE, and the policy is auto."],
    "trigger": {"new_rows": 241},
    "git": {"commit": "0" * 40, "dirty": False},
    "rows": {"train": 1204},
    "champion": {"before": "v0.1.0", "after": "v0.2.0"},
    "challenger": "finetune",
    "time": "2026-10-01T03:00:12+00:00",
    "drift": "reports/drift.json",
}
DRIFT: dict[str, Any] = {
    "rows": {"before": 1000, "after": 241},
    "drifted": True,
    "reasons": ["The shares of the labels have changed."],
    "tests": [
        {"name": "labels", "effect": 0.21, "p_value": 0.0004, "drifted": True, "sentence": "hardware grew."},
        {"name": "lengths", "effect": 0.02, "p_value": 0.6, "drifted": False, "sentence": "As long as before."},
    ],
    "labels": [{"label": "hardware", "before": 0.2, "after": 0.41}, {"label": "new_tool", "before": 0.0, "after": 0.1}],
    "new_labels": {"new_tool": 24},
    "words": ["gateway", "vpn"],
    "domain": None,
    "decay": None,
}


def write(root: Path) -> None:
    """Writes them all into a workspace."""
    folder = root / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "selection.json").write_text(json.dumps(SELECTION))
    (folder / "report.html").write_text("<p>the report</p>")
    (folder / "drift.json").write_text(json.dumps(DRIFT))
    skipped = {**DECISION, "decision": "SKIP", "reasons": ["Nothing is new."], "champion": {"after": "v0.1.0"}}
    (folder / "decisions.jsonl").write_text(f"{json.dumps(skipped)}\n{json.dumps(DECISION)}\n")
