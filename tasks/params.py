"""The whole of `params.yaml`: each room's model put together, and what must agree between them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from tasks import block
from tasks.adapt.params import OBJECTIVES, EncoderParams
from tasks.base_encoder import base_of
from tasks.block import PARAMS
from tasks.clean.params import CleanParams
from tasks.combine.params import FITTED, METHODS, EnsembleParams
from tasks.compute import ComputeParams
from tasks.contestants import BLOCKS
from tasks.embed.params import KINDS, FeatureParams
from tasks.errors import BadInput, ParamsError, Problem
from tasks.evaluate.params import EvaluateParams
from tasks.finetune.params import MODELS, READS, CandidateParams, CrossValidationParams
from tasks.finetune.students import STUDENTS, StudentParams
from tasks.ingest.params import IngestParams
from tasks.ladder.params import LadderParams
from tasks.ladder.recipe import Known
from tasks.quantize.params import SOURCES, QuantizedParams
from tasks.retraining.drift_params import unreadable
from tasks.retraining.params import RetrainParams
from tasks.retraining.retention_params import RetentionParams
from tasks.retraining.schedule_params import ScheduleParams
from tasks.select.params import SelectParams
from tasks.select.verdict_params import VerdictParams

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*")
_BLOCKS: dict[str, type[BaseModel]] = {
    "ingest": IngestParams,
    "clean": CleanParams,
    "cross_validation": CrossValidationParams,
    "evaluate": EvaluateParams,
    "select": SelectParams,
    "verdict": VerdictParams,
    "retention": RetentionParams,
    "schedule": ScheduleParams,
    "retrain": RetrainParams,
}
KEYS: Known = {
    "features": ("kind", {kind: frozenset(model.model_fields) for kind, model in KINDS.items()}),
    "candidate": ("model", {name: frozenset(model.model_fields) for name, model in MODELS.items()}),
}
"""The keys of each kind of feature set, and of each model's candidates."""


class Params(ComputeParams):
    """Everything that a run depends on."""

    ingest: IngestParams
    clean: CleanParams
    encoders: dict[str, EncoderParams]
    features: dict[str, FeatureParams]
    candidates: dict[str, CandidateParams]
    ensembles: dict[str, EnsembleParams]
    students: dict[str, StudentParams]
    quantized: dict[str, QuantizedParams]
    cross_validation: CrossValidationParams
    evaluate: EvaluateParams
    select: SelectParams
    verdict: VerdictParams
    retention: RetentionParams
    schedule: ScheduleParams
    retrain: RetrainParams
    ladder: LadderParams | None


def check(root: Path) -> Params:
    """Reads and checks the workspace's `params.yaml`.

    Raises:
        BadInput: if it cannot be read.
        ParamsError: with every problem in it.
    """
    return check_tree(block.load(root / PARAMS))


def check_tree(tree: Mapping[str, Any]) -> Params:
    """Checks parameters that were read already.

    Raises:
        ParamsError: with every problem: unknown keys, wrong types and values, names that nothing bears, feature sets
            that nothing uses, models that cannot read their feature set, ensembles that cannot be combined, models
            that cannot be quantized.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = _top(tree, problems)
    for name, model in _BLOCKS.items():
        values[name] = _checked(model, tree.get(name, {}), name, problems)
    # Its recipes are checked when a ladder is made: who only runs the pipeline may have other encoders than it names.
    values["ladder"] = _checked(LadderParams, tree["ladder"], "ladder", problems) if "ladder" in tree else None
    values["encoders"] = _members(tree, "encoders", problems, _by("objective", OBJECTIVES, "none"))
    values["features"] = _members(tree, "features", problems, _by("kind", KINDS))
    values["candidates"] = _members(tree, "candidates", problems, _by("model", MODELS))
    values["students"] = _members(tree, "students", problems, _by("model", STUDENTS), at_least=0)
    values["ensembles"] = _members(tree, "ensembles", problems, _by("method", METHODS), at_least=0)
    values["quantized"] = _members(tree, "quantized", problems, lambda value: QuantizedParams, at_least=0)
    trained = {**values["candidates"], **values["students"]}
    problems += _disagreements(values["encoders"], values["features"], trained, tree)
    problems += _shared_names(tree)
    problems += _untaught(values["students"], tree)
    problems += _not_one_encoder(values["quantized"], tree)
    problems += _not_kept(values["evaluate"], values["ingest"])
    problems += _impossible(values["ensembles"], values["cross_validation"], tree)
    drift = values["retrain"].drift if values["retrain"] is not None else None
    problems += unreadable(drift, tree["features"]) if drift is not None and values["features"] else []
    if problems:
        raise ParamsError(PARAMS, problems)
    # Every part was checked above; checking them again would only try each union's members in turn.
    return Params.model_construct(**values)


def _top(tree: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    own = {name: tree[name] for name in ComputeParams.model_fields if name in tree}
    known = set(Params.model_fields)
    for name in tree:
        if name not in known:
            problems.append(Problem(str(name), f"one of {', '.join(sorted(known))}", "a key of another name"))
    checked = _checked(ComputeParams, own, "", problems)
    return dict(checked) if checked is not None else {}


def _checked(model: type[BaseModel], value: object, at: str, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += block.problems(error, at)
        return None


def _members(
    tree: Mapping[str, Any], at: str, problems: list[Problem], choose: Any, *, at_least: int = 1
) -> dict[str, Any]:
    """Checks a mapping from names to blocks; those that are wrong are left out."""
    members = tree.get(at)
    if not isinstance(members, dict) or len(members) < at_least:
        allowed = "a mapping with at least one name" if at_least else "a mapping, {} for none"
        problems.append(Problem(at, allowed, "nothing" if at not in tree else repr(members)))
        return {}
    good = {}
    for name, value in members.items():
        path = f"{at}.{name}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(Problem(path, "a name of letters, digits, `_` and `-`", repr(name)))
            continue
        model = choose(value)
        if isinstance(model, Problem):
            problems.append(Problem(f"{path}.{model.path}", model.allowed, model.given))
            continue
        checked = _checked(model, value, path, problems)
        if checked is not None:
            good[name] = checked
    return good


def _by(key: str, table: Mapping[str, type[BaseModel]], default: str | None = None) -> Any:
    """A function from a block to the model that its `key` (or else `default`) names, or the problem with it."""

    def choose(value: object) -> type[BaseModel] | Problem:
        word = value.get(key, default) if isinstance(value, dict) else None
        if isinstance(word, str) and word in table:
            return table[word]
        return Problem(key, f"one of {', '.join(table)}", "nothing" if word is None else repr(word))

    return choose


def _disagreements(
    encoders: Mapping[str, EncoderParams],
    features: Mapping[str, Any],
    contestants: Mapping[str, Any],
    tree: Mapping[str, Any],
) -> list[Problem]:
    """What is wrong between blocks. Names of blocks that are wrong in themselves count as declared.

    Args:
        contestants: candidates and students.
    """
    found = []
    declared = {name: _mapping(tree, name) for name in ("encoders", "features", *BLOCKS)}
    if "none" in encoders:
        found.append(Problem("encoders.none", "another name", "`none`, which stands for no encoder"))
    found += [problem for name in encoders for problem in _baseless(name, declared["encoders"])]
    for name, feature in features.items():
        if feature.kind in ("encoder", "tokens") and feature.encoder not in declared["encoders"]:
            allowed = _one_of(declared["encoders"])
            found.append(Problem(f"features.{name}.encoder", allowed, repr(feature.encoder)))
    for name, candidate in contestants.items():
        kind = next(kind for kind in BLOCKS if name in declared[kind])
        at = f"{kind}.{name}.features"
        feature = features.get(candidate.features)
        if candidate.features not in declared["features"]:
            found.append(Problem(at, _one_of(declared["features"]), repr(candidate.features)))
        elif feature is not None:
            found += _unreadable(f"{kind}.{name}", candidate, feature)
    readers = [value for kind in BLOCKS for value in declared[kind].values()]
    used = {value.get("features") for value in readers if isinstance(value, dict)}
    for name in declared["features"]:
        if name not in used:
            found.append(Problem(f"features.{name}", "a feature set that a candidate reads", "one that nothing uses"))
    return found


def _baseless(name: str, encoders: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the encoder that another one starts from."""
    try:
        base_of(name, encoders)
    except BadInput as error:
        return [Problem(f"encoders.{name}.source", error.expected, repr(error.found))]
    return []


def _shared_names(tree: Mapping[str, Any]) -> list[Problem]:
    """Contestants of one name, whose files would be the same."""
    return [
        Problem(f"{kind}.{name}", f"a name that none of {other} has", repr(name))
        for number, kind in enumerate(BLOCKS)
        for other in BLOCKS[:number]
        for name in _mapping(tree, kind)
        if name in _mapping(tree, other)
    ]


def _untaught(students: Mapping[str, StudentParams], tree: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the teachers of students."""
    found = []
    for name, student in students.items():
        teacher = student.teacher
        if teacher.name not in _mapping(tree, teacher.block):
            allowed = _one_of({f"{teacher.block}/{one}": None for one in _mapping(tree, teacher.block)})
            found.append(Problem(f"students.{name}.teacher.model", allowed, repr(teacher.model)))
    return found


def _not_one_encoder(quantized: Mapping[str, QuantizedParams], tree: Mapping[str, Any]) -> list[Problem]:
    """What cannot be quantized: anything but a fine-tuned encoder that is one network."""
    able = [f"{kind}/{name}" for kind in SOURCES for name, entry in _mapping(tree, kind).items() if _is_encoder(entry)]
    allowed = f"a fine-tuned encoder that is one network ({', '.join(able) or 'none is declared'})"
    return [
        Problem(f"quantized.{name}.model", allowed, repr(one.model))
        for name, one in quantized.items()
        if one.model not in able
    ]


def _is_encoder(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("model") != "transformer":
        return False
    bag = entry.get("bag")
    return not isinstance(bag, dict) or bag.get("combine") == "soup"  # any other bag keeps all its networks


def _unreadable(at: str, candidate: Any, feature: FeatureParams) -> list[Problem]:
    """What a candidate or student cannot read of its feature set."""
    given = f"{candidate.features}, which is {feature.form}"
    if feature.form not in READS[candidate.model]:
        return [Problem(f"{at}.features", f"a feature set that is {' or '.join(READS[candidate.model])}", given)]
    select = getattr(candidate, "select", None)
    if select is not None and select.by == "chi2" and feature.form != "sparse":
        return [Problem(f"{at}.select.by", "anova, as chi2 takes counts of terms alone", given)]
    return []


def _impossible(
    ensembles: Mapping[str, EnsembleParams], validating: CrossValidationParams | None, tree: Mapping[str, Any]
) -> list[Problem]:
    """What is wrong with ensembles. Candidates that are wrong in themselves count as declared."""
    found, candidates = [], _mapping(tree, "candidates")
    for name, ensemble in ensembles.items():
        at = f"ensembles.{name}"
        unknown = [member for member in ensemble.members if member not in candidates]
        found += [Problem(f"{at}.members", _one_of(candidates), repr(member)) for member in unknown]
        if ensemble.method in FITTED and validating is not None and validating.folds == 0:
            allowed = "vote or mean, as cross_validation.folds is 0 and others are fitted to out-of-fold predictions"
            found.append(Problem(f"{at}.method", allowed, repr(ensemble.method)))
    return found


def _not_kept(evaluating: EvaluateParams | None, ingesting: IngestParams | None) -> list[Problem]:
    """Columns to slice by that rows do not carry along."""
    if evaluating is None or ingesting is None:
        return []
    kept = ingesting.columns.keep
    allowed = f"one of ingest.columns.keep ({', '.join(kept)})" if kept else "none, as ingest.columns.keep names none"
    return [Problem("evaluate.slices", allowed, repr(name)) for name in evaluating.slices if name not in kept]


def _mapping(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _one_of(names: Mapping[str, object]) -> str:
    return f"one of {', '.join(map(str, names))}" if names else "a declared name"
