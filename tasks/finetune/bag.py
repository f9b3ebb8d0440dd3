"""Bags and soups: several trainings of one recipe that become one model."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks import ensemble
from tasks.combination import Combination
from tasks.errors import BadInput
from tasks.finetune import averaging, card
from tasks.finetune.networks import FittedNetwork, NetworkTrainer
from tasks.finetune.params import BagParams, TrainingParams
from tasks.finetune.trainer import Fitted, Indices, Probabilities, Split, Trainer
from tasks.folds import folds
from tasks.model import Family
from tasks.progress import log

_DIVISION = 2  # tells the division of a bag's rows from those of cross-validation and search with the same seed


class BaggingTrainer(Trainer[TrainingParams]):
    """Fits what `bag` declares, or a single network where it declares none.

    Args:
        inner: fits one network.
    """

    def __init__(self, inner: NetworkTrainer[Any]) -> None:
        super().__init__(inner.feature_set, inner.classes, inner.compute)
        self.inner, self.teaching = inner, inner.teaching

    def fit(self, params: TrainingParams, rows: Indices, scratch: Path) -> Fitted:
        """As for every family; each member has a folder in `scratch`, so that finished ones are not trained again."""
        bag = params.bag
        if bag is None:
            return self.inner.fit(params, rows, scratch)
        alone = params.model_copy(update={"bag": None})
        _ = self.inner.ids  # read once, and shared by the copies of the trainer
        members = []
        for number, (seed, shown) in enumerate(self._shares(bag, rows), start=1):
            log(f"member {number} of {bag.members}: {len(shown):,} train rows, seed {seed}")
            trainer = copy.copy(self.inner)
            trainer.compute = replace(trainer.compute, seed=seed)
            members.append(trainer.fit(alone, shown, scratch / f"member{number}"))
        return FittedBag(alone, _soup(members) if bag.combine == "soup" else members, members)

    def _shares(self, bag: BagParams, rows: Indices) -> list[tuple[int, Indices]]:
        """The seed and the rows of each member."""
        seed = self.compute.seed
        if bag.by == "seeds":
            return [(_seed(seed, number), rows) for number in range(bag.members)]
        labels = self.labels(rows)
        # A class of one row is shown to all, as a member that does not know it could not answer with the others.
        alone = np.flatnonzero(np.bincount(labels)[labels] == 1)
        if len(alone) == len(labels):
            found, fix = f"{len(labels):,} rows of as many classes", "Set `by: seeds` in the candidate's bag."
            raise BadInput("a bag by folds", "a class with two rows or more", found, fix)
        parts = folds(labels, bag.members, seed + _DIVISION)
        return [(seed, rows[np.union1d(shown, alone)]) for shown, _ in parts]


class FittedBag(Fitted):
    """The networks of a bag, which answer with the mean of their probabilities; or the one of a soup.

    Its curve has the mean of the members' at each epoch that all of them have; its gradients are the first member's.

    Args:
        params: of each member.
        networks: that answer.
        members: that were trained.
    """

    def __init__(
        self, params: TrainingParams, networks: Sequence[FittedNetwork], members: Sequence[FittedNetwork]
    ) -> None:
        self._params, self._networks = params, networks
        first = members[0]
        self.curve = [_mean(points) for points in zip(*(member.curve for member in members), strict=False)]
        self.gradients, self.device, self.precision = first.gradients, first.device, first.precision
        self.seconds = sum(member.seconds for member in members)
        warnings = dict.fromkeys(line for member in members for line in member.notes.get("gradient_warnings", []))
        every: dict[str, Any] = {}
        for member in reversed(members):
            every |= member.notes
        self.notes = {**every, "gradient_warnings": list(warnings), "members": len(members)}
        parts = [member.notes["batch_parts"] for member in members if "batch_parts" in member.notes]
        if parts:
            self.notes["batch_parts"] = max(parts)

    def predict_proba(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [len(rows), classes] of these rows, as the saved model gives them."""
        parts = [one.predict_proba(rows, split) for one in self._networks]
        return Combination("mean")(parts, self._networks[0].trainer.classes)

    def members(self, rows: Indices, split: Split = "train") -> Probabilities:
        """Probabilities [networks, len(rows), classes] of each network that answers."""
        return np.stack([one.predict_proba(rows, split) for one in self._networks])

    def soften(self, temperature: float) -> None:
        """Divides the logits of each network by the temperature that is right for their mean.

        A mean of tempered members may find another class most probable where members disagree.
        """
        for network in self._networks:
            network.soften(temperature)

    def save(self, folder: Path) -> Family:
        """Writes the networks as members of an ensemble, or the one of a soup as what it is.

        Raises:
            ValueError: if a class had no train row.
        """
        if len(self._networks) == 1:
            return self._networks[0].save(folder)
        names = [f"member{number}" for number in range(1, len(self._networks) + 1)]
        for name, network in zip(names, self._networks, strict=True):
            own = folder / ensemble.MEMBERS / name
            own.mkdir(parents=True)
            family, trainer = network.save(own), network.trainer
            card.write(own, name, family, trainer.feature_set, trainer.classes, self._params, network.notes)
        ensemble.write(folder, names, Combination("mean"))
        return "ensemble"


def _soup(members: Sequence[FittedNetwork]) -> list[FittedNetwork]:
    """One network with the mean of the members' weights (Wortsman et al. 2022, "Model soups", section 2, uniform)."""
    states = [averaging.copied(member.network.state_dict()) for member in members]
    mixed = averaging.mean(states)
    # What no member changed stays to the bit, as the mean of equal numbers need not.
    same = {name for name, one in states[0].items() if all(torch.equal(one, other[name]) for other in states[1:])}
    soup = members[0]
    soup.network.load_state_dict({name: states[0][name] if name in same else mixed[name] for name in mixed})
    soup.trainer.forget_parts(soup.network)
    return [soup]


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, _DIVISION, number]).generate_state(1)[0])


def _mean(points: Sequence[dict[str, float]]) -> dict[str, float]:
    whole = {"epoch", "step"}
    return {
        name: value if name in whole else float(np.mean([point[name] for point in points]))
        for name, value in points[0].items()
    }
