"""What `retrain` can know before it decides whether to retrain: the commit, the champion, the rows, what is due."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from flows import champion as champions
from flows import decision, novelty, provenance
from flows.announce import Announcer
from flows.execute import execute
from flows.explain import Finding, survey
from flows.novelty import Novelty
from flows.pipeline import bring_up
from flows.registry import Appointment, Registry
from flows.session import Session
from flows.stage import Job
from flows.step import step
from flows.trigger import Standing
from tasks.retraining.params import RetrainParams

_INGEST = "ingest"
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Grounds:
    """What is known.

    Attributes:
        git: as `flows.provenance.revision` tells it, before anything was run.
        champion: the model in service; None if there is none.
        age_days: since it was first put into service.
        novelty: what is new among the rows.
        recipe: what is due apart from data.
        unjudged: whether the models at hand are none that anybody decided on.
        interrupted: why an earlier run had begun that came to no decision; None if there was none.
    """

    git: dict[str, Any] | None
    champion: Appointment | None
    age_days: float | None
    novelty: Novelty
    recipe: tuple[str, ...]
    unjudged: bool
    interrupted: tuple[str, ...] | None

    def standing(self, force: bool, why: str | None) -> Standing:
        """The figures that it is weighed by."""
        new = self.novelty
        return Standing(
            champion=self.champion.version if self.champion else None,
            age_days=self.age_days,
            judged=new.judged,
            total=new.total,
            new=new.new,
            new_labels=new.labels,
            recipe=self.recipe,
            unjudged=self.unjudged,
            interrupted=self.interrupted,
            drift=new.drift,
            untested=new.untested,
            forced=force,
            why=why,
        )


def gather(session: Session, params: RetrainParams) -> Grounds:
    """Brings the rows up to date and looks at everything. No model is loaded, unless there are new rows to compare."""
    root = session.graph.root
    registry = provenance.registry_of(root)
    git, champion = provenance.revision(registry), registry.champion() if registry else None
    records = decision.history(root)
    first = session.graph.items([_INGEST])
    if any(finding.due for finding in survey(session.graph, first).values()):
        bring_up(session, [_INGEST], warm=False)
    findings = survey(session.graph, session.graph.items())
    new = novelty.find(
        root, session.graph.repo, champion, records, params.drift, _comparison(session, champion), session.display.note
    )
    draft = decision.draft(root)
    return Grounds(
        git=git,
        champion=champion,
        age_days=_age(registry, champion),
        novelty=new,
        recipe=_recipe({name: finding for name, finding in findings.items() if name not in first}),
        unjudged=_is_unjudged(root, registry, champion, decision.judged(records)),
        interrupted=_begun(draft) if draft else None,
    )


def take_up(root: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Writes the decision of a run that was stopped after its model had come into service, before it could say so.

    Returns:
        What was written, if anything; of any other run the draft stays, and its decision is made anew.
    """
    draft = decision.draft(root)
    if draft is None:
        return []
    # A run that is tried again keeps its id, and may have decided before it left this draft.
    written = (one for one in decision.history(root) if one["run"] == draft.run and one["time"] >= draft.time)
    if any(not one["failed"] for one in written):
        decision.drop_draft(root)  # it was stopped after it had written its decision
        return []
    registry = provenance.registry_of(root)
    champion = registry.champion() if registry else None
    if draft.decision != "PROMOTE" or registry is None or champion is None:
        return []
    if champion.version == draft.champion["before"] or provenance.made_by(registry, champion) != draft.made:
        return []
    done = replace(draft, champion={**draft.champion, "after": champion.version})
    say(f"The last retrain was stopped after {champion.version} had come into service; its decision is written now.")
    return [decision.write(root, done)]


def _begun(draft: decision.Decision) -> tuple[str, ...]:
    causes, reasons = draft.trigger["causes"], draft.trigger["reasons"]  # the latter end with remarks
    return tuple(reason for place, reason in enumerate(reasons) if causes[place : place + 1] != ["interrupted"])


def _age(registry: Registry | None, champion: Appointment | None) -> float | None:
    if registry is None or champion is None:
        return None
    first = next(one for one in registry.appointments() if one.version == champion.version)
    return (datetime.now(UTC) - datetime.fromisoformat(first.time)).total_seconds() / _DAY_SECONDS


def _recipe(findings: dict[str, Finding]) -> tuple[str, ...]:
    """Each reason once, with the first item that is due for it."""
    items: dict[str, list[str]] = {}
    for name, finding in findings.items():
        for reason in finding.recipe:
            items.setdefault(reason, []).append(name)
    more = {reason: f" and {len(names) - 1} more" if len(names) > 1 else "" for reason, names in items.items()}
    return tuple(f"{reason} ({names[0]}{more[reason]})" for reason, names in items.items())


def _is_unjudged(
    root: Path, registry: Registry | None, champion: Appointment | None, last: decision.Record | None
) -> bool:
    made = provenance.made(root)
    if made is None or (last is None and champion is None):
        return False
    if last is not None and last["made"] == made:
        return False
    return registry is None or champion is None or provenance.made_by(registry, champion) != made


def _comparison(session: Session, champion: Appointment | None) -> novelty.Compare:
    """The drift test, as a command of its own: it loads models, which this process is to be spared."""

    def compare(before: Path, after: Path, target: Path) -> None:
        model = ["--champion", champions.FOLDER.as_posix()] if champion else []
        words = ["python", "-m", "tasks.retraining", before.as_posix(), after.as_posix(), target.as_posix(), *model]
        job = Job("drift", (shlex.join(words),), str(session.graph.root), dict(os.environ))

        def run() -> None:
            session.display.started(job.name)
            try:
                execute(session.worker, job, Announcer(job.name, get_run_logger(), session.display))
            except BaseException:
                session.display.finished(job.name, "failed", "failed")
                raise
            session.display.finished(job.name, "done", "completed")

        step(job.name, run)

    return compare
