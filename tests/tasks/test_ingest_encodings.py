"""Encodings: told by the bytes, declared, or refused with the place of the fault."""

# ruff: noqa: RUF001  (the odd characters are the point)

from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.ingest.encodings import encoding_of
from tasks.ingest.places import Place
from tests.tasks.test_ingest import ingest, rows, source

CHINESE = [
    ("申请Ledgerline只读权限，一直没有人处理", "access"),
    ("仓库文员这个岗位挂出去四周，一份简历没收到，是不是内网链接失效了？", "hiring"),
    ("会议室的投影仪一直闪，下午三点要用，麻烦派人来看一下。", "facilities"),
    ("报销单提交了两周还没到账，能不能查一下进度？", "expenses"),
]
FRENCH = [
    ("Le mot de passe a été refusé à plusieurs reprises", "accès"),
    ("Où puis-je télécharger ma fiche de paie ?", "paie"),
    ("L'imprimante du troisième étage ne répond plus", "matériel"),
]
RUSSIAN = [("Не могу войти в личный кабинет", "доступ"), ("Когда придёт зарплата за май?", "зарплата")]
JAPANESE = [
    ("パスワードを忘れてしまいました。再設定をお願いします", "access"),
    ("給与明細がまだ届いていません", "payroll"),
]
KOREAN = [
    ("비밀번호를 잊어버렸습니다. 다시 설정해 주세요", "access"),
    ("급여 명세서가 아직 오지 않았습니다", "payroll"),
]
ENGLISH = [("Where is my password?", "access")] * 30 + [("The café receipt was lost", "expenses")]

CASES = [
    (CHINESE, "utf-8"),
    (CHINESE, "utf-8-sig"),
    (CHINESE, "gb18030"),
    (CHINESE, "utf-16"),
    (CHINESE, "utf-16-le"),
    (CHINESE, "utf-16-be"),
    (CHINESE, "utf-32"),
    (FRENCH, "latin-1"),
    (FRENCH, "cp1252"),
    (ENGLISH, "latin-1"),
    (ENGLISH, "utf-16-le"),
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8-r"),
    (JAPANESE, "shift_jis"),
    (JAPANESE, "euc-jp"),
    (KOREAN, "euc-kr"),
]


def _csv(pairs: list[tuple[str, str]]) -> str:
    return "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in pairs)


@pytest.mark.parametrize(("pairs", "codec"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_encoding_is_found(tmp_path: Path, pairs: list[tuple[str, str]], codec: str) -> None:
    ingest(tmp_path, sources=[source(tmp_path, "a.csv", _csv(pairs).encode(codec))])
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == pairs


@pytest.mark.parametrize(("declared", "codec"), [("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16"), ("big5", "big5")])
def test_declared_encoding_is_used_and_a_byte_order_mark_is_no_text(tmp_path: Path, declared: str, codec: str) -> None:
    pairs = [("密碼忘記了", "access"), ("薪資單", "payroll")]
    content = _csv(pairs).encode(codec)
    if declared == "utf-16-le" and not content.startswith(b"\xff\xfe"):
        pytest.fail("the case needs a mark")
    ingest(tmp_path, sources=[source(tmp_path, "a.csv", content)], encoding=declared)
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == pairs


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_in_another_encoding(tmp_path: Path, name: str) -> None:
    objects = [f'{{"text": "{text}", "label": "{label}"}}' for text, label in CHINESE]
    content = "[" + ",\n".join(objects) + "]" if name == "a.json" else "\n".join(objects)
    ingest(tmp_path, sources=[source(tmp_path, name, content.encode("utf-16"))])
    assert [(row["text"], row["label"]) for row in rows(tmp_path)] == CHINESE


def test_wrong_declared_encoding_names_line_and_byte(tmp_path: Path) -> None:
    name = source(tmp_path, "a.csv", "text,label\na,x\nbc\xe9,x\n".encode("latin-1"))
    with pytest.raises(BadInput) as caught:
        ingest(tmp_path, sources=[name], encoding="utf-8")
    assert str(caught.value).startswith(f"{name}, line 3, byte 18: expected text in utf-8")
    assert "ingest.encoding" in str(caught.value)


def test_place_of_a_fault_is_counted_over_blocks(tmp_path: Path) -> None:
    # The fault lies beyond the first block of 1 MiB, and a character is cut by the end of that block.
    before = "é" * 524_287 + "x\nab" + "\n" * 10
    path = tmp_path / "a.csv"
    path.write_bytes(before.encode() + b"\xff")
    with pytest.raises(BadInput, match=f"line 12, byte {len(before.encode()) + 1}:"):
        encoding_of(Place("a.csv", str(path)), "utf-8")


def test_file_cut_inside_a_character_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\n密".encode()[:-1])
    with pytest.raises(BadInput, match="line 2, byte 12"):
        encoding_of(Place("a.csv", str(path)), "utf-8")


def test_a_legacy_byte_far_into_the_file_is_found(tmp_path: Path) -> None:
    plain = "".join(f"plain row {number},x\n" for number in range(70_000))
    name = source(tmp_path, "a.csv", b"text,label\n" + plain.encode() + b"caf\xe9,x\n")
    ingest(tmp_path, sources=[name])
    assert rows(tmp_path)[-1]["text"] == "café"


def test_stray_nul_bytes_do_not_make_utf16(tmp_path: Path) -> None:
    content = "text,label\n" + "ok,x\n" * 10 + "b\0ad,x\n" + "été,x\n"
    for codec in ("utf-8", "latin-1"):
        root = tmp_path / codec
        ingest(root, sources=[source(root, "a.csv", content.encode(codec))])
        assert [row["text"] for row in rows(root)] == ["ok"] * 10 + ["été"]
