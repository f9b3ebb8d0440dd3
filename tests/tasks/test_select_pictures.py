"""The report's pictures: what is drawn where, and that nothing overlaps."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tasks.select import curves, heatmap, mistakes, scatter, svg, wording
from tasks.select.bootstrap import Outcome
from tasks.select.evidence import Candidate, Evidence

SPACE = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def points(latencies: list[float], values: list[float]) -> list[scatter.Point]:
    kinds = ["winner", "tied", *["other"] * len(values)]
    return [
        scatter.Point(f"candidate_{number}", latency, value, value - 0.05, value + 0.04, kinds[number])
        for number, (latency, value) in enumerate(zip(latencies, values, strict=True))
    ]


def picture(points: list[scatter.Point]) -> ElementTree.Element:
    return parsed(scatter.draw(points, "macro F1", "latency, ms", "What is to be seen."))


def circles(drawn: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(c.get("cx", 0)), float(c.get("cy", 0))) for c in drawn.iter(f"{SPACE}circle")]


def corners(element: ElementTree.Element) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in str(element.get("points")).split()]


def test_scatter_places_quicker_left_and_better_up() -> None:
    first, second = circles(picture(points([1.0, 100.0], [0.6, 0.9])))
    assert first[0] < second[0] and first[1] > second[1]


def test_the_front_is_of_diamonds_on_a_line_of_steps_and_those_beyond_the_limits_are_crosses() -> None:
    some = points([1.0, 10.0, 100.0, 50.0, 3.0], [0.6, 0.7, 0.9, 0.65, 0.95])
    some = [replace(one, on_front=number < 3) for number, one in enumerate(some)]
    some[4] = replace(some[4], kind="barred")
    drawn = picture(some)
    (line,) = drawn.iter(f"{SPACE}polyline")
    centres = [tuple(np.mean(corners(diamond), axis=0)) for diamond in drawn.iter(f"{SPACE}polygon")]
    first, second, third = centres
    steps = [first, (second[0], first[1]), second, (third[0], second[1]), third]  # right, then up
    assert np.array(corners(line)) == pytest.approx(np.array(steps), abs=0.11)
    assert len(circles(drawn)) == 1
    (cross,) = drawn.iter(f"{SPACE}g")
    assert len(list(cross.iter(f"{SPACE}line"))) == 2
    assert str(cross.findtext(f"{SPACE}title")).endswith("beyond the limits")
    assert str(drawn.get("aria-label")).endswith("What is to be seen.")


def test_a_front_of_one_has_no_line() -> None:
    drawn = picture([replace(one, on_front=one.cost < 2) for one in points([1.0, 100.0], [0.9, 0.6])])
    assert not list(drawn.iter(f"{SPACE}polyline")) and len(list(drawn.iter(f"{SPACE}polygon"))) == 1


@pytest.mark.parametrize("seed", range(5))
def test_names_in_the_scatter_overlap_neither_each_other_nor_points(seed: int) -> None:
    random = np.random.default_rng(seed)
    latencies, values = random.uniform(1, 9, 20).tolist(), random.uniform(0.6, 0.8, 20).tolist()
    drawn = picture(points(latencies, values))
    names = [e for e in drawn.iter(f"{SPACE}text") if str(e.get("class")).startswith("name")]
    boxes = []
    for name in names:
        left, base = float(name.get("x", 0)), float(name.get("y", 0))
        boxes.append((left, base - 10, left + svg.text_width(str(name.text)), base))
    boxes += [(x - 4, y - 4, x + 4, y + 4) for x, y in circles(drawn)]
    assert len(circles(drawn)) == 20
    assert names[0].get("class") == "name winner"
    for number in range(len(names)):
        for other in range(number + 1, len(boxes)):
            assert not scatter._overlap(boxes[number], boxes[other])


def test_one_candidate_alone_can_be_drawn() -> None:
    ((x, y),) = circles(picture(points([3.0], [0.5])))
    assert 0 < x < scatter.WIDTH and 0 < y < scatter.HEIGHT


def test_text_in_pictures_is_escaped() -> None:
    assert "&lt;b&gt;" in svg.text(0, 0, "<b>", "tick")
    assert svg.element("g", 'a"<', title='"<') == '<g title="&#34;&lt;">a&#34;&lt;</g>'


def test_ticks_are_round_within_range_and_of_equal_length() -> None:
    assert svg.Scale(0.61, 0.82, 0, 100).ticks() == [(0.65, "0.65"), (0.7, "0.70"), (0.75, "0.75"), (0.8, "0.80")]
    assert [label for _, label in svg.Scale(0.8, 150, 0, 100, logarithmic=True).ticks(3)] == ["1", "10", "100"]
    assert svg.spread([3.0, 3.0], 0.1)[0] < 3.0 < svg.spread([3.0, 3.0], 0.1)[1]
    assert svg.spread([0.0], 0.1) == (-0.5, 0.5)


def test_curves_are_drawn_from_two_points_on_and_skip_series_that_are_absent() -> None:
    line = [{"epoch": 1, "train_loss": 1.0}, {"epoch": 2, "train_loss": 0.5}]
    drawn = curves.draw(line, curves.LOSSES)
    assert drawn is not None
    (polyline,) = parsed(drawn).iter(f"{SPACE}polyline")
    heights = [float(point.split(",")[1]) for point in str(polyline.get("points")).split()]
    assert heights[0] < heights[1]  # the loss falls: SVG counts downwards
    assert curves.draw(line, curves.QUALITIES) is None
    assert curves.draw(line[:1], curves.LOSSES) is None


@pytest.mark.parametrize("classes", [2, 30, 31, 77, 300])
def test_the_heat_map_has_one_cell_a_pair_that_occurs_and_stays_in_its_frame(classes: int) -> None:
    matrix = np.diag(np.full(classes, 9))
    matrix[0, classes - 1] = 1
    drawn = parsed(heatmap.draw(matrix, [f"class_{number}" for number in range(classes)]))
    cells = [e for e in drawn.iter(f"{SPACE}rect") if e.get("class") in {"right", "wrong"}]
    assert len(cells) == classes + 1
    (wrong,) = [cell for cell in cells if cell.get("class") == "wrong"]
    assert wrong.findtext(f"{SPACE}title") == f"class_0 as class_{classes - 1}: 1 of 10"
    width = float(str(drawn.get("viewBox")).split()[2])
    assert max(float(cell.get("x", 0)) + float(cell.get("width", 0)) for cell in cells) <= width
    labels = [e.text for e in drawn.iter(f"{SPACE}text")]
    assert ("class_1" in labels) == (classes <= 30)


def test_a_class_without_validation_rows_breaks_nothing() -> None:
    drawn = heatmap.draw(np.array([[3, 1], [0, 0]]), ["there", "absent"])
    assert len(re.findall(r'class="(?:right|wrong)"', drawn)) == 2


def test_pairs_and_hard_rows_come_worst_first() -> None:
    predicted = np.array([1, 1, 0, 2, 2, 0, 1])
    actual = np.array([0, 0, 0, 0, 1, 2, 1])
    sure = np.array([0.6, 0.9, 0.99, 0.7, 0.8, 0.95, 0.5])
    candidate = Candidate("a", {}, {}, None, {}, Outcome(predicted, np.zeros(7)), sure, Path("unused"))
    known = Evidence(
        "validation", [f"text {number} " + "x" * 400 for number in range(7)], ["p", "q", "r"], actual, [candidate]
    )
    matrix = mistakes.confusion(known, candidate)
    assert matrix.tolist() == [[1, 2, 1], [0, 1, 1], [1, 0, 0]]
    pairs = mistakes.confused_pairs(matrix, known.classes, most=3)
    assert [(pair.actual, pair.predicted, pair.rows) for pair in pairs] == [("p", "q", 2), ("r", "p", 1), ("q", "r", 1)]
    assert pairs[0].share == 0.5
    hard = mistakes.hardest_rows(known, candidate, most=2)
    assert [(row.label, row.predicted, row.confidence) for row in hard] == [("r", "p", 0.95), ("p", "q", 0.9)]
    assert all(len(row.text) <= 320 and row.text.endswith("…") for row in hard)


def test_numbers_are_written_for_people() -> None:
    assert wording.significant(0.8432) == "0.843"
    assert wording.significant(7.9) == "7.90"
    assert wording.significant(91.63) == "91.6"
    assert wording.significant(12345.6) == "12,346"
    assert wording.duration(558.2) == "9 min 18 s"
    assert wording.measure(-0.00001) == "0.0000"
    assert wording.share(0.001) == "< 1 %" and wording.share(0.0) == "0 %"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert [wording.p_value(value) for value in (None, 0.00099, 0.0213, 1.0)] == ["-", "below 0.001", "0.0213", "1"]
