"""Tells failures of a network from faults of the program."""

_CLIENTS = {"aiohttp", "azure", "botocore", "google", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib3"}
"""Libraries through which fsspec and `datasets` reach other machines; their errors share no base class."""


def failed(error: Exception) -> bool:
    """Whether an error came from reaching another machine, so that the same call may work later."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _CLIENTS
