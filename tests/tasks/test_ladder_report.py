"""What the ladder says of its rungs: gains, words, sentences, and the four files."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import escape

from tasks import block, links
from tasks.errors import BadInput
from tasks.files import write_json
from tasks.ladder import comparison, plan, report, verdict
from tasks.ladder.params import LadderParams
from tasks.ladder.verdict import Cost
from tasks.params import KEYS
from tasks.records import Record
from tasks.scores import agreement, count
from tasks.select import evidence, stage
from tasks.select import ladder as ladders
from tasks.select.bootstrap import interval
from tests.tasks import evaluated_workspace as made

ACTUAL = [made.CLASSES[number % 3] for number in range(30)]
LADDER: dict[str, Any] = {
    "plain": {"features": {"kind": "tfidf", "encoder": "none"}, "candidate": {"model": "naive_bayes"}},
    "strategies": {
        "model": {"candidate": {"model": "linear_svm"}},
        "rare": {"features": {"min_rows": 3}},
    },
}
WRONG = {"+ model": 3, "plain": 15, "+ rare": 4, "all but model": 20}


@pytest.fixture
def climbed(tmp_path: Path) -> tuple[Path, plan.Plan, LadderParams]:
    """A workspace in which every rung has results: so many wrong rows, of each seed others."""
    made.write_data(tmp_path, ACTUAL)
    made.write_params(tmp_path, ["own"], select="{draws: 200}")
    params = block.parse(LadderParams, LADDER)
    planned = plan.make({"seed": 7, "encoders": {}}, params, KEYS)
    for one in planned.rungs:
        for number, name in enumerate(one.candidates):
            wrong = [(row + number) % 30 for row in range(WRONG.get(one.rung.name, 0))]
            if one.rung.name in WRONG:
                costs = {"fit_seconds": 20.0 if one.rung.name == "+ rare" else 1.0, "latency_ms_p50": 2.0 + number}
                made.write_results(tmp_path, name, ACTUAL, made.answers(ACTUAL, wrong), costs)
    return tmp_path, planned, params


def test_draws_of_rungs_are_those_of_a_bootstrap_done_by_hand(climbed: tuple[Path, plan.Plan, LadderParams]) -> None:
    root, planned, _ = climbed
    candidates = planned.rungs[0].candidates
    found = evidence.read(root, made.candidates(candidates), "validation")
    drawn = comparison.replicates(found, {"plain": candidates}, "macro_f1", draws=4, seed=7)["plain"]
    rows = np.random.default_rng(7).integers(0, 30, size=(30, 4))
    for draw in range(4):
        values = []
        for name in candidates:
            predicted = found.named(name).outcome.predicted
            chosen = rows[:, draw]
            values.append(float(agreement(count(found.actual[chosen], predicted[chosen], 3))["macro_f1"]))
        assert drawn[draw] == pytest.approx(np.mean(values))


def test_two_equal_recipes_of_three_seeds_are_seldom_told_apart() -> None:
    random = np.random.default_rng(3)
    trials = 1000
    kept = 0
    for trial in range(trials):
        differences = random.normal(size=3)
        low, _ = interval(differences.mean() + comparison.seed_noise(differences.tolist(), 1000, trial), 0.95)
        kept += low > 0
    assert 0.005 < kept / trials < 0.05
    assert abs(comparison.seed_noise([0.1, 0.1, 0.1], 50, 1)).max() < 1e-12, "seeds that agree add nothing"


@pytest.mark.parametrize(
    ("gain", "low", "high", "much", "expected"),
    [
        (0.02, 0.01, 0.03, False, "keep"),
        (0.02, 0.01, 0.03, True, "keep"),
        (0.004, 0.001, 0.007, False, "keep"),
        (0.004, 0.001, 0.007, True, "costs more than it gives"),
        (0.02, -0.01, 0.05, True, "costs more than it gives"),
        (0.02, 0.0, 0.05, False, "no difference seen"),
        (-0.02, -0.05, 0.01, False, "no difference seen"),
        (-0.02, -0.03, -0.01, True, "harmful"),
    ],
)
def test_the_word_follows_the_rule(gain: float, low: float, high: float, much: bool, expected: str) -> None:
    assert verdict.word(gain, low, high, much, 0.005) == expected


@pytest.mark.parametrize(
    ("own", "other", "much"),
    [
        (Cost(15.0, 5.0), Cost(4.0, 5.0), True),
        (Cost(13.0, 5.0), Cost(4.0, 5.0), False),  # less than ten seconds more
        (Cost(150.0, 5.0), Cost(80.0, 5.0), False),  # less than twice
        (Cost(1.0, 3.0), Cost(1.0, 1.0), True),
        (Cost(1.0, 1.4), Cost(1.0, 0.5), False),  # less than a millisecond more
        (Cost(1.0, 1.0), Cost(100.0, 50.0), False),
    ],
)
def test_what_costs_much(own: Cost, other: Cost, much: bool) -> None:
    assert verdict.costs_much(own, other, 2.0) is much


def test_a_ladder_s_gains_are_differences_of_means_and_its_words_follow(
    climbed: tuple[Path, plan.Plan, LadderParams], tmp_path: Path
) -> None:
    root, planned, params = climbed
    features = planned.rungs[0].features
    write_json(root / f"costs/records/embed@{features}.json", {"outcome": "completed", "seconds": 2.5})
    found = report.compare(root, [root], planned, params, {})
    rungs = {rung.name: rung for rung in found.rungs}
    gain = rungs["+ model"].gain
    assert gain is not None
    assert rungs["plain"].gain is None
    for name in ("plain", "+ model"):
        metrics = [json.loads((root / f"metrics/{one}.json").read_text()) for one in rungs[name].candidates]
        assert rungs[name].values == [one["validation"]["macro_f1"] for one in metrics]
    assert gain.value == pytest.approx(np.mean(rungs["+ model"].values) - np.mean(rungs["plain"].values))
    assert gain.low < gain.value < gain.high
    assert (gain.better_seeds, gain.word, gain.extra_seconds) == (3, "keep", 0.0)
    assert rungs["plain"].latency_ms == pytest.approx(3.0)
    assert rungs["plain"].prepare_seconds == 2.5
    assert rungs["+ rare"].prepare_seconds is None
    assert rungs["+ rare"].gain is not None
    assert rungs["+ rare"].gain.word == "costs more than it gives"
    assert rungs["all but model"].gain is not None
    assert rungs["all but model"].gain.value > 0.3, "what is lost without it"
    assert found.headline.startswith("On these rows, model pays: macro F1 0.5")
    assert "The full recipe is clearly worse without model." in found.sentences


def test_a_failed_rung_leaves_the_others_and_says_why(climbed: tuple[Path, plan.Plan, LadderParams]) -> None:
    root, planned, params = climbed
    lost = planned.rungs[2].candidates[1]
    for file in root.rglob(f"*{lost}*"):
        file.unlink()
    found = report.compare(root, [root], planned, params, {f"finetune@{lost}": "no space | is left"})
    rungs = {rung.name: rung for rung in found.rungs}
    assert rungs["+ rare"].failed == "no space | is left"
    assert rungs["+ model"].gain is not None
    assert rungs["all but model"].gain is None, "the full recipe is the one that failed"
    assert 'at rung "+ model"' in found.headline
    page = report.write(root, root, planned, params, {f"finetune@{lost}": "no space | is left"})
    assert page == found
    assert r"no space \| is left" in (root / "reports/ladder.md").read_text()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br", "wbr", "img"):
            self.open.append(tag)
        self.outside += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_looks_nowhere_else(climbed: tuple[Path, plan.Plan, LadderParams]) -> None:
    root, planned, params = climbed
    found = report.write(root, root, planned, params, {})
    text = (root / "reports/ladder.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert not re.search(r"url\(|@import", text)
    for rung in found.rungs:
        assert rung.value is not None
        assert f"{rung.value:.4f}" in text
    picture = ElementTree.fromstring((root / "reports/ladder.svg").read_text())
    labels = [node.text for node in picture.iter() if node.tag.endswith("text")]
    assert {"plain", "+ model", "+ rare"} <= set(labels)
    first = {path.name: path.read_bytes() for path in (root / "reports").iterdir()}
    report.write(root, root, planned, params, {})
    assert {path.name: path.read_bytes() for path in (root / "reports").iterdir()} == first


def test_the_report_finds_the_ladder_through_its_link(climbed: tuple[Path, plan.Plan, LadderParams]) -> None:
    root, planned, params = climbed
    assert ladders.read(root) is None
    written = report.write(root, root, planned, params, {})
    (root / links.LADDER).unlink()
    (root / links.LADDER).symlink_to(root / ladders.FILE)
    assert ladders.read(root) == written
    other = copy.deepcopy(written.model_dump())
    del other["rungs"]
    write_json(root / ladders.FILE, other)
    with pytest.raises(BadInput, match="Run `regraft ladder` again"):
        ladders.read(root)
    (root / ladders.FILE).write_text("{")
    with pytest.raises(BadInput, match="expected JSON"):
        ladders.read(root)


@pytest.mark.parametrize(("changed", "current"), [
    (None, True), ("train", False), ("validation", False), ("metric", False),
])  # fmt: skip
def test_the_report_shows_no_ladder_of_other_rows_or_of_another_metric(
    changed: str | None, current: bool, climbed: tuple[Path, plan.Plan, LadderParams]
) -> None:
    root, planned, params = climbed
    headline = str(escape(report.write(root, root, planned, params, {}).headline))
    told = f'<p class="lead">{headline}</p>'
    page = (root / "reports/ladder.html").read_text()
    assert f"<h1>{headline}</h1>" in page
    assert told not in page, "it is the title there already"
    (root / links.LADDER).unlink()
    (root / links.LADDER).symlink_to(root / ladders.FILE)
    actual = ACTUAL
    if changed == "validation":
        actual = ACTUAL[3:]
        made.write_split(root, "validation", actual)
    elif changed == "train":
        made.write_split(root, "train", made.CLASSES * 5)
    metric = "accuracy" if changed == "metric" else "macro_f1"
    made.write_params(root, ["own"], select=f"{{draws: 200, metric: {metric}}}")
    made.write_model(root, "own")
    made.write_results(root, "own", actual, made.answers(actual, [1, 2]))
    stage.run(root, None, Record(root, "select"))
    for name in ("report.md", "report.html"):
        text = (root / "reports" / name).read_text()
        assert (ladders.STALE in text, "What each strategy gives" in text) == (not current, current)
    assert (told in text) == current, "the page says what it all comes to"
