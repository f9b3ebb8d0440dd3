"""What holds for any rows in any order: near duplicates on one side, no row moves as data grows, none is lost."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.clean.candidate import Candidate, in_order, normal
from tasks.clean.judge import Decision, Judge
from tasks.clean.sides import by_hash
from tasks.near import NearIndex, bands

THRESHOLD, SHINGLE = 0.6, 3


def jaccard(one: str, other: str) -> float:
    """The similarity as its definition has it, without MinHash."""
    a, b = ({text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))} for text in (one, other))
    return len(a & b) / len(a | b)


def decide(rows: list[Candidate], *, keep: bool = True) -> tuple[dict[str, Decision], Judge]:
    judge = Judge(by_hash(0.3, 0.3, "salt"), NearIndex(THRESHOLD, SHINGLE), keep)
    return {row.id: judge.one(row) for row in in_order(rows)}, judge


# Few words and few labels, so that equal and nearly equal texts, and conflicts, are the rule.
texts = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "x"]), min_size=1, max_size=6).map(" ".join)
drafts = st.tuples(texts, st.sampled_from("ab"), st.sampled_from([None, "2026-01", "2026-02"]), st.booleans())


def candidates(made: list[tuple[str, str, str | None, bool]], new: list[bool]) -> list[Candidate]:
    return [
        Candidate(place, f"{'new' if is_new else 'old'}{place}", normal(text), normal(text), label, time, official)
        for place, ((text, label, time, official), is_new) in enumerate(zip(made, new, strict=True))
    ]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(drafts, max_size=25), st.booleans())
def test_near_duplicates_never_stand_on_two_sides(made: list[tuple[str, str, str | None, bool]], keep: bool) -> None:
    rows = candidates(made, [False] * len(made))
    decisions, judge = decide(rows, keep=keep)
    kept = [row for row in rows if decisions[row.id].split is not None]
    assert len(decisions) == len(rows)
    for one, other in combinations(kept, 2):
        near = jaccard(one.key, other.key) >= THRESHOLD
        if near and not (one.official_test and other.official_test):
            assert decisions[one.id].split == decisions[other.id].split
            assert one.label != other.label  # of the same label, one would have been merged into the other
            assert keep
    for row in rows:
        decision = decisions[row.id]
        assert (decision.split is None) == bool(decision.reason)
        if row.official_test:
            assert decision.split == "test"
        if decision.near is not None:
            assert jaccard(row.key, decision.near.key) >= THRESHOLD
            assert decisions[decision.near.id].split is not None
    assert all(decisions[one.later.id].split is not None for one in judge.conflicts if one.kept)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(drafts, st.booleans()), max_size=25))
def test_new_rows_anywhere_move_no_old_row(made: list[tuple[tuple[str, str, str | None, bool], bool]]) -> None:
    rows = candidates([draft for draft, _ in made], [new for _, new in made])
    before, _ = decide([row for row in rows if row.id.startswith("old")])
    after, _ = decide(rows)
    for name, decision in before.items():
        assert None in (decision.split, after[name].split) or decision.split == after[name].split


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(drafts, max_size=15), st.lists(drafts, max_size=10))
def test_new_rows_at_the_end_change_nothing_for_old_ones(
    old: list[tuple[str, str, str | None, bool]], new: list[tuple[str, str, str | None, bool]]
) -> None:
    later = [(text, label, "2027-01", False) for text, label, _, _ in new]
    rows = candidates([*old, *later], [False] * len(old) + [True] * len(later))
    before, _ = decide(rows[: len(old)])
    after, _ = decide(rows)
    assert {name: after[name] for name in before} == before


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(texts, min_size=1, max_size=20), texts)
def test_index_finds_what_the_definition_finds(stored: list[str], asked: str) -> None:
    index = NearIndex(THRESHOLD, SHINGLE)
    for number, text in enumerate(stored):
        index.add(number, index.sketch(text))
    expected = [number for number, text in enumerate(stored) if jaccard(text, asked) >= THRESHOLD]
    assert index.near(index.sketch(asked)) == expected


def test_bands_miss_hardly_any_pair_at_the_threshold() -> None:
    for threshold in (0.5, 0.6, 0.7, 0.85, 0.95, 1.0):
        count, rows = bands(threshold, 128)
        assert count * rows <= 128
        assert (1 - threshold**rows) ** count <= 1e-6


def test_long_texts_are_sketched_in_pieces() -> None:
    index = NearIndex(0.9, 5)
    text = " ".join(str(number * 7919) for number in range(3000))
    index.add(0, index.sketch(text))
    assert index.near(index.sketch(text + " and a few more")) == [0]
    assert index.near(index.sketch(text[: len(text) // 2])) == []


def test_side_depends_on_the_text_alone() -> None:
    side = by_hash(0.2, 0.2, "")
    one, *others = candidates([("A  b", "a", None, False), ("a B", "b", "2026-01", False)], [False, True])
    assert {side(one)} == {side(other) for other in others}
