"""What goes wrong at a remote is told in one sentence, and without secrets."""

import errno
import logging
import traceback
from typing import Any

import pytest
from dvc.exceptions import UploadError
from dvc.lock import LockError

from flows import pipeline
from flows.secrets import redacted
from flows.step import step
from flows.trouble import RemoteAway, explained
from tasks.errors import BadInput

CONFIG: dict[str, Any] = {"remote": {"shared": {"url": "s3://cache", "secret_access_key": "dR7kQ2mmVxW9"}}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ada:pa55word@host/store", "https://***@host/store"),
        ("ssh://token123@host", "ssh://***@host"),
        ("key AKIAIOSFODNN7EXAMPLE refused", "key *** refused"),
        ("https://b.s3/x?X-Amz-Signature=4f9a&part=2", "https://b.s3/x?X-Amz-Signature=***&part=2"),
        ("https://a.blob/x?sv=2024&sig=4f%2Fa", "https://a.blob/x?sv=2024&sig=***"),
        ("signed with dR7kQ2mmVxW9.", "signed with ***."),
        ("Bearer s3cr3t-of-env", "Bearer ***"),
        ("s3://cache/files at host:9000, user@example.org", "s3://cache/files at host:9000, user@example.org"),
        ("see /run/secrets/token", "see /run/secrets/token"),
    ],
)
def test_secrets_are_taken_out_and_nothing_else(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_API_TOKEN", "s3cr3t-of-env")
    monkeypatch.setenv("SOME_TOKEN_FILE", "/run/secrets/token")
    assert redacted(text, CONFIG) == shown


class EndpointConnectionError(Exception):
    """As botocore names it."""


class ClientError(Exception):
    """As botocore's, whose class says nothing and whose code everything."""

    response = {"Error": {"Code": "SignatureDoesNotMatch"}}  # noqa: RUF012 - as there


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "a full disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "a full disk"),
        (PermissionError(errno.EACCES, "Permission denied"), "no credentials that it accepts"),
        (ClientError("it does not match"), "no credentials that it accepts"),
        (EndpointConnectionError("Could not connect"), "no answer"),
        (TimeoutError("timed out"), "no answer"),
        (LockError("locked"), "another DVC command at work here"),
        (ValueError("dR7kQ2mmVxW9 is odd"), r"\*\*\* is odd"),
    ],
)
def test_each_kind_of_trouble_has_its_sentence(error: Exception, sentence: str) -> None:
    with pytest.raises(BadInput, match=f"^remote shared: expected room, found {sentence}") as caught, _explained():
        raise error
    assert "dR7kQ2mmVxW9" not in "".join(traceback.format_exception(caught.value))


class NoSuchBucket(ConnectionError):
    """As the service says: it answers, and has none."""


@pytest.mark.parametrize(
    ("error", "tries"),
    [(EndpointConnectionError("no route"), 3), (LockError("locked"), 3), (NoSuchBucket("none"), 1),
     (FileNotFoundError("no bucket"), 1), (PermissionError(errno.EACCES, "denied"), 1)],
)  # fmt: skip
def test_what_may_pass_is_tried_again(
    error: Exception, tries: int, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    assert prefect_api
    monkeypatch.setattr(pipeline, "RETRY_SECONDS", (0.0, 0.0))
    tried: list[Exception] = []

    def fetch() -> None:
        with _explained():
            tried.append(error)
            raise error

    @flow(name="fetches")
    def fetches() -> None:
        step("pull", fetch)

    with pytest.raises(BadInput) as caught:
        fetches()
    assert (len(tried), isinstance(caught.value, RemoteAway)) == (tries, tries > 1)


def test_the_cause_counts_that_dvc_writes_to_its_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("dvc_data.hashfile.transfer")
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(BadInput, match="a full disk"), _explained():
        logger.error("failed to transfer", exc_info=full)
        raise UploadError(3)
    with pytest.raises(BadInput, match="a full disk"), _explained():
        logging.getLogger("dvc_objects.fs.generic").error("failed to transfer", exc_info=full)  # and goes on
    assert not caplog.records  # where it would be shown with its traceback
    assert not logger.handlers and logger.propagate


def test_our_own_errors_and_a_stop_pass_through() -> None:
    with pytest.raises(BadInput, match=r"^a: expected b"), _explained():
        raise BadInput("a", "b", "c", "d")
    with pytest.raises(KeyboardInterrupt), _explained():
        raise KeyboardInterrupt


def _explained() -> Any:
    return explained("remote shared", "room", CONFIG)
