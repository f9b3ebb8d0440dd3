"""The benchmarks of transfer, adaptation and distillation measure what they say, on small sets."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import (
    adaptation,
    answers,
    distillation,
    domains,
    fewshot,
    frozen,
    ladder,
    lora,
    mixtures,
    pool,
    quantized,
    setfit,
)
from benchmarks import labelled as tables
from benchmarks import workspace as workspaces
from benchmarks.answers import Answers
from benchmarks.labelled import Labelled
from benchmarks.mixtures import MIXTURES, PARTS, Part
from benchmarks.quality import changes
from tasks import model, rows
from tests import tiny, tuning
from tests.tasks import evaluated_workspace as evaluated
from tests.test_benchmarks import check

TOPICS = list(tiny.TOPICS)


def some(count: int, seed: int) -> Labelled:
    pairs = tiny.texts(count, seed)
    return Labelled([text for text, _ in pairs], [TOPICS.index(label) for _, label in pairs])


# A few rows a class


def test_a_draw_has_as_many_rows_of_each_class_and_other_rows_each_time() -> None:
    labels = [0] * 30 + [1] * 3 + [2] * 30
    drawn = [pool.draw(labels, 5, number) for number in range(3)]
    for shown in drawn:
        assert np.bincount(np.asarray(labels)[shown]).tolist() == [5, 3, 5]
        assert len(set(shown.tolist())) == len(shown)
    assert len({tuple(sorted(shown.tolist())) for shown in drawn}) == 3
    np.testing.assert_array_equal(drawn[0], pool.draw(labels, 5, 0))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_candidate_that_there_is_and_looks_at_no_validation_row(name: str) -> None:
    part = PARTS[name]
    checked = check({"features": {part.candidate["features"]: part.features}, "candidates": {"one": part.candidate}})
    assert checked.features[part.candidate["features"]].kind in ("encoder", "tokens"), "it would learn from held rows"
    assert getattr(checked.candidates["one"], "best_by", "last") == "last"


def test_a_mixture_is_made_of_parts_that_there_are() -> None:
    assert {part for parts in MIXTURES.values() for part in parts} <= PARTS.keys()
    assert {mixtures.CHOSEN, mixtures.BASELINE} <= MIXTURES.keys()
    assert not MIXTURES.keys() & mixtures.STUDENTS.keys()


class FakePool:
    """Answers that are known beforehand."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found, self.seconds = found, dict.fromkeys(found, 2.0)

    def probabilities(self, names: Sequence[str], shown: Any, held: Any) -> dict[str, Any]:
        return {name: np.asarray(self.found[name]) for name in names}


def test_a_mixture_is_the_mean_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fewshot, "MIXTURES", {"a": ("a",), "b": ("b",), "both": ("a", "b")})
    made = FakePool({"a": [[0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], "b": [[0.4, 0.6], [0.1, 0.9], [0.2, 0.8]]})
    held = np.array([0, 1, 2])
    rows, none = Labelled([""] * 3, [0, 1, 1]), held[:0]
    found = fewshot.scores(made, rows, ["a", "b", "both"], held, held, none)  # type: ignore[arg-type]
    assert found == {"a": (pytest.approx(1 / 3), 2.0), "b": (pytest.approx(2 / 3), 2.0), "both": (1.0, 4.0)}


@pytest.mark.parametrize("student", mixtures.STUDENTS)
def test_a_student_learns_what_the_mixture_says_of_the_texts_alone(
    student: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class School(FakePool):
        def taught(self, own: Part, shown: Any, texts: Any, said: Any, held: Any) -> Any:
            assert own is mixtures.STUDENTS[student] and (texts.tolist(), said.tolist()) == ([2, 3], [1, 0])
            return np.array([[0.9, 0.1], [0.2, 0.8]])

        def probabilities(self, names: Sequence[str], shown: Any, held: Any) -> dict[str, Any]:
            assert held.tolist() == [0, 1, 2, 3]
            return super().probabilities(names, shown, held)

    monkeypatch.setattr(fewshot, "MIXTURES", {fewshot.CHOSEN: ("a", "b")})
    answers = [[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.8, 0.2]]  # of the rows held out, then of the texts
    made = School({"a": answers, "b": answers})
    rows, held, texts = Labelled([""] * 4, [0, 1, 0, 0]), np.array([0, 1]), np.array([2, 3])
    names = [fewshot.CHOSEN, student]
    found = fewshot.scores(made, rows, names, held, held, texts)  # type: ignore[arg-type]
    assert found == {fewshot.CHOSEN: (0.5, 4.0), student: (1.0, 4.0)}


def test_texts_that_a_row_held_out_nearly_repeats_are_left_out() -> None:
    texts = ["where is my card", "my card was eaten", "Where is my card?", "where is my card please", "top up"]
    found = fewshot._apart(Labelled(texts, [0] * 5), np.array([1, 2, 4]), np.array([0]))
    assert found.tolist() == [1, 4]


def test_the_first_draw_which_also_makes_vectors_does_not_weigh_in_the_seconds() -> None:
    assert " 3.0  0.5000 0.6000 0.7000" in fewshot._line(10, "frozen", [0.5, 0.6, 0.7], [100.0, 2.0, 3.0])


def test_a_pool_fits_to_the_rows_shown_alone(tiny_encoder: Path, tmp_path: Path) -> None:
    own, held = some(48, 0), some(60, 1)
    tokens = {"kind": "tokens", "encoder": "minilm", "max_tokens": 16}
    tuned = {"features": "ids", "model": "transformer", "tune": "full", "epochs": 2, "best_by": "last"}
    parts = {
        "frozen": Part(
            {"kind": "encoder", "encoder": "minilm", "max_tokens": 16},
            {"features": "vectors", "model": "logistic_regression", "C": 10.0},
        ),
        "tuned": Part(tokens, tuned | {"learning_rate": 0.005, "batch_rows": 8}),
        "other": Part(tokens, tuned | {"learning_rate": 0.005, "batch_rows": 8}, seed=2),
    }
    spoilt = Labelled(held.texts, held.labels[::-1])  # labels of rows that are not shown must not matter
    answered, near = [], replace(parts["frozen"], candidate=mixtures.STUDENTS[mixtures.TAUGHT].candidate)
    for number, rest in enumerate((held, spoilt)):
        made = pool.Pool(tmp_path / f"pool{number}", own + rest, parts, threads=1, source=f"path:{tiny_encoder}")
        answered.append(made.probabilities(parts, np.arange(48), np.arange(48, 108)))
        assert made.seconds.keys() == parts.keys()
        texts, said = np.arange(48, 78), answered[-1]["frozen"][:30].argmax(axis=1)
        answered[-1]["taught"] = made.taught(near, np.arange(48), texts, said, np.arange(48, 108))
    for name, first in answered[0].items():
        np.testing.assert_array_equal(first, answered[1][name])
        assert np.mean(first.argmax(axis=1) == held.labels) > 0.6, name
    assert not np.array_equal(answered[0]["tuned"], answered[0]["other"]), "the seed is not used"


@pytest.mark.parametrize(("own", "seconds", "told"), [
    (0.9, 20.0, ""), (0.8, 20.0, "promised more than SetFit's 0.8500"), (0.9, 21.0, "0.21 of SetFit's time"),
])  # fmt: skip
def test_ours_must_beat_setfit_in_a_fifth_of_its_time(
    own: float, seconds: float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {fewshot.CHOSEN: (own, seconds), fewshot.CONTRASTIVE: (0.7, 1.0)}
    monkeypatch.setattr(
        fewshot,
        "alone",
        lambda contender, shots, count, name=None: (0.85, 100.0) if contender is fewshot.setfit else ours[name],
    )
    short = fewshot.race(10, None)
    assert told in "; ".join(short)
    assert bool(short) == bool(told)


@pytest.mark.parametrize(("kept", "told"), [(60.0, ""), (80.0, "5 frozen layers: 0.80 of the time, promised")])
def test_frozen_layers_that_are_run_once_must_save_time(
    kept: float, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def timed(root: Path, layers: int, *, keep: bool) -> tuple[float, float]:
        asked.append((layers, keep))
        return (kept if keep else 100.0), 0.9

    monkeypatch.setattr(frozen, "timed", timed)
    monkeypatch.setattr(frozen, "Workspace", lambda *given: Nothing())
    monkeypatch.setattr(frozen, "data", Path)
    if told:
        with pytest.raises(SystemExit, match=told):
            frozen.main(["--rounds", "2"])
    else:
        frozen.main(["--rounds", "2"])
    assert asked == [(0, True), *[(layers, keep) for layers in (3, 5) for keep in (False, True, True, False)]]
    assert f"5 layers frozen: median share {kept / 100:.2f}" in capsys.readouterr().out


class Nothing:
    """A workspace in which nothing is run."""

    folder = Path()

    def regraft(self, *words: str) -> None:
        assert words == ("run", "embed")


@pytest.mark.slow
def test_frozen_layers_are_timed_with_and_without_keeping(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made = tuning.tokens(tmp_path, tiny_encoder)
    made.folder.rename(made.folder.with_name("tokens"))
    for keep, told in ((True, "run once"), (False, "run in every epoch")):
        seconds, accuracy = frozen.timed(tmp_path, 1, keep=keep)
        assert seconds > 0 and 0 <= accuracy <= 1
        assert f"frozen layers: {told}" in capfd.readouterr().out


def test_setfit_has_as_many_pairs_of_one_class_as_of_two() -> None:
    labels = [0, 0, 0, 1, 1, 2]
    found = setfit.pairs(labels, 4, seed=1)
    assert len(found) == 2 * 4 * len(labels)
    assert sum(cosine for _, _, cosine in found) == len(found) / 2
    assert all((labels[first] == labels[second]) == (cosine == 1.0) for first, second, cosine in found)
    assert not any(first == second for first, second, _ in found if labels[first] != 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_setfit_learns(tiny_encoder: Path, tmp_path: Path) -> None:
    train, test = some(24, 0), some(60, 1)
    predicted = setfit.predict(train, test.texts, tiny_encoder, 1, tmp_path, iterations=3)
    assert np.mean(np.asarray(predicted) == test.labels) > 0.6


# Answers and gains


def made_up(right: Sequence[bool]) -> Answers:
    actual = np.arange(len(right)) % 2
    chosen = np.where(right, actual, 1 - actual)
    return Answers(actual, np.eye(2)[chosen])


def test_a_gain_is_that_of_the_means_over_seeds() -> None:
    own = [made_up([True] * 80 + [False] * 20)] * 3
    other = [made_up([True] * 60 + [False] * 40)] * 3
    found = answers.gain(own, other, "accuracy")
    assert found.mean == pytest.approx(0.2)
    assert 0.1 < found.low < 0.2 < found.high < 0.3
    assert found.verdict == "pays"
    assert answers.gain(other, own, "accuracy").verdict == "does harm"
    assert answers.gain(own, own, "accuracy").verdict == "not shown to pay"


def test_seeds_that_disagree_widen_the_interval_of_their_gain() -> None:
    own = [made_up([True] * right + [False] * (100 - right)) for right in (90, 80, 70)]
    other = [made_up([True] * 60 + [False] * 40)] * 3
    found = answers.gain(own, other, "accuracy")
    assert found.by_seed == pytest.approx((0.3, 0.2, 0.1))
    assert found.mean == pytest.approx(0.2)
    assert found.low < 0 < found.high, "three seeds that differ by so much are few"
    alone = answers.gain(own[:1], other[:1], "accuracy")
    assert 0.2 < alone.low < alone.mean < alone.high < 0.4, "a single seed tells nothing of others"
    with pytest.raises(ValueError, match="zip"):
        answers.gain(own, other[:2], "accuracy")


def test_answers_to_other_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="other rows"):
        answers.gain([made_up([True, True])], [made_up([True, True, True])], "accuracy")


def test_a_model_answers_the_test_rows_as_it_predicts_them(tmp_path: Path) -> None:
    evaluated.write_params(tmp_path, ["nb"])
    labels = ["network", "billing", "leave", "leave"]
    evaluated.write_split(tmp_path, "test", labels)
    folder = evaluated.write_model(tmp_path, "nb")
    found = answers.on_test(tmp_path, "candidates/nb")
    texts = rows.strings(rows.read(tmp_path / "data/clean/test.parquet"), "text")
    np.testing.assert_array_equal(found.probabilities, model.load(folder, 1, "cpu").predict_proba(texts))
    assert [evaluated.CLASSES[number] for number in found.actual] == labels
    probabilities = evaluated.answers(labels, wrong=[1])
    evaluated.write_results(tmp_path, "nb", labels, probabilities)
    assert answers.on_validation(tmp_path, "nb").score("accuracy") == 0.75


# Adaptation and domains


@pytest.mark.parametrize("name", adaptation.DOMAINS)
def test_twins_differ_in_their_encoder_alone(name: str) -> None:
    files = {"train": Path("train.parquet"), "test": Path("test.parquet"), "unlabelled": Path("texts.parquet")}
    changed = adaptation.changes(name, files)
    checked = check(changed)
    for own in adaptation.CANDIDATES:
        plain, adapted = (checked.candidates[f"{own}{twin}"] for twin in ("", "_adapted"))
        features = [checked.features[candidate.features] for candidate in (plain, adapted)]
        assert [feature.encoder for feature in features] == ["minilm", "adapted"]
        assert features[0] == features[1].model_copy(update={"encoder": "minilm"})
        assert plain == adapted.model_copy(update={"features": plain.features})
    assert checked.encoders["adapted"].texts == ["texts.parquet"]
    assert adaptation.changes(name, {k: v for k, v in files.items() if k != "unlabelled"})["encoders.adapted"][
        "texts"
    ] == []  # fmt: skip


def test_the_table_of_adaptation_says_which_way_it_fell() -> None:
    good, bad = made_up([True] * 95 + [False] * 5), made_up([True] * 60 + [False] * 40)
    found = {
        ("frozen", "validation"): [bad], ("frozen_adapted", "validation"): [good],
        ("frozen", "test"): [good], ("frozen_adapted", "test"): [bad],
        ("finetune", "validation"): [good], ("finetune_adapted", "validation"): [good],
        ("finetune", "test"): [good], ("finetune_adapted", "test"): [good],
    }  # fmt: skip
    lines = [line for line in adaptation.table("fomc", found) if " accuracy " in line]
    verdicts = [line.rpartition(", ")[2] for line in lines]
    assert verdicts == [
        "pays; +0.3500", "does harm; -0.3500", "not shown to pay; +0.0000", "not shown to pay; +0.0000",
    ]  # fmt: skip
    assert "0.6000  0.9500  +0.3500" in lines[0]


def test_adaptation_tells_of_each_model_as_it_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []

    class Idle:
        def __init__(self, folder: Path, changes: Any) -> None:
            self.folder = folder

        def regraft(self, *arguments: str) -> None:
            printed.append(capsys.readouterr().out)

    monkeypatch.setattr(adaptation, "Workspace", Idle)
    monkeypatch.setattr(adaptation, "write", lambda *given: {"train": Path("train"), "test": Path("test")})
    for name in ("on_validation", "on_test"):
        monkeypatch.setattr(answers, name, lambda root, contestant: made_up([True, False]))
    found = adaptation.run("fomc", 2, 10, None)
    assert {len(some) for some in found.values()} == {2}
    assert printed[0] == ""
    assert printed[1].count("\n") == 4
    assert "fomc seed 1: finetune_adapted accuracy 0.5000, 0.5000" in printed[1]


def test_a_sample_keeps_whole_rows_in_their_order(tmp_path: Path) -> None:
    rows.write(tmp_path / "all.parquet", pa.table({"text": [f"t{n}" for n in range(50)], "label": list(range(50))}))
    found = rows.read(tables.sample(tmp_path / "all.parquet", tmp_path / "some.parquet", 10)).to_pydict()
    assert len(found["text"]) == 10
    assert found["label"] == sorted(found["label"]) == [int(text[1:]) for text in found["text"]]
    assert len(rows.read(tables.sample(tmp_path / "all.parquet", tmp_path / "whole.parquet", None))) == 50


@pytest.fixture
def two_domains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of small sets of both domains."""
    monkeypatch.setattr(workspaces, "DATA", tmp_path)
    (tmp_path / "sst2").mkdir()
    (tmp_path / "goemotions").mkdir()
    films = {
        "text": ["a film that moved me", "dull", "no plot, no point"],
        "label": ["positive", "positive", "negative"],
    }
    rows.write(tmp_path / "sst2/train.parquet", pa.table(films))
    emotions = [["joy", "love"], ["anger"], ["joy", "anger"], ["joy", "surprise"], ["neutral"], ["grief", "sadness"]]
    comments = {"text": ["so happy, truly", "awful", "both", "oh", "a fact", 'a "quoted"\nloss'], "label": emotions}
    for split in ("train", "test"):
        rows.write(tmp_path / f"goemotions/{split}.parquet", pa.table(comments))
    return tmp_path


def test_comments_are_positive_or_negative_or_left_out(two_domains: Path) -> None:
    kept = [("so happy, truly", "positive"), ("awful", "negative"), ('a "quoted"\nloss', "negative")]
    assert domains.comments("test") == kept
    domains.write(two_domains, source=10, target=2)
    assert (two_domains / domains.MOVIES).read_text(encoding="utf-8").count("\n") == 1 + 2, "short phrases are left out"
    assert len((two_domains / domains.COMMENTS).read_text(encoding="utf-8").splitlines()) >= 1 + 2


def test_each_seed_draws_other_rows_of_both_domains(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(str(number), "positive") for number in range(50)]
    drawn = [domains._some(rows, 10, seed) for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]
    assert len(set(drawn[1])) == 10
    seeds = []
    monkeypatch.setattr(domains, "write", lambda folder, source, target, count, seed: seeds.append(seed))
    monkeypatch.setattr(domains, "run", lambda folder, seed: dict.fromkeys(domains.WAYS, made_up([True, False] * 20)))
    domains.main(["--seeds", "2"])
    assert seeds == [1, 2]
    assert "seed 2: both together        0.5000\n" in capsys.readouterr().out


def test_every_emotion_is_of_one_sort() -> None:
    named = " ".join(domains.EMOTIONS.values()).split()
    assert len(set(named)) == len(named) == 12 + 11  # of 27, four of which are neither


@pytest.mark.parametrize("name", domains.WAYS)
def test_a_way_is_made_of_parameters_that_there_are(name: str, tmp_path: Path) -> None:
    checked = check(domains.changes(name, tmp_path))
    warm = checked.candidates["finetune"].warm_folder
    assert warm == (tmp_path / domains.EARLIER if name == "source, then target" else None)
    assert checked.ingest.test_sources == [str(tmp_path / domains.TEST)]


# LoRA, students, the ladder


@pytest.mark.parametrize(("behind", "share", "told"), [
    (0.004, 0.02, []), (0.006, 0.02, ["behind"]), (0.0, 0.06, ["trains"]), (0.1, 0.2, ["behind", "trains"]),
])  # fmt: skip
def test_lora_must_be_near_with_few_weights(behind: float, share: float, told: list[str]) -> None:
    full = [{"accuracy": accuracy, "trained_share": 1.0} for accuracy in (0.93, 0.95)]
    thin = [{"accuracy": accuracy - behind, "trained_share": share} for accuracy in (0.94, 0.94)]
    short = lora.fallen({"full": full, "lora": thin})
    assert [word in line for word, line in zip(told, short, strict=True)] == [True] * len(told)


def test_lora_and_full_differ_in_how_they_are_tuned() -> None:
    checked = check(changes(lora.RECIPE, Path("there")))
    assert [candidate.tune for candidate in checked.candidates.values()] == ["full", "lora"]


@pytest.mark.parametrize(("accuracy", "latency", "good"), [
    (0.9, 0.5, ["small"]), (0.86, 0.5, []), (0.9, 0.51, []),
])  # fmt: skip
def test_a_student_must_be_both_good_and_fast(accuracy: float, latency: float, good: list[str]) -> None:
    teacher = [{"accuracy": 0.92, "latency": 2.0}, {"accuracy": 0.90, "latency": 2.0}]
    assert distillation.keeping({"finetune": teacher, "small": [{"accuracy": accuracy, "latency": latency}]}) == good


def test_students_are_made_of_parameters_that_there_are() -> None:
    checked = check(changes(distillation.RECIPE, Path("there")) | {"students": distillation.STUDENTS})
    assert {student.teacher.name for student in checked.students.values()} == {distillation.TEACHER}


@pytest.mark.parametrize(("change", "told"), [
    ({}, []), ({"accuracy": 0.915}, []), ({"accuracy": 0.905}, ["accuracy"]), ({"latency": 5.1}, ["latency"]),
    ({"size": 40.0, "latency": 9.0}, ["latency", "size"]),
])  # fmt: skip
def test_a_coarse_form_must_be_near_fast_and_small(change: dict[str, float], told: list[str]) -> None:
    whole = {"accuracy": 0.92, "agreement": 1.0, "latency": 10.0, "rows_per_second": 300.0, "size": 90.0}
    coarse = whole | {"agreement": 0.98, "latency": 4.0, "size": 23.0} | change
    short = quantized.fallen({"finetune": [whole], "float32": [whole], "int8": [coarse]})
    assert [word in line for word, line in zip(told, short, strict=True)] == [True] * len(told)
    other = quantized.fallen({"finetune": [whole], "float32": [whole | {"agreement": 0.99}], "int8": [coarse]})
    assert other[0] == "float32 answers otherwise"


def test_forms_are_made_of_parameters_that_there_are() -> None:
    checked = check(changes(quantized.RECIPE, Path("there")) | {"quantized": quantized.FORMS})
    assert {form.weights for form in checked.quantized.values()} == {"float32", "int8"}


@pytest.mark.parametrize(("seconds", "second", "third", "new", "told"), [
    (600.0, "", "new", "new", ""), (601.0, "", "new", "new", "601 s"),
    (9.0, "old", "new", "new", "ran old, promised none"),
    (9.0, "", "new old", "new", "ran old, which it does not change"), (9.0, "", "new", "new more", "did not run more"),
    (9.0, "", "", "", "no item of its own"),
])  # fmt: skip
def test_a_ladder_runs_what_has_changed(
    seconds: float, second: str, third: str, new: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = frozenset({"old", "base"})
    climbs = ladder.Climb(seconds, plan, plan), ladder.Climb(5.0, frozenset(second.split()), plan)
    results = iter((*climbs, ladder.Climb(60.0, frozenset(third.split()), plan | set(new.split()))))
    monkeypatch.setattr(ladder, "climb", lambda workspace, what: next(results))
    if not told:
        ladder.main([])
    else:
        with pytest.raises(SystemExit, match=told):
            ladder.main([])


def test_items_that_ran_and_those_of_the_plan_are_named(tmp_path: Path) -> None:
    records = tmp_path / ladder._RECORDS
    records.mkdir(parents=True)
    (records / "adapt@e.json").write_text("{}")
    blocks = {"encoders": {"e": {}}, "features": {"f": {}}, "candidates": {"c": {}}, "students": {}}
    (tmp_path / ladder._FOLDER / "params.yaml").write_text(json.dumps(blocks))

    class Once:
        folder = tmp_path

        def regraft(self, *arguments: str) -> None:
            assert arguments == ("ladder",)
            (records / "finetune@c.json").write_text("{}")

    found = ladder.climb(Once(), "once")  # type: ignore[arg-type]
    assert found.ran == {"finetune@c"}
    assert found.planned == {"adapt@e", "embed@f", "finetune@c", "evaluate@c"}


def test_the_changed_strategy_is_one_of_the_ladder() -> None:
    checked = check(ladder.CHANGE)
    assert checked.ladder.strategies["generalisation"].candidate["mixup"] == 0.3
    assert list(checked.ladder.strategies)[-1] == "generalisation", "lower rungs would run again too"
