"""Parameters: everything that is wrong is said at once, with its path, what is allowed and what was given."""

import copy
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tasks import block
from tasks.adapt.params import OBJECTIVES
from tasks.embed.params import KINDS
from tasks.errors import BadInput, ParamsError
from tasks.finetune.params import MODELS
from tasks.params import Params, check, check_tree
from tests.imports import ROOT

DEFAULT: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")


def changed(path: str, value: object) -> dict[str, Any]:
    """The project's parameters with one value put in, or taken out where `value` is `...`."""
    tree = copy.deepcopy(DEFAULT)
    node = tree
    *parents, last = path.split(".")
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return tree


def problems(tree: dict[str, Any]) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        check_tree(tree)
    return [str(problem) for problem in caught.value.problems]


def test_the_project_s_own_parameters_hold() -> None:
    params = check(ROOT)
    assert isinstance(params, Params)
    assert params.candidates.keys() == DEFAULT["candidates"].keys()


WRONG = [
    ("seed", "x", "seed: expected a valid integer, given 'x'"),
    ("seed", -1, "seed: expected greater than or equal to 0, given -1"),
    ("threads", 0, "threads: expected greater than or equal to 1, given 0"),
    ("threads", ..., "threads: expected a value, given nothing"),
    ("device", "tpu", "device: expected 'auto', 'cpu', 'cuda' or 'mps', given 'tpu'"),
    ("ingest.columns.text", ..., "ingest.columns.text: expected a value, given nothing"),
    ("retrain.drift.features", "tfidf", "retrain.drift.features: expected a feature set of kind encoder (minilm), or "
     "null, given 'tfidf'"),
    ("retrain.policy", "ask", "retrain.policy: expected 'auto', 'approve' or 'never', given 'ask'"),
    ("retrain.new_rows", 0, "retrain.new_rows: expected greater than or equal to 1, given 0"),
    ("retrain.notify", "slack", "retrain.notify: expected String should match pattern "
     "'^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$', given 'slack'"),
    ("ingest.colour", 1, "ingest.colour: expected no such key, given 1"),
    ("clean.rules.lowercase", True, "clean.rules.lowercase: expected no such key, given True"),
    ("clean.split.validation", 0.7, "clean.split.validation: expected less than 0.5, given 0.7"),
    ("encoders.minilm.source", "minilm", "encoders.minilm.source: expected `package:<module>`, `path:<folder>` or "
     "`hub:<id>@<commit of 40 hex digits>`, given 'minilm'"),
    ("encoders.minilm.objective", "bert",
     "encoders.minilm.objective: expected one of none, mlm, simcse, tsdae, given 'bert'"),
    ("encoders.minilm.mask_share", 0.2, "encoders.minilm.mask_share: expected no such key, given 0.2"),
    ("encoders.more", {"source": "a b", "objective": "mlm"}, "encoders.more.source: expected `package:<module>`, "
     "`path:<folder>` or `hub:<id>@<commit of 40 hex digits>`, or the name of an encoder, given 'a b'"),
    ("encoders.more", {"source": "bert", "objective": "mlm"}, "encoders.more.source: expected package:<module>, "
     "path:<folder>, hub:<id>@<commit> or the name of an encoder, given 'bert'"),
    ("encoders.more", {"source": "more", "objective": "mlm"},
     "encoders.more.source: expected another encoder than itself, given 'more'"),
    ("encoders.more", {"source": "minilm", "objective": "mlm", "texts": ["https://x/a.txt"]},
     "encoders.more.texts: expected files or globs of files on this machine that end in .txt, .csv, .jsonl, .parquet, "
     "given ['https://x/a.txt']"),
    ("encoders.more", {"source": "minilm", "objective": "simcse", "mask_share": 0.1},
     "encoders.more.mask_share: expected no such key, given 0.1"),
    ("features.minilm.encoder", "bert", "features.minilm.encoder: expected one of minilm, given 'bert'"),
    ("features.minilm.kind", "vectors", f"features.minilm.kind: expected one of {', '.join(KINDS)}, given 'vectors'"),
    ("features.tfidf.words", [2, 1],
     "features.tfidf.words: expected [shortest, longest] with 1 <= shortest <= longest <= 10, given [2, 1]"),
    ("features.tfidf.encoder", ..., "features.tfidf.encoder: expected a value, given nothing"),
    ("features.spare", {"kind": "tfidf", "encoder": "none"},
     "features.spare: expected a feature set that a candidate reads, given one that nothing uses"),
    ("candidates.frozen.features", "glove",
     f"candidates.frozen.features: expected one of {', '.join(DEFAULT['features'])}, given 'glove'"),
    ("candidates.frozen.features", "minilm_tokens",
     "candidates.frozen.features: expected a feature set that is sparse or dense, given minilm_tokens, which is tokens"),  # noqa: E501
    ("candidates.linear_discriminant.features", "tfidf",
     "candidates.linear_discriminant.features: expected a feature set that is dense, given tfidf, which is sparse"),
    ("candidates.frozen.select", {"by": "chi2", "keep": 9},
     "candidates.frozen.select.by: expected anova, as chi2 takes counts of terms alone, given minilm, which is dense"),
    ("features.words.vectors", "glove.txt",
     "features.words.vectors: expected word2vec, random, or path:<file>, given 'glove.txt'"),
    ("candidates.frozen.class_weight", "even",
     "candidates.frozen.class_weight: expected 'none', 'balanced' or 'sampled', given 'even'"),
    ("candidates.frozen.class_weight", {"access": -1.0},
     "candidates.frozen.class_weight.access: expected greater than 0, given -1.0"),
    ("cross_validation.folds", 1, "cross_validation.folds: expected auto, 0 for none, or 2 to 100, given 1"),
    ("candidates.linear_svm.search", {"space": {"gamma": [1.0]}},
     "candidates.linear_svm: expected a search over keys of LinearSvm, not gamma, given other values"),
    ("candidates.linear_svm.search", {"space": {"seed": [1, 2]}},
     "candidates.linear_svm: expected a search over keys of LinearSvm, not seed, given other values"),
    ("candidates.linear_svm.seed", -1, "candidates.linear_svm.seed: expected greater than or equal to 0, given -1"),
    ("candidates.finetune.accumulate", 64,
     "candidates.finetune: expected accumulate of at most batch_rows, 32, as each part has a row, given other values"),
    ("candidates.frozen.model", "svm",
     f"candidates.frozen.model: expected one of {', '.join(MODELS)}, given 'svm'"),
    ("candidates.finetune.epochs", 2.5, "candidates.finetune.epochs: expected a valid integer, given 2.5"),
    ("candidates.finetune.epochs", "2", "candidates.finetune.epochs: expected a valid integer, given '2'"),
    ("candidates.finetune.rate", 1, "candidates.finetune.rate: expected no such key, given 1"),
    ("candidates.a b", {}, "candidates.a b: expected a name of letters, digits, `_` and `-`, given 'a b'"),
    ("ensembles", ..., "ensembles: expected a mapping, {} for none, given nothing"),
    ("ensembles.blend.members", ["frozen", "frozen"],
     "ensembles.blend.members: expected candidates that differ, given ['frozen', 'frozen']"),
    ("ensembles.blend.members", ["frozen", "bert"],
     f"ensembles.blend.members: expected one of {', '.join(DEFAULT['candidates'])}, given 'bert'"),
    ("ensembles.blend.method", "median",
     "ensembles.blend.method: expected one of vote, mean, weighted, stack, given 'median'"),
    ("ensembles.blend.C", 1.0, "ensembles.blend.C: expected no such key, given 1.0"),
    ("quantized", ..., "quantized: expected a mapping, {} for none, given nothing"),
    ("quantized", {"small": {"model": "candidates/linear_svm"}}, "quantized.small.model: expected a fine-tuned encoder "
     "that is one network (candidates/finetune), given 'candidates/linear_svm'"),
    ("quantized", {"small": {"model": "candidates/gone"}}, "quantized.small.model: expected a fine-tuned encoder "
     "that is one network (candidates/finetune), given 'candidates/gone'"),
    ("quantized", {"small": {"model": "finetune"}},
     "quantized.small.model: expected candidates/<name> or students/<name>, given 'finetune'"),
    ("quantized", {"small": {"model": "candidates/finetune", "weights": "int4"}},
     "quantized.small.weights: expected 'float32' or 'int8', given 'int4'"),
    ("quantized", {"frozen": {"model": "candidates/finetune"}},
     "quantized.frozen: expected a name that none of candidates has, given 'frozen'"),
    ("ensembles.blend.calibration", "platt",
     "ensembles.blend.calibration: expected 'temperature' or 'none', given 'platt'"),
    ("select.abstain", {"precision": 0.4},
     "select.abstain.precision: expected greater than or equal to 0.5, given 0.4"),
    ("ensembles.frozen", {"members": ["linear_svm", "frozen"], "method": "mean"},
     "ensembles.frozen: expected a name that none of candidates has, given 'frozen'"),
    ("ingest.columns.keep", ["row"], "ingest.columns.keep: expected columns of other names than id, text, label, time, "
     "source, row, official_test, reason, near, which rows have anyway, given ['row']"),
    ("evaluate.slices", ["channel"],
     "evaluate.slices: expected none, as ingest.columns.keep names none, given 'channel'"),
    ("evaluate.slices", ["a", "a"], "evaluate.slices: expected names of columns, each once, given ['a', 'a']"),
    ("evaluate.checks", ["data/checks"],
     "evaluate.checks: expected files or globs of files on this machine that end in .csv, given ['data/checks']"),
    ("select.metric", "f1", "select.metric: expected 'macro_f1', 'accuracy', 'weighted_f1', 'balanced_accuracy', "
     "'mcc' or 'log_loss', given 'f1'"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG])
def test_a_wrong_value_is_named_with_what_is_allowed(path: str, value: object, sentence: str) -> None:
    assert sentence in problems(changed(path, value))


@pytest.mark.parametrize("method", ["weighted", "stack"])
def test_a_method_that_is_fitted_asks_for_folds(method: str) -> None:
    tree = changed("ensembles.blend.method", method)
    check_tree(tree)  # folds: auto may make some
    tree["cross_validation"]["folds"] = 0
    assert any(line.startswith("ensembles.blend.method: expected vote or mean") for line in problems(tree))


def test_an_ensemble_has_two_members_at_least() -> None:
    (line,) = problems(changed("ensembles.blend.members", ["frozen"]))
    assert line.startswith("ensembles.blend.members: expected") and "at least 2" in line


def test_there_need_be_no_ensemble() -> None:
    assert check_tree(changed("ensembles", {})).ensembles == {}


@pytest.mark.parametrize(("combine", "is_one_network"), [("soup", True), ("mean", False)])
def test_a_bag_can_be_quantized_where_it_is_one_network(combine: str, is_one_network: bool) -> None:
    tree = changed("candidates.finetune.bag", {"members": 2, "combine": combine})
    tree["quantized"] = {"small": {"model": "candidates/finetune"}}
    if is_one_network:
        assert check_tree(tree).quantized["small"].weights == "int8"
    else:
        assert any(line.startswith("quantized.small.model") and "none is declared" in line for line in problems(tree))


def test_rows_are_sliced_by_columns_that_they_carry_along() -> None:
    tree = changed("ingest.columns.keep", ["channel", "team"])
    tree["evaluate"]["slices"] = ["channel"]
    check_tree(tree)
    tree["evaluate"]["slices"] = ["region"]
    expected = "one of ingest.columns.keep (channel, team)"
    assert problems(tree) == [f"evaluate.slices: expected {expected}, given 'region'"]


def test_an_unknown_block_is_refused() -> None:
    assert any(line.startswith("selekt: expected one of ") for line in problems(changed("selekt", {})))


def test_all_problems_are_reported_together() -> None:
    tree = changed("seed", -1)
    tree["clean"]["colour"] = 1
    tree["candidates"]["finetune"]["epochs"] = -1
    tree["features"]["minilm"]["encoder"] = "bert"
    found = " ".join(problems(tree))
    for path in ("seed:", "clean.colour:", "candidates.finetune.epochs:", "features.minilm.encoder:"):
        assert path in found


def test_an_empty_mapping_is_refused() -> None:
    assert "candidates: expected a mapping with at least one name, given {}" in problems(changed("candidates", {}))


def test_the_encoder_none_cannot_be_declared() -> None:
    tree = changed("encoders.none", {"source": "package:x"})
    assert "encoders.none: expected another name, given `none`, which stands for no encoder" in problems(tree)


def test_an_adapted_encoder_cannot_start_from_another_adapted_one() -> None:
    tree = changed("encoders.first", {"source": "minilm", "objective": "mlm"})
    check_tree(tree)
    tree["encoders"]["second"] = {"source": "first", "objective": "simcse"}
    sentence = "encoders.second.source: expected an encoder of objective none with a source of its own"
    assert any(line.startswith(sentence) for line in problems(tree))


def test_the_adapted_encoder_in_the_comments_holds_and_shows_every_key() -> None:
    """The values are the defaults of its objective; what differs of the others stands in their comments."""
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("  # minilm_helpdesk:")
    block_lines = [line[4:] for line in takewhile(lambda line: line.startswith("  #"), lines[start:])]
    shown = YAML(typ="safe").load("\n".join(block_lines))["minilm_helpdesk"]
    fields = {name: set(model.model_fields) for name, model in OBJECTIVES.items()}
    assert set(shown) == set().union(*fields.values()) - {"sha256"}
    own = {key: value for key, value in shown.items() if key in fields["mlm"]}
    full = OBJECTIVES["mlm"].model_validate(own)
    assert full == OBJECTIVES["mlm"].model_validate({"source": "minilm", "objective": "mlm"})
    notes = {line.split(":")[0].strip(): line for line in block_lines}
    for name in set(OBJECTIVES) - {"none", "mlm"}:
        values = OBJECTIVES[name].model_validate({"source": "minilm", "objective": name}).model_dump()
        for key in fields[name] - {"source", "objective", "sha256"}:
            other = re.search(rf"\b{name}: (\d[\d.e-]*)", notes[key])
            assert values[key] == (YAML(typ="safe").load(other[1].rstrip(".")) if other else shown[key]), (name, key)


def test_a_block_that_is_wrong_hides_no_other() -> None:
    tree = changed("candidates.frozen", "logistic")
    tree["select"]["draws"] = 1
    found = problems(tree)
    assert any(line.startswith("candidates.frozen") for line in found)
    assert any(line.startswith("select.draws") for line in found)


def test_defaults_in_the_comments_are_the_defaults() -> None:
    """A line that is commented out says what holds without it."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    stated = check_tree(YAML(typ="safe").load(text))
    uncommented = YAML(typ="safe").load("\n".join(_uncomment(line) for line in text.splitlines()))
    assert check_tree(uncommented) == stated


def _uncomment(line: str) -> str:
    bare = line.lstrip(" ")
    head = bare.removeprefix("# ").split(":")[0]
    known = {"format", "encoding", "delimiter", "quote", "header", "pattern", "max_chars", "salt", "validation_from",
             "test_from", "lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "adapter_size",
             "unfreeze_epochs", "contrastive"}  # fmt: skip
    return line.replace("# ", "", 1) if bare.startswith("# ") and head in known else line


def test_every_kind_and_model_is_shown_in_the_project_s_parameters() -> None:
    assert {feature["kind"] for feature in DEFAULT["features"].values()} == set(KINDS)
    shown = {candidate["model"] for candidate in DEFAULT["candidates"].values()}
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    offered = [line.removeprefix("  # ") for line in lines if re.match(r"  # \w+: \{features: .*model: ", line)]
    tree = copy.deepcopy(DEFAULT)
    for line in offered:  # what is commented out must hold as it stands
        tree["candidates"] |= YAML(typ="safe").load(line)
    check_tree(tree)
    assert {candidate["model"] for candidate in tree["candidates"].values()} == set(MODELS)
    assert len(shown) + len(offered) == len(MODELS), "a model is shown twice"


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("rate: 1e-5\nflag: yes\n")
    assert block.load(tmp_path / "params.yaml") == {"rate": 1e-5, "flag": "yes"}


@pytest.mark.parametrize(
    ("content", "found"),
    [(None, "no such file"), ("a: [1", "while parsing"), ("- 1", "found list"), ("a: 1\na: 2", "a")],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: str | None, found: str) -> None:
    if content is not None:
        (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(BadInput, match=found):
        check(tmp_path)
