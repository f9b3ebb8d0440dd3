"""The benchmark of calibration: what it declares, what it measures, and that it tells when a promise is missed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.answers import Answers
from benchmarks.workspace import params
from tasks import params as project_params


def test_it_trains_recipes_that_there_are_with_validation_rows_to_fit_to() -> None:
    found = calibration.recipes([*calibration.SINGLE, *calibration.TUNED])
    assert [recipe.name for recipe in found] == [*calibration.SINGLE, *calibration.TUNED]
    for recipe in found:
        checked = project_params.check_tree(params(calibration.declared(recipe, Path("there"))))
        assert checked.clean.split.validation == 0.15
        assert set(checked.candidates) == {recipe.name}


def answers(seed: int, rows: int = 3000, too_sure: float = 1.0) -> Answers:
    """Answers whose confidences are what they say, unless they are made too large."""
    random = np.random.default_rng(seed)
    sure = 1 - 0.5 * random.random(rows) ** 2  # many are sure
    right = random.random(rows) < sure
    stated = np.minimum(sure * too_sure, 1.0)
    return Answers(np.where(right, 0, 1), np.column_stack([stated, 1 - stated]))


def test_the_threshold_is_of_validation_rows_and_the_figures_are_of_test_rows() -> None:
    validation, test = answers(1), answers(2)
    found = calibration.measure("one", validation, test)
    assert found.accuracy == test.score("accuracy") and found.error == test.score("ece") < 0.03
    assert found.precision is not None
    assert 0.3 < found.coverage < 0.65, "from a confidence of 0.85 on, the mean is 0.95, and 55 % are answered"
    assert found.low < 0.95 < found.high or found.precision > 0.95
    nothing = calibration.measure("one", answers(1, rows=40), test)
    assert (nothing.coverage, nothing.precision) == (0.0, None)
    assert "no answers" in str(nothing)


def test_a_model_that_is_too_sure_of_itself_falls_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"linear_svm": answers(2), "frozen": answers(2, too_sure=1.3)}
    monkeypatch.setattr(
        calibration, "run", lambda recipe: calibration.measure(recipe.name, answers(1), made[recipe.name])
    )
    with pytest.raises(SystemExit, match=r"calibration error above 0\.03: frozen"):
        calibration.main([])
    _, one, two = capsys.readouterr().out.splitlines()
    assert one.startswith("linear_svm") and "SHORT" not in one
    assert two.startswith("frozen") and two.endswith("SHORT")
