"""The decisions of `regraft retrain`: the last one in `reports/decision.json`, all in `reports/decisions.jsonl`.

A run that means to decide first leaves a draft in `.regraft/retrain/`. It stays until the decision is written, so that
a run that was killed, or failed, is taken up by the next.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from flows.secrets import redacted
from tasks.errors import BadInput
from tasks.files import read_json, replacing, write_json

LAST, ALL = Path("reports/decision.json"), Path("reports/decisions.jsonl")
FOLDER = Path(".regraft/retrain")
"""What retrain keeps for itself: the draft, the marks of known rows, tables of rows to compare."""
_DRAFT = FOLDER / "draft.json"

Word = Literal["PROMOTE", "HOLD", "REJECT", "SKIP"]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Decision:
    """What a run of `retrain` came to.

    Attributes:
        decision: PROMOTE: the challenger was put into service; HOLD and REJECT: it was not; SKIP: none was made.
        reasons: sentences.
        failed: whether the run failed; then it is a HOLD that counts as none, and the next run tries again.
        problems: what went wrong after the decision, such as sending what was made.
        trigger: `causes` (a word each) and `reasons` of retraining: a sentence for each cause, then remarks.
        verdict: of the selection; None where nothing was selected.
        challenger: the name of the selected model.
        champion: the version in service `before` and `after`.
        rows: `total`, `new`, `labels` (new rows of each label that the champion does not know), `known` (which marks
            of rows this decision knows; None for a SKIP), `state` (what the figures were worked out from; None where
            not all could be).
        drift: the file with what the drift test found.
        made: what the models at hand are made of, as one hash.
        git: `commit` and `dirty` (whether files that git knows were changed), when the run began; None without git.
        pushed: whether what was made was sent to the remote; None where that was not asked for.
        run: of Prefect, which keeps it when the run is tried again.
        time: when it was decided, ISO 8601 in UTC.
    """

    decision: Word
    reasons: list[str]
    run: str
    time: str
    failed: bool = False
    problems: list[str] = field(default_factory=list)
    trigger: dict[str, list[str]] = field(default_factory=lambda: {"causes": [], "reasons": []})
    verdict: str | None = None
    challenger: str | None = None
    champion: dict[str, str | None] = field(default_factory=lambda: {"before": None, "after": None})
    rows: dict[str, Any] | None = None
    drift: str | None = None
    made: str | None = None
    git: dict[str, Any] | None = None
    pushed: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """The form in `reports/decision.json`; secrets are left out."""
        plain: dict[str, Any] = asdict(self)
        for sentences in (plain["reasons"], plain["problems"], plain["trigger"]["reasons"]):
            sentences[:] = map(redacted, sentences)
        return plain


def write(root: Path, decision: Decision) -> dict[str, Any]:
    """Writes a decision, and drops the draft unless the run failed.

    It takes the place of a failure or SKIP of the same run. Any other decision of it stays: it was carried out.

    Returns:
        What was written.
    """
    record = decision.as_json()
    records = [one for one in history(root) if one["run"] != decision.run or not _is_passing(one)]
    with replacing(root / ALL) as partial:
        lines = (json.dumps(one, ensure_ascii=False, allow_nan=False) for one in [*records, record])
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    write_json(root / LAST, record)
    if not decision.failed:
        drop_draft(root)
    return record


def history(root: Path) -> list[dict[str, Any]]:
    """All decisions, the last one last.

    Raises:
        BadInput: if a line is none.
    """
    path = root / ALL
    if not path.is_file() or not path.stat().st_size:
        return []
    records = []
    # Not by `splitlines`, which also cuts at U+2028 and the like; JSON has these within its strings.
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            record["decision"], record["run"]
        except (ValueError, TypeError, KeyError):
            fix = "Correct that line, or take it out."
            raise BadInput(f"{ALL}, line {number}", "a decision of retrain", "something else", fix) from None
        records.append(record)
    return records


def _is_passing(record: Record) -> bool:
    return bool(record["failed"]) or record["decision"] == "SKIP"


def judged(records: Sequence[Record]) -> Record | None:
    """The last decision that was made on a new selection; None if there was none."""
    return next((one for one in reversed(records) if not _is_passing(one)), None)


def sound(records: Sequence[Record]) -> Record | None:
    """The last decision of a run that did not fail; None if there was none."""
    return next((one for one in reversed(records) if not one["failed"]), None)


def write_draft(root: Path, decision: Decision) -> None:
    """Leaves word of a decision that is about to be made, or, of PROMOTE, to be carried out."""
    write_json(root / _DRAFT, decision.as_json())


def draft(root: Path) -> Decision | None:
    """What a run that did not get to its decision has left."""
    path = root / _DRAFT
    return Decision(**read_json(path)) if path.is_file() else None


def drop_draft(root: Path) -> None:
    """Forgets the draft."""
    (root / _DRAFT).unlink(missing_ok=True)
