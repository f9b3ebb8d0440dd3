"""A remote shared by two machines: what is brought from there is not computed again; trouble is told in a sentence."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from flows import remote
from flows.explain import survey
from flows.graph import Graph
from flows.lockfile import LockFile
from flows.remote import PullResult, PushResult
from flows.stage import Job, Outcome, reproduce
from tasks.errors import BadInput
from tests.flows.toy import ALL, DVC_YAML, Project

BUCKET = "results"
KEY, SECRET = "AKIAEXAMPLEEXAMPLE12", "a-secret-that-nobody-may-see"


class Machine(Project):
    """A clone of the toy project on a machine of its own."""

    def __init__(self, folder: Path, url: str | None, api: str = "", **settings: str) -> None:
        folder.mkdir(parents=True)
        super().__init__(folder, api)
        # As every stage of the real project does, one depends on a library of the environment.
        self.write("dvc.yaml", DVC_YAML.replace("deps: [out]", "deps: [out, links/libraries/six]"))
        if url:
            lines = [f"    {name} = {value}" for name, value in {"url": url, **settings}.items()]
            config = self.read(".dvc/config").replace("[core]\n", "[core]\n    remote = shared\n")
            self.write(".dvc/config", "\n".join([config + "['remote \"shared\"']", *lines, ""]))

    @contextmanager
    def opened(self) -> Iterator[Graph]:
        from flows import links

        links.refresh(self.root)
        before = Path.cwd()
        os.chdir(self.root)
        said: list[str] = []
        graph = Graph(self.root, said.append)
        graph.said = said  # type: ignore[attr-defined]
        try:
            yield graph
        finally:
            graph.close()
            os.chdir(before)

    def run(self) -> tuple[dict[str, Outcome], list[str]]:
        """Brings all up to date as the flow does, without Prefect; also what it said."""
        with self.opened() as graph:
            items = graph.items()
            lock = LockFile(list(items))
            made = {name: reproduce(graph, lock, name, _execute) for name in items}
            return made, graph.said  # type: ignore[attr-defined]

    def due(self) -> set[str]:
        with self.opened() as graph:
            return {name for name, finding in survey(graph, graph.items()).items() if finding.due}

    def pull(self) -> PullResult:
        with self.opened() as graph:
            return remote.pull(self.root, graph.repo)

    def push(self) -> PushResult:
        with self.opened() as graph:
            return remote.push(self.root, graph.repo)


def _execute(job: Job) -> None:
    import subprocess

    for command in job.commands:
        subprocess.run(command, shell=True, check=True, cwd=job.folder, env=job.environment)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "shared" / "store")


@pytest.fixture
def here(tmp_path: Path, url: str) -> Machine:
    """A machine that has run everything, and whose remote's folder can be made."""
    (tmp_path / "shared").mkdir()
    machine = Machine(tmp_path / "here", url)
    machine.run()
    assert machine.counted() == dict.fromkeys(ALL, 1)
    return machine


@pytest.fixture
def there(here: Machine, tmp_path: Path, url: str) -> Machine:
    """Another one, with the same inputs, that has run nothing."""
    return Machine(tmp_path / "there", url)


def test_a_second_clone_pulls_and_has_nothing_to_run(here: Machine, there: Machine) -> None:
    pushed = here.push()
    assert (pushed.remote, pushed.files, pushed.runs) == ("shared", 5, 5)
    assert here.push() == PushResult("shared", 0, 0)

    shutil.copy(here.root / "dvc.lock", there.root)  # as git brings it
    pulled = there.pull()
    assert (pulled.remote, pulled.runs, pulled.missing) == ("shared", 5, ())
    assert there.read("total.txt") == here.read("total.txt")
    assert there.due() == set()
    assert there.is_clean()
    assert "Nothing has changed: all 5 items" in there.regraft("run")
    assert there.runs() == []
    assert there.pull() == PullResult("shared", 0, 0, ())


def test_what_one_machine_has_run_another_one_takes_from_the_run_cache(
    here: Machine, there: Machine, prefect_api: str
) -> None:
    here.push()
    there.environment["PREFECT_API_URL"] = prefect_api
    assert there.pull().files == 0  # without a dvc.lock nothing but the run cache
    assert "restored from the run cache" in there.regraft("run")
    assert there.runs() == []
    assert there.read("dvc.lock") == here.read("dvc.lock")
    assert there.is_clean()
    assert len(list((there.root / ".regraft/runs").iterdir())) == 1  # for `regraft gc`


def test_only_what_has_other_inputs_is_run(here: Machine, there: Machine) -> None:
    here.push()
    there.pull()
    there.change("params.yaml", "factor: 2", "factor: 20")
    made, _ = there.run()
    assert there.runs() == ["scale@two", "total"]
    assert made["gather"] is Outcome.RESTORED
    assert there.read("out/two.txt") == "seven times 20\n"


def test_old_outputs_never_pass_for_those_of_new_inputs(here: Machine, there: Machine) -> None:
    here.push()
    shutil.copy(here.root / "dvc.lock", there.root)
    there.write("source.txt", "eight\n")  # all outputs of dvc.lock can be had from the remote, and are of `seven`
    made, _ = there.run()
    assert set(made.values()) == {Outcome.RAN}
    assert there.read("out/one.txt") == "eight times 1\n"


def test_a_file_that_is_missing_is_brought_one_that_was_changed_stays(here: Machine, there: Machine) -> None:
    here.push()
    shutil.copy(here.root / "dvc.lock", there.root)
    there.write("out/one.txt", "my own\n")
    there.pull()
    assert there.read("out/one.txt") == "my own\n"
    assert there.read("out/two.txt") == "seven times 2\n"


def test_what_not_even_the_remote_has_is_named(here: Machine, there: Machine, url: str) -> None:
    shutil.copy(here.root / "dvc.lock", there.root)
    Path(url).mkdir()
    assert there.pull().missing == ("out/one.txt", "out/three.txt", "out/two.txt", "raw.txt", "total.txt")


def test_without_a_remote_nothing_is_done(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "alone", None)
    machine.run()
    assert machine.pull() == PullResult()
    assert machine.push() == PushResult()


def test_a_folder_that_is_not_mounted_is_no_empty_remote(here: Machine, there: Machine, url: str) -> None:
    with pytest.raises(BadInput, match=r"remote shared \(.*store\): expected .* found no /.*store\. Mount it"):
        there.pull()
    Path(url).parent.rmdir()
    with pytest.raises(BadInput, match="Mount it"):
        here.push()
    assert here.is_clean()


def test_a_run_goes_on_when_the_remote_is_gone(here: Machine, there: Machine, url: str) -> None:
    here.push()
    there.pull()
    Path(url).rename(f"{url}-elsewhere")
    made, said = there.run()
    assert set(made.values()) == {Outcome.RAN}
    assert there.read("dvc.lock") == here.read("dvc.lock")
    assert not said  # its folder is empty to DVC, which is no trouble


def test_a_full_disk_while_pushing_is_told_and_loses_nothing(
    here: Machine, there: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvc_objects.fs.local import FsspecLocalFileSystem

    put, left = FsspecLocalFileSystem.put_file, [4]

    def full(self: Any, source: str, target: str, **options: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        put(self, source, target, **options)

    monkeypatch.setattr(FsspecLocalFileSystem, "put_file", full)
    monkeypatch.setattr(FsspecLocalFileSystem, "link", _no_link)
    with pytest.raises(
        BadInput, match=r"found a full disk \(.*No space left.*regraft gc.*what was transferred is kept"
    ):
        here.push()
    assert here.is_clean()
    left[0] = 3  # of the run cache, too, nothing may be left out in silence
    for _ in range(3):
        with pytest.raises(BadInput, match="a full disk"):
            here.push()
    monkeypatch.undo()
    here.push()
    shutil.copy(here.root / "dvc.lock", there.root)
    there.pull()
    assert there.due() == set()


def _no_link(*_: Any) -> None:
    raise OSError(errno.EXDEV, "as between two disks")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a service like S3 on this machine, with an empty bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
    yield endpoint
    server.stop()


def _settings(endpoint: str) -> dict[str, str]:
    return {"endpointurl": endpoint, "access_key_id": KEY, "secret_access_key": SECRET, "connect_timeout": "2"}


def test_two_machines_share_results_by_s3(s3: str, tmp_path: Path) -> None:
    here, there, third = (
        Machine(tmp_path / name, f"s3://{BUCKET}/store", **_settings(s3)) for name in ("here", "there", "third")
    )
    here.run()
    here.runs()
    here.push()
    shutil.copy(here.root / "dvc.lock", there.root)
    assert there.pull().missing == ()
    assert there.due() == set()
    third.pull()
    made, _ = third.run()
    assert set(made.values()) == {Outcome.RESTORED}
    assert third.runs() == there.runs() == []
    assert third.read("dvc.lock") == here.read("dvc.lock")


TROUBLE: dict[str, tuple[Callable[[dict[str, str]], dict[str, str]], str]] = {
    "no credentials": (lambda s: {"endpointurl": s["endpointurl"]}, "found no credentials that it accepts"),
    "no service": (lambda s: {**s, "endpointurl": "http://127.0.0.1:9"}, r"found no answer.*Check its address"),
}


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_with_s3_is_told_without_secrets(s3: str, tmp_path: Path, what: str) -> None:
    change, sentence = TROUBLE[what]
    here = Machine(tmp_path / "here", f"s3://{BUCKET}/store", **change(_settings(s3)))
    here.run()
    for act in (here.push, here.pull):
        with pytest.raises(BadInput, match=sentence) as caught:
            act()
        assert KEY not in str(caught.value) and SECRET not in str(caught.value)
        assert caught.value.__cause__ is None  # a traceback would show it
    assert here.is_clean()


def test_a_bucket_that_is_not_there_is_told(s3: str, tmp_path: Path) -> None:
    here = Machine(tmp_path / "here", "s3://no-such-bucket/store", **_settings(s3))
    here.run()
    with pytest.raises(BadInput, match=r"remote shared \(s3://no-such-bucket/store\): .*found no answer"):
        here.push()


def test_what_models_were_made_of_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.flows.test_promotion import IDENTITY
    from tests.flows.test_promotion import Project as Promoting

    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    project = Promoting(tmp_path / "project")
    monkeypatch.chdir(project.root)
    project.select("one")
    project.promote()
    project.select("two", against="v0.1.0")
    url = str(tmp_path / "store")
    with project.repo.config.edit("repo") as config:
        config["remote"]["shared"] = {"url": url}
        config["core"]["remote"] = "shared"
    project.repo.close()
    with Repo(str(project.root)) as repo:
        remote.push(project.root, repo)
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / ".regraft")
    (project.root / "models/champion").unlink()
    project.repo = Repo(str(project.root))
    project.sync()
    assert project.in_service == "one"
