"""`dvc.lock`, written so that neither a kill nor the order of parallel stages shows in it."""

import os
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
        self._files: dict[Path, _Text] = {}
        self._before: dict[Path, set[str]] = {}

    def record(self, stage: Any) -> None:
        """Writes the entry of a stage that has been saved; DVC's lock must be held."""
        from dvc.stage.serialize import to_lockfile

        target = Path(stage.dvcfile._lockfile.path)
        present = target.read_text(encoding="utf-8") if target.exists() else ""
        text = self._files.get(target)
        if text is None or text.whole() != present:  # another process may have written it in the meantime
            text = self._files[target] = _Text(present, target)
        stages = text.stages
        before = self._before.setdefault(target, set(stages))
        for name, entry in to_lockfile(stage).items():
            stages[name] = _entry_text(name, entry)
        for name in self._order:
            if name in stages and name not in before:
                stages[name] = stages.pop(name)
        draft = Path(stage.repo.root_dir) / STATE / "dvc.lock"
        with replacing(draft) as partial:
            partial.write_text(text.whole(), encoding="utf-8")
        draft.replace(target)
        stage.repo.scm_context.track_file(os.path.relpath(target))


class _Text:
    """The text of a lock file in pieces: reading and writing all of it for one entry takes seconds where it is large.

    Attributes:
        stages: the text of each stage's entry.
    """

    def __init__(self, present: str, path: Path) -> None:
        from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

        tree = parse_yaml_for_update(present, str(path)) or {"schema": "2.0"}
        self.stages = {name: _entry_text(name, entry) for name, entry in (tree.pop("stages", None) or {}).items()}
        self._others = "".join(dumps_yaml({key: value}) for key, value in tree.items())

    def whole(self) -> str:
        return f"{self._others}stages:\n{''.join(self.stages.values())}"


def _entry_text(name: str, entry: Any) -> str:
    from dvc.utils.serialize import dumps_yaml

    text: str = dumps_yaml({"stages": {name: entry}})
    return text.removeprefix("stages:\n")
