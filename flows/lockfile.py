"""`dvc.lock`, written so that neither a kill nor the order of parallel stages shows in it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.workspace import STATE
from tasks.files import replacing


class LockFile:
    """Writes entries into `dvc.lock` the way `dvc repro` would, which runs one stage after the other.

    DVC appends a stage's entry when the stage is done, and overwrites the file in place. Here entries that
    this run adds stand in the order of the plan, and the file is replaced as a whole.

    Args:
        order: the names of the plan's items, in the order that `dvc repro` runs them in.
    """

    def __init__(self, order: Sequence[str]) -> None:
        self._order = tuple(order)
        self._before: dict[Path, set[str]] = {}

    def record(self, stage: Any) -> None:
        """Writes the entry of a stage that has been saved; DVC's lock must be held."""
        from dvc.stage.serialize import to_lockfile
        from dvc.utils.serialize import modify_yaml

        target = Path(stage.dvcfile._lockfile.path)
        draft = Path(stage.repo.root_dir) / STATE / "dvc.lock"
        with replacing(draft) as partial:
            if target.exists():
                shutil.copyfile(target, partial)
            with modify_yaml(str(partial)) as data:
                if not data:
                    data["schema"] = "2.0"
                data["stages"] = stages = data.get("stages") or {}
                before = self._before.setdefault(target, set(stages))
                stages.update(to_lockfile(stage))
                for name in self._order:
                    if name in stages and name not in before:
                        stages[name] = stages.pop(name)
        draft.replace(target)
        stage.repo.scm_context.track_file(os.path.relpath(target))
