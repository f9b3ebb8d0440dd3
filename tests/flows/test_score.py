"""Scoring: every row keeps its columns and its place, in any format, without the memory growing."""

import csv
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows import score as scoring
from flows.score import Scorer, score
from tasks import ensemble, model, thresholds
from tasks.combination import Combination
from tasks.embed import stage as embed
from tasks.errors import BadInput
from tasks.files import read_json, write_json
from tasks.finetune import stage as finetune
from tasks.records import Record
from tasks.rules import Rules
from tasks.thresholds import Cutoff, Thresholds
from tests import tiny

TEXTS = [text for text, _ in tiny.texts(30, 9)]


@pytest.fixture
def scored(workspace: Path) -> Path:
    """A workspace with a selected model that knows the topics, trained on texts without markup."""
    tiny.params(
        workspace,
        ingest={"sources": ["unused.csv"], "columns": {"text": "message", "label": "queue"}},
        features={"words": {"kind": "tfidf", "encoder": "none", "min_rows": 1}},
        candidates={"bayes": {"features": "words", "model": "naive_bayes"}},
    )
    embed.run(workspace, "words", Record(workspace, "embed@words"))
    finetune.run(workspace, "bayes", Record(workspace, "finetune@bayes"))
    shutil.copytree(workspace / "models/candidates/bayes", workspace / "models/selected")
    rules = Rules(html=True).model_dump_json()
    (workspace / "models/selected/cleaning.json").write_text(rules)
    return workspace


def test_an_ensemble_scores_as_its_members_combined(scored: Path) -> None:
    one, both = Scorer(scored), scored / "models/selected"
    bayes = scored / "models/candidates/bayes"
    shutil.copytree(bayes, both / "members/bayes")
    shutil.copytree(bayes, both / "members/twin")
    ensemble.write(both, ["bayes", "twin"], Combination("mean"))
    card = read_json(both / "candidate.json")
    write_json(both / "candidate.json", card | {"family": "ensemble", "rules": ensemble.NO_RULES})
    texts = ["<b>printer</b> jam", "Payslip", None, "login reset"]
    for found, expected in zip(Scorer(scored).score(texts), one.score(texts), strict=True):
        assert found == (expected[0], pytest.approx(expected[1], abs=1e-12))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_keep_their_columns_and_order_and_get_the_model_s_answer(scored: Path) -> None:
    rows = [{"ticket": f"T{number}", "message": text, "note": "a,b\nc"} for number, text in enumerate(TEXTS)]
    score(scored, str(write_csv(scored / "new.csv", rows)), scored / "out.csv")
    out = read_csv(scored / "out.csv")
    saved = model.load(scored / "models/selected", threads=1)
    probabilities = saved.predict_proba(TEXTS)
    assert list(out[0]) == ["ticket", "message", "note", "predicted", "confidence"]
    assert [{name: row[name] for name in rows[0]} for row in out] == rows
    assert [row["predicted"] for row in out] == [saved.labels[index] for index in probabilities.argmax(axis=1)]
    assert [float(row["confidence"]) for row in out] == pytest.approx(probabilities.max(axis=1).tolist())


def abstaining(root: Path, threshold: float | None) -> list[dict[str, str]]:
    """Scores the texts with this threshold for all classes."""
    labels = read_json(root / "models/selected/candidate.json")["labels"]
    thresholds.write(root / "models/selected", Thresholds(0.9, 0.95, "all", dict.fromkeys(labels, threshold)))
    rows = [{"id": f"T{number}", "message": text} for number, text in enumerate([*TEXTS, " "])]
    score(root, str(write_csv(root / "new.csv", rows)), root / "out.csv")
    return read_csv(root / "out.csv")


def test_a_model_with_thresholds_says_where_it_abstains_and_what_it_would_say(
    scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = model.load(scored / "models/selected", threads=1)
    sure = saved.predict_proba(TEXTS).max(axis=1)
    values = sorted(set(sure.round(6).tolist()))
    threshold = (values[len(values) // 3] + values[len(values) // 3 + 1]) / 2
    out = abstaining(scored, threshold)
    assert list(out[0]) == ["id", "message", "predicted", "confidence", "abstained"]
    assert [row["abstained"] for row in out] == [*("true" if one < threshold else "false" for one in sure), ""]
    assert all(row["predicted"] in tiny.TOPICS for row in out[:-1])
    printed = " ".join(capsys.readouterr().out.split())
    counts = Counter(row["predicted"] for row in out if row["abstained"] == "true")
    assert 0 < counts.total() < len(TEXTS)
    most = ", ".join(f"{label} ({count})" for label, count in counts.most_common())
    assert (
        f"It abstains from {counts.total()} of them (`abstained` is true there), where it would say {most}." in printed
    )
    abstaining(scored, 0.0)
    assert "abstains from 0 of them (`abstained` is true there)." in " ".join(capsys.readouterr().out.split())


def test_thresholds_that_could_not_be_had_mark_no_row_and_it_is_said(
    scored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {row["abstained"] for row in abstaining(scored, None)} == {""}
    printed = " ".join(capsys.readouterr().out.split())
    assert "no threshold was shown to make 0.9 of the answers right" in printed


def test_a_model_with_a_cutoff_answers_by_it_and_it_is_said(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = model.load(scored / "models/selected", threads=1)
    label, other = saved.labels[:2]
    probabilities = saved.predict_proba(TEXTS)
    values = np.unique(probabilities[:, 0])
    cutoff = float(values[1:3].mean())  # low, so that it changes answers
    thresholds.write(scored / "models/selected", Cutoff(label, other, cutoff))
    rows = [{"id": f"T{number}", "message": text} for number, text in enumerate(TEXTS)]
    score(scored, str(write_csv(scored / "new.csv", rows)), scored / "out.csv")
    out = read_csv(scored / "out.csv")
    chosen = [0 if row[0] >= cutoff else 1 for row in probabilities]
    assert set(chosen) == {0, 1} and chosen != probabilities.argmax(axis=1).tolist()
    assert list(out[0]) == ["id", "message", "predicted", "confidence"]
    assert [row["predicted"] for row in out] == [saved.labels[number] for number in chosen]
    own = [row[number] for row, number in zip(probabilities, chosen, strict=True)]
    assert [float(row["confidence"]) for row in out] == pytest.approx(own)
    told = f"`{label}` is predicted where its probability is {cutoff:.4f} or more, `{other}` elsewhere."
    assert told in " ".join(capsys.readouterr().out.split())


def test_the_column_keeps_its_type_in_other_formats(scored: Path) -> None:
    abstaining(scored, 2.0)
    score(scored, str(scored / "new.csv"), scored / "out.parquet")
    assert pq.read_table(scored / "out.parquet")["abstained"].to_pylist() == [*[True] * len(TEXTS), None]


def test_the_cleaning_of_training_is_applied(scored: Path) -> None:
    plain, marked = TEXTS[0], f"<b>{TEXTS[0]}</b><script>salary tax payslip</script>"
    score(scored, str(write_csv(scored / "new.csv", [{"message": plain}, {"message": marked}])), scored / "out.csv")
    first, second = read_csv(scored / "out.csv")
    assert float(first["confidence"]) == pytest.approx(float(second["confidence"]))
    assert first["predicted"] == second["predicted"]


def test_more_rows_than_one_chunk_are_all_there(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_CHUNK", 7)
    rows = [{"message": text} for text in TEXTS]
    score(scored, str(write_csv(scored / "new.csv", rows)), scored / "out.csv")
    assert [row["message"] for row in read_csv(scored / "out.csv")] == TEXTS


@pytest.mark.parametrize("name", ["out.jsonl", "out.tsv", "out.csv.gz", "out.parquet"])
def test_the_ending_says_the_format(scored: Path, name: str) -> None:
    table = pa.table({"message": TEXTS, "number": list(range(len(TEXTS))), "none": pa.nulls(len(TEXTS))})
    pq.write_table(table, scored / "new.parquet")
    score(scored, "new.parquet", scored / name)
    path = scored / name
    if name.endswith(".parquet"):
        numbers = pq.read_table(path)["number"].to_pylist()
    elif name.endswith(".jsonl"):
        numbers = [json.loads(line)["number"] for line in path.read_text().splitlines()]
    else:
        text = gzip.decompress(path.read_bytes()).decode() if name.endswith(".gz") else path.read_text()
        delimiter = "\t" if name.endswith(".tsv") else ","
        numbers = [int(row["number"]) for row in csv.DictReader(text.splitlines(), delimiter=delimiter)]
    assert numbers == list(range(len(TEXTS)))


def test_rows_without_text_keep_their_place_without_a_label(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"message": TEXTS[0]}, {"message": "  "}, {"message": None}, {"message": TEXTS[1]}]
    (scored / "new.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    score(scored, "new.jsonl", scored / "out.jsonl")
    out = [json.loads(line) for line in (scored / "out.jsonl").read_text().splitlines()]
    assert [row["predicted"] is None for row in out] == [False, True, True, False]
    assert "2 of them have no text" in " ".join(capsys.readouterr().out.split())


def test_lines_that_are_no_rows_are_set_aside_with_the_reason(scored: Path) -> None:
    good = json.dumps({"message": TEXTS[0]})
    (scored / "new.jsonl").write_text(f"{good}\n{{broken\n{good}\n")
    score(scored, "new.jsonl", scored / "out.jsonl")
    assert len((scored / "out.jsonl").read_text().splitlines()) == 2
    (rejected,) = [json.loads(line) for line in (scored / "out.jsonl.rejected.jsonl").read_text().splitlines()]
    assert (rejected["line"], rejected["content"]) == (2, "{broken")


def test_columns_of_the_same_name_are_not_overwritten(scored: Path) -> None:
    score(scored, str(write_csv(scored / "new.csv", [{"message": TEXTS[0], "predicted": "mine"}])), scored / "out.csv")
    (row,) = read_csv(scored / "out.csv")
    assert row["predicted"] == "mine"
    assert row["predicted_2"] in tiny.TOPICS


def test_paths_are_taken_from_where_the_user_stands(scored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scored / "sub").mkdir()
    write_csv(scored / "sub" / "new.csv", [{"message": TEXTS[0]}])
    monkeypatch.chdir(scored / "sub")
    score(scored, "new.csv", Path("out.csv"))
    assert len(read_csv(scored / "sub" / "out.csv")) == 1


def test_files_are_read_as_training_reads_them(scored: Path) -> None:
    text = (scored / "params.yaml").read_text()
    (scored / "params.yaml").write_text(
        text.replace('"ingest": {', '"ingest": {"encoding": "utf-16-le", "quote": null, ')
    )
    (scored / "new.csv").write_bytes('message,note\nprinter "jam,x\n'.encode("utf-16-le"))
    score(scored, str(scored / "new.csv"), scored / "out.jsonl")
    (row,) = [json.loads(line) for line in (scored / "out.jsonl").read_text().splitlines()]
    assert row["message"] == 'printer "jam'


def test_a_missing_column_names_those_that_are_there(scored: Path) -> None:
    write_csv(scored / "new.csv", [{"text": "x", "id": "1"}])
    with pytest.raises(BadInput, match=r"column 'message'.*'text'"):
        score(scored, "new.csv", scored / "out.csv")
    assert not (scored / "out.csv").exists()


def test_an_ending_that_is_not_known_is_said(scored: Path) -> None:
    write_csv(scored / "new.csv", [{"message": "x"}])
    with pytest.raises(BadInput, match=r"Give the output another name"):
        score(scored, "new.csv", scored / "out.xlsx")


def test_without_a_model_it_says_what_to_do(workspace: Path) -> None:
    tiny.params(workspace, ingest={"sources": ["a.csv"], "columns": {"text": "text", "label": "label"}})
    with pytest.raises(BadInput, match="Run `regraft run` first"):
        score(workspace, "new.csv", workspace / "out.csv")
