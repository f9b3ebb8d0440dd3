"""Whether the winner is as often right as it is sure: the reliability diagram, and what its temperature did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from tasks import confidence, predictions, rows
from tasks.confidence import Bin
from tasks.files import read_json
from tasks.model import CARD
from tasks.scores import Floats
from tasks.select import svg, wording
from tasks.select.evidence import Candidate, Evidence

WIDTH, HEIGHT = 400.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 30.0, 110.0
_COUNTS = 44.0  # height of the bars below
_WORDS = {"out-of-fold": "out-of-fold train rows", "validation": "validation rows"}
_NOTED = {"out_of_fold": "out-of-fold", "validation": "validation"}


@dataclass(frozen=True)
class Reliability:
    """How far the winner's confidence can be trusted.

    Attributes:
        error: the expected calibration error; lower is better.
        before: the same without its temperature; None where it has none, or that cannot be told any more.
        temperature: a sentence on what was done to calibrate it.
        is_own: whether the temperature was fitted to the very rows that it is shown on.
        picture: the reliability diagram.
    """

    error: float
    before: float | None
    temperature: str
    is_own: bool
    picture: Markup


def read(root: Path, evidence: Evidence, winner: Candidate, level: float) -> Reliability:
    """What is known of the winner on the rows that the choice was made on.

    Args:
        level: of the intervals in the picture.
    """
    card = read_json(root / winner.folder / CARD)
    notes: dict[str, Any] | None = card["notes"].get("calibration")
    right = winner.outcome.predicted == evidence.actual
    found = confidence.bins(winner.confidence, right)
    former = _uncalibrated(root, evidence, winner, card, notes)
    before = None if former is None else confidence.bins(former.max(axis=1), right)
    return Reliability(
        error=float(winner.measures["ece"]),
        before=None if before is None else confidence.calibration_error(before),
        temperature=_sentence(notes, _divided(card)),
        is_own=notes is not None and notes["kept"] and notes["rows"] == _NOTED[evidence.rows],
        picture=draw(found, level, before),
    )


def draw(found: list[Bin], level: float, before: list[Bin] | None = None) -> Markup:
    """Draws accuracy against confidence, and below how many rows each bin has.

    On the diagonal a model is right just as often as it is sure; below it, it is too sure.

    Args:
        found: the bins that have rows.
        level: of the intervals of the bins' accuracies.
        before: the bins without the temperature; they are drawn hollow.
    """
    x, y = svg.Scale(0.0, 1.0, _LEFT, WIDTH - _RIGHT), svg.Scale(0.0, 1.0, HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(x, y), svg.line(x(0), y(0), x(1), y(1), "limit")]
    for one in before or []:
        title = svg.element("title", f"without temperature: {_told(one)}")
        parts.append(
            svg.element("circle", title, cx=x(one.confidence), cy=y(one.accuracy), r=4.0, class_="point hollow former")
        )
    for one in found:
        low, high = one.interval(level)
        parts.append(svg.line(x(one.confidence), y(low), x(one.confidence), y(high), "whisker winner"))
        title = svg.element("title", f"{_told(one)} ({low:.4f} to {high:.4f})")
        parts.append(
            svg.element("circle", title, cx=x(one.confidence), cy=y(one.accuracy), r=5.0, class_="point winner")
        )
    description = "Accuracy against confidence: " + "; ".join(_told(one) for one in found)
    return svg.picture(WIDTH, HEIGHT, description, *parts, *_bars(found, x))


def _axes(x: svg.Scale, y: svg.Scale) -> Iterable[Markup]:
    for value, label in y.ticks():
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid")
        yield svg.text(_LEFT - 8, y(value) + 4, label, "tick", "end")
    for value, label in x.ticks():
        yield svg.text(x(value), HEIGHT - _BOTTOM + 17, label, "tick", "middle")
    yield svg.line(_LEFT, HEIGHT - _BOTTOM, WIDTH - _RIGHT, HEIGHT - _BOTTOM, "axis")
    yield svg.text(0.0, 12.0, "accuracy", "title")
    yield svg.text(WIDTH - _RIGHT, HEIGHT - _BOTTOM + 34, "mean confidence of a bin", "title", "end")


def _bars(found: list[Bin], x: svg.Scale) -> Iterable[Markup]:
    """How many rows each bin has, as bars on the same horizontal axis."""
    bottom, most = HEIGHT - 4, max(one.rows for one in found)
    yield svg.line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    yield svg.text(_LEFT - 8, bottom - _COUNTS + 6, f"{most:,}", "tick", "end")
    yield svg.text(_LEFT - 8, bottom, "rows", "tick", "end")
    for one in found:
        height = _COUNTS * one.rows / most
        title = svg.element("title", f"confidence {one.start:.3f} to {one.end:.3f}: {one.rows:,} rows")
        left, width = x(one.start) + 1, x(one.end) - x(one.start) - 2
        yield svg.element("rect", title, x=left, y=bottom - height, width=width, height=height, class_="bin")


def _told(one: Bin) -> str:
    return f"confidence {one.confidence:.4f}, accuracy {one.accuracy:.4f}, {one.rows:,} rows"


def _uncalibrated(
    root: Path, evidence: Evidence, winner: Candidate, card: Mapping[str, Any], notes: Mapping[str, Any] | None
) -> Floats | None:
    """The probabilities that the winner would give without its temperature [rows, own classes].

    As softmax(log p * T) is the softmax of the logits if p is that of the logits divided by T. Out of fold each fold
    had a temperature of its own, and a bag has one in each member, so that neither can be taken back.
    """
    if evidence.rows != "validation" or notes is None or not notes["kept"]:
        return None
    bag = card["params"].get("bag")
    if isinstance(bag, dict) and bag.get("combine", "mean") == "mean":
        return None
    table = rows.read(root / "predictions" / f"{winner.name}.parquet")
    logs = np.log(np.maximum(predictions.probabilities(table), np.finfo(np.float64).tiny)) * notes["temperature"]
    raised: Floats = np.exp(logs - logs.max(axis=1, keepdims=True))
    former: Floats = raised / raised.sum(axis=1, keepdims=True)
    return former


def _divided(card: Mapping[str, Any]) -> str:
    """What the temperature divides; that of a bag is in its members."""
    mixed = card["family"] == "ensemble" and "bag" not in card["params"]
    return "The logarithms of its probabilities" if mixed else "Its logits"


def _sentence(notes: Mapping[str, Any] | None, divided: str) -> str:
    if notes is None:
        return "No temperature was looked for: `calibration` is none."
    if "temperature" not in notes:
        return f"No temperature was fitted afterwards: {notes['reason']}."
    losses = (
        f"log loss {wording.measure(notes['log_loss'])} without, {wording.measure(notes['log_loss_calibrated'])} with "
        f"({wording.measure(notes['log_loss_cross_checked'])} on rows that it was not fitted to)"
    )
    of = f"{notes['count']:,} {_WORDS[notes['rows']]}"
    if not notes["kept"]:
        return f"A temperature of {notes['temperature']:.4g}, fitted to {of}, was not kept: {losses}."
    return f"{divided} are divided by a temperature of {notes['temperature']:.4g}, fitted to {of}: {losses}."
