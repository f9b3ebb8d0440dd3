"""Written decisions, and how they are listed."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows import decision, grounds, history
from flows.decision import Decision
from tasks.errors import BadInput


def made(run: str, word: Any = "SKIP", **fields: Any) -> Decision:
    return Decision(decision=word, reasons=[f"Because of {run}."], run=run, time="2026-11-23T13:00:00+00:00", **fields)


def test_the_last_one_stands_alone_and_all_stand_in_order(tmp_path: Path) -> None:
    decision.write(tmp_path, made("one"))
    decision.write(tmp_path, made("two", "HOLD"))
    assert json.loads((tmp_path / decision.LAST).read_text())["run"] == "two"
    assert [one["run"] for one in decision.history(tmp_path)] == ["one", "two"]


def test_a_run_has_one_entry(tmp_path: Path) -> None:
    decision.write(tmp_path, made("one", "HOLD", failed=True))
    decision.write(tmp_path, made("two"))
    decision.write(tmp_path, made("one", "PROMOTE"))
    assert [(one["run"], one["decision"]) for one in decision.history(tmp_path)] == [
        ("two", "SKIP"),
        ("one", "PROMOTE"),
    ]


def test_what_a_run_has_carried_out_stays_when_it_is_tried_again(tmp_path: Path) -> None:
    decision.write(tmp_path, made("one", "PROMOTE", problems=["It was not pushed."]))
    for word in ("SKIP", "SKIP", "HOLD"):
        decision.write(tmp_path, made("one", word, failed=word == "HOLD"))
    assert [one["decision"] for one in decision.history(tmp_path)] == ["PROMOTE", "HOLD"]


def test_a_draft_of_a_run_that_is_tried_again_is_not_taken_for_its_earlier_decision(tmp_path: Path) -> None:
    decision.write(tmp_path, made("one"))
    decision.write_draft(tmp_path, replace(made("one", "HOLD"), time="2026-11-23T13:05:00+00:00"))
    assert grounds.take_up(tmp_path, print) == []
    assert decision.draft(tmp_path) is not None
    decision.write(tmp_path, made("two", "HOLD", failed=True))
    decision.write_draft(tmp_path, made("one"))
    grounds.take_up(tmp_path, print)
    assert decision.draft(tmp_path) is None


def test_marks_that_some_take_for_an_end_of_line_are_kept(tmp_path: Path) -> None:
    said = "Pasted:\u2028one\u2029two\x85three\r\nfour\x0c"
    decision.write(tmp_path, Decision("HOLD", [said], "run", "2026-11-23T13:00:00+00:00"))
    decision.write(tmp_path, made("two"))
    assert [one["reasons"] for one in decision.history(tmp_path)] == [[said], ["Because of two."]]


def test_neither_a_skip_nor_a_failure_counts_as_judged(tmp_path: Path) -> None:
    assert decision.judged([]) is None
    for one in (made("a", "REJECT"), made("b"), made("c", "HOLD", failed=True)):
        decision.write(tmp_path, one)
    records = decision.history(tmp_path)
    last = decision.judged(records)
    assert last is not None
    assert last["run"] == "a"
    sound = decision.sound(records)
    assert sound is not None
    assert sound["run"] == "b"


def test_a_draft_stays_until_there_is_a_decision(tmp_path: Path) -> None:
    meant = made("one", "PROMOTE", made="abc", rows={"total": 3}, champion={"before": "v0.1.0", "after": None})
    decision.write_draft(tmp_path, meant)
    assert decision.draft(tmp_path) == meant
    decision.write(tmp_path, made("two", "HOLD", failed=True))
    assert decision.draft(tmp_path) == meant
    decision.write(tmp_path, made("three"))
    assert decision.draft(tmp_path) is None


def test_secrets_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_API_TOKEN", "secret-of-env")
    said = "Cannot reach https://ada:secret@example.org/x?token=secret nor secret-of-env, nor s3://bucket/a@b."
    trigger = {"causes": ["forced"], "reasons": [said]}
    one = Decision("HOLD", [said], "run", "2026-11-23T13:00:00+00:00", problems=[said], trigger=trigger)
    decision.write_draft(tmp_path, one)
    draft = (tmp_path / decision.FOLDER / "draft.json").read_text()
    decision.write(tmp_path, one)
    for text in (draft, *((tmp_path / name).read_text() for name in (decision.LAST, decision.ALL))):
        assert "secret" not in text
        assert text.count("https://***@example.org/x?token=*** nor ***, nor s3://bucket/a@b.") == 3
    assert trigger["reasons"] == [said]


def test_a_spoilt_line_is_named(tmp_path: Path) -> None:
    decision.write(tmp_path, made("one"))
    with (tmp_path / decision.ALL).open("a") as file:
        file.write("{}\n")
    with pytest.raises(BadInput, match=r"decisions\.jsonl, line 2: expected a decision of retrain"):
        decision.history(tmp_path)


def shown(root: Path) -> str:
    table = history.decisions(root)
    assert table is not None
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    return str(text)


def test_decisions_are_listed_at_80_columns_with_their_reasons(tmp_path: Path) -> None:
    assert history.decisions(tmp_path) is None
    decision.write(tmp_path, made("one", "PROMOTE", champion={"before": "v0.1.0", "after": "v0.2.0"}))
    long = Decision("HOLD", [f"Reason {n}." for n in range(6)], "two", "2026-11-24T03:00:00+00:00", failed=True)
    decision.write(tmp_path, long)
    text = shown(tmp_path)
    for part in ("PROMOTE", "→ v0.2.0", "Because of one.", "failed", "2026-11-24", "Reason 3.", "and 2 more"):
        assert part in text
    assert "Reason 4." not in text
    assert any("PROMOTE" in line and "Because of one." in line for line in text.splitlines())


def test_of_many_the_last_are_listed(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    records = [made(str(number)).as_json() for number in range(33)]
    (tmp_path / decision.ALL).write_text("".join(json.dumps(one) + "\n" for one in records))
    text = shown(tmp_path)
    assert "Because of 32." in text
    assert "Because of 3." in text
    assert "Because of 2." not in text
    assert "3 earlier ones are in reports/decisions.jsonl" in text
