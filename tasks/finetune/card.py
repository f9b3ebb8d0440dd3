"""The card of a trained candidate, of what the stage knows."""

from pathlib import Path
from typing import Any

from tasks import model
from tasks.features import FeatureSet
from tasks.finetune.params import CandidateParams, TrainingParams
from tasks.model import Family


def write(
    folder: Path,
    name: str,
    family: Family,
    feature_set: FeatureSet,
    classes: list[str],
    params: CandidateParams | TrainingParams,
    notes: dict[str, Any],
    search: dict[str, Any] | None = None,
) -> None:
    """Writes `candidate.json` beside a saved model; of an ensemble, whose members have cards already."""
    settings: dict[str, Any] = dict(feature_set.manifest["params"])
    rules = settings.pop("rules")
    if family == "ensemble":
        from tasks.ensemble import NO_RULES

        rules = NO_RULES
    model.write_card(
        folder,
        name=name,
        family=family,
        labels=classes,
        rules=rules,
        recipe=params.model_dump(exclude={"learning_curve"}),  # which changes nothing of the model
        features={"name": params.features, **settings},
        search=search,
        notes=notes,
    )
