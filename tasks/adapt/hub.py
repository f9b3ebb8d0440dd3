"""Encoders from the Hugging Face hub, at a pinned commit."""

from pathlib import Path

from tasks.errors import BadInput, TransientError

_FILES = ["*.safetensors", "*.json", "*.txt", "*.model"]  # never weights in pickle form, never code


def download(name: str, revision: str) -> Path:
    """The folder of a repository's files, from the local hub cache or the hub.

    Args:
        revision: a commit's 40 hex digits.

    Raises:
        BadInput: if the hub has no such repository or commit.
        TransientError: if the hub cannot be reached and the cache lacks the files.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_FILES))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        fix = "Correct the encoder's `source`, or log in to the hub if the repository is private."
        raise BadInput(f"hub:{name}@{revision}", "a repository and commit on the hub", "none", fix) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TransientError(f"hub:{name}@{revision}: the hub could not be reached ({reason})") from None
