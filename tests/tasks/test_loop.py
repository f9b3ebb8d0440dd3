"""The training loop, on a network that trains in milliseconds: what each switch and each mishap does to the weights."""

import math
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tasks import encoder as encoders
from tasks import optimiser as optimisers
from tasks.errors import BadInput
from tasks.finetune import averaging, loop, memory, order, update
from tasks.finetune.checkpoint import Checkpoints, State
from tasks.finetune.loop import Rows
from tasks.finetune.rates import peak_rates
from tasks.order import epoch_batches
from tests import bag
from tests.bag import Bag, Plain
from tests.imports import ROOT

Weights = dict[str, torch.Tensor]


def weights(of: torch.nn.Module) -> Weights:
    return averaging.copied(of.state_dict())


def same(one: Weights, other: Weights) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def gradients_of_a_batch(network: Bag, rows: Rows, **values: Any) -> Weights:
    """The gradients that a step has before clipping."""
    training = bag.training(Path("unused"), network, rows, **values)
    training.network.train()
    training.updates._gradients(np.arange(len(rows.ids)), 0)
    return {name: tensor.grad for name, tensor in network.named_parameters() if tensor.grad is not None}


# The gradients of a step


@pytest.mark.parametrize("class_weight", ["none", "balanced", {"a": 5.0, "c": 0.5}], ids=str)
@pytest.mark.parametrize("accumulate", [2, 3, 16])
def test_parts_of_a_batch_have_the_gradient_of_the_whole(class_weight: Any, accumulate: int) -> None:
    rows = bag.rows(16, seed=3, uneven=True)
    given = {"class_weight": class_weight, "batch_rows": 16, "loss": "focal", "label_smoothing": 0.1}
    whole = gradients_of_a_batch(bag.network(Plain), rows, **given)
    parts = gradients_of_a_batch(bag.network(Plain), rows, accumulate=accumulate, **given)
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-7)


def test_class_weights_are_those_of_pytorchs_cross_entropy() -> None:
    rows, network = bag.rows(16, seed=3, uneven=True), bag.network(Plain)
    declared = {"a": 5.0, "c": 0.5}
    ours = gradients_of_a_batch(network, rows, class_weight=declared, label_smoothing=0.0)
    ours = averaging.copied(ours)
    network.zero_grad()
    ids, mask = encoders.pad(rows.ids, 0)
    loss = functional.cross_entropy(
        network(ids, mask), torch.from_numpy(rows.labels), weight=torch.tensor([5.0, 1.0, 0.5])
    )
    loss.backward()
    for name, parameter in network.named_parameters():
        if name in ours:
            torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-7)


def test_consistency_adds_the_divergence_of_two_passes() -> None:
    """Of a network whose dropout is replaced, so that both passes are known."""
    rows = bag.rows(8, seed=3)
    rows_seen: list[int] = []

    class Scaled(Plain):
        def pooled(self, values: torch.Tensor) -> torch.Tensor:
            rows_seen.append(len(values))
            return torch.cat([values[:8], 1.5 * values[8:]])

    ours = gradients_of_a_batch(bag.network(Scaled), rows, consistency=0.5, label_smoothing=0.0)
    network, target = bag.network(Plain), torch.from_numpy(rows.labels)
    ids, mask = encoders.pad(rows.ids, 0)
    pooled = (network.words(ids) * (1 if mask is None else mask.unsqueeze(-1))).sum(1)
    pooled = pooled / torch.tensor([[len(row)] for row in rows.ids])
    first, second = (functional.log_softmax(network.head(pooled * scale), dim=1) for scale in (1.0, 1.5))
    mean = 0.5 * (functional.nll_loss(first, target) + functional.nll_loss(second, target))
    there = functional.kl_div(second, first, log_target=True, reduction="batchmean")
    back = functional.kl_div(first, second, log_target=True, reduction="batchmean")
    (mean + 0.5 * 0.5 * (there + back)).backward()
    assert rows_seen == [16], "both passes are one batch"
    torch.testing.assert_close(ours["head.weight"], network.head.weight.grad, rtol=1e-4, atol=1e-7)


def test_consistency_without_dropout_is_warned_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag.train(tmp_path / "without", bag.network(), consistency=1.0)
    assert capsys.readouterr().out.count("warning: consistency has no effect") == 1
    bag.train(tmp_path / "with", bag.network(dropout=0.3), consistency=1.0)
    assert "consistency has no effect" not in capsys.readouterr().out


def test_a_weight_for_an_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"class_weight.*'d'"):
        bag.training(tmp_path, bag.network(), class_weight={"d": 2.0})


# Rates and decay


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [1 / 3, 2 / 3, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
        ("cosine", [1 / 3, 2 / 3, *(0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8))]),
        ("constant", [1 / 3, 2 / 3, *[1.0] * 8]),
    ],
)
def test_rates_rise_and_then_go_as_the_schedule_says(schedule: str, expected: list[float]) -> None:
    factors = [optimisers.rate_factor(step, 10, 0.2, schedule) for step in range(10)]
    np.testing.assert_allclose(factors, expected)


def test_biases_and_norms_are_spared_from_decay() -> None:
    network = bag.network()
    optimiser = optimisers.build(peak_rates(network, bag.params()), 0.3)
    decayed = {id(member) for group in optimiser.param_groups if group["weight_decay"] for member in group["params"]}
    spared = {id(member) for group in optimiser.param_groups if not group["weight_decay"] for member in group["params"]}
    assert decayed == {id(network.words.weight), id(network.head.weight)}
    assert spared == {id(network.head.bias), id(network.norm.weight), id(network.norm.bias)}


def test_frozen_weights_stay_as_they_are(tmp_path: Path) -> None:
    network = bag.network()
    network.words.weight.requires_grad_(False)
    before = weights(network)
    bag.train(tmp_path, network)
    assert torch.equal(network.words.weight, before["words.weight"])
    assert not torch.equal(network.head.weight, before["head.weight"])


# Which weights are kept


def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the epochs scored so that each score has another best epoch."""
    table = iter(
        [
            {"validation_loss": loss, "validation_accuracy": accuracy, "validation_macro_f1": f1}
            for loss, accuracy, f1 in [(0.1, 0.5, 0.5), (0.3, 0.9, 0.4), (0.2, 0.8, 0.9), (0.4, 0.7, 0.6)]
        ]
    )
    monkeypatch.setattr(loop, "validation_scores", lambda *_: next(table))


def after_each_epoch(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """The weights that training goes on with after each epoch, filled in as it does."""
    seen: list[Weights] = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, state, network, optimiser: seen.append(weights(network)))
    return seen


@pytest.mark.parametrize(("best_by", "kept"), [("loss", 0), ("accuracy", 1), ("macro_f1", 2), ("last", 3)])
def test_the_epoch_with_the_best_score_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_by: str, kept: int
) -> None:
    scripted(monkeypatch)
    epochs = after_each_epoch(monkeypatch)
    network = bag.network()
    state = bag.train(tmp_path, network, epochs=4, best_by=best_by)
    assert len(state.curve) == 4
    assert [same(weights(network), epoch) for epoch in epochs] == [number == kept for number in range(4)]


@pytest.mark.parametrize(
    ("best_by", "patience", "epochs"), [("macro_f1", 1, 2), ("macro_f1", 2, 4), ("loss", 2, 3), ("last", 1, 4)]
)
def test_training_stops_when_patience_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_by: str, patience: int, epochs: int
) -> None:
    scripted(monkeypatch)
    assert len(bag.train(tmp_path, bag.network(), epochs=4, best_by=best_by, patience=patience).curve) == epochs


def test_averaged_epochs_are_the_mean_of_the_last_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = after_each_epoch(monkeypatch)
    averaged, plain = bag.network(), bag.network()
    state = bag.train(tmp_path / "averaged", averaged, epochs=4, average_epochs=3, best_by="last")
    seen = [epochs.pop(0) for _ in range(4)]
    expected = bag.train(tmp_path / "plain", plain, epochs=4, best_by="last")
    assert all(same(one, other) for one, other in zip(seen, epochs, strict=True)), "averaging disturbed training"
    for name, tensor in weights(averaged).items():
        last = [epoch[name] for epoch in seen[-3:]]
        wanted = torch.stack(last).mean(0) if tensor.is_floating_point() else last[-1]
        torch.testing.assert_close(tensor, wanted)
    assert not same(weights(averaged), weights(plain))
    losses = [[point["validation_loss"] for point in curve] for curve in (state.curve, expected.curve)]
    assert losses[0][0] == losses[1][0], "one epoch is its own mean"
    assert losses[0][1:] != losses[1][1:], "what is scored must be the mean"


# Out of memory


class Narrow(Bag):
    """Runs out of memory with more rows than `most`; while it trains, or always."""

    most, always = 2, False
    error: Callable[[], BaseException] = staticmethod(MemoryError)

    def pooled(self, values: torch.Tensor) -> torch.Tensor:
        result = super().pooled(values)  # by now the norm has counted the rows
        if len(values) > self.most and (self.training or self.always):
            raise type(self).error()
        return result


def allocator() -> BaseException:
    """The error of PyTorch's allocator for CPUs, from itself."""
    try:
        torch.empty(10**15)
    except RuntimeError as error:
        return error
    raise AssertionError("a petabyte was allocated")


@pytest.mark.parametrize("error", [MemoryError, allocator, lambda: torch.OutOfMemoryError("CUDA out of memory.")])
def test_a_batch_that_does_not_fit_is_divided_and_the_result_is_that_of_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Any
) -> None:
    monkeypatch.setattr(Narrow, "error", staticmethod(error))
    narrow, wide = bag.network(Narrow, dropout=0.3), bag.network(dropout=0.3)
    state = bag.train(tmp_path / "narrow", narrow)
    assert state.notes["batch_parts"] == 4
    assert re.findall(r"out of memory: .* in (\d+) parts", capsys.readouterr().out) == ["2", "4"]
    expected = bag.train(tmp_path / "wide", wide, accumulate=4)
    assert same(weights(narrow), weights(wide))
    assert state.curve == expected.curve
    assert "batch_parts" not in expected.notes


def test_a_row_that_does_not_fit_says_what_to_lower(tmp_path: Path) -> None:
    class Full(Bag):
        def pooled(self, values: torch.Tensor) -> torch.Tensor:
            raise MemoryError

    with pytest.raises(BadInput, match=r"memory: .*one row.*Lower batch_rows .*max_tokens"):
        bag.train(tmp_path, bag.network(Full))


def test_validation_that_does_not_fit_is_done_in_smaller_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Narrow, "always", True)
    monkeypatch.setattr(loop, "_VALIDATION_TOKENS", 64)
    narrow, wide = bag.network(Narrow), bag.network()
    state = bag.train(tmp_path / "narrow", narrow, epochs=1)
    assert "predicting again in batches of 32 tokens" in capsys.readouterr().out
    expected = bag.train(tmp_path / "wide", wide, epochs=1, accumulate=4)
    assert state.curve[0]["validation_loss"] == pytest.approx(expected.curve[0]["validation_loss"], rel=1e-5)


def test_a_row_that_cannot_even_be_predicted_says_so() -> None:
    def forward(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        raise MemoryError

    with pytest.raises(BadInput, match="a row of 7 tokens"):
        memory.run_batched(forward, [[1] * 7, [1]], 0, 4096, "cpu")


def test_an_error_of_another_kind_is_not_taken_for_a_lack_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Narrow, "error", staticmethod(lambda: RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        bag.train(tmp_path, bag.network(Narrow))


# Mishaps


def test_training_that_diverges_says_what_to_do(tmp_path: Path) -> None:
    network = bag.network(Plain)
    with torch.no_grad():
        network.head.weight.fill_(3e38)
    with pytest.raises(BadInput, match=r"expected a finite loss.*found a loss of (nan|inf).*Lower .* learning_rate"):
        bag.train(tmp_path, network)


@pytest.mark.parametrize("saves", [1, 3], ids=["within an epoch", "after an epoch"])
def test_training_that_was_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], saves: int
) -> None:
    rows = bag.rows(40, seed=1, uneven=True)
    whole, resumed = bag.network(dropout=0.3), bag.network(dropout=0.3, seed=1)
    expected = bag.train(tmp_path / "whole", whole, rows, **bag.STATEFUL)
    command = [sys.executable, "-m", "tests.bag", str(tmp_path / "killed"), str(saves)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    capsys.readouterr()
    torch.manual_seed(99)  # nothing may depend on what was drawn before
    state = bag.train(tmp_path / "killed", resumed, rows, **bag.STATEFUL)
    assert "resuming at step" in capsys.readouterr().out
    assert same(weights(resumed), weights(whole))
    left = {name: value for name, value in state.as_dict().items() if name != "seconds"}
    assert left == {name: value for name, value in expected.as_dict().items() if name != "seconds"}
    assert len(list((tmp_path / "killed").glob("*/*/state.json"))) == 1


def test_a_batch_that_was_divided_stays_so_after_a_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = bag.training(tmp_path, bag.network(Narrow), epochs=2)
    state = State()
    first._epoch(state, 0.0)
    first.checkpoints.save(state, first.network, first.optimiser)
    capsys.readouterr()
    bag.train(tmp_path, bag.network(Narrow), epochs=2)
    assert "out of memory" not in capsys.readouterr().out


def test_training_that_had_ended_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = bag.network(), bag.network(seed=1)
    expected = bag.train(tmp_path, first)
    monkeypatch.setattr(update.Updates, "make", lambda *_: pytest.fail("trained again"))
    state = bag.train(tmp_path, again)
    assert same(weights(first), weights(again))
    assert (state.curve, state.gradients, state.notes) == (expected.curve, expected.gradients, expected.notes)


def test_the_course_of_the_gradients_is_kept_and_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = bag.train(tmp_path, bag.network(), clip_norm=0.05)
    assert [point["step"] for point in state.gradients] == list(range(1, 16))
    assert [point["epoch"] for point in state.gradients[4::5]] == [1.0, 2.0, 3.0]
    assert all(point["clipped"] == (point["norm_max"] > 0.05) for point in state.gradients)
    assert max(point["norm_max"] for point in state.gradients) > 0.05, "the norm must be that before clipping"
    assert "epoch 3: gradient norm" in capsys.readouterr().out
    assert state.notes["gradient_warnings"] == []


def test_gradients_that_vanish_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Dead(Plain):
        def pooled(self, values: torch.Tensor) -> torch.Tensor:
            return torch.relu(values - 100.0) + 1.0

    (sentence,) = bag.train(tmp_path, bag.network(Dead)).notes["gradient_warnings"]
    assert "vanish on the way down" in sentence
    assert f"warning: {sentence}" in capsys.readouterr().out


# The order of rows


def test_an_epoch_sees_every_row_once_with_like_lengths_together() -> None:
    lengths = list(np.random.default_rng(0).integers(3, 60, size=500))
    batches = epoch_batches(lengths, 16, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(500))
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)
    other = epoch_batches(lengths, 16, seed=1, epoch=1)
    assert not np.array_equal(np.concatenate(batches), np.concatenate(other))


def test_sampled_epochs_show_all_classes_alike(tmp_path: Path) -> None:
    rows = bag.rows(40, seed=1, uneven=True)
    assert len(set(np.bincount(rows.labels))) > 1
    training = bag.training(tmp_path, bag.network(), rows, class_weight="sampled")
    drawn = [np.concatenate(training._batches(epoch)) for epoch in range(2)]
    assert [np.ptp(np.bincount(rows.labels[epoch])) for epoch in drawn] == [0, 0]
    assert not np.array_equal(*drawn)
    assert {len(batch) for batch in training._batches(0)[:-1]} <= {8, len(drawn[0]) % 8}
    assert training.steps_per_epoch == len(training._batches(0))


@pytest.mark.parametrize("number", [1, 3, 8, 20])
def test_parts_are_the_batch_in_its_order(number: int) -> None:
    batch = np.array([5, 3, 8, 1, 0, 9, 2, 7])
    parts = order.parts(batch, [4] * 10, number)
    assert np.concatenate(parts).tolist() == batch.tolist()
    assert len(parts) == min(number, 8)
    assert {len(one) - len(other) for one, other in pairwise(parts)} <= {0, 1}


def test_one_very_long_row_does_not_pad_the_others_to_its_length() -> None:
    lengths = [100_000, *range(10, 41)]
    parts = order.parts(np.arange(32), lengths, 1)
    assert sorted(np.concatenate(parts)) == list(range(32))
    padded = sum(len(part) * max(lengths[row] for row in part) for part in parts)
    assert padded < 1.1 * sum(lengths)


def test_a_row_of_100_000_tokens_trains_like_any_other(tmp_path: Path) -> None:
    rows = bag.rows(15, seed=1)
    long = Rows([rows.ids[0] * 20_000, *rows.ids[1:]], rows.labels, 0)
    assert len(bag.train(tmp_path, bag.network(Plain), long, epochs=1, batch_rows=15).curve) == 1


def test_token_budget_bounds_a_batch_and_loses_no_row() -> None:
    lengths = [3, 50, 7, 200, 12, 12, 90]
    groups = encoders.batches(lengths, token_budget=100)
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[row] for row in group) <= 100 for group in groups)
