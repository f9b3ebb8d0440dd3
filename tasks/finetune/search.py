"""The search for better parameters of a candidate, by cross-validation on the train rows."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from tasks.errors import BadInput
from tasks.files import remove
from tasks.finetune.cross_validation import out_of_fold
from tasks.finetune.memory import TooLittleMemory
from tasks.finetune.params import CandidateParams, Range, Search
from tasks.finetune.scores import validation_scores
from tasks.finetune.trainer import Probabilities, Trainer
from tasks.folds import Fold
from tasks.progress import log

Values = dict[str, Any]


@dataclass
class Trial:
    """One set of parameters that was tried.

    Attributes:
        trial: its number; 0 is the candidate as it is declared.
        score: of its out-of-fold predictions, None if training failed.
        params: the values that it had.
        best: whether no other has a better score.
        failed: why training failed, None if it did not.
        seconds: that its fits took.
    """

    trial: int
    score: float | None
    params: Values
    best: bool = False
    failed: str | None = None
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The trial as JSON holds it: without the time, which differs from run to run."""
        return {name: value for name, value in asdict(self).items() if name != "seconds"}


def search(
    trainer: Trainer[Any], params: CandidateParams, folds: Sequence[Fold], scratch: Path
) -> tuple[CandidateParams, list[Trial]]:
    """Tries the candidate as declared, then what the sampler proposes.

    A tree-structured Parzen estimator (Bergstra et al. 2011, as optuna has it) proposes, one trial after the other, so
    that the same seed and the same scores give the same trials. A space of fewer sets than trials is tried whole.

    Args:
        params: with a search.
        folds: of the train rows, as `search.folds` asks for.
        scratch: where finished folds are kept, so that an interrupted search goes on.

    Returns:
        The candidate with the best values and without its search, and all trials. Of equal scores the first counts.

    Raises:
        BadInput: if the candidate as declared cannot be trained.
    """
    declared = params.search
    if declared is None:
        raise ValueError("a candidate without a search")
    truth = trainer.labels(np.arange(sum(len(held) for _, held in folds)))
    trials: list[Trial] = []

    def attempt(values: Values) -> float | None:
        number = len(trials)
        same = next((trial for trial in trials if trial.params == values), None)
        trial = Trial(number, None, values) if same is None else Trial(number, same.score, values, failed=same.failed)
        if same is None:
            _train(trainer, params, folds, scratch / _name(values), truth, trial)
        trials.append(trial)
        shown = "training failed" if trial.score is None else f"{declared.metric} {trial.score:.4f}"
        log(f"search, trial {number + 1} of {declared.trials}: {shown} with {json.dumps(values)}")
        return trial.score

    start = {key: params.model_dump()[key] for key in declared.space}
    if attempt(start) is None:
        raise BadInput("the candidate as declared", "one that can be trained", str(trials[0].failed), "Correct it.")
    _propose(declared, trainer.compute.seed, start, trials, attempt)
    best = _best(trials, declared)
    best.best = True
    log(f"search: the best of {len(trials)} trials is number {best.trial + 1}, {declared.metric} {best.score:.4f}")
    return params.replaced(best.params), trials


def _train(
    trainer: Trainer[Any],
    params: CandidateParams,
    folds: Sequence[Fold],
    scratch: Path,
    truth: npt.NDArray[np.int64],
    trial: Trial,
) -> None:
    try:
        tried = params.replaced(trial.params)
        found = out_of_fold(trainer, tried, folds, scratch, f"trial {trial.trial + 1}")
    except TooLittleMemory:
        raise  # else a busy machine would decide which trial wins
    except (BadInput, ValidationError) as error:  # a rate that is too high, or values that do not go together
        trial.failed = " ".join(str(error).split())
        remove(scratch)
        return
    assert params.search is not None  # noqa: S101 - there are trials because there is a search
    trial.score, trial.seconds = _score(params.search, truth, found.probabilities), found.seconds


def _score(declared: Search, truth: npt.NDArray[np.int64], probabilities: Probabilities) -> float:
    scores = validation_scores(truth, probabilities)
    names = {"macro_f1": "validation_macro_f1", "accuracy": "validation_accuracy", "log_loss": "validation_loss"}
    return scores[names[declared.metric]]


def _best(trials: Sequence[Trial], declared: Search) -> Trial:
    sign = 1.0 if declared.metric == "log_loss" else -1.0
    return min((trial for trial in trials if trial.score is not None), key=lambda trial: sign * float(trial.score or 0))


def _propose(
    declared: Search, seed: int, start: Values, trials: list[Trial], attempt: Callable[[Values], float | None]
) -> None:
    """Tries the rest of a small space whole, or what the sampler proposes of a large one."""
    whole = _all(declared.space, declared.trials)
    if whole is not None:
        for values in whole:
            if values != start:
                attempt(values)
        return
    study, distributions = _study(declared, seed)
    encoded = _encoded(start, declared.space)
    if encoded is not None:
        study.add_trial(_finished(encoded, distributions, trials[0].score))
    while len(trials) < declared.trials:
        proposed = study.ask(distributions)
        score = attempt(_decoded(proposed.params, declared.space))
        if score is None:
            from optuna.trial import TrialState

            study.tell(proposed, state=TrialState.FAIL)
        else:
            study.tell(proposed, score)


def _study(declared: Search, seed: int) -> tuple[Any, dict[str, Any]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(1, min(10, declared.trials // 2)))
    study = optuna.create_study(direction="minimize" if declared.metric == "log_loss" else "maximize", sampler=sampler)
    return study, {key: _distribution(values) for key, values in declared.space.items()}


def _finished(encoded: Values, distributions: dict[str, Any], score: float | None) -> Any:
    from optuna.trial import create_trial

    return create_trial(params=encoded, distributions=distributions, value=score)


def _distribution(values: list[Any] | Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(values, Range):
        return CategoricalDistribution(range(len(values)))  # by number, as a value may be a list or a mapping
    if isinstance(values.low, int) and isinstance(values.high, int):
        return IntDistribution(values.low, values.high, log=values.log)
    return FloatDistribution(float(values.low), float(values.high), log=values.log)


def _encoded(values: Values, space: Mapping[str, list[Any] | Range]) -> Values | None:
    """The values as the sampler knows them; None if one is not in the space."""
    encoded = {}
    for key, allowed in space.items():
        value = values[key]
        if isinstance(allowed, Range):
            kinds = int if isinstance(allowed.low, int) and isinstance(allowed.high, int) else int | float
            if not isinstance(value, kinds) or not allowed.low <= value <= allowed.high:
                return None
            encoded[key] = value
        elif value in allowed:
            encoded[key] = allowed.index(value)
        else:
            return None
    return encoded


def _decoded(proposed: Values, space: Mapping[str, list[Any] | Range]) -> Values:
    return {
        key: proposed[key] if isinstance(allowed, Range) else allowed[proposed[key]] for key, allowed in space.items()
    }


def _all(space: Mapping[str, list[Any] | Range], most: int) -> list[Values] | None:
    """All sets of values, None if there are more than `most`."""
    lists = [values for values in space.values() if not isinstance(values, Range)]
    if len(lists) < len(space) or math.prod(map(len, lists)) > most:
        return None
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*lists)]


def _name(values: Values) -> str:
    """A folder's name for a set of values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
