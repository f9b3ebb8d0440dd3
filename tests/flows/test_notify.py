"""People are told of a decision by a block of Prefect's; that it fails changes nothing and shows no secret."""

from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import NotificationBlock
from pydantic import SecretStr

from flows.notify import notify

ADDRESS = "https://hooks.example/T0/dR7kQ2mmVxW9"


class Board(NotificationBlock):
    """A service that writes what it is sent into a file."""

    _block_type_slug = "test-board"
    address: SecretStr
    file: str

    def notify(self, body: str, subject: str | None = None) -> None:  # type: ignore[override]
        with Path(self.file).open("a") as file:
            file.write(f"{subject}\n{body}\n")

    async def anotify(self, body: str, subject: str | None = None) -> None:
        raise NotImplementedError


def decision(**changes: Any) -> dict[str, Any]:
    service = {"before": "v0.1.0", "after": "v0.2.0"}
    made = {"decision": "PROMOTE", "failed": False, "reasons": ["It is better."], "problems": [], "champion": service}
    return made | changes


@pytest.fixture
def board(prefect_api: str, tmp_path: Path) -> Path:
    """The file of a block `test-board/team`."""
    file = tmp_path / "board.txt"
    Board(address=SecretStr(ADDRESS), file=str(file)).save("team", overwrite=True)
    return file


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (decision(), "Regraft: PROMOTE\nIt is better.\nIn service: v0.2.0, before: v0.1.0.\n"),
        (
            decision(decision="HOLD", champion={"before": None, "after": None}, problems=["It was not pushed."]),
            "Regraft: HOLD\nIt is better.\nIt was not pushed.\nIn service: no model.\n",
        ),
        (
            decision(failed=True, champion={"before": "v0.1.0", "after": "v0.1.0"}),
            "Regraft: retrain failed\nIt is better.\nIn service: v0.1.0.\n",
        ),
    ],
)
def test_what_is_sent_says_what_was_decided_why_and_what_is_in_service(
    board: Path, made: dict[str, Any], sent: str
) -> None:
    said: list[str] = []
    notify("test-board/team", made, said.append)
    assert (board.read_text(), said) == (sent, [])


@pytest.mark.parametrize("slug", ["test-board/team", "test-board/nobody", "nonesuch/team"])
def test_what_cannot_be_sent_is_said_without_the_address(
    board: Path, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Board, body: str, subject: str | None = None) -> None:
        raise ConnectionError(f"no answer from {ADDRESS}")

    monkeypatch.setattr(Board, "notify", refused)
    said: list[str] = []
    notify(slug, decision(), said.append)
    assert len(said) == 1
    assert said[0].startswith(f"The notification block {slug} could not be used: ")
    assert "dR7" not in said[0]
    assert not board.exists()
