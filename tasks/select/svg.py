"""Pictures as SVG text: elements, scales and ticks. Colours come from the page's style sheet, by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

CHARACTER = 6.4  # mean width of a character of the labels' 12 px type, in px
LINE = 14.0  # height of a line of labels, in px


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """An element with its content; text and attributes are escaped, `Markup` is taken as it is.

    Args:
        attributes: a trailing underscore is dropped (`class_`), others become hyphens; None leaves one out.
    """
    shown = Markup("")
    for name, value in attributes.items():
        if value is not None:
            written = _number(value) if isinstance(value, float) else value
            shown += Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), written)
    inner = Markup("").join(escape(part) for part in content)
    return Markup("<{}{}>{}</{}>").format(tag, shown, inner, tag)


def picture(width: float, height: float, description: str, *content: object) -> Markup:
    """The outermost element, with a description for those who can't see it."""
    box = f"0 0 {_number(width)} {_number(height)}"
    return element("svg", *content, viewBox=box, role="img", aria_label=description, xmlns="http://www.w3.org/2000/svg")


def text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> Markup:
    """A line of text; `y` is its base line."""
    return element("text", words, x=x, y=y, class_=kind, text_anchor=None if anchor == "start" else anchor)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def text_width(words: str) -> float:
    """An estimate of the width of a label, in px; East Asian characters are twice as wide."""
    return sum(CHARACTER if ord(character) < 0x1100 else 2 * CHARACTER for character in words)


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` to positions between `start` and `end`, in px."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The position of a value."""
        low, high = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        at = math.log(value) if self.logarithmic else value
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Round values within the range, with their labels (on a linear scale all with as many digits)."""
        values = _log_ticks(self.low, self.high, about) if self.logarithmic else _ticks(self.low, self.high, about)
        labels = [f"{value:.10g}" for value in values]
        if not self.logarithmic:
            digits = max((len(label.partition(".")[2]) for label in labels), default=0)
            labels = [f"{value:,.{digits}f}" for value in values]
        return [(value, label) for value, label in zip(values, labels, strict=True) if self.low <= value <= self.high]


def spread(values: Sequence[float], share: float) -> tuple[float, float]:
    """The range of values, made wider by a share of it at each end; never empty."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * 0.05 or 0.5
    return low - room, high + room


def _ticks(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= raw)
    first = math.ceil(low / step)
    return [round(number * step, 12) for number in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 7), tuple(range(1, 10))):
        values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        within = [value for value in values if low <= value <= high]
        if len(within) >= about:
            return within[:: len(within) // about]  # over many powers of ten, not each of them
    return _ticks(low, high, about)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
