"""Stage `evaluate`: what it writes of a saved candidate, and what it refuses."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import links, predictions, rows, scores
from tasks import model as models
from tasks.combination import Combination
from tasks.errors import BadInput, ParamsError
from tasks.evaluate import speed, stage
from tasks.files import read_json, write_json
from tasks.records import Record
from tests.tasks.evaluated_workspace import (
    CLASSES,
    write_data,
    write_ensemble,
    write_model,
    write_params,
    write_words,
)

VALIDATION = ["billing", "billing", "leave", "network", "network"]
TEXTS = ["invoice payment", "wifi wifi cable", "vacation", "router", "cable wifi"]  # the second is labelled wrongly
OUTS = [
    "predictions/nb.parquet",
    "metrics/nb.json",
    "metrics/slices/nb.json",
    "metrics/robustness/nb.json",
    "metrics/checks/nb.json",
    "plots/calibration/nb.csv",
    "plots/confusion/nb.csv",
    "plots/per_class/nb.csv",
    "plots/risk_coverage/nb.csv",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_params(tmp_path, ["nb"], evaluate="{latency_rows: 7, batch_rows: 2}")
    write_data(tmp_path, VALIDATION, TEXTS)
    write_model(tmp_path, "nb")
    write_out_of_fold(tmp_path, [], np.empty((0, len(CLASSES))))
    return tmp_path


def write_out_of_fold(root: Path, labels: list[str], probabilities: Any, classes: tuple[str, ...] = CLASSES) -> None:
    path = root / "predictions/out_of_fold/nb.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = [f"train-{number}" for number in range(len(labels))]
    rows.write(path, predictions.build(ids, "train", labels, classes, probabilities))


def model_folder(root: Path, name: str) -> Path:
    return root / "models/candidates" / name


def evaluate(root: Path, item: str = "nb") -> Record:
    record = Record(root, f"evaluate@{item}")
    stage.run(root, item, record)
    return record


def lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_predictions_hold_every_validation_row_with_the_probability_of_each_class(workspace: Path) -> None:
    record = evaluate(workspace)
    table = rows.read(workspace / "predictions/nb.parquet")
    assert table.column_names == ["id", "split", "label", "predicted", "confidence", *CLASSES]
    assert rows.strings(table, "id") == [f"validation-{number}" for number in range(5)]
    assert rows.strings(table, "predicted") == ["billing", "network", "leave", "network", "network"]
    own = models.load(workspace / "models/candidates/nb", threads=1).predict_proba(TEXTS)
    assert np.allclose(predictions.probabilities(table), own, rtol=0, atol=1e-12)
    assert np.array_equal(table.column("confidence").to_numpy(), predictions.probabilities(table).max(axis=1))
    assert (record.rows_in, record.rows_out) == (5, 5)


def test_metrics_are_those_of_the_written_predictions(workspace: Path) -> None:
    evaluate(workspace)
    found = read_json(workspace / "metrics/nb.json")["validation"]
    table = rows.read(workspace / "predictions/nb.parquet")
    actual = np.array([CLASSES.index(label) for label in rows.strings(table, "label")])
    assert found == {"rows": 5} | scores.summary(actual, predictions.probabilities(table))
    assert found["accuracy"] == 0.8
    assert set(found) >= {"macro_f1", "weighted_f1", "balanced_accuracy", "mcc", "log_loss", "brier", "ece"}


def test_out_of_fold_predictions_are_measured_beside_the_validation_rows(workspace: Path) -> None:
    evaluate(workspace)
    without = read_json(workspace / "metrics/nb.json")
    assert set(without) == {"validation"}
    outs = [(workspace / out).read_bytes() for out in OUTS if not out.startswith("metrics")]
    # Another order of classes, and a fold that lacked a class: the third row's own class has no probability at all.
    classes, labels = ("network", "leave", "billing"), ["billing", "network", "leave", "leave"]
    probabilities = np.array([[0.2, 0.2, 0.6], [0.7, 0.2, 0.1], [0.5, 0.0, 0.5], [0.1, 0.8, 0.1]])
    write_out_of_fold(workspace, labels, probabilities, classes)
    evaluate(workspace)
    found = read_json(workspace / "metrics/nb.json")
    assert found["validation"] == without["validation"]
    assert set(found["out_of_fold"]) == set(found["validation"])
    assert (found["out_of_fold"]["rows"], found["out_of_fold"]["accuracy"]) == (4, 0.75)
    clipped = -np.log(np.finfo(np.float64).eps)
    assert found["out_of_fold"]["log_loss"] == pytest.approx((clipped - np.log([0.6, 0.7, 0.8]).sum()) / 4)
    assert [(workspace / out).read_bytes() for out in OUTS if not out.startswith("metrics")] == outs


def test_out_of_fold_predictions_that_are_absent_or_no_numbers_are_refused(workspace: Path) -> None:
    write_out_of_fold(workspace, ["leave"], np.full((1, 3), np.nan))
    with pytest.raises(BadInput, match=r"out_of_fold/nb\.parquet: expected probabilities"):
        evaluate(workspace)
    (workspace / "predictions/out_of_fold/nb.parquet").unlink()
    with pytest.raises(BadInput, match=r"out_of_fold/nb\.parquet.*regraft run finetune@nb"):
        evaluate(workspace)
    assert not (workspace / "metrics/nb.json").exists()


def test_an_ensemble_is_measured_as_a_whole_and_its_name_decides(workspace: Path) -> None:
    write_model(workspace, "both", ["billing", "tax"])  # what an earlier candidate of that name left
    parts = [model_folder(workspace, "nb"), write_words(workspace, "small")]
    folder = workspace / "models/ensembles/both"
    write_ensemble(folder, {part.name: part for part in parts}, Combination("mean"))
    ensembles = {"both": {"members": ["nb", "small"], "method": "mean"}}
    write_params(workspace, ["nb", "small"], evaluate="{latency_rows: 3}", ensembles=ensembles)
    with pytest.raises(BadInput, match=r"combined/both\.parquet.*regraft run combine@both"):
        evaluate(workspace, "both")
    own = np.array([[0.2, 0.2, 0.6], [0.7, 0.2, 0.1]])
    table = predictions.build(["train-0", "train-1"], "train", ["network", "billing"], CLASSES, own)
    (workspace / "predictions/combined").mkdir()
    rows.write(workspace / "predictions/combined/both.parquet", table)
    evaluate(workspace, "both")
    expected = np.mean([models.load(part, threads=1).predict_proba(TEXTS) for part in parts], axis=0)
    found = predictions.probabilities(rows.read(workspace / "predictions/both.parquet"))
    assert found == pytest.approx(expected, abs=1e-12)
    assert read_json(workspace / "metrics/both.json")["out_of_fold"]["accuracy"] == 1.0
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert read_json(workspace / "costs/predict/both.json")["size_mb"] * 1e6 == pytest.approx(size)


def test_plots_count_the_rows(workspace: Path) -> None:
    evaluate(workspace)
    confusion = lines(workspace / "plots/confusion/nb.csv")
    assert [line["actual"] for line in confusion] == VALIDATION
    assert confusion[1] == {"actual": "billing", "predicted": "network"}
    per_class = lines(workspace / "plots/per_class/nb.csv")
    assert per_class[0] == {"class": "billing", "rows": "2", "precision": "1.0", "recall": "0.5", "f1": str(2 / 3)}
    assert [line["class"] for line in per_class] == list(CLASSES)


def test_plots_of_confidence_are_those_of_the_written_predictions(workspace: Path) -> None:
    evaluate(workspace)
    table = rows.read(workspace / "predictions/nb.parquet")
    sure = table.column("confidence").to_numpy()
    right = np.array(rows.strings(table, "label")) == np.array(rows.strings(table, "predicted"))
    bins = lines(workspace / "plots/calibration/nb.csv")
    assert sum(int(line["rows"]) for line in bins) == 5
    gaps = sum(int(line["rows"]) / 5 * abs(float(line["accuracy"]) - float(line["confidence"])) for line in bins)
    measures = read_json(workspace / "metrics/nb.json")["validation"]
    assert gaps == pytest.approx(measures["ece"])
    for line in bins:
        own = (sure > float(line["from"])) & (sure <= float(line["to"]))
        assert (int(line["rows"]), float(line["accuracy"])) == (own.sum(), right[own].mean())
        assert float(line["low"]) <= float(line["accuracy"]) <= float(line["high"])
    curve = lines(workspace / "plots/risk_coverage/nb.csv")
    assert (float(curve[-1]["coverage"]), float(curve[-1]["error"])) == (1.0, pytest.approx(0.2))
    assert [float(line["threshold"]) for line in curve] == sorted({*sure.tolist()}, reverse=True)


def test_costs_are_positive_and_the_size_is_that_of_the_folder(workspace: Path) -> None:
    evaluate(workspace)
    costs = read_json(workspace / "costs/predict/nb.json")
    folder = workspace / "models/candidates/nb"
    assert costs.pop("size_mb") * 1e6 == sum(file.stat().st_size for file in folder.iterdir())
    assert (costs.pop("threads"), costs.pop("device"), costs.pop("batch_rows")) == (1, "cpu", 32)
    latencies = {"latency_ms_p50", "latency_ms_p95", "batch_latency_ms_p50", "batch_latency_ms_p95"}
    assert set(costs) == {*latencies, "rows_per_second", "predict_memory_mb"}
    assert all(value > 0 for value in costs.values())
    assert costs["latency_ms_p50"] <= costs["latency_ms_p95"]
    assert costs["batch_latency_ms_p50"] <= costs["batch_latency_ms_p95"]


def test_a_second_run_gives_the_same_bytes(workspace: Path) -> None:
    evaluate(workspace)
    first = [(workspace / out).read_bytes() for out in OUTS]
    evaluate(workspace)
    assert [(workspace / out).read_bytes() for out in OUTS] == first


def test_an_empty_block_means_the_defaults_and_unknown_keys_are_refused(workspace: Path) -> None:
    write_params(workspace, ["nb"])
    evaluate(workspace)
    write_params(workspace, ["nb"], evaluate="{bins: 3}")
    with pytest.raises(ParamsError, match=r"evaluate\.bins"):
        evaluate(workspace)


def test_a_label_that_the_candidate_does_not_know_is_named(workspace: Path) -> None:
    write_data(workspace, [*VALIDATION, "payroll"], [*TEXTS, "salary"])
    with pytest.raises(BadInput, match="'payroll'"):
        evaluate(workspace)
    assert not (workspace / "predictions/nb.parquet").exists()


def test_a_diverged_candidate_is_refused_rather_than_measured(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Diverged:
        labels, device = list(CLASSES), "cpu"

        def predict_proba(self, texts: list[str], report: Any = None) -> Any:
            return np.full((len(texts), len(CLASSES)), np.nan)

    monkeypatch.setattr(stage, "load", lambda folder, threads, device: Diverged())
    with pytest.raises(BadInput, match="learning rate"):
        evaluate(workspace)
    assert not (workspace / "metrics/nb.json").exists()


def test_no_validation_rows_are_refused(workspace: Path) -> None:
    write_data(workspace, [], [])
    with pytest.raises(BadInput, match=r"validation\.parquet"):
        evaluate(workspace)


def test_a_name_is_asked_for_and_it_is_said_of_what(workspace: Path) -> None:
    with pytest.raises(BadInput, match="a candidate, a student, an ensemble or a quantized model"):
        stage.run(workspace, None, Record(workspace, "evaluate"))


def test_a_candidate_that_was_not_trained_is_refused(workspace: Path) -> None:
    with pytest.raises(BadInput, match="regraft run"):
        evaluate(workspace, "absent")


def test_classes_named_like_fixed_columns_get_columns_of_their_own() -> None:
    classes = ["label", "class:label", "id", "plain"]
    table = predictions.build(["a"], "validation", ["plain"], classes, np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert len(set(table.column_names)) == len(table.column_names)
    assert predictions.classes(table) == classes
    assert predictions.probabilities(table).tolist() == [[0.1, 0.2, 0.3, 0.4]]
    assert table.column("plain").to_pylist() == [0.4]


def test_latency_is_timed_over_single_rows_spread_over_the_texts() -> None:
    calls: list[list[str]] = []
    speed.latencies_ms(lambda texts: calls.append(list(texts)), [str(number) for number in range(100)], calls=10)
    timed = calls[-10:]
    assert len(calls) > 10  # some calls warm up before
    assert timed == [[str(number)] for number in range(0, 100, 10)]


def test_batches_are_timed_as_large_as_declared_however_few_rows_there_are() -> None:
    sizes: list[int] = []
    speed.latencies_ms(lambda texts: sizes.append(len(texts)), ["a", "b", "c"], calls=4, batch_rows=5)
    assert set(sizes) == {5} and len(sizes) > 4


def test_throughput_counts_rows_not_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 2))  # each call takes two seconds
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    assert speed.rows_per_second(lambda texts: None, ["text"] * 50, rows=20) == 10
    assert speed.rows_per_second(lambda texts: None, ["text"] * 5, rows=20) == 2.5


def test_out_of_fold_rows_are_sliced_by_what_the_train_rows_carry(workspace: Path) -> None:
    path = workspace / "data/clean/train.parquet"
    train = rows.read(path)
    channels = ["chat" if number % 2 else "email" for number in range(train.num_rows)]
    rows.write(path, train.append_column("channel", [channels]))
    held = workspace / "data/clean/validation.parquet"
    rows.write(held, rows.read(held).append_column("channel", [["chat"] * 5]))
    write_params(workspace, ["nb"], evaluate="{latency_rows: 3, slices: [channel], slice_rows: 2}")
    labels = rows.strings(train, "label")[:4]
    probabilities = np.eye(3)[[0, 0, 0, 0]]  # right of the first row and, as labels come round, of the last
    write_out_of_fold(workspace, labels, probabilities)
    evaluate(workspace)
    found = read_json(workspace / "metrics/slices/nb.json")
    by_channel = {one["value"]: one for one in found["out_of_fold"]["slices"] if one["column"] == "channel"}
    assert {value: (one["rows"], one["accuracy"]) for value, one in by_channel.items()} == {
        "email": (2, 0.5),
        "chat": (2, 0.5),
    }
    assert not [one for one in found["validation"]["slices"] if one["column"] == "channel"], "all are of one channel"
    table = predictions.build(["elsewhere"], "train", ["leave"], CLASSES, probabilities[:1])
    rows.write(workspace / "predictions/out_of_fold/nb.parquet", table)
    with pytest.raises(BadInput, match=r"only rows of data/clean/train\.parquet, found 'elsewhere'"):
        evaluate(workspace)


def test_checks_are_read_through_their_links_and_told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "data/checks").mkdir()
    file = workspace / "data/checks/words.csv"
    file.write_text("text,label\ninvoice,billing\ncable,leave\n", encoding="utf-8")
    declared = '{latency_rows: 3, checks: ["data/checks/*.csv"]}'
    write_params(workspace, ["nb"], evaluate=declared)
    with pytest.raises(BadInput, match="links to the files of"):
        evaluate(workspace)
    folder = workspace / links.CHECKS
    folder.mkdir(parents=True)
    (folder / "001-words.csv").symlink_to(file)
    write_json(folder / links.INDEX, {"data/checks/*.csv": ["001-words.csv"]})
    evaluate(workspace)
    (found,) = read_json(workspace / "metrics/checks/nb.json")
    assert (found["file"], found["rows"], found["passed"]) == ("words.csv", 2, 1)
    assert found["failed"][0]["found"] == "network"
    assert "nb: 1 of 2 checks of words.csv passed" in capsys.readouterr().out
