"""A placeholder: what DVC's remote has and what it gets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PullResult:
    """What was fetched."""


@dataclass(frozen=True)
class PushResult:
    """What was sent."""


def pull(root: Path, repo: Any) -> PullResult:
    """Fetches what is missing."""
    return PullResult()


def push(root: Path, repo: Any) -> PushResult:
    """Sends what the remote has not."""
    return PushResult()
