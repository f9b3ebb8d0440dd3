"""Putting a model into service, and taking it back.

The order of the steps makes a stop between any two of them harmless: the files are laid ready first; the one tag that
appoints the champion decides; what follows it is done by the next command if need be.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import champion, declared, links
from flows.registry import Appointment, Registry
from tasks import learned_rows
from tasks.errors import BadInput, RegraftError
from tasks.files import read_json, sha256

SELECTED, SELECTION = Path("models/selected"), Path("reports/selection.json")
_OF_SELECTION = ("README.md", learned_rows.FILE)
_PIPELINE = ("dvc.lock", "dvc.yaml", "params.yaml")
"""What `--commit` commits: the files that say what a model was made of."""


class NotPromoted(RegraftError):
    """The verdict is against it; carries the reasons."""

    def __init__(self, verdict: str, reasons: list[str]) -> None:
        said = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(
            f"The verdict is {verdict}:\n{said}\n"
            'To put it into service all the same: `regraft promote --force --reason "..."`; the reason is recorded.'
        )


@dataclass(frozen=True)
class Promotion:
    """What a command did.

    Attributes:
        version: that is in service now.
        before: the version that was; None if there was none.
        changed: whether it is another one.
    """

    version: str
    before: str | None
    changed: bool


def promote(
    root: Path, repo: Any, *, reason: str | None = None, force: bool = False, commit: bool = False
) -> Promotion:
    """Puts the selected model into service; the workspace must be held.

    Args:
        repo: DVC's, of that workspace.
        reason: recorded; needed with `force`.
        force: whether the verdict does not matter.
        commit: whether to commit `dvc.lock`, `dvc.yaml` and `params.yaml` first, where they are not.

    Raises:
        NotPromoted: if the verdict is not PROMOTE.
        BadInput: if the selection is not of the present files, or not committed.
    """
    if force and not (reason or "").strip():
        raise BadInput("--force", "a reason", "none", 'Add --reason "...": it is recorded with the promotion.')
    registry = Registry(root)
    before = registry.champion()
    selection = _selection(root, repo)
    if before is not None and _is_champion(root):
        return Promotion(before.version, before.version, changed=False)
    if not force:
        _check_verdict(selection, before)
    made_at = _commit(registry, repo, commit)
    verdict = selection["verdict"]
    # Until the version has a name its files cannot be laid ready; a version alone appoints nobody.
    version = registry.register(made_at, f"{selection['winner']}, {verdict}")
    champion.keep(root, version, root / SELECTED)
    forced = force and verdict != "PROMOTE"
    record = _record("forced" if forced else "promoted", selection, reason, before)
    registry.appoint(version, f"Put {version} ({selection['winner']}) into service", record)
    _show(root, version)
    return Promotion(version, before.version if before else None, changed=True)


def rollback(root: Path, repo: Any, version: str | None = None, reason: str | None = None) -> Promotion:
    """Puts an earlier model back into service; nothing is trained.

    Args:
        version: None for the one that was in service before the present one.

    Raises:
        BadInput: if there is no such version, or its files cannot be had.
    """
    registry = Registry(root)
    appointments = registry.appointments()
    if not appointments:
        raise BadInput("the registry", "a model in service", "none", "Put one into service: `regraft promote`.")
    now = appointments[-1]
    chosen = version or _earlier(appointments)
    known = registry.versions()
    if chosen not in known:
        fix = "`regraft history` lists the versions."
        raise BadInput("regraft rollback", f"one of {', '.join(known)}", chosen, fix)
    if chosen == now.version:
        return Promotion(chosen, chosen, changed=False)
    champion.fetch(root, repo, chosen)
    earlier = next((one for one in reversed(appointments) if one.version == chosen), None)
    record = {**(earlier.record if earlier else {}), "event": "rolled back", "reason": reason, "before": now.version}
    registry.appoint(chosen, f"Put {chosen} back into service in place of {now.version}", record)
    _show(root, chosen)
    return Promotion(chosen, now.version, changed=True)


def check(root: Path, repo: Any, commit: bool = False) -> None:
    """Raises what `promote` would raise now, and does nothing else; for whoever asks a person first."""
    registry = Registry(root)
    _check_verdict(_selection(root, repo), registry.champion())
    _to_commit(registry, repo, commit)


@contextmanager
def opened(root: Path) -> Iterator[Any]:
    """Yields DVC's view of a workspace, for the time in which it is held by the caller."""
    from flows.graph import Graph

    graph = Graph(root, lambda _: None)
    try:
        yield graph.repo
    finally:
        graph.close()


def _show(root: Path, version: str) -> None:
    champion.show(root, version)
    links.refresh_champion(root)


def _selection(root: Path, repo: Any) -> dict[str, Any]:
    """What was selected, if it is what `dvc.lock` says.

    Raises:
        BadInput: if it is not, or there is none.
    """
    if not (root / SELECTION).is_file():
        raise BadInput(str(SELECTION), "a selection", "none", "Run `regraft run` first.")
    (stage,) = repo.stage.collect("select")
    changed = sorted({str(out.def_path) for out in (*stage.deps, *stage.outs) if out.status()})
    if changed:
        found = f"other files than dvc.lock says: {', '.join(changed)}"
        raise BadInput("select", "a selection of the present files", found, "Run `regraft run` first.")
    selection: dict[str, Any] = read_json(root / SELECTION)
    return selection


def _check_verdict(selection: Mapping[str, Any], before: Appointment | None) -> None:
    judged = selection["champion"]["version"] if selection["champion"] else None
    if judged != (before.version if before else None):
        found = f"one against {judged or 'none'}, while {before.version if before else 'none'} is in service"
        fix = "Run `regraft run`: it is judged anew."
        raise BadInput(str(SELECTION), "a verdict against the present champion", found, fix)
    if selection["verdict"] != "PROMOTE":
        raise NotPromoted(selection["verdict"], selection["reasons"])


def _commit(registry: Registry, repo: Any, make: bool) -> str:
    """The commit whose `dvc.lock` names the selected model.

    Raises:
        BadInput: if something that matters to it is not committed.
    """
    own = _to_commit(registry, repo, make)
    if own:
        registry.git("add", *own)
        registry.git("commit", "--quiet", "--message", "Record the selected model", "--", *own)
    return registry.head()


def _to_commit(registry: Registry, repo: Any, make: bool) -> list[str]:
    """Files of the pipeline that are to be committed first; with `make` only, as else there must be none.

    Raises:
        BadInput: if something else that matters to the model is not committed.
    """
    changed = list(dict.fromkeys([*_changes(registry), *declared.uncommitted(registry, repo)]))
    own = [name for name in _PIPELINE if any(Path(one).name == name for one in changed)]
    others = [name for name in changed if Path(name).name not in _PIPELINE]
    if others or (own and not make):
        fix = "Commit first: a version is a commit, from which its model can be made again."
        fix += "" if others else " `regraft promote --commit` does it for dvc.lock, dvc.yaml and params.yaml."
        raise BadInput("git", "a commit of all that the model was made of", f"changes in {_few([*own, *others])}", fix)
    return own


def _changes(registry: Registry) -> list[str]:
    """Files that git knows and that are not committed as they are, and those of the pipeline that it does not know."""
    lines = registry.git("status", "--porcelain", "--untracked-files=no", ".").splitlines()
    unknown = [name for name in _PIPELINE if not registry.git("ls-files", name).strip()]
    return [*unknown, *(line[3:] for line in lines)]


def _is_champion(root: Path) -> bool:
    """Whether the selected model is the champion to the byte, but for what tells of the last selection.

    That is its card, and the list of its rows: a model that came out the same again has learned nothing else.
    """
    selected, serving = (_made_of(root / folder) for folder in (SELECTED, champion.FOLDER))
    return selected == serving


def _made_of(folder: Path) -> dict[Path, str]:
    """SHA-256 of each file of a model, but for those that tell of its selection or its service."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (*_OF_SELECTION, champion.NOTE)]
    return {path.relative_to(folder): sha256(path) for path in files}


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _record(event: str, selection: Mapping[str, Any], reason: str | None, before: Appointment | None) -> dict[str, Any]:
    test, metric = selection["test"], selection["metric"]
    return {
        "event": event,
        "model": selection["winner"],
        "verdict": selection["verdict"],
        "metric": metric,
        "value": test.get(metric),
        "rows": test["rows"],
        "reasons": selection["reasons"],
        "reason": reason,
        "before": before.version if before else None,
    }


def _earlier(appointments: list[Appointment]) -> str:
    now = appointments[-1].version
    for one in reversed(appointments):
        if one.version != now:
            return one.version
    fix = "`regraft promote` puts another model into service."
    raise BadInput("regraft rollback", "a model that was in service before", "none", fix)
