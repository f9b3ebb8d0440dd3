"""Which files batch scoring looks at: one place that is gone, refuses or is silent keeps no other from its turn."""

from pathlib import Path

import fsspec
import pytest

from flows import due
from flows.due import Due
from tasks.ingest.places import Place, find


def look(root: Path, *inputs: str, settle_seconds: float = 0.0) -> Due:
    """What is due if nothing was scored yet."""
    return due.look(inputs, root, root / "scored", settle_seconds, lambda name, stamp: False)


def names(found: Due) -> list[str]:
    return [place.name for place in found.places]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two files in its inbox."""
    (tmp_path / "inbox").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "inbox" / name).write_text("message\nprinter\n")
    return tmp_path


def test_an_input_that_is_not_there_yet_is_missing_and_no_failure(root: Path) -> None:
    (root / "empty").mkdir()
    inputs = ["inbox/c.csv", "empty", "later/*.csv", "memory://nowhere/at/all.csv"]
    found = look(root, *inputs, "inbox/a.csv")
    assert (found.missing, found.failed, names(found)) == (tuple(inputs), {}, ["inbox/a.csv"])


def test_an_address_that_cannot_be_opened_is_a_failure_and_not_missing(root: Path) -> None:
    found = look(root, "nosuch://place/rows.csv", "inbox/a.csv")
    assert (found.missing, names(found)) == ((), ["inbox/a.csv"])
    assert "an address that fsspec can open" in found.failed["nosuch://place/rows.csv"]


@pytest.mark.parametrize(
    ("error", "said"), [(PermissionError("no key"), "Check the credentials"), (TimeoutError("silent"), "be reached")]
)
def test_a_place_that_refuses_or_is_silent_fails_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(*arguments: object, **options: object) -> bool:
        raise error

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "isdir", fail)
    found = look(root, "memory://bucket/rows.csv", "inbox/*.csv")
    assert (found.missing, names(found)) == ((), ["inbox/a.csv", "inbox/b.csv"])
    assert list(found.failed) == ["memory://bucket/rows.csv"]
    assert said in found.failed["memory://bucket/rows.csv"]


def test_a_file_that_is_moved_away_while_one_looks_is_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found_and_moved(source: str, folder: Path) -> list[Place]:
        places = find(source, folder)
        (root / "inbox/a.csv").unlink()
        return places

    monkeypatch.setattr(due, "find", found_and_moved)
    found = look(root, "inbox")
    assert (names(found), found.failed, found.missing) == (["inbox/b.csv"], {}, ())


def test_a_file_of_two_inputs_is_looked_at_once(root: Path) -> None:
    assert names(look(root, "inbox/a.csv", "inbox")) == ["inbox/a.csv", "inbox/b.csv"]
    assert look(root, "inbox/a.csv", "inbox", settle_seconds=3600.0).settling == ("inbox/a.csv", "inbox/b.csv")


def test_answers_are_no_input_by_whatever_way_they_are_reached(root: Path) -> None:
    (root / "scored/000001").mkdir(parents=True)
    (root / "scored/000001/rows.csv").write_text("message\nprinter\n")
    (root / "scored-by-hand.csv").write_text("message\nprinter\n")  # only its name is like it
    (root / "link").symlink_to("scored")
    found = look(root, ".", "link/*/*.csv", str(root / "inbox/../scored"))
    assert sorted(names(found)) == ["inbox/a.csv", "inbox/b.csv", "scored-by-hand.csv"]
