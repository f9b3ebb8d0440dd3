"""The registry of models: versions and who is champion, as git tags in GTO's form (`model@v0.1.0`, `model#prod#1`).

Nothing else holds that state. A champion is appointed by a single tag, so that there is never half of one; of all such
tags the one with the highest number counts.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import BadInput

ARTIFACT, STAGE = "model", "prod"
_FIRST = "v0.1.0"
_FIELDS = ("refname:strip=2", "*objectname", "objectname", "creatordate:iso-strict", "taggername", "contents")
_RECORD = "regraft: "
"""Begins the line of a tag's message that programs read."""


@dataclass(frozen=True)
class Appointment:
    """A model that was put into service.

    Attributes:
        number: of the appointment, counted from 1.
        version: such as `v0.1.0`.
        commit: whose `dvc.lock` names the model's files.
        time: ISO 8601.
        by: the name of who did it, as git knows it.
        record: what was known of the model then; empty where the tag is not ours.
    """

    number: int
    version: str
    commit: str
    time: str
    by: str
    record: Mapping[str, Any]


class Registry:
    """The registry of the git repository that a workspace lies in.

    Args:
        root: the workspace.

    Raises:
        BadInput: if it lies in none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self.top = Path(self.git("rev-parse", "--show-toplevel").strip())
        except BadInput:
            fix = "Run `git init` and commit the project: versions of models are tags of commits."
            raise BadInput(str(root), "a git repository", "none", fix) from None
        below = root.resolve().relative_to(self.top.resolve()).as_posix()
        self.name = ARTIFACT if below == "." else f"{below}:{ARTIFACT}"

    @property
    def tag(self) -> str:
        """What begins the names of its tags."""
        return self.name.replace(":", "=")

    def git(self, *arguments: str) -> str:
        """Runs git in the workspace and returns what it printed.

        Raises:
            BadInput: if it fails.
        """
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            found = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise BadInput(f"git {arguments[0]}", "success", found, "Mend that, then run again.")
        return done.stdout

    def head(self) -> str:
        """The present commit.

        Raises:
            BadInput: if there is none yet.
        """
        return self.git("rev-parse", "HEAD").strip()

    def appointments(self) -> list[Appointment]:
        """All models that were ever put into service, the present champion last."""
        versions = {tag["commit"]: tag["version"] for tag in self._tags("@") if "version" in tag}
        found = [
            Appointment(
                tag["number"], versions[tag["commit"]], tag["commit"], tag["time"], tag["by"], _record(tag["message"])
            )
            for tag in self._tags("#")
            if tag.get("stage") == STAGE and tag["commit"] in versions
        ]
        return sorted(found, key=lambda one: one.number)

    def champion(self) -> Appointment | None:
        """The model in service; None if there is none."""
        appointments = self.appointments()
        return appointments[-1] if appointments else None

    def versions(self) -> dict[str, str]:
        """The commit of each version."""
        return {tag["version"]: tag["commit"] for tag in self._tags("@") if "version" in tag}

    def register(self, commit: str, message: str) -> str:
        """The version of a commit's model; a new one, if it has none yet: v0.1.0, v0.2.0 and so on."""
        versions = self.versions()
        for version, known in versions.items():
            if known == commit:
                return version
        from gto import api

        number: dict[str, Any] = {"bump_minor": True} if versions else {"version": _FIRST}
        with _readable():
            return str(api.register(str(self.top), self.name, commit, message=message, simple=True, **number).version)

    def appoint(self, version: str, summary: str, record: Mapping[str, Any]) -> None:
        """Makes a version the champion.

        Args:
            summary: for people who look at the tag.
            record: for `appointments`.
        """
        from gto import api

        message = f"{summary}\n\n{_RECORD}{json.dumps(record, ensure_ascii=False)}\n"
        with _readable():
            # Forced, as a version may come into service again.
            api.assign(str(self.top), self.name, STAGE, version=version, message=message, force=True)

    def _tags(self, kind: str) -> list[dict[str, Any]]:
        form = "%00".join(f"%({field})" for field in _FIELDS) + "%01"
        text = self.git("for-each-ref", f"--format={form}", f"refs/tags/{self.tag}{kind}*")
        return [_parsed(entry, self.tag) for entry in text.split("\x01\n") if entry.strip("\n")]


def _parsed(entry: str, tag: str) -> dict[str, Any]:
    name, target, own, time, by, message = entry.strip("\n").split("\0")
    # Only an annotated tag has a target of its own.
    parsed: dict[str, Any] = {"commit": target or own, "time": time, "by": by, "message": message}
    rest = name[len(tag) :]
    if version := re.fullmatch(r"@(v\d+\.\d+\.\d+\S*?)", rest):
        return parsed | {"version": version[1]}
    if stage := re.fullmatch(r"#([\w-]+)#(\d+)", rest):
        return parsed | {"stage": stage[1], "number": int(stage[2])}
    return parsed


def _record(message: str) -> dict[str, Any]:
    lines: Sequence[str] = [line for line in message.splitlines() if line.startswith(_RECORD)]
    record: dict[str, Any] = json.loads(lines[-1].removeprefix(_RECORD)) if lines else {}
    return record


@contextmanager
def _readable() -> Iterator[None]:
    """Turns errors of GTO and git into one of ours."""
    from gto.exceptions import GTOException
    from scmrepo.exceptions import SCMError

    try:
        yield
    except (GTOException, SCMError) as error:
        found = " ".join(str(error.__cause__ or error).split())
        fix = "Set `git config user.name` and `user.email` if git does not know you, and run again."
        raise BadInput("the registry", "a new tag", found, fix) from error
