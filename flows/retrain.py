"""A placeholder for the flow `retrain`."""

from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field


@flow(name="retrain", validate_parameters=True)
def retrain(
    force: Annotated[bool, Field(description="Retrain whether or not there is a reason.")] = False,
    reason: Annotated[str | None, Field(description="Why, in your own words; is kept with the decision.")] = None,
    policy: Annotated[
        Literal["auto", "approve", "never"] | None, Field(description="In place of retrain.policy.")
    ] = None,
    workers: Annotated[int | None, Field(ge=1, description="How many stages run side by side.")] = None,
) -> dict[str, Any]:
    """A placeholder."""
    return {"decision": "SKIP", "reasons": ["There is no flow retrain yet."]}
