"""One run of `retrain`, from the look at the data to the written decision.

What it does can stop at any point: a draft says from the start that a decision is due, and before a promotion which one
it is; the next run makes it, or finds the model in service and writes it down.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from flows import announcement, approval, artifacts, decision, grounds, novelty, promotion, provenance, remote, server
from flows.approval import Reply
from flows.decision import Decision, Word
from flows.display import Display
from flows.graph import Graph
from flows.grounds import Grounds
from flows.pipeline import bring_up
from flows.secrets import redacted
from flows.session import Session, opened
from flows.step import step
from flows.trigger import Trigger, weigh
from flows.workspace import find, held
from tasks.errors import RegraftError
from tasks.files import read_json
from tasks.retraining import params as parameters
from tasks.retraining.params import Policy, RetrainParams


@dataclass(frozen=True)
class Options:
    """How a run of `retrain` was asked for.

    Attributes:
        force: whether to retrain without any other reason.
        why: what the person says who asks.
        policy: in place of `retrain.policy`.
        workers: how many stages run side by side; None: by processors.
        wait: whether to wait for another run in the workspace.
    """

    force: bool = False
    why: str | None = None
    policy: Policy | None = None
    workers: int | None = None
    wait: bool = True


class Retraining:
    """One run.

    Args:
        start: a folder of the workspace.
        run: the flow run's id.
        logger: its log.
    """

    def __init__(self, start: Path, display: Display, options: Options, run: str, logger: Any) -> None:
        self._start, self._display, self._options = start, display, options
        self._run, self._logger = run, logger
        self._params = RetrainParams()
        self._grounds: Grounds | None = None
        self._trigger = Trigger((), ())
        self._selection: dict[str, Any] | None = None
        self._made: str | None = None
        self._config: Mapping[str, Any] = {}
        self._closed = False

    def decide(self) -> dict[str, Any]:
        """Does all of it and returns the decision as it was written."""
        with opened(self._start, self._display, wait=self._options.wait, bring=self._pull) as session:
            settled = self._up_to_the_verdict(session)
            if settled is not None:
                return self._close(session, settled)
            root = session.graph.root
        # The workspace is free meanwhile, so that `regraft promote` can answer too.
        reply = self._ask(root)
        with opened(self._start, self._display, wait=True) as session:
            return self._close(session, self._answered(session, reply))

    def record_failure(self, error: Exception) -> None:
        """Writes down that the run failed, if that can be written at all and no decision is yet, and tells of it."""
        if self._closed:
            return
        reason = f"The retrain failed: {sentence(error)}"  # made harmless with all reasons
        with contextlib.suppress(RegraftError, OSError):
            root = find(self._start)
            with held(root, wait=True, say=self._display.note):
                registry = provenance.registry_of(root)
                now = registry.champion() if registry else None
                after = now.version if now else None
                service = {"before": self._before if self._grounds else after, "after": after}
                failed = self._decision("HOLD", [*self._trigger.reasons, reason])
                failed = replace(failed, failed=True, rows=None, champion=service)
                self._tell(root, decision.write(root, failed))

    def _pull(self, graph: Graph) -> None:
        self._config = graph.repo.config
        self._params = parameters.read(graph.root)
        if self._params.pull:
            pulled = step("pull", lambda: remote.pull(graph.root, graph.repo))
            if pulled.renewed:
                self._display.note(f"What .dvc files name was brought anew: {', '.join(pulled.renewed)}.")

    def _up_to_the_verdict(self, session: Session) -> Decision | None:
        """Comes to a decision; None if a person has to be asked first."""
        root = session.graph.root
        for record in grounds.take_up(root, self._display.note):
            self._tell(root, record)
        self._grounds = grounds.gather(session, self._params)
        weighed = weigh(self._grounds.standing(self._options.force, self._options.why), self._params)
        # From here on they go into files, logs, the server and a tag of git.
        self._trigger = replace(weighed, reasons=tuple(map(self.harmless, weighed.reasons)))
        if not self._trigger.causes:
            return self._decision("SKIP", list(self._trigger.reasons))
        self._display.note(f"Retrains: {' '.join(self._trigger.reasons)}")
        decision.write_draft(root, self._decision("HOLD", list(self._trigger.reasons)))
        bring_up(session, (), self._options.workers)
        self._selection, self._made = read_json(root / promotion.SELECTION), provenance.made(root)
        return self._judge(session, self._selection)

    def _judge(self, session: Session, selection: dict[str, Any]) -> Decision | None:
        if selection["verdict"] != "PROMOTE":
            return self._judged(session.graph.root, selection["verdict"])
        policy = self._options.policy or self._params.policy
        if policy == "auto":
            return self._promote(session, "The policy is auto.")
        if policy == "never":
            return self._judged(session.graph.root, "HOLD", f"The policy is never. {_BY_HAND}")
        if not server.lasting():
            said = f"Nobody can be asked, as no Prefect server outlives this command. {_BY_HAND}"
            return self._judged(session.graph.root, "HOLD", said)
        with session.graph.locked() as repo:
            promotion.check(session.graph.root, repo, commit=True)
        # Should this run be killed while it waits, and the model then be put into service, that was the decision.
        decision.write_draft(session.graph.root, self._judged(session.graph.root, "PROMOTE", _BY_PERSON))
        return None

    def _ask(self, root: Path) -> Reply:
        artifacts.publish(root, None)
        hours = self._params.approve_hours
        self._display.note(
            f"Waits up to {hours:g} hours for an answer: in the Prefect UI (Resume, in the menu of this run), or by "
            "`regraft promote`."
        )
        before = self._before
        registry = provenance.registry_of(root)

        def settled() -> bool:
            now = registry.champion() if registry else None
            return (now.version if now else None) != before

        causes = self._trigger.reasons[: len(self._trigger.causes)]  # remarks follow
        question = approval.question(self._selection or {}, causes, before)
        return approval.ask(UUID(self._run), question, hours, settled)

    def _answered(self, session: Session, reply: Reply) -> Decision:
        """What a reply, or what has happened meanwhile, comes to."""
        root = session.graph.root
        registry = provenance.registry_of(root)
        now = registry.champion() if registry else None
        if registry is not None and now is not None and now.version != self._before:
            if provenance.made_by(registry, now) != self._made:
                said = f"{now.version}, another model, came into service meanwhile, and there is no verdict against it."
                return self._judged(root, "HOLD", said)
            by_hand = self._judged(root, "PROMOTE", _BY_PERSON)
            return replace(by_hand, champion={"before": self._before, "after": now.version})
        if provenance.made(root) != self._made:
            said = "The models were made anew meanwhile, so that the answer is not for them."
            return self._judged(root, "HOLD", said)
        if reply.by != "person":
            said = f"Nobody answered within {self._params.approve_hours:g} hours. {_BY_HAND}"
            return self._judged(root, "HOLD", said)
        because = f": {reply.reason}" if reply.reason.strip() else "."
        if not reply.promote:
            return self._judged(root, "HOLD", f"A person decided to keep the champion{because}")
        return self._promote(session, f"A person decided to put it into service{because}")

    def _promote(self, session: Session, said: str) -> Decision:
        root = session.graph.root
        said = self.harmless(said)
        meant = self._judged(root, "PROMOTE", said)
        decision.write_draft(root, meant)
        with session.graph.locked() as repo:
            why = " ".join([*self._trigger.reasons, said])
            done = promotion.promote(root, repo, reason=why, commit=True)
        return replace(meant, champion={"before": self._before, "after": done.version})

    def _close(self, session: Session, settled: Decision) -> dict[str, Any]:
        """Records and sends what was made, writes the decision and tells of it."""
        root, problems = session.graph.root, []
        if self._params.commit:
            try:
                provenance.record_lock(provenance.registry_of(root), f"Retrain: {settled.decision}")
            except RegraftError as error:
                problems.append(f"dvc.lock is not committed: {error}")
        last = decision.sound(decision.history(root))
        pushed: bool | None = last["pushed"] if last and settled.decision == "SKIP" else None
        # A promotion that was killed is taken up unsent.
        if self._params.push and not pushed:
            try:
                step("push", lambda: remote.push(root, session.graph.repo))
                pushed = True
            except (RegraftError, OSError) as error:
                pushed = False
                problems.append(f"What was made was not pushed: {sentence(error)}")
        problems = [self.harmless(problem) for problem in problems]
        settled = replace(settled, problems=problems, pushed=pushed, time=_now())
        record = decision.write(root, settled)
        self._closed = True
        if settled.rows and settled.rows["known"]:
            novelty.forget(root, settled.rows["known"])
        self._tell(root, record)
        return record

    def _tell(self, root: Path, record: dict[str, Any]) -> None:
        self._logger.info("%s: %s", record["decision"], " ".join([*record["reasons"], *record["problems"]]))
        announcement.tell(root, record, self._params.notify, self._display.note)

    def _judged(self, root: Path, word: Word, *said: str) -> Decision:
        """A decision on the selection, which knows all present rows."""
        selection = self._selection or {}
        made = self._decision(word, [*self._trigger.reasons, *selection["reasons"], *said])
        rows = None if made.rows is None else {**made.rows, "known": novelty.remember(root)}
        return replace(made, rows=rows)

    def _decision(self, word: Word, reasons: list[str]) -> Decision:
        known, selection = self._grounds, self._selection
        return Decision(
            decision=word,
            reasons=[self.harmless(reason) for reason in reasons],
            run=self._run,
            time=_now(),
            trigger={"causes": list(self._trigger.causes), "reasons": list(self._trigger.reasons)},
            verdict=selection["verdict"] if selection else None,
            challenger=selection["winner"] if selection else None,
            champion={"before": self._before, "after": self._before},
            rows=known.novelty.as_json() if known else None,
            drift=novelty.DRIFT.as_posix() if known and known.novelty.drift is not None else None,
            made=self._made,
            git=known.git if known else None,
        )

    def harmless(self, text: str) -> str:
        """The text without secrets."""
        return redacted(text, self._config)

    @property
    def _before(self) -> str | None:
        champion = self._grounds.champion if self._grounds else None
        return champion.version if champion else None


_BY_HAND = "`regraft promote` puts it into service."
_BY_PERSON = "It was put into service by `regraft promote` while an answer was awaited."


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def sentence(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, RegraftError):
        return " ".join(str(error).split())
    if isinstance(error, OSError):
        return f"{error.filename or 'its files'}: {error.strerror or error}."
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
