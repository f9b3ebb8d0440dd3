"""Stage `select`: the model it hands out, the reports it writes, and when it opens the test split."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from ruamel.yaml import YAML

from tasks import estimator, model, rows
from tasks.errors import BadInput, ParamsError
from tasks.files import read_json, sha256
from tasks.records import Record
from tasks.select import examination, parts, stage, template
from tests.tasks.evaluated_workspace import (
    CLASSES,
    answers,
    write_data,
    write_model,
    write_params,
    write_results,
    write_split,
)

ACTUAL = list(CLASSES) * 20
EVIL = '<script>alert("x")</script> & <b>bold</b>'
CURVE = [
    {"epoch": 1, "step": 5, "train_loss": 1.0, "validation_loss": 0.9, "validation_accuracy": 0.5},
    {"epoch": 2, "step": 10, "train_loss": 0.5, "validation_loss": 0.7, "validation_accuracy": 0.7},
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two candidates, `good` and `poor`; the reports' rows hold markup."""
    write_params(tmp_path, ["poor", "good"])
    write_data(tmp_path, ACTUAL, [f"{EVIL} {number}" for number in range(len(ACTUAL))])
    for name in ("poor", "good"):
        write_model(tmp_path, name)
    write_results(tmp_path, "good", ACTUAL, answers(ACTUAL, range(3)), curve=CURVE)
    write_results(tmp_path, "poor", ACTUAL, answers(ACTUAL, range(0, 60, 2)), curve=CURVE[:1])
    return tmp_path


def select(root: Path) -> Record:
    record = Record(root, "select")
    stage.run(root, None, record)
    return record


def test_the_selection_has_its_declared_form(workspace: Path) -> None:
    record = select(workspace)
    found = read_json(workspace / "reports/selection.json")
    assert (found["winner"], found["verdict"], found["metric"], found["champion"]) == (
        "good",
        "PROMOTE",
        "macro_f1",
        None,
    )
    assert [candidate["name"] for candidate in found["candidates"]] == ["good", "poor"]
    first, second = found["candidates"]
    assert set(first) == {"name", "validation", "out_of_fold", "cost", "eligible", "breaches", "tied_with_best"}
    assert found["rows"] == "validation"
    assert first["out_of_fold"] is None
    assert (first["tied_with_best"], second["tied_with_best"]) == (True, False)
    interval = first["validation"]["interval"]
    assert interval["metric"] == "macro_f1"
    assert interval["low"] < first["validation"]["macro_f1"] < interval["high"]
    assert first["validation"]["accuracy"] == 0.95
    assert first["cost"]["fit_seconds"] == 3.0 and first["cost"]["latency_ms_p50"] == 1.0
    assert all(reason.endswith(".") for reason in found["reasons"])
    assert (record.rows_in, record.rows_out) == (60, 15)


def test_the_selection_holds_the_test_of_ties_and_the_correction_for_the_choice(workspace: Path) -> None:
    select(workspace)
    found = read_json(workspace / "reports/selection.json")
    assert found["comparison"] == {"test": "bootstrap", "correction": "holm", "count": 1, "draws": 1000, "level": 0.95}
    best, behind = (one["validation"]["behind_best"] for one in found["candidates"])
    assert (best["value"], best["p_value"], best["corrected_p_value"]) == (0.0, None, None)
    assert behind["p_value"] == behind["corrected_p_value"] < 0.01
    corrected = found["corrected"]
    assert corrected["low"] < corrected["value"] < corrected["high"]
    assert (corrected["metric"], corrected["chosen_in"]) == ("macro_f1", 1.0)
    assert corrected["uncorrected"] == found["candidates"][0]["validation"]["macro_f1"]
    told = f"Corrected for the choice, a macro F1 of {corrected['value']:.4f} is to be expected"
    for file in ("reports/report.html", "reports/report.md", "models/selected/README.md"):
        assert told in (workspace / file).read_text(encoding="utf-8"), file


def test_a_rerun_gives_the_same_selection_but_for_what_was_measured(workspace: Path) -> None:
    select(workspace)
    first = (workspace / "reports/selection.json").read_bytes()
    select(workspace)
    assert (workspace / "reports/selection.json").read_bytes() == first
    costs = {"latency_ms_p50": 77.0, "latency_ms_p95": 88.0, "fit_seconds": 99.0}
    write_results(workspace, "good", ACTUAL, answers(ACTUAL, range(3)), costs, curve=CURVE)
    select(workspace)
    before, after = json.loads(first), read_json(workspace / "reports/selection.json")
    assert before["candidates"][0].pop("cost") != after["candidates"][0].pop("cost")
    assert before["pareto"].pop("latency_ms_p50") != after["pareto"].pop("latency_ms_p50")
    assert before == after


def test_the_test_figures_are_the_winners_own_answers_to_the_test_rows(workspace: Path) -> None:
    write_split(workspace, "test", CLASSES, ["invoice", "router", "cable"])  # the second is labelled wrongly
    select(workspace)
    found = read_json(workspace / "reports/selection.json")["test"]
    assert found["rows"] == 3
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert set(found["intervals"]) == set(found) - {"rows", "set_aside", "intervals"}, "every measure has one"
    assert found["intervals"]["accuracy"]["low"] <= 2 / 3 <= found["intervals"]["accuracy"]["high"]


def test_the_test_split_is_opened_once_and_after_the_choice(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    read, load, choose = rows.read, examination.load, stage.choose

    def watched_read(path: Path, columns: list[str] | None = None) -> Any:
        events.append(path.name)
        return read(path, columns)

    def watched_load(folder: Path, threads: int, device: str) -> Any:
        events.append(f"load {folder.name}")
        return load(folder, threads, device)

    def watched_choose(*arguments: Any) -> Any:
        events.append("choose")
        return choose(*arguments)

    monkeypatch.setattr(rows, "read", watched_read)
    monkeypatch.setattr(examination, "load", watched_load)
    monkeypatch.setattr(stage, "choose", watched_choose)
    select(workspace)
    assert events[-2:] == ["test.parquet", "load good"]
    assert events.index("choose") < events.index("test.parquet")
    assert events.count("test.parquet") == 1


def test_the_selected_model_loads_without_regraft_and_answers_the_same(workspace: Path) -> None:
    select(workspace)
    folder = workspace / "models/selected"
    texts = ["invoice payment", "cable", "vacation"]
    plain = skops.io.load(folder / "model.skops", trusted=list(estimator.TRUSTED))
    own = model.load(workspace / "models/candidates/good", threads=1)
    assert np.array_equal(plain.predict_proba(texts), own.predict_proba(texts))
    assert list(plain.classes_) == read_json(folder / "candidate.json")["labels"]
    assert (folder / "cleaning.json").read_bytes() == (workspace / "data/clean/rules.json").read_bytes()


def test_the_card_starts_with_metadata_and_names_the_data(workspace: Path) -> None:
    select(workspace)
    card = (workspace / "models/selected/README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    meta = YAML(typ="safe").load(front)
    assert (meta["library_name"], meta["pipeline_tag"]) == ("skops", "text-classification")
    assert meta["model-index"][0]["results"][0]["metrics"][0]["value"] == 1.0
    for split in rows.SPLITS:
        assert sha256(workspace / "data/clean" / f"{split}.parquet") in body
    for label in CLASSES:
        assert f"| {label} | 20 |" in body


def test_a_rerun_gives_the_same_model_whatever_was_measured(workspace: Path) -> None:
    def contents() -> dict[str, bytes]:
        select(workspace)
        folder = workspace / "models/selected"
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    first = contents()
    costs = {"latency_ms_p50": 77.0, "latency_ms_p95": 88.0, "fit_seconds": 99.0}
    write_results(workspace, "good", ACTUAL, answers(ACTUAL, range(3)), costs, curve=CURVE)
    assert contents() == first
    assert set(first) == {
        "README.md",
        "candidate.json",
        "cleaning.json",
        "cleaning.py",
        "learned_rows.npy",
        "model.skops",
    }
    assert "99" in (workspace / "reports/report.md").read_text(encoding="utf-8")


def test_leftovers_of_removed_candidates_are_ignored(workspace: Path) -> None:
    write_params(workspace, ["poor"])
    select(workspace)
    found = read_json(workspace / "reports/selection.json")
    assert found["winner"] == "poor" and len(found["candidates"]) == 1


def test_a_candidate_without_results_and_no_candidate_at_all_are_refused(workspace: Path) -> None:
    write_params(workspace, ["good", "late"])
    with pytest.raises(BadInput, match=r"metrics/late\.json"):
        select(workspace)
    write_params(workspace, [])
    with pytest.raises(ParamsError, match="at least one candidate"):
        select(workspace)
    assert not (workspace / "models/selected").exists()


def test_a_failed_run_leaves_the_last_selection_alone(workspace: Path) -> None:
    select(workspace)
    before = (workspace / "reports/selection.json").read_bytes()
    shutil.rmtree(workspace / "models/candidates/good")
    with pytest.raises(BadInput):
        select(workspace)
    assert (workspace / "reports/selection.json").read_bytes() == before
    assert (workspace / "models/selected/model.skops").exists()


def test_test_rows_of_an_unknown_class_are_refused(workspace: Path) -> None:
    write_split(workspace, "test", ["billing", "payroll"])
    with pytest.raises(BadInput, match="payroll"):
        select(workspace)
    write_split(workspace, "test", [])
    with pytest.raises(BadInput, match="at least one row"):
        select(workspace)


def test_rules_that_act_are_told_in_their_order() -> None:
    rules = {"html": False, "unicode": "NFC", "control": True, "urls": "keep", "stop_words": "none", "own": ["a", "b"]}
    assert parts.rules_on(rules) == ["unicode: NFC", "control", "own: a, b"]


class Page(HTMLParser):
    """Collects the tags, texts and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag not in {"meta", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(workspace: Path) -> None:
    select(workspace)
    page = Page((workspace / "reports/report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert not {"link", "img", "iframe", "object", "base"}.intersection(page.tags)
    assert not {"src", "href", "onclick", "onload", "onerror"}.intersection(name for name, _ in page.attributes)
    style = "".join(page.texts)
    assert "@import" not in style and "url(" not in style


def test_texts_and_labels_of_users_never_become_markup(workspace: Path) -> None:
    wicked = ("<script>1</script>", "a|b_c", "*star*")
    actual = list(wicked) * 5
    write_params(workspace, ["odd"])
    write_data(workspace, actual, [f"{EVIL}\nline {number}" for number in range(len(actual))])
    write_split(workspace, "test", wicked)
    write_model(workspace, "odd", wicked)
    write_results(workspace, "odd", actual, answers(actual, range(6), wicked), classes=wicked)
    select(workspace)
    source = (workspace / "reports/report.html").read_text(encoding="utf-8")
    page = Page(source)
    assert page.tags.count("script") == 1  # the one that sorts tables
    assert "b" not in page.tags
    assert any(EVIL in text for text in page.texts)  # shown as it is
    assert "<script>1" not in source
    for name in ("reports/report.md", "models/selected/README.md"):
        markdown = (workspace / name).read_text(encoding="utf-8")
        assert "<script>" not in markdown
        assert "a\\|b\\_c" in markdown and "\\*star\\*" in markdown


def test_the_page_tells_the_verdict_the_hard_rows_and_the_data(workspace: Path) -> None:
    select(workspace)
    text = " ".join(" ".join(Page((workspace / "reports/report.html").read_text(encoding="utf-8")).texts).split())
    assert "Promote good: macro F1 1.0000" in text
    assert "1 pair, 1 set aside" in text
    assert "en 100 %, 1 more below 1 % each" in text
    assert "Hardest rows" in text and "0.9000" in text
    assert "billing as leave: 1 of 20" in text


def test_only_candidates_trained_in_epochs_have_learning_curves(workspace: Path) -> None:
    select(workspace)
    assert _curve_owners(workspace) == ["good"]
    write_results(workspace, "good", ACTUAL, answers(ACTUAL, range(3)), curve=CURVE[:1])
    select(workspace)
    assert "Learning curves" not in (workspace / "reports/report.html").read_text(encoding="utf-8")


def _curve_owners(workspace: Path) -> list[str]:
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    return re.findall(r"<h3>(\w+)</h3>", page.split("<h2>Learning curves</h2>")[1])


def test_a_winner_without_a_mistake_has_no_section_of_mistakes(workspace: Path) -> None:
    write_results(workspace, "good", ACTUAL, answers(ACTUAL, []), curve=CURVE)
    select(workspace)
    page = (workspace / "reports/report.html").read_text(encoding="utf-8")
    assert "Hardest rows" not in page and "Most confused pairs" not in page


def test_plain_text_survives_markdown() -> None:
    assert template.plain("a | b\n*c*") == "a \\| b \\*c\\*"
    assert template.plain("<i>") == "&lt;i&gt;"
