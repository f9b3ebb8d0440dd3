"""What the report tells of how candidates were made: parameters, searches, gradients and warnings."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tasks.contestants import Contestant
from tasks.records import Record
from tasks.select import curves, recipe, stage, training
from tests.tasks.evaluated_workspace import CLASSES, answers, write_data, write_model, write_params, write_results

SPACE = "{http://www.w3.org/2000/svg}"
ACTUAL = list(CLASSES) * 4
DECLARED = {"features": "tfidf", "model": "linear_svm", "C": 1.0, "select": {"by": "chi2", "keep": 50}, "search": {}}
PARAMS = DECLARED | {"C": 3.0, "search": None, "class_weight": "sampled", "max_iter": 1000}
WARNING = "Gradients exploded: their norm rose to 8e+04."


def trials(count: int, metric: str = "macro_f1") -> list[dict[str, Any]]:
    """Trials whose scores rise; number 3 failed, and the best is marked."""
    made = [
        {
            "trial": number,
            "score": 0.5 + number / 100,
            "params": {"C": 0.1 * (number + 1)},
            "best": False,
            "failed": None,
        }
        for number in range(count)
    ]
    made[3] |= {"score": None, "failed": "diverged"}
    made[0 if metric == "log_loss" else count - 1]["best"] = True
    return made


def search(made: list[dict[str, Any]], metric: str = "macro_f1") -> dict[str, Any]:
    (best,) = (trial for trial in made if trial["best"])
    return {"metric": metric, "folds": 3, "trials": len(made), "score": best["score"], "values": best["params"]}


def gradients(count: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": number / 2,
            "step": 5 * number,
            "steps": 5,
            "norm_mean": 10.0**-number,
            "norm_max": 3.0,
            "clipped": 0.5,
        }
        for number in range(1, count + 1)
    ]


def write(root: Path, made: list[dict[str, Any]], metric: str = "macro_f1", **notes: Any) -> None:
    write_params(root, {"svm": DECLARED})
    write_data(root, ACTUAL)
    found = search(made, metric)
    write_model(root, "svm", recipe=PARAMS | {"C": found["values"]["C"]}, search=found, notes=notes)
    write_results(root, "svm", ACTUAL, answers(ACTUAL, range(2)), trials=made, gradients=gradients(6))


def page(root: Path, name: str = "report.html") -> str:
    stage.run(root, None, Record(root, "select"))
    return (root / "reports" / name).read_text(encoding="utf-8")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


def test_settings_are_those_declared_and_those_found_not_the_defaults(tmp_path: Path) -> None:
    write(tmp_path, trials(5))
    read = recipe.read(tmp_path, Contestant("svm", "candidates", DECLARED))
    assert (read.model, read.features, read.class_weight) == ("linear_svm", "tfidf", "balanced sampling")
    assert read.settings == [
        recipe.Setting("C", "0.5", True),
        recipe.Setting("select", "by: chi2, keep: 50", False),
    ]
    text = words(page(tmp_path))
    assert "linear_svm on tfidf; balanced sampling" in text
    assert "C 0.5 (found), select by: chi2, keep: 50" in text
    assert "linear\\_svm, balanced sampling | tfidf" in page(tmp_path, "report.md")


@pytest.mark.parametrize(
    ("weight", "phrase"),
    [
        ("none", ""),
        ("balanced", "balanced class weights"),
        ({"leave": 2.0, "network": 0.5}, "class weights leave: 2, network: 0.5"),
    ],
)
def test_class_weights_are_told(tmp_path: Path, weight: Any, phrase: str) -> None:
    write_model(tmp_path, "a", recipe={"features": "f", "model": "m", "class_weight": weight})
    write_results(tmp_path, "a", ACTUAL, answers(ACTUAL, []))
    assert recipe.read(tmp_path, Contestant("a", "candidates", {})).class_weight == phrase


def test_a_search_shows_its_best_trials_and_how_many_there_were(tmp_path: Path) -> None:
    write(tmp_path, trials(30))
    found = recipe.read(tmp_path, Contestant("svm", "candidates", DECLARED)).search
    assert found is not None
    assert (found.count, found.failed, found.declared_score, found.score) == (30, 1, 0.5, 0.79)
    assert [trial.number for trial in found.trials] == list(range(30, 10, -1))
    html = page(tmp_path)
    text = words(html)
    assert (
        "Best of 30 trials by macro F1 (3-fold cross-validation): C 3, which scored 0.7900; as declared, 0.5000."
        in text
    )
    assert "1 trial failed in training." in text
    assert "The 20 best of 30 trials." in text
    table = html.split('<table class="trials">')[1].split("</table>")[0]
    assert table.count("<tr") == 21
    (best,) = re.findall(r'<tr class="winner">(.*?)</tr>', table)
    assert "best" in words(best) and words(best).startswith("30")
    assert 'aria-sort="descending"' in table
    assert "the best of 30 trials" in page(tmp_path, "report.md")


def test_a_loss_ranks_trials_upside_down_and_few_trials_are_all_shown(tmp_path: Path) -> None:
    write(tmp_path, trials(6, "log_loss"), "log_loss")
    found = recipe.read(tmp_path, Contestant("svm", "candidates", DECLARED)).search
    assert found is not None
    assert [trial.number for trial in found.trials] == [1, 2, 3, 5, 6]
    html = page(tmp_path)
    assert "best of 6 trials" not in html.split("</table>")[-2]
    assert 'aria-sort="ascending"' in html.split('<table class="trials">')[1]
    (row,) = re.findall(r'<tr class="winner">(.*?)</tr>', html.split('<table class="trials">')[1])
    assert "best" in words(row) and "as declared" in words(row)


def test_equal_scores_leave_the_marked_trial_first(tmp_path: Path) -> None:
    made = trials(5)
    made[2]["score"] = made[4]["score"]
    write(tmp_path, made)
    found = recipe.read(tmp_path, Contestant("svm", "candidates", DECLARED)).search
    assert found is not None
    assert [trial.best for trial in found.trials] == [True, False, False, False]


def test_without_a_search_there_is_no_section_of_searches(tmp_path: Path) -> None:
    write_params(tmp_path, ["plain"])
    write_data(tmp_path, ACTUAL)
    write_model(tmp_path, "plain")
    write_results(tmp_path, "plain", ACTUAL, answers(ACTUAL, range(2)))
    html = page(tmp_path)
    assert "Searches" not in html and "Learning curves" not in html and 'class="warning"' not in html


def test_warnings_are_words_in_page_and_text_and_counted_in_the_table(tmp_path: Path) -> None:
    write(
        tmp_path, trials(5), gradient_warnings=[WARNING], batch_parts=4, unfreezing_warning="unfreezing came no further"
    )
    html = page(tmp_path)
    found = [words(warning) for warning in re.findall(r'<p class="warning">(.*?)</p>', html)]
    assert found[0] == f"⚠ Warning: {WARNING}"
    assert found[1] == "⚠ Warning: unfreezing came no further"
    assert found[2].startswith("⚠ Warning: Memory ran out: batches were computed in 4 parts")
    assert "3 warnings" in words(html.split('<table class="candidates">')[1].split("</table>")[0])
    text = page(tmp_path, "report.md")
    assert text.count("- **Warning**, svm: ") == 3


def test_gradients_of_a_candidate_stand_beside_its_curves(tmp_path: Path) -> None:
    write(tmp_path, trials(5))
    (shown,) = training.read(tmp_path, [recipe.read(tmp_path, Contestant("svm", "candidates", DECLARED))])
    assert shown.gradients is not None and shown.pictures == []
    assert shown.clipped == ""  # nothing can have been clipped: there is no limit
    write_model(tmp_path / "other", "svm", recipe=PARAMS | {"clip_norm": 1.0})
    write_results(tmp_path / "other", "svm", ACTUAL, answers(ACTUAL, []), gradients=gradients(3))
    (shown,) = training.read(tmp_path / "other", [recipe.read(tmp_path / "other", Contestant("svm", "candidates", {}))])
    assert "50 % of the steps" in shown.clipped


def drawn(points: list[dict[str, float]], limit: float | None = None) -> ElementTree.Element:
    picture = curves.draw_gradients(points, limit)
    assert picture is not None
    return ElementTree.fromstring(picture)


def heights(picture: ElementTree.Element) -> list[list[float]]:
    lines = [str(line.get("points")).split() for line in picture.iter(f"{SPACE}polyline")]
    return [[float(point.split(",")[1]) for point in line] for line in lines]


def test_gradient_norms_are_drawn_on_a_logarithmic_scale() -> None:
    _, mean = heights(drawn(gradients(5)))
    steps = [second - first for first, second in pairwise(mean)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.3)  # each is a tenth of the last
    assert steps[0] > 0


def test_a_norm_of_zero_is_drawn_at_the_bottom_and_named_as_it_is() -> None:
    points = gradients(4)
    points[-1]["norm_mean"] = 0.0
    picture = drawn(points)
    _, mean = heights(picture)
    assert max(mean) == mean[-1] <= curves.HEIGHT
    assert "epoch 2: 0" in [title.text for title in picture.iter(f"{SPACE}title")]
    for point in points:
        point["norm_mean"] = point["norm_max"] = 0.0
    assert curves.draw_gradients(points, 1.0) is None


def test_the_limit_of_clipping_is_drawn_where_it_is_within_the_picture() -> None:
    def names(limit: float) -> list[str | None]:
        return [text.text for text in drawn(gradients(4), limit).iter(f"{SPACE}text")]

    assert "clipped from 1" in names(1.0)
    assert not any("clipped" in str(name) for name in names(1000.0))


def test_norms_over_many_powers_of_ten_have_few_ticks() -> None:
    points = [point | {"norm_max": 10.0 ** (4 * number)} for number, point in enumerate(gradients(6))]
    ticks = [line for line in drawn(points).iter(f"{SPACE}line") if line.get("class") == "grid"]
    assert 3 <= len(ticks) <= 8


def test_less_than_two_points_are_no_course() -> None:
    assert curves.draw_gradients(gradients(1), None) is None
    assert curves.draw_gradients([], None) is None
