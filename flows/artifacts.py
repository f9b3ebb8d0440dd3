"""What people see of a run in the Prefect UI: candidates, verdict, report, drift and decisions, as artifacts.

Their keys are always the same, so that the UI shows each as a series of versions.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows import picture
from flows.markdown import plain, table
from tasks import block
from tasks.block import PARAMS
from tasks.errors import RegraftError
from tasks.files import read_json
from tasks.retraining.schedule_params import ScheduleParams
from tasks.select import wording

SELECTION, REPORT = Path("reports/selection.json"), Path("reports/report.html")
DECISIONS = Path("reports/decisions.jsonl")
CANDIDATES, VERDICT, REPORT_LINK = "regraft-candidates", "regraft-verdict", "regraft-report"
DRIFT, HISTORY = "regraft-drift", "regraft-decisions"
_LAST = 50  # decisions that are shown
_PATIENCE_SECONDS = 10.0


def publish(root: Path, decision: Mapping[str, Any] | None) -> None:
    """Creates the artifacts of the present flow run from the files in `reports/`; what is not there is left out.

    It never raises: what people watch must not stop the work. After the first request that the server does not
    answer, no further one is made. Outside of a flow run it does nothing.

    Args:
        decision: of the flow `retrain`, as in `reports/decision.json`; None for a plain run of the pipeline.
    """
    from prefect import get_run_logger
    from prefect.exceptions import MissingContextError

    try:
        log = get_run_logger()
    except MissingContextError:
        return
    try:
        _send(_makers(root, decision))
    except Exception as error:
        log.warning(f"Not all artifacts of this run could be shown: {' '.join(str(error).split())}")


@contextmanager
def patient() -> Iterator[None]:
    """Meanwhile Prefect's server is asked once, for ten seconds: by default a lost one is waited for for minutes."""
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: _PATIENCE_SECONDS}):
        yield


def _send(makers: Iterable[Callable[[], object]]) -> None:
    with patient():
        for make in makers:
            make()


def _makers(root: Path, decision: Mapping[str, Any] | None) -> Iterator[Callable[[], object]]:
    """What creates each artifact that there is something for."""
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

    selection = read_json(root / SELECTION) if (root / SELECTION).is_file() else None
    link = _link(root)
    if selection is not None:
        rows = candidates(selection)
        yield lambda: create_table_artifact(rows, CANDIDATES, "The candidates of the last selection")
    if selection is not None or decision is not None:
        told = verdict(selection, decision, link)
        yield lambda: create_markdown_artifact(told, VERDICT, "What was decided on the model, and why")
    if link is not None:
        yield lambda: create_link_artifact(*link, REPORT_LINK, "The whole report")
    if (drift := _drift(root, decision)) is not None:
        tables = drift_tables(drift)
        yield lambda: create_markdown_artifact(tables, DRIFT, "The new rows against those of the champion")
    if decisions := _decisions(root):
        made = history(decisions)
        yield lambda: create_table_artifact(made, HISTORY, f"The last {len(made)} decisions")


def candidates(selection: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each candidate of `reports/selection.json`."""
    metric, rows = selection["metric"], selection["rows"]
    made = []
    for one in selection["candidates"]:
        measures, cost = one.get(rows) or {}, one.get("cost") or {}
        interval = measures.get("interval") or {}
        made.append(
            {
                "candidate": one["name"],
                metric: _rounded(measures.get(metric), 4),
                "from": _rounded(interval.get("low"), 4),
                "to": _rounded(interval.get("high"), 4),
                "ms a row (median)": _rounded(cost.get("latency_ms_p50"), 2),
                "MB": _rounded(cost.get("size_mb"), 1),
                "s to fit": _rounded(cost.get("fit_seconds"), 1),
                "standing": _standing(one, selection["winner"]),
            }
        )
    return made


def verdict(
    selection: Mapping[str, Any] | None, decision: Mapping[str, Any] | None, link: tuple[str, str] | None = None
) -> str:
    """The decision, or else the verdict, in words with its reasons and the picture of the candidates."""
    lines = []
    if decision is not None:
        lines += [f"# {_word_of(decision)}", *_bullets(_reasons(decision))]
        lines += [*_service(decision), ""]
    if selection is not None:
        lines += ["## The last selection" if lines else f"# {selection['verdict']}: {plain(selection['winner'])}"]
        lines += [f"{selection['verdict']}: {plain(selection['winner'])}"] if decision is not None else []
        lines += [*_bullets(selection["reasons"]), *_test(selection)]
        drawn = picture.pareto(selection)
        lines += [drawn, ""] if drawn else []
        if decision is None and selection["verdict"] == "PROMOTE":
            lines += ["`regraft promote` puts it into service.", ""]
    if link is not None:
        lines += [f"The whole report: [{plain(link[1])}]({link[0]})"]
    return "\n".join(lines) + "\n"


def drift_tables(drift: Mapping[str, Any]) -> str:
    """The tests for drift, and the shares of labels before and now."""
    rows = drift["rows"]
    lines = ["# Drift" if drift["drifted"] else "# No drift", ""]
    lines += [f"{rows['after']:,} new rows against {rows['before']:,} of the champion.", *_bullets(drift["reasons"])]
    lines += table(["test", "effect", "p (corrected)", "drifted", "what was found"], [*map(_test_row, drift["tests"])])
    labels = [[one["label"], _percent(one["before"]), _percent(one["after"])] for one in drift.get("labels", [])]
    lines += ["", *table(["label", "before", "now"], labels), ""]
    if drift.get("words"):
        lines += [f"More frequent now: {plain(', '.join(map(_word, drift['words'])))}"]
    return "\n".join(lines) + "\n"


def history(decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each decision, the latest first."""
    made = []
    for one in reversed(decisions):
        champion, reasons = one.get("champion") or {}, _reasons(one)
        made.append(
            {
                "time": str(one.get("time", ""))[:16].replace("T", " "),
                "decision": _word_of(one),
                "challenger": _name(one.get("challenger")),
                "in service before": champion.get("before") or "none",
                "in service after": champion.get("after") or "none",
                "because": reasons[0] if reasons else "",
            }
        )
    return made


def _word_of(decision: Mapping[str, Any]) -> str:
    return "failed" if decision.get("failed") else str(decision["decision"])


def _reasons(decision: Mapping[str, Any]) -> list[str]:
    """Why, after what went wrong once that was decided."""
    return [*(decision.get("problems") or []), *(decision.get("reasons") or [])]


def _test_row(one: Mapping[str, Any]) -> list[str]:
    drifted = "yes" if one["drifted"] else "no"
    return [one["name"], _short(one.get("effect")), _short(one.get("p_value")), drifted, one.get("sentence", "")]


def _standing(one: Mapping[str, Any], winner: str) -> str:
    if one["name"] == winner:
        return "chosen"
    if not one["eligible"]:
        return f"not eligible: {', '.join(str(breach['limit']) for breach in one['breaches'])}"
    return "tied with the best" if one["tied_with_best"] else ""


def _test(selection: Mapping[str, Any]) -> list[str]:
    measured = {name: value for name, value in selection["test"].items() if isinstance(value, float)}
    figures = [[wording.name(name), f"{value:.4f}"] for name, value in measured.items()]
    return ["", *table(["on the test rows", ""], figures), ""]


def _service(decision: Mapping[str, Any]) -> list[str]:
    champion = decision.get("champion") or {}
    if not champion.get("after"):
        return ["", "No model is in service."]
    if champion.get("before") == champion["after"]:
        return ["", f"{plain(champion['after'])} stays in service."]
    return ["", f"{plain(champion['after'])} is in service, in place of {plain(champion.get('before') or 'none')}."]


def _drift(root: Path, decision: Mapping[str, Any] | None) -> dict[str, Any] | None:
    name = (decision or {}).get("drift")
    if not isinstance(name, str) or not (root / name).is_file():
        return None
    found: dict[str, Any] = read_json(root / name)
    return found


def _decisions(root: Path) -> list[dict[str, Any]]:
    if not (root / DECISIONS).is_file():
        return []
    with (root / DECISIONS).open(encoding="utf-8") as file:
        return [json.loads(line) for line in deque((one for one in file if one.strip()), maxlen=_LAST)]


def _link(root: Path) -> tuple[str, str] | None:
    """Address and words of the link to the report; None where there is no report."""
    if not (root / REPORT).is_file():
        return None
    try:
        params = block.parse(ScheduleParams, block.load(root / PARAMS).get("schedule", {}), "schedule")
    except RegraftError:
        params = ScheduleParams()
    if params.report_url is None:
        address = (root / REPORT).resolve().as_uri()
        return address, f"{REPORT.as_posix()} (open {address} on the machine of the run)"
    return f"{params.report_url.rstrip('/')}/{REPORT.name}", REPORT.as_posix()


def _bullets(sentences: Iterable[str]) -> list[str]:
    return ["", *(f"- {plain(one)}" for one in sentences), ""]


def _name(challenger: object) -> str:
    return str(challenger.get("name", "")) if isinstance(challenger, Mapping) else str(challenger or "")


def _word(entry: object) -> str:
    return str(entry.get("word", entry)) if isinstance(entry, Mapping) else str(entry)


def _rounded(value: object, digits: int) -> float | None:
    return round(float(value), digits) if isinstance(value, int | float) else None


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "-"


def _percent(share: object) -> str:
    return f"{100 * share:.1f} %" if isinstance(share, int | float) else "-"
