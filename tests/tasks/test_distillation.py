"""Students: what a teacher says is what they learn, of train rows and of texts without labels."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch.nn import functional
from transformers import BertConfig, BertModel

from flows.links import refresh
from tasks import contestants, features, links, model, predictions, rows
from tasks import encoder as encoders
from tasks.compute import Compute
from tasks.embed import stage as embed
from tasks.errors import BadInput, ParamsError
from tasks.evaluate import stage as evaluate
from tasks.files import read_json, sha256, write_json
from tasks.finetune import losses, pseudo_labels
from tasks.finetune import stage as finetune
from tasks.finetune import teaching as teachings
from tasks.finetune.aims import Aims, Taught
from tasks.finetune.stage import _params as params_of
from tasks.finetune.students import STUDENTS, ClassicalStudentParams, NetworkStudentParams
from tasks.finetune.update import Rows
from tasks.params import check_tree
from tasks.records import Record
from tasks.rules import Rules
from tests import tiny
from tests.imports import ROOT
from tests.tasks.test_params import DEFAULT

CLASSES = sorted(tiny.TOPICS)
COMPUTE = Compute(seed=7, threads=1, device="cpu", precision="float32")
FEATURES = {
    "terms": {"kind": "tfidf", "encoder": "none", "min_rows": 1},
    "words": {"kind": "words", "encoder": "none", "dimensions": 8, "epochs": 3, "rules": {"lower": True}},
    "ids": {"kind": "tokens", "encoder": "tiny", "max_tokens": 16},
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16},
}
TEACHER = {"features": "terms", "model": "logistic_regression", "C": 10.0}
STUDENT: dict[str, Any] = {
    "features": "words", "model": "text_cnn", "widths": [1, 2], "filters": 8, "epochs": 8, "batch_rows": 8,
    "learning_rate": 0.02, "dropout": 0.1, "teacher": {"model": "candidates/big", "predictions": "out_of_fold/big"},
}  # fmt: skip
SHALLOW: dict[str, Any] = {
    "features": "ids", "model": "transformer", "tune": "full", "epochs": 3, "batch_rows": 8, "learning_rate": 0.005,
    "head_rate_factor": 2.0, "layers": 1, "teacher": STUDENT["teacher"],
}  # fmt: skip

NEAR: dict[str, Any] = {
    "features": "terms", "model": "nearest_neighbours", "neighbours": 3, "teacher": STUDENT["teacher"],
    "distillation": {"unlabelled": ["more.txt"]},
}  # fmt: skip
CLASSICAL = [name for name, kind in STUDENTS.items() if issubclass(kind, ClassicalStudentParams)]


def declare(root: Path, students: dict[str, Any], folds: int = 0, candidates: dict[str, Any] | None = None) -> None:
    tiny.params(
        root, features=FEATURES, candidates=candidates or {"big": TEACHER}, students=students,
        cross_validation={"folds": folds}, evaluate={"latency_rows": 2},
    )  # fmt: skip
    refresh(root)


def run(root: Path, name: str) -> Path:
    finetune.run(root, name, Record(root, f"finetune@{name}"))
    return root / "models/students" / name


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A workspace with feature sets and a teacher without cross-validation; do not change it."""
    root = tmp_path_factory.mktemp("taught")
    tiny.clean_rows(root)
    write_json(root / "data/clean/rules.json", Rules().model_dump())
    (root / "dvc.yaml").write_text("stages: {}")
    shutil.copytree(tiny_encoder, root / "models/encoders/tiny")
    declare(root, {})
    for name in FEATURES:
        embed.run(root, name, Record(root, f"embed@{name}"))
    finetune.run(root, "big", Record(root, "finetune@big"))
    return root


@pytest.fixture
def workspace(taught: Path, tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(taught, tmp_path / "workspace", symlinks=True, ignore=shutil.ignore_patterns("scratch"))
    )


def ask(root: Path, name: str) -> teachings.Teaching:
    params = params_of(contestants.find(root, name))
    assert isinstance(params, NetworkStudentParams)
    return teachings.read(root, name, params, features.load(root / "data/features" / params.features), CLASSES, COMPUTE)


def texts(root: Path, split: str) -> list[str]:
    return [str(text) for text in rows.read(root / f"data/clean/{split}.parquet")["text"].to_pylist()]


def test_the_distance_to_the_teacher_is_the_divergence_of_both_softened() -> None:
    generator = torch.Generator().manual_seed(1)
    ours, theirs = torch.randn(5, 4, generator=generator), 3 * torch.randn(5, 4, generator=generator)
    for temperature in (1.0, 2.0, 5.0):
        first, second = functional.softmax(theirs / temperature, dim=1), functional.softmax(ours / temperature, dim=1)
        wanted = temperature**2 * (first * (first / second).log()).sum(dim=1)
        found = losses.distances_to_teacher(ours, functional.softmax(theirs, dim=1), temperature)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    sure = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert torch.isfinite(losses.distances_to_teacher(ours[:1], sure, 2.0)).all(), "a teacher may know a class not"
    assert losses.distances_to_teacher(theirs, functional.softmax(theirs, dim=1), 3.0).abs().max() < 1e-5


def test_label_and_teacher_count_by_their_weights_and_a_text_without_label_by_its_teacher_alone() -> None:
    params = STUDENTS["text_cnn"].model_validate(STUDENT)
    logits, said = torch.randn(3, 3, generator=torch.Generator().manual_seed(1)), np.full((3, 3), 1 / 3, np.float32)
    taught = Taught(said, np.array([1.0, 0.25, 0.0], dtype=np.float32), 2.0)
    aims = Aims.of(np.array([0, 1, 2]), taught, "cpu")
    found = aims.losses(logits, params)
    plain = losses.row_losses(logits, torch.tensor([0, 1, 2]), smoothing=params.label_smoothing)
    apart = losses.distances_to_teacher(logits, torch.from_numpy(said), 2.0)
    torch.testing.assert_close(found, torch.stack([plain[0], 0.25 * plain[1] + 0.75 * apart[1], apart[2]]))
    torch.testing.assert_close(aims.of_rows(torch.tensor([2, 0])).losses(logits[[2, 0]], params), found[[2, 0]])


def test_without_out_of_fold_predictions_the_teacher_itself_predicts_the_train_rows(workspace: Path) -> None:
    declare(workspace, {"small": STUDENT})
    teacher = model.load(workspace / "models/candidates/big", threads=1)
    found = ask(workspace, "small")
    np.testing.assert_allclose(found.train, teacher.predict_proba(texts(workspace, "train")), atol=1e-6)
    assert (found.notes["teacher_rows"], found.ids) == ("predicted", [])


def test_out_of_fold_predictions_are_taken_where_there_are_any(workspace: Path) -> None:
    declare(workspace, {"small": STUDENT}, folds=3)
    finetune.run(workspace, "big", Record(workspace, "finetune@big"))
    found = ask(workspace, "small")
    held = rows.read(workspace / "predictions/out_of_fold/big.parquet")
    np.testing.assert_allclose(found.train, predictions.probabilities(held), atol=1e-6)
    assert found.notes["teacher_rows"] == "out-of-fold"
    run(workspace, "small")
    own = rows.read(workspace / "predictions/students/small.parquet")
    assert own.num_rows == 0, "those of a student would not be honest"
    rows.write(workspace / "predictions/out_of_fold/big.parquet", held.slice(1))
    with pytest.raises(BadInput, match="out-of-fold predictions of candidates/big: expected the train rows"):
        ask(workspace, "small")


@pytest.mark.parametrize("student", [STUDENT, SHALLOW], ids=["words", "tokens"])
def test_texts_without_labels_are_read_as_rows_are_and_those_of_other_splits_are_kept_out(
    workspace: Path, student: dict[str, Any]
) -> None:
    secret = [texts(workspace, split)[0] for split in ("train", "validation", "test")]
    more = [*secret, "Printer  PAPER", "", "printer paper", "zzz"]
    (workspace / "more.txt").write_text("".join(f"{text}\n" for text in more))
    declare(workspace, {"small": student | {"distillation": {"unlabelled": ["*.txt"]}}})
    found = ask(workspace, "small")
    teacher = model.load(workspace / "models/candidates/big", threads=1)
    kept = ["Printer PAPER", "printer paper", "zzz"]  # as the rules of clean leave them
    np.testing.assert_allclose(found.unlabelled, teacher.predict_proba(kept), atol=1e-6)
    assert {name: found.notes[name] for name in ("unlabelled", "kept_out", "repeated", "empty", "file_rows")} == {
        "unlabelled": 3, "kept_out": 2, "repeated": 1, "empty": 1, "file_rows": 7,
    }  # fmt: skip
    assert found.ids[0] == found.ids[1], "the feature set's own rules or tokenizer make letters small"
    feature_set = features.load(workspace / "data/features" / student["features"])
    first = texts(workspace, "train")[0]
    (workspace / "more.txt").write_text(f"{first} zzz\n")
    refresh(workspace)
    (ids,), row = ask(workspace, "small").ids, feature_set.ids("train")[0]
    end = -1 if student is SHALLOW else len(row)  # before the last special token
    assert ids == [*row[:end], 1, *row[end:]], "the words of the train rows, and an unknown one"


def test_rows_copies_and_texts_stand_behind_each_other() -> None:
    said = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]], dtype=np.float32)
    params = STUDENTS["text_cnn"].model_validate(STUDENT).distillation
    teaching = teachings.Teaching(said, [[5], [6]], said[:2][::-1], params, {}, 0.0)
    train = Rows([[1], [2], [3]], np.array([1, 0, 1]), 0)  # rows 2 and 0, and the name of the class of row 2
    named = np.array([False, False, True])
    # No row of class 1: the network has two outputs.
    made = teaching.added_to(train, np.array([2, 0, 2]), np.array([0, 2]), named)
    assert made.ids == [[1], [2], [3], [5], [6]]
    assert made.labels.tolist() == [1, 0, 1, 0, 0]
    assert made.taught is not None
    np.testing.assert_array_equal(made.taught.probabilities, np.vstack([said[[2, 0, 2]], said[:2][::-1]])[:, [0, 2]])
    assert made.taught.label_weights.tolist() == pytest.approx([0.3, 0.3, 1, 0, 0])


def test_a_student_of_wrong_labels_learns_what_its_teacher_says(workspace: Path) -> None:
    """All labels of the student's rows are shuffled, so that what it gets right it has from its teacher."""
    declare(workspace, {"small": STUDENT | {"distillation": {"label_weight": 0.0}}})
    file = workspace / "data/features/words/train.rows.parquet"
    table = rows.read(file)
    labels = table["label"].to_pylist()
    rows.write(file, table.set_column(1, table.schema.field(1), [labels[1:] + labels[:1]]))
    folder = run(workspace, "small")
    saved = model.load(folder, threads=1)
    truth = rows.read(workspace / "data/clean/validation.parquet")["label"].to_numpy()
    found = np.array(saved.labels)[saved.predict_proba(texts(workspace, "validation")).argmax(axis=1)]
    assert np.mean(found == truth) >= 0.8


CHANGES: list[dict[str, Any]] = [
    {"temperature": 5.0}, {"label_weight": 0.9}, {"unlabelled": ["more.txt"]},
]  # fmt: skip


@pytest.mark.parametrize("student", [STUDENT | {"epochs": 2}, SHALLOW | {"epochs": 1}], ids=["words", "tokens"])
def test_every_key_changes_the_student_and_the_same_inputs_give_the_same_bytes(
    workspace: Path, student: dict[str, Any]
) -> None:
    (workspace / "more.txt").write_text("printer printer tax\nlogin\n")
    students = {f"s{number}": student | {"distillation": change} for number, change in enumerate([{}, *CHANGES])}
    declare(workspace, students | {"alone": student})
    weights = {}
    for name in [*students, "alone"]:
        made = digests(run(workspace, name))
        del made["candidate.json"]  # which names it
        weights[name] = made
    assert weights["alone"] == weights["s0"]
    assert len({json.dumps(made) for name, made in weights.items()}) == 1 + len(CHANGES)
    card = read_json(workspace / "models/students/s3/candidate.json")
    assert card["notes"]["unlabelled"] == 2
    assert card["params"]["teacher"]["model"] == "candidates/big"


def test_an_interrupted_student_goes_on_to_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(workspace, {"small": STUDENT | {"checkpoint_steps": 1}})
    whole = digests(run(workspace, "small"))
    shutil.rmtree(workspace / "scratch")
    shutil.rmtree(workspace / "models/students")
    from tasks.finetune.loop import Training

    step, made = Training._step, 0

    def killed(self: Training, batch: Any, state: Any) -> float:
        nonlocal made
        made += 1
        if made > 10:
            raise KeyboardInterrupt
        return step(self, batch, state)

    monkeypatch.setattr(Training, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(workspace, "small")
    monkeypatch.undo()
    assert not (workspace / "models/students/small").exists()
    assert digests(run(workspace, "small")) == whole
    assert "resuming at step 10" in capsys.readouterr().out


def test_another_process_makes_the_same_bytes(workspace: Path) -> None:
    (workspace / "more.txt").write_text("printer tax\nlogin zzz\n")
    declare(workspace, {"small": STUDENT | {"epochs": 2, "distillation": {"unlabelled": ["more.txt"]}}})
    here = digests(run(workspace, "small"))
    shutil.rmtree(workspace / "scratch")
    code = (
        "import sys; from pathlib import Path; from tasks.finetune import stage; from tasks.records import Record; "
        "stage.run(Path(sys.argv[1]), 'small', Record(Path(sys.argv[1]), 'finetune@small'))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", code, str(workspace)], cwd=ROOT, env=environment, check=True)
    assert digests(workspace / "models/students/small") == here


def test_what_another_teacher_said_is_not_resumed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(workspace, {"small": STUDENT | {"epochs": 1}})
    first = digests(run(workspace, "small"))
    declare(workspace, {"small": STUDENT | {"epochs": 1}}, candidates={"big": TEACHER | {"C": 0.01}})
    finetune.run(workspace, "big", Record(workspace, "finetune@big"))
    capsys.readouterr()
    assert digests(run(workspace, "small")) != first
    assert "resuming" not in capsys.readouterr().out


@pytest.mark.parametrize("choice", ["lowest", "spaced"])
def test_a_shallow_student_is_saved_with_its_layers_alone(workspace: Path, choice: str) -> None:
    declare(workspace, {"shallow": SHALLOW | {"layer_choice": choice}})
    folder = run(workspace, "shallow")
    assert read_json(folder / "config.json")["num_hidden_layers"] == 1
    saved = model.load(folder, threads=1)
    truth = rows.read(workspace / "data/clean/validation.parquet")["label"].to_numpy()
    probabilities = saved.predict_proba(texts(workspace, "validation"))
    accuracy = float(np.mean(np.array(saved.labels)[probabilities.argmax(axis=1)] == truth))
    curve = read_json(workspace / "plots/learning/shallow.json")
    assert accuracy == max(point["validation_accuracy"] for point in curve)
    from sentence_transformers import SentenceTransformer

    logits = SentenceTransformer(str(folder), device="cpu").encode(texts(workspace, "validation"))
    np.testing.assert_allclose(functional.softmax(torch.tensor(logits), dim=1).numpy(), probabilities, atol=1e-5)


def test_layers_at_even_distances_are_kept() -> None:
    shape = {"hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
    for choice, kept in {"lowest": [0, 1, 2], "spaced": [0, 2, 4]}.items():
        network = BertModel(BertConfig(num_hidden_layers=5, **shape))
        layers = list(encoders.stack(network))
        encoders.cut(network, 3, choice)  # type: ignore[arg-type]
        assert list(encoders.stack(network)) == [layers[number] for number in kept]
        assert network.config.num_hidden_layers == 3


def labelled(root: Path, *more: str, **changes: Any) -> pseudo_labels.PseudoLabels:
    """What the teacher says of these texts to a classical student with these changes."""
    (root / "more.txt").write_text("".join(f"{text}\n" for text in more))
    declare(root, {"small": NEAR | changes})
    params = params_of(contestants.find(root, "small"))
    assert isinstance(params, ClassicalStudentParams)
    feature_set = features.load(root / "data/features" / params.features)
    return pseudo_labels.read(root, "small", params, feature_set, CLASSES, COMPUTE)


@pytest.mark.parametrize("kind", ["terms", "vectors"])
def test_texts_get_the_labels_of_the_teacher_and_the_features_of_rows(workspace: Path, kind: str) -> None:
    row, secret = texts(workspace, "train")[0], texts(workspace, "test")[0]
    found = labelled(workspace, f"please {row}", "payslip tax", secret, features=kind)
    saved = model.load(workspace / "models/candidates/big", threads=1)
    said = saved.predict_proba([f"please {row}", "payslip tax"])
    assert found.labels.tolist() == said.argmax(axis=1).tolist()
    assert (found.notes["unlabelled"], found.notes["unsure"], found.notes["kept_out"]) == (2, 0, 1)
    feature_set = features.load(workspace / "data/features" / kind)
    own = pseudo_labels.matrix(feature_set, texts(workspace, "train"), COMPUTE)
    dense = [np.asarray(one.todense() if kind == "terms" else one) for one in (own, feature_set.matrix("train"))]
    np.testing.assert_allclose(*dense, rtol=1e-4, atol=1e-5)

    sure = said.max(axis=1)
    least = {"unlabelled": ["more.txt"], "min_confidence": float(sure.mean())}
    some = labelled(workspace, f"please {row}", "payslip tax", secret, features=kind, distillation=least)
    assert (some.notes["unlabelled"], some.notes["unsure"]) == (1, 1)
    assert some.labels.tolist() == [said[sure.argmax()].argmax()]
    none = labelled(workspace, secret, features=kind)
    assert none.matrix.shape == (0, feature_set.manifest["dimensions"])


def test_texts_stand_between_rows_and_their_copies() -> None:
    X, texts = np.array([[1.0], [2.0], [1.5]]), np.array([[7.0], [8.0]])  # the last row is a copy of the first
    found = pseudo_labels.PseudoLabels(texts, np.array([2, 0]), {}, 0.0)
    matrix, labels, origins = found.added_to(X, np.array([0, 1, 0]), np.array([0, 1, 0]))
    assert matrix.ravel().tolist() == [1, 2, 7, 8, 1.5]
    assert (labels.tolist(), origins.tolist()) == ([0, 1, 2, 0, 0], [0, 1, 2, 3, 0])
    sparse, _, _ = found.added_to(csr_matrix(X), np.array([0, 1, 0]), np.array([0, 1, 0]))
    np.testing.assert_array_equal(sparse.toarray(), matrix)


@pytest.mark.parametrize("kind", CLASSICAL)
def test_a_classical_student_learns_from_texts_what_no_row_says(workspace: Path, kind: str) -> None:
    """All of its rows have wrong labels; three times as many texts have the right ones, from the teacher."""
    truth = rows.read(workspace / "data/clean/validation.parquet")["label"].to_numpy()
    others = [f"{text} {end}" for text in texts(workspace, "train") for end in ("my", "the please", "is my")]
    named = "vectors" if kind in ("gradient_boosting", "linear_discriminant") else "terms"
    file = workspace / "data/features" / named / "train.rows.parquet"
    wrong = rows.read(file)
    labels = wrong["label"].to_pylist()
    rows.write(file, wrong.set_column(1, wrong.schema.field(1), [labels[1:] + labels[:1]]))
    (workspace / "more.txt").write_text("".join(f"{text}\n" for text in others))
    student = NEAR | {"features": named, "model": kind}
    if kind != "nearest_neighbours":
        del student["neighbours"]
    declare(workspace, {"small": student})
    folder = run(workspace, "small")
    saved = model.load(folder, threads=1)
    found = np.array(saved.labels)[saved.predict_proba(texts(workspace, "validation")).argmax(axis=1)]
    assert np.mean(found == truth) >= 0.6
    assert saved.describe["notes"]["unlabelled"] >= 140, "all but near duplicates of validation rows"
    first = digests(folder)
    assert digests(run(workspace, "small")) == first
    evaluate.run(workspace, "small", Record(workspace, "evaluate@small"))
    costs = read_json(workspace / "costs/fit/small.json")
    assert costs["teaching_seconds"] > 0


@pytest.mark.parametrize("changes", [{"class_weight": "balanced"}, {"select": {"by": "chi2", "keep": 4}}, {}])
def test_a_classical_student_has_the_keys_of_its_model_and_copies_of_rows(
    workspace: Path, changes: dict[str, Any]
) -> None:
    student = {**NEAR, "model": "logistic_regression", "features": "altered"}
    del student["neighbours"]
    (workspace / "more.txt").write_text("\n".join(f"{word} my" for word in tiny.WORDS[:4]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURES, "altered", FEATURES["terms"] | {"augment": {"swap": 0.5}})
        declare(workspace, {"small": student | changes, "other": student | {"C": 0.5}})
        embed.run(workspace, "altered", Record(workspace, "embed@altered"))
        folders = [run(workspace, name) for name in ("small", "other")]
    assert (folders[0] / "model.skops").read_bytes() != (folders[1] / "model.skops").read_bytes()
    assert model.load(folders[0], threads=1).describe["notes"]["unlabelled"] == 4


def test_a_student_is_measured_where_it_lies(workspace: Path) -> None:
    declare(workspace, {"small": STUDENT | {"epochs": 2}})
    run(workspace, "small")
    evaluate.run(workspace, "small", Record(workspace, "evaluate@small"))
    measures, costs = read_json(workspace / "metrics/small.json"), read_json(workspace / "costs/fit/small.json")
    assert set(measures) == {"validation"}
    assert costs["teaching_seconds"] > 0
    assert not (workspace / "models/candidates/small").exists()


def test_files_that_are_not_linked_are_noticed(workspace: Path) -> None:
    (workspace / "more.txt").write_text("printer\n")
    declare(workspace, {"small": STUDENT | {"distillation": {"unlabelled": ["more.txt"]}}})
    shutil.rmtree(workspace / links.UNLABELLED)
    with pytest.raises(BadInput, match=r"links/unlabelled/small: expected links to the files of more\.txt"):
        run(workspace, "small")
    with pytest.raises(BadInput, match=r"students\.small\.distillation\.unlabelled, or put the file there"):
        declare(workspace, {"small": STUDENT | {"distillation": {"unlabelled": ["gone.txt"]}}})


def test_a_teacher_of_other_classes_is_refused(workspace: Path) -> None:
    declare(workspace, {"small": STUDENT})
    card = workspace / "models/candidates/big/candidate.json"
    write_json(card, read_json(card) | {"labels": ["access", "hardware", "other"]})
    with pytest.raises(BadInput, match="candidates/big: expected a teacher of the classes access, hardware, payroll"):
        run(workspace, "small")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": "linear_svm"}, r"students\.small\.model: expected one of naive_bayes, "),
    ({"teacher": {"model": "candidates/gone", "predictions": "out_of_fold/gone"}},
     r"students\.small\.teacher\.model: expected one of candidates/naive_bayes, .*given 'candidates/gone'"),
    ({"teacher": {"model": "students/x", "predictions": "out_of_fold/x"}}, r"expected .*, as a student cannot teach"),
    ({"teacher": {"model": "ensembles/x", "predictions": "out_of_fold/x"}}, r"predictions: combined/x with model"),
    ({"search": {"space": {"filters": [4]}}}, "no search of a student"),
    ({"features": "tfidf"}, r"students\.small\.features: expected a feature set that is words, given tfidf"),
    ({"model": "nearest_neighbours", "features": "minilm"},
     r"students\.small\.distillation: expected a value, given nothing"),
    ({"model": "nearest_neighbours", "features": "minilm", "distillation": {"unlabelled": []}},
     "expected files of texts, as rows with labels teach it those alone"),
    ({"model": "naive_bayes", "features": "tfidf", "distillation": {"unlabelled": ["a.txt"]}, "learning_curve": [0.5]},
     "no learning curve of a student, whose teacher has learnt from all rows"),
    ({"model": "naive_bayes", "features": "tfidf", "distillation": {"unlabelled": ["a.txt"], "temperature": 2.0}},
     r"distillation\.temperature"),
    ({"distillation": {"temperature": 0.0}}, r"students\.small\.distillation\.temperature: expected greater than 0"),
    ({"distillation": {"unlabelled": ["a.doc"]}}, r"distillation\.unlabelled: expected files or globs"),
    ({"model": "transformer", "features": "minilm_tokens", "tune": "head"}, "tune: full, lora or adapter"),
    ({"model": "transformer", "features": "minilm_tokens", "tune": "full", "epochs": 0}, "at least one epoch"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_student_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    student = {
        "features": "words", "model": "text_cnn",
        "teacher": {"model": "candidates/finetune", "predictions": "out_of_fold/finetune"},
    }  # fmt: skip
    assert check_tree(DEFAULT | {"students": {"small": student}}).students["small"].model == "text_cnn"
    with pytest.raises(ParamsError, match=message):
        check_tree(DEFAULT | {"students": {"small": student | changes}})


def test_a_student_has_a_name_of_its_own() -> None:
    student = STUDENT | {"teacher": {"model": "candidates/finetune", "predictions": "out_of_fold/finetune"}}
    with pytest.raises(ParamsError, match=r"students\.frozen: expected a name that none of candidates has, given"):
        check_tree(DEFAULT | {"students": {"frozen": student}})
    with pytest.raises(ParamsError, match=r"students: expected a mapping, \{\} for none, given nothing"):
        check_tree({name: value for name, value in DEFAULT.items() if name != "students"})
