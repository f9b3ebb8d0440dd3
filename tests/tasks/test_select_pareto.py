"""The Pareto front: which candidates none beats on both quality and cost, and how that is told."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.files import read_json
from tasks.records import Record
from tasks.select import stage
from tasks.select.pareto import undominated
from tests.tasks.evaluated_workspace import CLASSES, answers, write_data, write_model, write_params, write_results

ACTUAL = list(CLASSES) * 20


def test_the_front_holds_whom_none_beats_from_the_lowest_cost_up() -> None:
    assert undominated([(5.0, 0.9), (1.0, 0.5), (2.0, 0.5), (2.0, 0.8), (9.0, 0.9), (9.0, 0.95)]) == [1, 3, 0, 5]
    assert undominated([(1.0, 0.5), (1.0, 0.5)]) == [0, 1], "equal ones do not beat each other"
    assert undominated([(1.0, 0.5)]) == [0]


def test_the_front_is_what_a_look_at_every_pair_finds() -> None:
    random = np.random.default_rng(1)
    points = [(float(cost), float(quality)) for cost, quality in random.integers(0, 12, size=(60, 2))]
    front = undominated(points)
    costs = [points[place][0] for place in front]
    assert costs == sorted(costs)
    for place, (cost, quality) in enumerate(points):
        beaten = any((c < cost and q >= quality) or (c <= cost and q > quality) for c, q in points)
        assert beaten == (place not in front)


def select(root: Path, costs: dict[str, dict[str, float]], **params: Any) -> tuple[dict[str, Any], str, str]:
    wrong = {"best": range(2), "quick": range(10), "poor": range(0, 60, 2)}
    write_params(root, list(wrong), select=str({"draws": 100, **params}).replace("'", ""))
    write_data(root, ACTUAL)
    for name, rows in wrong.items():
        if not (root / "models/candidates" / name).exists():
            write_model(root, name)
        write_results(root, name, ACTUAL, answers(ACTUAL, rows), costs[name])
    stage.run(root, None, Record(root, "select"))
    texts = [(root / "reports" / file).read_text(encoding="utf-8") for file in ("report.html", "report.md")]
    return read_json(root / "reports/selection.json"), texts[0], texts[1]


def test_both_pictures_name_their_front_in_words(tmp_path: Path) -> None:
    costs = {
        "best": {"latency_ms_p50": 9.0, "size_mb": 1.0},
        "quick": {"latency_ms_p50": 1.0, "size_mb": 50.0},
        "poor": {"latency_ms_p50": 4.0, "size_mb": 0.5},
    }
    for metric in ("macro_f1", "log_loss"):
        found, page, text = select(tmp_path, costs, metric=metric)
        assert found["pareto"] == {"latency_ms_p50": ["quick", "best"], "size_mb": ["poor", "best"]}
    for told in (page, text):
        assert "from the lowest median latency up: quick and best." in told
        assert "from the lowest size up: poor and best." in told
    assert page.count('class="front"') == 2
    assert page.count("<polygon") == 4


def test_a_front_of_one_is_told_as_such(tmp_path: Path) -> None:
    costs = {"best": {"size_mb": 1.0}, "quick": {"size_mb": 2.0}, "poor": {"size_mb": 3.0}}
    found, page, _ = select(tmp_path, costs)
    assert found["pareto"]["size_mb"] == ["best"]
    assert "Pareto front of macro F1 and size: best alone" in page
