"""Tells people of a decision by one of Prefect's notification blocks."""

from collections.abc import Callable, Mapping
from typing import Any


def notify(slug: str, decision: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Sends the decision and its reasons; that it cannot be sent is said, and changes nothing.

    Args:
        slug: type and name of the block, such as `slack-webhook/team`.
    """
    import prefect.blocks.notifications  # noqa: F401 - without it Prefect does not know their types
    from prefect.blocks.core import Block

    after, before = decision["champion"]["after"], decision["champion"]["before"]
    service = f"In service: {after or 'no model'}" + (f", before: {before}." if before not in (None, after) else ".")
    subject = f"Regraft: {'retrain failed' if decision['failed'] else decision['decision']}"
    body = "\n".join([*decision["reasons"], *decision["problems"], service])
    try:
        block: Any = Block.load(slug)
        block.notify(body, subject)
    except Exception as error:  # whatever a block of any service may raise: the decision stands without it
        # Its message may hold the address, which is a secret.
        say(f"The notification block {slug} could not be used: {type(error).__name__}.")
