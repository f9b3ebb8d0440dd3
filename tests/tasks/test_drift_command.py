"""`python -m tasks.retraining`: same bytes each time, the champion's decay, vectors of an encoder, and bad input."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks import learned_rows, rows
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, write_json
from tasks.model import CARD
from tasks.retraining import __main__ as command
from tasks.retraining.drift_params import DriftParams
from tasks.rules import Rules
from tests import tiny
from tests.imports import ROOT
from tests.tasks.drifting import made
from tests.tasks.evaluated_workspace import WORDS, write_model

DRIFT = {"alpha": 0.05, "draws": 199, "min_rows": 30}
FEATURES = {
    "vectors": {"kind": "encoder", "encoder": "tiny", "max_tokens": 16},
    "terms": {"kind": "tfidf", "encoder": "none"},
}


def write_rows(path: Path, texts: list[str], labels: list[str]) -> Path:
    """Rows as ingest writes them."""
    table = pa.Table.from_pylist(
        [
            {"id": str(number), "text": text, "label": label, "source": "rows.csv", "row": number + 1}
            for number, (text, label) in enumerate(zip(texts, labels, strict=True))
        ],
        schema=rows.RAW,
    )
    rows.write(path, table)
    return path


def write_params(root: Path, **drift: Any) -> None:
    tiny.params(root, clean={}, features=FEATURES, retrain={"drift": {**DRIFT, **drift}})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, as the current folder, with two tables of rows that differ in the shares of their labels."""
    write_params(tmp_path)
    write_rows(tmp_path / "before.parquet", *made(120, 1))
    write_rows(tmp_path / "after.parquet", *made(80, 2, shares=(0.1, 0.2, 0.7)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(*more: str) -> Any:
    assert command.main(["before.parquet", "after.parquet", "reports/drift.json", *more]) == command.DONE
    return read_json(Path("reports/drift.json"))


def test_the_report_has_the_same_bytes_in_another_process(here: Path) -> None:
    found = told()
    assert found["drifted"]
    assert found["rows"] == {"before": 120, "after": 80}
    first = Path("reports/drift.json").read_bytes()
    arguments = [sys.executable, "-m", "tasks.retraining", "before.parquet", "after.parquet", "again.json"]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, cwd=here, env=environment, capture_output=True, text=True, check=True)
    assert (here / "again.json").read_bytes() == first
    assert done.stdout.splitlines() == [test["sentence"] for test in found["tests"]]


def test_texts_are_compared_as_they_are_cleaned(here: Path) -> None:
    texts, labels = made(120, 1)
    write_rows(here / "after.parquet", [f"<p>{text.replace(' ', '<br>')}</p>" for text in texts], labels)
    assert told()["drifted"]
    tiny.params(here, clean={"rules": {"html": True}}, retrain={"drift": DRIFT})
    assert not told()["drifted"]


def put_into_service(root: Path, learned: list[str] | None, **rules: Any) -> Path:
    """A champion that knows the words of three classes, and has learned from these texts."""
    folder = root / "champion"
    shutil.move(write_model(root, "old"), folder)
    write_json(folder / "cleaning.json", Rules(**rules).model_dump())
    if learned is not None:
        learned_rows.write(folder, learned_rows.hashes(learned))
    return folder


def asked(count: int, start: int, wrong: int = 0) -> tuple[list[str], list[str]]:
    """Texts that the champion has right, but for the first ones, whose labels are others than it says."""
    names = list(WORDS)
    labels = [names[number % 3] for number in range(count)]
    texts = [f"{WORDS[label]} {start + number}" for number, label in enumerate(labels)]
    return texts, [names[(number + (number < wrong)) % 3] for number in range(count)]


def test_a_champion_that_answers_worse_is_told_by_rows_that_it_has_not_learned_from(here: Path) -> None:
    texts, labels = asked(100, 0)
    # It has learned from the first 60, of which it would have all right; 4 of the other 40 it has wrong.
    labels = labels[:60] + asked(40, 60, wrong=4)[1]
    texts = texts[:60] + asked(40, 60)[0]
    put_into_service(here, [text.upper() for text in texts[:60]])
    write_rows(here / "before.parquet", texts, labels)
    new_texts, new_labels = asked(50, 1000, wrong=25)
    write_rows(here / "after.parquet", [*new_texts, *(f"fern {n}" for n in range(7))], [*new_labels, *["new"] * 7])
    found = told("--champion", "champion")
    assert found["decay"]["metric"] == "accuracy"
    assert (found["decay"]["before"], found["decay"]["after"]) == (0.9, 0.5)
    assert found["decay"]["low"] < -0.4 < found["decay"]["high"] < 0
    assert found["decay"]["rows"] == {"before": 40, "after": 50}
    assert found["decay"]["learned"] == {"before": 60, "after": 0}
    assert found["decay"]["unknown_labels"] == {"before": 0, "after": 7}
    test = found["tests"][-1]
    assert (test["name"], test["drifted"], test["effect"]) == ("decay", True, 0.4)
    assert test["sentence"].startswith(
        "The champion answers worse than before: it has 50.0 % of 50 new rows right, where it had 90.0 % of 40 earlier "
        "ones that it had not learned from (a change of -40.0 points, 95 % interval "
    )
    assert "; 7 new rows of labels that it does not know are not among them; p below 0.001" in test["sentence"]


def test_a_champion_gets_texts_cleaned_as_it_was_trained(here: Path) -> None:
    put_into_service(here, [], lower=True)
    for name, start in (("before", 0), ("after", 1000)):
        texts, labels = asked(40, start)
        write_rows(here / f"{name}.parquet", [text.upper() for text in texts], labels)
    recipe = read_json(here / "champion" / CARD)
    assert not recipe["rules"]["lower"], "its own rules must not do the work"
    found = told("--champion", "champion")
    assert (found["decay"]["before"], found["decay"]["after"]) == (1.0, 1.0)
    assert not found["tests"][-1]["drifted"]


@pytest.mark.parametrize(
    ("learned", "reason"),
    [(None, "does not tell which rows"), (True, "10 earlier and 40 new ones, and 30 of each are needed")],
)
def test_a_champion_that_cannot_be_judged_is_left_out(here: Path, learned: bool | None, reason: str) -> None:
    texts, labels = asked(40, 0)
    put_into_service(here, texts[:30] if learned else None)
    write_rows(here / "before.parquet", texts, labels)
    write_rows(here / "after.parquet", *asked(40, 1000))
    found = told("--champion", "champion")
    assert found["decay"] is None
    assert [one["name"] for one in found["left_out"]] == ["decay"]
    assert reason in found["left_out"][0]["sentence"]


def test_vectors_of_an_encoder_tell_texts_apart(here: Path, tiny_encoder: Path) -> None:
    write_params(here, features="vectors")
    shutil.copytree(tiny_encoder, here / "models/encoders/tiny")
    texts, labels = (list(column) for column in zip(*tiny.texts(300, 1), strict=True))
    # The words of both sides are the same, but the side of payroll alone is new.
    new = [number for number, label in enumerate(labels) if label == "payroll"]
    old = [number for number in range(300) if number not in new[::2]]
    write_rows(here / "before.parquet", [texts[at] for at in old], ["any"] * len(old))
    write_rows(here / "after.parquet", [texts[at] for at in new[::2]], ["any"] * len(new[::2]))
    found = told()
    assert found["domain"]["features"] == "vectors"
    assert found["domain"]["auc"] > 0.7
    by_words = found["domain"]["auc"]
    write_params(here, features=None)
    assert told()["domain"] != {"features": "words", "auc": by_words}


def test_layers_of_the_encoder_are_those_of_the_feature_set(here: Path, tiny_encoder: Path) -> None:
    shutil.copytree(tiny_encoder, here / "models/encoders/tiny")
    areas = set()
    for layers in (1, 2):
        features = {"vectors": {**FEATURES["vectors"], "layers": layers}}
        tiny.params(here, clean={}, features=features, retrain={"drift": {**DRIFT, "features": "vectors"}})
        areas.add(told()["domain"]["auc"])
    assert len(areas) == 2


def test_drift_has_defaults_where_nothing_is_declared(here: Path) -> None:
    tiny.params(here, clean={})
    assert told()["tests"][0]["alpha"] == DriftParams().alpha


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command.main(list(arguments or ("before.parquet", "after.parquet", "x.json"))) == command.BAD_INPUT
    assert not Path("x.json").exists()
    return capsys.readouterr().err


def test_what_cannot_be_read_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gone.parquet: expected rows as in data/raw/rows.parquet, found no such file" in fails(
        capsys, "gone.parquet", "after.parquet", "x.json"
    )
    (here / "text.parquet").write_text("text")
    assert "text.parquet: expected rows" in fails(capsys, "before.parquet", "text.parquet", "x.json")
    rows.write(here / "bare.parquet", pa.table({"text": ["a"]}))
    assert "found no column label" in fails(capsys, "before.parquet", "bare.parquet", "x.json")
    options = ("before.parquet", "after.parquet", "x.json", "--champion", "nowhere")
    assert "nowhere: expected a champion, found no such folder" in fails(capsys, *options)


def test_a_target_that_cannot_be_written_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "reports").write_text("in the way")
    assert "reports" in fails(capsys, "before.parquet", "after.parquet", "reports/drift.json")


def test_a_feature_set_that_is_none_of_an_encoder_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(here, features="terms")
    expected = "retrain.drift.features: expected a feature set of kind encoder (vectors), or null, given 'terms'"
    assert expected in fails(capsys)
    write_params(here, features="vectors")
    assert "models/encoders/tiny: expected an encoder, found none. Run `regraft run adapt@tiny`" in fails(capsys)


def test_no_block_is_no_test(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.params(here, clean={}, retrain={"drift": None})
    assert "retrain.drift: expected a block of parameters, found null" in fails(capsys)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"draws": 500}, "draws of 600 or more, or a higher alpha"),
        ({"max_rows": 60, "min_rows": 80}, "max_rows of no less than min_rows, 80"),
        ({"min_auc": 0.4}, "greater than or equal to 0.5"),
        ({"colour": 1}, "no such key"),
    ],
)
def test_parameters_that_could_find_nothing_are_refused(here: Path, wrong: dict[str, Any], message: str) -> None:
    tiny.params(here, clean={}, retrain={"drift": wrong})
    with pytest.raises(ParamsError, match=message):
        command.run(here, Path("before.parquet"), Path("after.parquet"), Path("x.json"), None)


def test_a_champion_without_its_cleaning_rules_is_none(here: Path) -> None:
    folder = put_into_service(here, [])
    (folder / "cleaning.json").unlink()
    with pytest.raises(BadInput, match=r"without candidate\.json or cleaning\.json"):
        command.run(here, Path("before.parquet"), Path("after.parquet"), Path("x.json"), folder)
