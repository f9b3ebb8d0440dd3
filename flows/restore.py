"""A stage's outputs as an earlier run made them from the same inputs: on this machine, or on another one."""

from typing import Any

from flows import remote
from flows.graph import Graph
from flows.trouble import explained
from tasks.errors import RegraftError


def restore(graph: Graph, repo: Any, stage: Any) -> None:
    """Puts a stage's outputs in place from the cache, or else, when a remote is set, with files that the remote has.

    The remote is only asked where `dvc.lock` or the run cache says that the outputs were made before. A remote that
    does not answer is told once, and then left alone: the stage can be run.

    Args:
        repo: DVC's, with its lock held.
        stage: DVC's. Its dependencies are saved by this.

    Raises:
        RunCacheNotFoundError: if the outputs are not to be had.
    """
    from dvc.stage.cache import RunCacheNotFoundError

    name = None if graph.without_remote else remote.name_of(repo)
    same = name is not None and not stage.changed_stage() and stage.deps_cached()
    try:
        repo.stage_cache.restore(stage)
        return
    except RunCacheNotFoundError:
        if name is None:
            raise
    if not same:
        for out in stage.outs:  # otherwise DVC would take the old outputs for those of the new inputs
            out.clear()
    try:
        with explained(remote.address(repo, name), f"the files of {stage.addressing}", repo.config):
            found = _brought(repo, stage)
    except RegraftError as error:
        graph.without_remote, found = True, False
        graph.say(f"{stage.addressing} is not brought from there, nor is what follows: {error}")
    if not found:
        raise RunCacheNotFoundError(stage)


def _brought(repo: Any, stage: Any) -> bool:
    from dvc.stage.cache import RunCacheNotFoundError

    try:
        repo.stage_cache.restore(stage, pull=True)
    except RunCacheNotFoundError:
        return False
    return True
