"""Files of word vectors: every form is read alike, and what is broken is told with its place."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tasks.embed.vector_files import read
from tasks.errors import BadInput

WORDS = ["printer", "the", "Zug", "酒店", "at name@x.org", "absent"]
VECTORS = {word: np.array([place, 0.5, -place / 3], np.float32) for place, word in enumerate(WORDS[:5], start=1)}


def lines(vectors: dict[str, np.ndarray] = VECTORS) -> bytes:
    return "".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in vectors.items()).encode()


def header(count: int = 5, size: int = 3) -> bytes:
    return f"{count} {size}\n".encode()


def binary(vectors: dict[str, np.ndarray] = VECTORS, end: bytes = b"\n") -> bytes:
    # word2vec's program ends a record with a line break; gensim does not. Words hold no spaces.
    records = (word.replace(" ", "_").encode() + b" " + vector.tobytes() + end for word, vector in vectors.items())
    return b"".join(records)


FORMS: dict[str, bytes] = {
    "GloVe": lines(),
    "GloVe with Windows line ends": lines().replace(b"\n", b"\r\n"),
    "GloVe without a last line end": lines().rstrip(),
    "word2vec text": header() + lines(),
    "fastText, with spaces at line ends": header() + lines().replace(b"\n", b" \n"),
    "word2vec binary": header() + binary(),
    "gensim binary": header() + binary(end=b""),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_vectors(tmp_path: Path, form: str, packed: bool) -> None:
    file = tmp_path / "vectors.any"
    file.write_bytes(gzip.compress(FORMS[form]) if packed else FORMS[form])
    words = [word.replace(" ", "_") for word in WORDS] if "binary" in form else WORDS
    vectors, found = read(file, "path:vectors.any", words, 3)
    assert found.tolist() == [True] * 5 + [False]
    np.testing.assert_array_equal(vectors, [*VECTORS.values(), [0, 0, 0]])


def test_gensim_writes_what_is_read(tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(3)
    keyed.add_vectors(["printer", "the"], np.array([[1, 2, 3], [4, 5, 6.5]], np.float32))
    for binary_form in (False, True):
        keyed.save_word2vec_format(str(tmp_path / "v"), binary=binary_form)
        np.testing.assert_array_equal(read(tmp_path / "v", "v", ["the"], None)[0], [[4, 5, 6.5]])


def test_lower_case_stands_in_and_the_first_of_equal_words_counts(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("paris 1 1\nParis 2 2\nParis 3 3\nrome 4 4\nrome 5 5\n")
    vectors, found = read(tmp_path / "v", "v", ["Paris", "paris", "PARIS", "Rome", "roMe", "oslo"], None)
    assert found.tolist() == [True] * 5 + [False]
    assert vectors[:, 0].tolist() == [2, 1, 1, 4, 4, 0]


def test_a_large_binary_file_is_read_across_the_ends_of_chunks(tmp_path: Path) -> None:
    count, size = 3000, 150
    vectors = np.random.default_rng(0).normal(size=(count, size)).astype(np.float32)
    words = [f"w{number}" for number in range(count)]
    (tmp_path / "v").write_bytes(header(count, size) + binary(dict(zip(words, vectors, strict=True))))
    found, there = read(tmp_path / "v", "v", words, None)
    assert there.all()
    np.testing.assert_array_equal(found, vectors)


def nan() -> bytes:
    return binary({"printer": np.array([1, np.nan, 2], np.float32)})


BROKEN: dict[str, tuple[bytes, str]] = {
    "a line too long": (
        b"printer 1 2 3\nthe 1 2 3 4\n",
        r"path:v: line 2: expected a word and 3 values, as in the lines before, found 4 values\. Get the file anew",
    ),
    "a line too short": (b"printer 1 2 3\n\nthe 1 2\n", r"path:v: line 3: expected a word and 3 values.* found 2 val"),
    "other dimensions than the header's": (
        b"2 3\nprinter 1 2 3\nthe 1 2\n", r"path:v: line 3: expected a word and 3 values.* found 2 values"
    ),
    "fewer lines than the header tells": (b"3 3\nprinter 1 2 3\nthe 1 2 3\n", r"path:v: expected 3 vectors.* found 2"),
    "more lines than the header tells": (b"1 3\nprinter 1 2 3\nthe 1 2 3\n", r"path:v: expected 1 vectors.* found 2\."),
    "no number": (b"other 1 2 3\nprinter 1 x 3\n", r"path:v: line 2: expected values that are numbers, found 'x'"),
    "no number in the first line": (
        b"1 3\nprinter 1 x 3\n", r"path:v: line 2: expected values that are numbers, found 'x'"
    ),
    "NaN": (b"printer 1 2 3\nthe 1 nan 3\n", r"path:v: line 2: expected finite values, found 'nan'"),
    "too large for a float": (b"the 1 1e99 3\n", r"path:v: line 1: expected finite values, found '1e99'"),
    "NaN in binary": (
        header(1) + nan(), r"path:v: vector 1 of 1 \(printer\): expected finite values, found nan"
    ),
    "binary, cut off": (
        header(5) + binary()[:-4],
        r"path:v: vector 5 of 5: expected 5 vectors of 3 values.* found the end of the file after 4 whole ones",
    ),
    "binary, of fewer dimensions": (header(5, 2) + binary(end=b""), r"path:v: expected 5 vectors of 2 .* found more"),
    "binary, without any word": (
        header(5) + struct.pack("<1000f", *[-1.5] * 1000), r"path:v: vector 1 of 5: expected a word and a space"
    ),
    "no word in common": (b"zebra 1 2 3\n", r"path:v: expected vectors of words of the train rows, found none in 1 "),
    "an empty file": (b"", r"path:v: line 1: expected word vectors of GloVe or word2vec, found an empty file"),
    "prose": (b"Dear reader,\nhello\n", r"path:v: line 1: expected word vectors.* found 'Dear reader,'"),
    "no lines": (b"\0" * (1 << 20), r"path:v: expected word vectors.* found no line in the first MiB"),
    "gzip, cut off": (gzip.compress(lines(), mtime=0)[:-20], r"path:v: expected a whole gzip file, found "),
    "gzip, damaged": (
        gzip.compress(lines(), mtime=0)[:20] + b"\xff" * 60, r"path:v: expected a whole gzip file, found "
    ),
    "zip": (b"PK\x03\x04....", r"path:v: expected word vectors, plain or packed with gzip, found a zip archive"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read(tmp_path / "v", "path:v", WORDS, None)


def test_other_dimensions_than_declared_are_refused(tmp_path: Path) -> None:
    for content in (lines(), header() + lines(), header() + binary()):
        (tmp_path / "v").write_bytes(content)
        with pytest.raises(BadInput, match=r"v: expected vectors of 50 dimensions, as declared, found 3 dimensions"):
            read(tmp_path / "v", "v", WORDS, 50)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="v: expected a file of word vectors, found no such file"):
        read(tmp_path / "v", "v", WORDS, None)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_a_file_is_read_in_little_memory(tmp_path: Path, form: str) -> None:
    import tracemalloc

    vector = np.random.default_rng(0).normal(size=300).astype(np.float32)
    vectors = {f"w{number}": vector for number in range(3000 if form == "text" else 8000)}
    content = lines(vectors) if form == "text" else header(len(vectors), 300) + binary(vectors)
    (tmp_path / "v").write_bytes(content)
    tracemalloc.start()
    read(tmp_path / "v", "v", ["w5", "w2999"], None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_500_000 < len(content) / 2  # bytes; two chunks of 1 MiB and what joining them takes
