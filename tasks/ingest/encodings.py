"""Which encoding a text file has: told by its bytes, or checked where it is declared."""

import codecs
import unicodedata
from collections.abc import Iterable

from charset_normalizer import CharsetMatch, from_bytes

from tasks.errors import BadInput
from tasks.ingest.places import Place
from tasks.ingest.streams import blocks, open_bytes

_MARKS = [  # UTF-32 first: its little-endian mark starts like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_LEGACY = [  # in order of preference among those that explain the bytes equally well
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "latin_1", "cp1250", "iso8859_2", "cp1251", "koi8_r",
    "cp1253", "cp1254", "cp1255", "cp1256",
]  # fmt: skip
_HEAD = 1 << 16
_SAMPLE = 1 << 16


def encoding_of(place: Place, declared: str) -> str:
    """The codec to read a local text file with; every byte of the file is known to fit it.

    Order: a byte order mark; the NUL pattern of UTF-16; a pass over the whole file as UTF-8; a guess among
    the usual national encodings from lines that are not ASCII, again held against the whole file.

    Args:
        declared: auto, or the codec that `ingest.encoding` names.

    Raises:
        BadInput: if the file does not fit the declared codec; says at which line and byte.
    """
    if declared != "auto":
        fault = _first_fault(place, declared)
        if fault is not None:
            raise BadInput(f"{place.name}, {fault}", f"text in {declared}", "a byte that has no place in it", _FIX)
        return declared
    with open_bytes(place) as file:
        head = file.read(_HEAD)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return _fitting(place, [codec])
    by_nuls = _utf16_of_ascii(head)
    candidates = [*([by_nuls] if by_nuls else []), "utf-8"]
    for codec in candidates:
        if _first_fault(place, codec) is None:
            return codec
    wide = _utf16_by_letters(head)
    return _fitting(place, [wide] if wide else [*_guesses(_not_ascii(place)), "latin_1"])


_FIX = "Declare the right one in ingest.encoding, or leave it at auto."


def _fitting(place: Place, candidates: Iterable[str]) -> str:
    fault: str | None = None
    codec = ""
    for codec in dict.fromkeys(candidates):
        fault = _first_fault(place, codec)
        if fault is None:
            return codec
    raise BadInput(f"{place.name}, {fault}", f"text in {codec}, as the file begins", "other bytes", _FIX)


def _first_fault(place: Place, codec: str) -> str | None:
    """Where the file first breaks the rules of a codec, as `line 3, byte 40`; None where it never does."""
    decoder = codecs.getincrementaldecoder(codec)()
    taken, line = 0, 1
    try:
        for block in blocks(place):
            taken += len(block)
            line += decoder.decode(block).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # The decoder's own object holds what was left of the last block, then this block.
        before = error.object[: error.start]
        line += before.decode(codec, "replace").count("\n")
        return f"line {line}, byte {taken - len(error.object) + error.start + 1}"
    except UnicodeError:  # utf-16 and utf-32 without their mark, where it is needed
        return "line 1, byte 1"
    return None


def _utf16_of_ascii(head: bytes) -> str | None:
    """UTF-16 without a mark, where the text is mostly ASCII: every second byte is NUL."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if half and even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _utf16_by_letters(head: bytes) -> str | None:
    """UTF-16 without a mark, where the text is not ASCII: read so, it holds line breaks and hardly a bad character."""
    if head.count(0) < 0.002 * len(head):
        return None
    worst = {codec: _bad_share(head[: len(head) // 2 * 2].decode(codec, "replace")) for codec in _WIDE}
    codec = min(_WIDE, key=lambda name: worst[name])
    return codec if worst[codec] < 0.01 else None


_WIDE = ("utf-16-le", "utf-16-be")


def _bad_share(text: str) -> float:
    if "\n" not in text:
        return 1.0
    bad = sum(c == "\ufffd" or (c not in "\r\n\t" and unicodedata.category(c) in _BAD) for c in text)
    return bad / len(text)


_BAD = {"Cc", "Cn", "Co", "Cs"}


def _not_ascii(place: Place) -> bytes:
    """Whole lines that hold bytes above 127, up to 64 KiB of them, from anywhere in the file."""
    whole: list[bytes] = []
    pieces: list[bytes] = []
    size = 0
    with open_bytes(place) as file:
        while size < _SAMPLE and (line := file.readline(_HEAD)):
            if line.isascii():
                continue
            if line.endswith(b"\n"):
                whole.append(line)
                size += len(line)
            elif len(pieces) < 2:  # of a very long line, in case there is nothing else; a cut may break a character
                pieces.append(line)
    return b"".join(whole or pieces)


def _guesses(sample: bytes) -> list[str]:
    """Codecs that may fit, best first, as charset-normalizer sees it.

    Among those that it finds about equally likely, the order of `_LEGACY` decides, so that a lone accented
    letter in English text is read as Western European.
    """
    matches = list(from_bytes(sample, steps=10, chunk_size=1024, cp_isolation=_LEGACY, preemptive_behaviour=False))
    if not matches:
        return []
    best = matches[0]
    close = {codec for match in matches if _about_equal(match, best) for codec in match.could_be_from_charset}
    return [codec for codec in _LEGACY if codec in close] + [match.encoding for match in matches]


def _about_equal(match: CharsetMatch, best: CharsetMatch) -> bool:
    return match.chaos <= best.chaos + 0.01 and match.coherence >= best.coherence - 0.02
