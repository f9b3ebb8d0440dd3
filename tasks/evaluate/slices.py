"""Where a model is weak: its measures on parts of the rows, the worst first."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks import rows
from tasks.errors import BadInput
from tasks.languages import language
from tasks.scores import Counts, Floats, Ints, agreement, count

_MOST = 20  # values of a column that are slices of their own; what is left is one together
_DRAWS = 1000  # of the bootstrap
_MEASURES = ("accuracy", "macro_f1")
_MONTH = len("2026-01")


@dataclass(frozen=True)
class Slicing:
    """How the rows are divided, one and the same for all models.

    Attributes:
        columns: the declared ones, of those that rows carry along.
        few: rows of a slice below which it is marked.
        level: of the intervals.
        seed: of their bootstrap.
    """

    columns: Sequence[str]
    few: int
    level: float
    seed: int

    def measure(self, table: pa.Table, actual: Ints, predicted: Ints, classes: int) -> dict[str, Any]:
        """The measures on each slice: those of enough rows first, then the one with the lowest accuracy.

        Classes count towards a slice's macro F1 that occur in it, so that this is not to be compared between slices
        of unlike classes.

        Args:
            table: the rows, as the clean stage wrote them.
            actual: the class of each row, as an index [rows].
            predicted: the predicted class [rows].

        Raises:
            BadInput: if the rows do not carry a declared column.
        """
        found = []
        for column, values in _divided(table, self.columns).items():
            for value, joined, places in _parts(values):
                measures = self._of(actual[places], predicted[places], classes)
                few = len(places) < self.few
                found.append({"column": column, "value": value, "values": joined, "few": few, **measures})
        found.sort(key=lambda one: (one["few"], one["accuracy"], -one["rows"], one["column"], str(one["value"])))
        return {"level": self.level, "slice_rows": self.few, **self._of(actual, predicted, classes), "slices": found}

    def _of(self, actual: Ints, predicted: Ints, classes: int) -> dict[str, Any]:
        values = agreement(count(actual, predicted, classes))
        drawn = agreement(_resampled(actual, predicted, classes, self.seed))
        edges = [50 * (1 - self.level), 50 * (1 + self.level)]
        measures: dict[str, Any] = {"rows": len(actual)}
        for name in _MEASURES:
            low, high = np.percentile(drawn[name], edges)
            measures |= {name: float(values[name]), f"{name}_interval": [float(low), float(high)]}
        return measures


def _resampled(actual: Ints, predicted: Ints, classes: int, seed: int) -> Counts:
    """Counts on samples of the rows with replacement [draws, classes].

    Only how often each pair of actual and predicted class is drawn matters. So pairs are drawn, which are fewer than
    the rows; how often each comes has a multinomial distribution.
    """
    pairs, sizes = np.unique(actual * classes + predicted, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(actual), sizes / len(actual), size=_DRAWS).astype(np.float64)
    true, guessed = np.divmod(pairs, classes)
    every, right = np.arange(len(pairs)), np.flatnonzero(true == guessed)
    return Counts(
        *(
            _by_class(drawn[:, chosen], some[chosen], classes)
            for some, chosen in ((true, right), (true, every), (guessed, every))
        )
    )


def _by_class(drawn: Floats, of: Ints, classes: int) -> Floats:
    """Sums columns [draws, pairs] by their class, to [draws, classes]."""
    members = np.zeros((len(of), classes))
    members[np.arange(len(of)), of] = 1.0
    sums: Floats = drawn @ members
    return sums


def _divided(table: pa.Table, declared: Sequence[str]) -> dict[str, list[str | None]]:
    """The value of each row by the column that rows are divided by; a column with one value for all is left out."""
    missing = [name for name in declared if name not in table.column_names]
    if missing:
        found = ", ".join(rows.kept(table)) or "none"
        fix = "Name it in ingest.columns.keep too, then `regraft run`."
        raise BadInput("evaluate.slices", f"a column {missing[0]!r} that rows carry along", found, fix)
    texts = rows.strings(table, "text")
    divided: dict[str, list[str | None]] = {
        "length": _lengths(texts),
        "language": [language(text) for text in texts],
        "source": table.column("source").to_pylist(),
        "month": [None if time is None else time[:_MONTH] for time in table.column("time").to_pylist()],
    }
    # A declared column of such a name stands beside ours, not in its place.
    named = {f"column {name}" if name in divided else name: table.column(name).to_pylist() for name in declared}
    return {name: values for name, values in (divided | named).items() if len(set(values)) > 1}


def _lengths(texts: Sequence[str]) -> list[str | None]:
    """Each text's quarter by its length in characters, by name."""
    lengths = np.array([len(text) for text in texts])
    edges = np.unique(np.quantile(lengths, [0.25, 0.5, 0.75], method="inverted_cdf").astype(np.int64)).tolist()
    names = [f"{low + 1} to {high} characters" for low, high in zip([0, *edges], edges, strict=False)]
    names.append(f"more than {edges[-1]} characters")
    return [names[place] for place in np.searchsorted(edges, lengths)]


def _parts(values: Sequence[str | None]) -> Iterable[tuple[str | None, int, Ints]]:
    """The value of each slice, how many values it joins, and the places of its rows; the largest are by themselves."""
    places: dict[str | None, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    ordered = sorted(places, key=_by_size(Counter(values)))
    # One that is left over needs no name for all that are left over.
    alone = ordered if len(ordered) == _MOST + 1 else ordered[:_MOST]
    for value in alone:
        yield value, 1, np.array(places[value])
    rest = ordered[len(alone) :]
    if rest:
        yield f"{len(rest)} other values", len(rest), np.array(sorted(one for value in rest for one in places[value]))


def _by_size(sizes: Counter[str | None]) -> Callable[[str | None], tuple[int, bool, str]]:
    return lambda value: (-sizes[value], value is None, str(value))
