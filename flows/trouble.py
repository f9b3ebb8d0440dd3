"""What can go wrong between DVC and its remote, said in one sentence that holds no secret."""

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flows.secrets import redacted
from tasks.errors import BadInput, RegraftError, TransientError

# DVC tells only these of why a single file could not be transferred; its exceptions give a mere number.
_LOGS = ("dvc_data.hashfile.transfer", "dvc_data.index.fetch", "dvc_data.index.push", "dvc_objects.fs.generic")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CREDENTIALS = (
    "NoCredentials", "PartialCredentials", "Credential", "TokenRetrieval", "AuthError", "PermissionError", "Forbidden",
    "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "Unauthorized",
    "AuthenticationFailed",
)  # fmt: skip
_UNREACHABLE = (
    "EndpointConnectionError", "ConnectTimeout", "ReadTimeout", "ConnectionError", "ConnectionRefused",
    "ConnectionReset", "ClientConnector", "ServerDisconnected", "TimeoutError", "gaierror",
    "ConnectionClosed", "ProxyConnection",
)  # fmt: skip
_MISSING = ("NoSuchBucket", "FileNotFoundError")
"""Words in the names of exceptions and in the codes of services; the first group that one is in counts."""


class RemoteAway(BadInput, TransientError):
    """Nobody answers there, or another command is at work here: that may pass, so it is worth another try."""


class Watch(logging.Handler):
    """Collects the errors that DVC writes to its log rather than raises.

    Attributes:
        errors: in the order in which they came.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record's exception."""
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])


@contextmanager
def explained(where: str, wanted: str, config: Mapping[str, Any]) -> Iterator[None]:
    """Turns whatever goes wrong in the body into one sentence; also what DVC would only log.

    Args:
        where: the remote, for people.
        wanted: what should have happened there, as the end of `expected ...`.
        config: DVC's settings, whose secrets are kept out.

    Raises:
        RemoteAway: if the body fails in a way that may pass.
        BadInput: if it fails otherwise. It has no cause, as tracebacks show causes, and those may show secrets.
    """
    from dvc.exceptions import FileTransferError

    with _watched() as watch:
        try:
            yield
            error: BaseException | None = watch.errors[0] if watch.errors else None
        except RegraftError:
            raise
        except FileTransferError as failed:
            error = watch.errors[0] if watch.errors else failed
        except Exception as failed:  # libraries of any storage can raise anything here
            error = failed
    if error is not None:
        raise _problem(error, where, wanted, config) from None


@contextmanager
def _watched() -> Iterator[Watch]:
    watch, loggers = Watch(), [logging.getLogger(name) for name in _LOGS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(watch)
        logger.setLevel(logging.WARNING)
        logger.propagate = False  # a traceback on the screen tells less than the sentence, and may show secrets
    try:
        yield watch
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(watch)
            logger.setLevel(level)
            logger.propagate = propagate


def _problem(error: BaseException, where: str, wanted: str, config: Mapping[str, Any]) -> BadInput:
    from dvc.fs import RemoteMissingDepsError
    from dvc.lock import LockError

    chain = list(_chain(error))
    said = redacted(_sentence(chain), config)
    if any(isinstance(one, OSError) and one.errno in _FULL for one in chain):
        fix = "Free some space there (`regraft gc` frees DVC's cache), then run again: what was transferred is kept."
        return BadInput(where, wanted, f"a full disk ({said})", fix)
    if isinstance(error, RemoteMissingDepsError):
        package = "regraft" if error.protocol == "s3" else "dvc"
        fix = f"Install it: `pip install '{package}[{error.protocol}]'`."
        return BadInput(where, wanted, f"no library for {error.protocol}", fix)
    if isinstance(error, LockError):
        return RemoteAway(where, wanted, "another DVC command at work here", "Run again when it has ended.")
    if any(_is_of(one, _CREDENTIALS) for one in chain):
        fix = "Give this user's credentials, as `dvc remote modify --local` or the environment can, then run again."
        return BadInput(where, wanted, f"no credentials that it accepts ({said})", fix)
    missing = any(_is_of(one, _MISSING) for one in chain)
    if missing or any(_is_of(one, _UNREACHABLE) for one in chain):
        fix = "Check its address (`dvc remote list`) and the network, then run again: what was transferred is kept."
        kind = BadInput if missing else RemoteAway
        return kind(where, wanted, f"no answer ({said})", fix)
    return BadInput(where, wanted, said, "Mend that, then run again: what was transferred is kept.")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _is_of(error: BaseException, words: tuple[str, ...]) -> bool:
    response = getattr(error, "response", None)  # of a service of AWS, whose errors are all of one class
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    names = [code, *(kind.__name__ for kind in type(error).__mro__)]
    return any(word in name for word in words for name in names)


def _sentence(chain: list[BaseException]) -> str:
    said: list[str] = []
    for one in chain:
        text = " ".join(str(one).split()) or type(one).__name__
        if not any(text in part for part in said):
            said.append(text)
    return ": ".join(said[:2]).rstrip(".")
