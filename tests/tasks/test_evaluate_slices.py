"""Slices of the rows: how they are cut, and that their measures and intervals are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from tasks import rows
from tasks.errors import BadInput
from tasks.evaluate.slices import Slicing

CLASSES = 2


def table(texts: list[str], times: Sequence[str | None] | None = None, **kept: Sequence[str | None]) -> pa.Table:
    """Clean rows with these texts; `kept` are columns that they carry along."""
    count = len(texts)
    columns: dict[str, Any] = {
        "id": [str(number) for number in range(count)],
        "text": texts,
        "label": ["a"] * count,
        "time": times or [None] * count,
        "source": ["rows.csv"] * count,
        "row": list(range(1, count + 1)),
    }
    return pa.table(columns | kept, schema=rows.with_kept(rows.CLEAN, kept))


def measure(some: pa.Table, right: list[bool], *columns: str, few: int = 1) -> dict[str, Any]:
    """Measures rows of class 0 that were predicted rightly or not."""
    actual, predicted = np.zeros(len(right), dtype=np.int64), 1 - np.array(right, dtype=np.int64)
    return Slicing(columns, few, 0.95, seed=3).measure(some, actual, predicted, CLASSES)


def shown(found: dict[str, Any], column: str) -> list[tuple[Any, int, float]]:
    """Value, rows and accuracy of the slices of one column, in their order."""
    return [(one["value"], one["rows"], one["accuracy"]) for one in found["slices"] if one["column"] == column]


def test_texts_are_cut_into_quarters_by_length() -> None:
    lengths = [1, 2, 3, 4, 5, 6, 7, 8]
    found = measure(table(["x" * length for length in lengths]), [length < 7 for length in lengths])
    assert shown(found, "length") == [
        ("more than 6 characters", 2, 0.0),
        ("1 to 2 characters", 2, 1.0),
        ("3 to 4 characters", 2, 1.0),
        ("5 to 6 characters", 2, 1.0),
    ]


def test_equal_lengths_make_fewer_slices_and_one_value_for_all_makes_none() -> None:
    found = measure(table(["xx"] * 6 + ["xxxx"] * 2), [True] * 8)
    assert shown(found, "length") == [("1 to 2 characters", 6, 1.0), ("more than 2 characters", 2, 1.0)]
    assert {one["column"] for one in measure(table(["same text here"] * 4), [True] * 4)["slices"]} == set()


def test_months_languages_and_declared_columns_are_slices() -> None:
    english, chinese = "please reset my password for the portal", "请帮我重置门户网站的密码"
    times = ["2026-01-31T08:00:00", "2026-02-01", "2026", None]
    some = table(
        [english, english, chinese, chinese], times, channel=["chat", "chat", "email", None], month=list("xxyy")
    )
    found = measure(some, [True, False, True, True], "channel", "month")
    assert shown(found, "month") == [("2026-02", 1, 0.0), ("2026", 1, 1.0), ("2026-01", 1, 1.0), (None, 1, 1.0)]
    assert shown(found, "language") == [("en", 2, 0.5), ("zh", 2, 1.0)]
    assert shown(found, "channel") == [("chat", 2, 0.5), (None, 1, 1.0), ("email", 1, 1.0)]
    assert shown(found, "column month") == [("x", 2, 0.5), ("y", 2, 1.0)]


def test_a_column_that_rows_do_not_carry_is_refused() -> None:
    with pytest.raises(BadInput, match=r"a column 'team' that rows carry along, found channel"):
        measure(table(["a", "b"], channel=["x", "y"]), [True, True], "channel", "team")


def test_the_worst_come_first_and_those_of_few_rows_last() -> None:
    some = table(["one text"] * 9, channel=["good"] * 4 + ["bad"] * 4 + ["tiny"])
    found = measure(some, [True] * 4 + [True, True, False, False] + [False], "channel", few=2)
    assert [(one["value"], one["few"]) for one in found["slices"]] == [("bad", False), ("good", False), ("tiny", True)]


def test_the_smallest_of_many_values_are_one_slice() -> None:
    values = [f"v{number}" for number in range(25) for _ in range(1 if number >= 20 else 2)]
    found = measure(table(["one text"] * len(values), customer=values), [True] * len(values), "customer")
    rest = [one for one in found["slices"] if one["values"] > 1]
    assert [(one["value"], one["values"], one["rows"]) for one in rest] == [("5 other values", 5, 5)]
    assert len(found["slices"]) == 21
    values = values[:41]  # 20 values twice, and a single one
    found = measure(table(["one text"] * len(values), customer=values), [True] * len(values), "customer")
    assert {one["values"] for one in found["slices"]} == {1}


def test_intervals_of_accuracy_are_those_of_the_binomial_distribution() -> None:
    # The bootstrap of a mean of zeros and ones is a binomial draw, whose percentiles scipy knows.
    right = [True] * 120 + [False] * 80
    found = measure(table(["one text"] * 200), right)
    low, high = stats.binom.ppf([0.025, 0.975], 200, 0.6) / 200
    assert found["accuracy"] == 0.6
    assert found["accuracy_interval"] == pytest.approx([low, high], abs=0.011)


def test_intervals_of_macro_f1_are_those_of_resampled_rows() -> None:
    random = np.random.default_rng(1)
    actual, predicted = random.integers(0, 3, 90), random.integers(0, 3, 90)
    predicted[:50] = actual[:50]
    found = Slicing((), 1, 0.9, seed=3).measure(table(["one text"] * 90), actual, predicted, 3)

    def macro_f1(places: Any) -> float:
        true, said = actual[places], predicted[places]
        hits, sizes = [((true == one) & (said == one)).sum() for one in range(3)], range(3)
        return float(np.mean([2 * hits[one] / ((true == one).sum() + (said == one).sum()) for one in sizes]))

    drawn = [macro_f1(random.integers(0, 90, 90)) for _ in range(2000)]
    assert found["macro_f1"] == pytest.approx(macro_f1(np.arange(90)))
    assert found["macro_f1_interval"] == pytest.approx(np.percentile(drawn, [5, 95]), abs=0.012)
