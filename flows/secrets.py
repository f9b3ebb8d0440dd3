"""Secrets are taken out of what is shown: remotes' addresses, and the messages of the libraries that reach them."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "***"

_NAMES = re.compile(
    r"secret|token|passw|passphrase|credential|access_key|account_key|api_key|connection_string|auth_string", re.I
)
"""Of settings and environment variables that hold a secret."""
_FILES = ("FILE", "PATH", "DIR")
"""End the names of those that name a file instead, such as `AWS_WEB_IDENTITY_TOKEN_FILE`: a message may need to."""
_SHORTEST = 6  # a shorter value would take innocent words out of a message
_IN_QUERIES = r"signature|token|credential|secret|sig|key|accesskeyid"
_PATTERNS = (
    (re.compile(r"(?<=://)[^/\s@'\"]+(?=@)"), HIDDEN),  # user:password@
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), HIDDEN),  # keys of AWS, by which it tells users apart
    (re.compile(rf"([?&;](?:[\w-]*(?:{_IN_QUERIES}))=)[^&\s'\"]+", re.I), rf"\1{HIDDEN}"),
)


def redacted(text: str, config: Mapping[str, Any] | None = None) -> str:
    """A text without secrets: those of the environment and of DVC's settings, and what looks like one.

    Args:
        config: settings, such as those of DVC.
    """
    for value in sorted({*_of_environment(), *_of_settings(config or {})}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if _NAMES.search(name) and not name.upper().endswith(_FILES) and len(value) >= _SHORTEST:
            yield value


def _of_settings(node: Mapping[str, Any]) -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _of_settings(value)
        elif _NAMES.search(str(name)) and not str(name).upper().endswith(_FILES) and len(str(value)) >= _SHORTEST:
            yield str(value)
