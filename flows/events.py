"""Events for Prefect's automations: what was decided on the model, such as `regraft.model.promoted`."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Kind = Literal["promoted", "held", "rejected", "skipped", "failed"]

_REASONS, _CHARACTERS = 20, 500  # that go with the event: servers refuse large ones


def emit(kind: Kind, root: Path, decision: Mapping[str, Any]) -> None:
    """Sends the event `regraft.model.<kind>`; never raises, as nobody may be there to hear it.

    Its resource is the model of this workspace, `regraft.model.<folder>`; related to it are the version in service
    (`regraft.version.<version>`, role `champion`) and the one before (role `former-champion`). Prefect adds the flow
    run, the flow and the deployment.

    Args:
        decision: as in `reports/decision.json`.
    """
    from prefect.events import emit_event

    champion = decision.get("champion") or {}
    versions = {"champion": champion.get("after"), "former-champion": champion.get("before")}
    reasons = [*(decision.get("problems") or []), *(decision.get("reasons") or [])]
    with contextlib.suppress(Exception):
        emit_event(
            event=f"regraft.model.{kind}",
            resource={"prefect.resource.id": f"regraft.model.{root.name}", "prefect.resource.name": root.name},
            related=[
                {
                    "prefect.resource.id": f"regraft.version.{version}",
                    "prefect.resource.role": role,
                    "prefect.resource.name": str(version),
                }
                for role, version in versions.items()
                if version
            ],
            payload={
                "decision": decision.get("decision"),
                "failed": bool(decision.get("failed")),
                "reasons": [str(one)[:_CHARACTERS] for one in reasons[:_REASONS]],
                "champion": dict(champion),
                "challenger": decision.get("challenger"),
                "trigger": decision.get("trigger"),
                "git": decision.get("git"),
            },
        )
