"""`regraft ladder`: makes every rung in a workspace of its own, then has them compared."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import ladder_workspace, links, overrides, summary, workspace
from flows.display import Display
from flows.explain import survey
from flows.session import opened
from tasks import block
from tasks.errors import ParamsError, Problem, RegraftError

if TYPE_CHECKING:
    from tasks.ladder.params import LadderParams
    from tasks.ladder.plan import Plan
    from tasks.select.ladder import Ladder

Run = Callable[[Path, list[str]], None]
"""Brings items of a workspace up to date; raises a `RegraftError` with `failures` and `not_run` if some fail."""


@dataclass(frozen=True)
class Made:
    """A ladder and what went wrong on the way.

    Attributes:
        ladder: as it stands in `reports/`.
        failures: why rungs failed, by item.
    """

    ladder: "Ladder"
    failures: dict[str, str]


def make(start: Path, display: Display, run: Run, seeds: int | None = None, wait: bool = False) -> Made:
    """Brings all rungs of the project that `start` lies in up to date and writes `reports/ladder.*`.

    The project is held meanwhile, as nothing may run beside a measurement; its candidates are left alone.

    Args:
        seeds: how many, in place of `ladder.seeds`.

    Raises:
        ParamsError: if a recipe is not possible.
        RegraftError: if something failed that all rungs need.
    """
    root = workspace.find(start)
    with workspace.held(root, wait, display.note):
        overrides.put_back(root, display.note)
        params, plan = _planned(root, seeds)
        with _in_terms_of(plan):
            folder = ladder_workspace.prepare(root, plan.params)
            failures = _bring_up(folder, display, run, plan)
        from tasks.ladder import report

        ladder = report.write(folder, root, plan, params, failures)
        links.refresh_ladder(root)
        return Made(ladder, failures)


def _planned(root: Path, seeds: int | None) -> "tuple[LadderParams, Plan]":
    from tasks.ladder import plan as plans
    from tasks.ladder.params import LadderParams
    from tasks.params import KEYS, check_tree

    tree = block.load(root / block.PARAMS)
    check_tree(tree)
    if "ladder" not in tree:
        wanted = "a block with a plain recipe and strategies (README, The ladder)"
        raise ParamsError(block.PARAMS, [Problem("ladder", wanted, "nothing")])
    if seeds is not None:
        tree["ladder"]["seeds"] = seeds
    params = block.parse(LadderParams, tree["ladder"], "ladder")
    wrong = plans.unused(params, KEYS)
    if wrong:
        raise ParamsError(block.PARAMS, wrong)
    plan = plans.make(tree, params, KEYS)
    with _in_terms_of(plan):
        check_tree(plan.params)
    return params, plan


def _bring_up(folder: Path, display: Display, run: Run, plan: "Plan") -> dict[str, str]:
    """Brings the plan's items up to date; returns why items failed, by name, if any rung can be shown all the same."""
    targets = plan.targets()
    with opened(folder, display) as session:
        items = session.graph.items(targets)
        if not any(finding.due for finding in survey(session.graph, items).values()):
            display.note(summary.idle(len(items)))
            return {}
        session.warm_up(items.values())
        try:
            run(session.graph.root, targets)
        except RegraftError as error:
            failures = {name: _reason(failure) for name, failure in getattr(error, "failures", {}).items()}
            spoilt = failures.keys() | set(getattr(error, "not_run", ()))
            if not failures or all(spoilt & set(planned.items()) for planned in plan.rungs):
                raise
            return failures
    return {}


def _reason(failure: Any) -> str:
    """What a stage said was wrong, or else how it ended."""
    said = [line.removeprefix("error:").strip() for line in failure.tail if line.startswith("error:")]
    return said[-1] if said else str(failure)


@contextmanager
def _in_terms_of(plan: "Plan") -> Iterator[None]:
    """Tells problems of the plan's parameters by the rung and the block that they come from."""
    try:
        yield
    except ParamsError as error:
        problems = list(dict.fromkeys(plan.explained(problem) for problem in error.problems))
        raise ParamsError(error.file, problems) from None
