"""The benchmark of the verdict: that its pairs are what they say, and that it tells when a promise is missed."""

import numpy as np
import pytest

from benchmarks import gate


@pytest.mark.parametrize("gain", [-0.02, 0.0, 0.05])
def test_the_pairs_differ_as_they_say(gain: float) -> None:
    actual, champion, challenger = gate.pair(np.random.default_rng(1), 100_000, gain)
    right = champion == actual, challenger == actual
    assert right[0].mean() == pytest.approx(gate.ACCURACY, abs=0.005)
    assert right[1].mean() - right[0].mean() == pytest.approx(gain, abs=0.004)
    assert (right[0] != right[1]).mean() == pytest.approx(gate.DISAGREE, abs=0.005)


def test_a_promise_that_is_missed_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    easy = gate.once(400, 0.07, "accuracy")
    monkeypatch.setattr(gate, "CASES", (gate.Case("better", easy, least=0.9), gate.Case("strict", easy, most=0.05)))
    with pytest.raises(SystemExit, match="not as promised: strict"):
        gate.main(["--pairs", "10"])
    lines = capsys.readouterr().out.splitlines()
    assert "MISSED" not in lines[1] and "MISSED" in lines[2]


def test_peeking_stops_at_the_first_promotion() -> None:
    play = gate.peeking(0.07, "accuracy", gate.DEMANDS, looks=(50, 4000))
    late = sum(play(np.random.default_rng(pair)) for pair in range(5))
    early = sum(gate.once(50, 0.07, "accuracy")(np.random.default_rng(pair)) for pair in range(5))
    assert (late, early) == (5, 0)
