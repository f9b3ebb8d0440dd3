"""Frozen layers are run once for each row, and what they gave is what training goes on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.bert.modeling_bert import BertLayer

from tasks import encoder as encoders
from tasks.features import FeatureSet
from tasks.finetune.kept_layers import kept
from tests import tuning
from tests.tuning import COMPUTE, digest, fit

ROWS = [[2, 5, 6, 3], [2, 7, 3], [2, 5, 6, 8, 9, 3], [2, 7, 3]]


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> FeatureSet:
    """A feature set of token ids; do not change it."""
    return tuning.tokens(tmp_path_factory.mktemp("tokens"), tiny_encoder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[tuple[BertLayer, int]]:
    """Every layer that is run from now on, and the rows that it was given."""
    seen: list[tuple[BertLayer, int]] = []
    forward = BertLayer.forward

    def counting(self: BertLayer, hidden: torch.Tensor, *others: Any, **named: Any) -> Any:
        seen.append((self, len(hidden)))
        return forward(self, hidden, *others, **named)

    monkeypatch.setattr(BertLayer, "forward", counting)
    return seen


def load(folder: Path) -> nn.Module:
    """An encoder in which nothing is dropped."""
    encoder = encoders.load_network(folder, attention="eager")
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return encoder


def hidden(encoder: nn.Module, rows: Sequence[list[int]]) -> torch.Tensor:
    padded, mask = encoders.pad(rows, 0)
    with torch.no_grad():
        made: torch.Tensor = encoder(input_ids=padded, attention_mask=mask).last_hidden_state
    return made if mask is None else made * mask[:, :, None]


def test_rows_that_are_known_go_past_the_lowest_layers(
    tiny_encoder: Path, run: list[tuple[BertLayer, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = load(tiny_encoder)
    lowest, top = encoders.stack(encoder)
    wanted = hidden(encoder, ROWS)
    with kept(encoder, 1, [ROWS[:2], ROWS[2:]], 0, COMPUTE) as there:
        assert there
        run.clear()
        torch.testing.assert_close(hidden(encoder, ROWS), wanted)
        torch.testing.assert_close(hidden(encoder, ROWS[1:2]), wanted[1:2, :3])
        assert [layer for layer, _ in run] == [top, top]
        hidden(encoder, [ROWS[0], [2, 9, 3]])
        assert [layer for layer, _ in run[2:]] == [lowest, top], "a row that is new, and all that are with it"
        hidden(encoder, ROWS[:1])
        assert [layer for layer, _ in run[4:]] == [top]
    run.clear()
    torch.testing.assert_close(hidden(encoder, ROWS), wanted)
    assert [layer for layer, _ in run] == [lowest, top], "afterwards all is as it was"
    assert "run once for 3 texts" in capsys.readouterr().out


def test_both_layers_may_be_frozen(tiny_encoder: Path, run: list[tuple[BertLayer, int]]) -> None:
    encoder = load(tiny_encoder)
    wanted = hidden(encoder, ROWS)
    with kept(encoder, 2, [ROWS], 0, COMPUTE):
        run.clear()
        torch.testing.assert_close(hidden(encoder, ROWS), wanted)
        assert not run


def test_a_layer_that_gives_more_than_a_vector_a_token_is_run(
    tiny_encoder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(tiny_encoder)
    lowest = encoders.stack(encoder)[0]
    forward = type(lowest).forward
    monkeypatch.setattr(type(lowest), "forward", lambda *given, **named: (forward(*given, **named), "more"))
    with kept(encoder, 1, [ROWS], 0, COMPUTE) as there:
        assert not there
    assert "run in every epoch, as a layer of BertModel gives more" in capsys.readouterr().out


def test_where_memory_runs_out_they_are_run_in_every_epoch(
    tiny_encoder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(tiny_encoder)
    wanted = hidden(encoder, ROWS)

    def run_out(*given: Any, **named: Any) -> None:
        raise MemoryError

    lowest = encoders.stack(encoder)[0]
    monkeypatch.setattr(lowest, "forward", run_out)
    with kept(encoder, 1, [ROWS], 0, COMPUTE) as there:
        monkeypatch.undo()
        assert not there
        assert torch.equal(hidden(encoder, ROWS), wanted)
    assert "run in every epoch, as memory ran out" in capsys.readouterr().out


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_training_runs_frozen_layers_once_a_row(
    ids: FeatureSet, tmp_path: Path, run: list[tuple[BertLayer, int]], epochs: int
) -> None:
    fitted = fit(ids, tmp_path, freeze_layers=1, epochs=epochs)
    lowest, top = encoders.stack(fitted.network.get_submodule("encoder"))
    rows = {layer: sum(count for one, count in run if one is layer) for layer in (lowest, top)}
    different = {tuple(row) for split in ("train", "validation") for row in ids.ids(split)}
    # The head's start runs the train rows once more, and the first batch is run twice, to see whether it is the same.
    assert rows[lowest] == 48 + 2 * len(different)
    assert rows[top] == 48 + (48 + 18) * epochs


def test_a_training_that_had_ended_runs_none(
    ids: FeatureSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = fit(ids, tmp_path, freeze_layers=1)
    assert "run once" in capsys.readouterr().out
    assert digest(fit(ids, tmp_path, freeze_layers=1)) == digest(first)
    assert "frozen layers" not in capsys.readouterr().out


def test_with_dropout_in_the_encoder_they_are_run_in_every_epoch(
    ids: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each pass drops other values: what was kept would be one of many."""
    dropping: dict[str, Any] = {"freeze_layers": 1, "encoder_dropout": 0.3}
    fitted = fit(ids, tmp_path / "as it is", **dropping)
    assert "not the same in training as without" in capsys.readouterr().out
    monkeypatch.setattr("tasks.finetune.kept_layers.LIMIT", 0)
    assert digest(fit(ids, tmp_path / "none kept", **dropping)) == digest(fitted)


def test_a_repeated_training_has_the_same_bytes(ids: FeatureSet, tmp_path: Path) -> None:
    first, again, other = (
        fit(ids, tmp_path / str(number), freeze_layers=layers) for number, layers in enumerate((1, 1, 0))
    )
    assert digest(first) == digest(again) != digest(other)
