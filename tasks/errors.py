"""The errors that a user can cause, each with a message that says what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class RegraftError(Exception):
    """Base of all errors whose message alone is enough for the user (no traceback is shown)."""


class BadInput(RegraftError):
    """Something that was given cannot be used.

    Args:
        where: the file, column, row or key that is meant.
        expected: what would have been right.
        found: what was there instead.
        fix: what to do about it, as an instruction.
    """

    def __init__(self, where: str, expected: str, found: str, fix: str) -> None:
        self.where, self.expected, self.found, self.fix = where, expected, found, fix
        super().__init__(f"{where}: expected {expected}, found {found}. {fix}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str, str]]:  # so that another process can hand it on
        return type(self), (self.where, self.expected, self.found, self.fix)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in the parameters."""

    path: str
    allowed: str
    given: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.allowed}, given {self.given}"


class ParamsError(RegraftError):
    """The parameters are not usable; carries every problem, not only the first."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file, self.problems = file, tuple(problems)
        count = len(self.problems)
        head = f"{file}: {count} {'problem' if count == 1 else 'problems'}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class TransientError(RegraftError):
    """Input or output failed in a way that may pass (network, busy device); worth a retry."""
