"""Outputs of items that a fan-out has lost, as when a candidate is taken out of `params.yaml`.

DVC leaves such files where they are, where a stage that reads their whole folder would still find them.
So they are removed; what made them stays in the run cache, and brings them back with the item.
"""

from typing import Any

from flows.graph import Graph, readable
from tasks.block import load


def clear(graph: Graph) -> None:
    """Removes the outputs of items that `dvc.lock` knows but whose stage no longer fans out to them.

    Only what DVC has in its cache, unchanged, is removed, and only of stages that still fan out: the outputs of
    a stage that is gone as a whole may be wanted.
    """
    lock = graph.root / "dvc.lock"
    if not lock.exists():
        return
    entries = load(lock).get("stages") or {}
    fans = {
        name for name, stage in load(graph.root / "dvc.yaml")["stages"].items() if {"foreach", "matrix"} & set(stage)
    }
    with graph.locked() as repo, readable():
        folders = {stage.addressing.partition("@")[0]: stage.wdir for stage in repo.index.stages}
        names = {stage.addressing for stage in repo.index.stages}
        owned = [out.fs_path for stage in repo.index.stages for out in stage.outs]
        for name, entry in entries.items():
            fan = name.partition("@")[0]
            if name in names or fan not in fans or not entry.get("outs"):
                continue
            stage = repo.stage_cache._create_stage(entry, wdir=folders.get(fan, str(graph.root)))
            for out in stage.outs:
                if not any(_overlap(repo, out.fs_path, path) for path in owned) and _is_kept(out):
                    out.remove()
                    graph.say(f"{out} is removed, as there is no {name} any more; the run cache keeps it.")


def _overlap(repo: Any, one: str, other: str) -> bool:
    return bool(repo.fs.isin_or_eq(one, other) or repo.fs.isin(other, one))


def _is_kept(out: Any) -> bool:
    """Whether it is there, as it was made, and DVC's cache holds it too."""
    return bool(out.exists and not out.changed())
