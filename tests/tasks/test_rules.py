"""Cleaning rules: what each does, their order, and that they travel as JSON."""

# ruff: noqa: RUF001  (the odd characters are the point)

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.block import parse
from tasks.errors import ParamsError
from tasks.rules import Rules

OFF = {"unicode": "none", "control": False, "spaces": False}

CASES = [
    ({"html": True}, "<p>Fish &amp; chips</p><script>x=1</script><!-- no -->!", " Fish & chips   !"),
    ({"html": True}, "a < b and 3 > 2", "a < b and 3 > 2"),
    ({"unicode": "NFC"}, "e\u0301ﬁ", "éﬁ"),
    ({"unicode": "NFKC"}, "e\u0301ﬁＡ", "éfiA"),
    ({"control": True}, "a\x00\u200bb\x0bc\td\ne\ufeff", "ab c\td\ne"),
    ({"control": True}, "\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ({"full_width": True}, "ＡＢＣ　１２！中，", "ABC 12!中,"),
    ({"simplified": True}, "電腦無法連線", "电脑无法连线"),
    ({"urls": "token"}, "see https://a.b/c?d=1 or www.x.org。", "see URL or URL。"),
    ({"urls": "remove"}, "see https://a.b/c now", "see  now"),
    ({"emails": "token"}, "write to jo.doe+x@mail.example.org.", "write to EMAIL."),
    ({"mentions": "token"}, "@sam_1 ask jo@x.org", "USER ask jo@x.org"),
    ({"lower": True}, "ÄBC Straße", "äbc straße"),
    ({"digits": "zero"}, "room 42, ４２, ٣", "room 00, 00, 0"),
    ({"digits": "remove"}, "room 42", "room "),
    ({"segment": "auto"}, "用iPhone手机打開，真好！", "用 iPhone 手机 打開，真 好！"),
    ({"segment": "characters"}, "用iPhone手机打開，真好！", "用 iPhone 手 机 打 開，真 好！"),
    ({"segment": "characters"}, "これは日本語", "これは日本語"),
    ({"segment": "characters", "own_stop_words": ["酒店", "的"]}, "目的是酒店", "目  是 "),
    ({"stop_words": "english"}, "The cat can't see the hat", " cat can't   hat"),
    ({"own_stop_words": ["的", "foo"]}, "我的foo Foo food", "我foo  food"),
    ({"punctuation": True}, "a,b。$5 (😀) c’d", "a b  5  😀  c d"),
    ({"squeeze": True}, "sooooo 1000 good!!!!", "soo 1000 good!!"),
    ({"spaces": True}, "  a \t\n b\u3000c ", "a b c"),
]


@pytest.mark.parametrize(("switch", "text", "expected"), CASES, ids=lambda value: str(value)[:24])
def test_one_rule_does_what_it_says_and_nothing_else(switch: dict[str, object], text: str, expected: str) -> None:
    assert parse(Rules, {**OFF, **switch}).apply(text) == expected


def test_every_switch_has_a_case() -> None:
    assert set(Rules.model_fields) == {name for switch, _, _ in CASES for name in switch}


def test_defaults_are_light() -> None:
    text = "Call  <b>Jo</b> at 5!\x07 e\u0301, see https://a.b"
    assert Rules().apply(text) == "Call <b>Jo</b> at 5! é, see https://a.b"


def test_order_markup_before_addresses_before_punctuation() -> None:
    rules = Rules(html=True, urls="token", lower=True, punctuation=True)
    assert rules.apply("<a href='x'>https://a.b/c</a>&nbsp;Go!") == "url go"


CHINESE = "我来到北京清华大学"


@pytest.mark.parametrize(
    ("text", "auto", "chinese"),
    [
        (CHINESE, "我 来到 北京 清华大学", "我 来到 北京 清华大学"),
        ("Reset my password, é!", "Reset my password, é!", "Reset my password, é!"),
        ("北京の天气", "北京の天气", "北京 の 天气"),
        ("ｶﾀｶﾅ日本語", "ｶﾀｶﾅ日本語", "ｶﾀｶﾅ 日本 語"),
        ("서울 北京大学来", "서울 北京大学来", "서울 北京大学 来"),
        ("米・奇老鼠", "米・奇 老鼠", "米・奇 老鼠"),  # a katakana dot, as in Chinese texts
        ("房间5号,wifi好", "房间 5 号,wifi 好", "房间 5 号,wifi 好"),
    ],
)
def test_only_chinese_is_cut_into_words(text: str, auto: str, chinese: str) -> None:
    assert Rules(segment="auto").apply(text) == auto
    assert Rules(segment="chinese").apply(text) == chinese
    assert Rules().apply(text) == text


def test_characters_are_made_simple_before_words_are_looked_for() -> None:
    assert Rules(segment="auto", simplified=True).apply("電腦無法連線") == "电脑 无法 连线"
    assert Rules(segment="auto", full_width=True).apply("ＡＢＣ　酒店１２号") == "ABC 酒店 12 号"


@pytest.mark.parametrize("segment", ["auto", "chinese"])
def test_own_stop_words_are_whole_words_where_text_is_cut(segment: str) -> None:
    rules = parse(Rules, {"segment": segment, "own_stop_words": ["的", "我", "酒店环境", "foo"]})
    # 的 within 目的 stays; 酒店环境 is two words for jieba.
    assert rules.apply("我的目的是酒店环境foo") == "目的 是"


def test_own_stop_words_go_wherever_they_stand_in_text_that_is_not_cut() -> None:
    rules = Rules(segment="auto", own_stop_words=["日本"])
    assert rules.apply("これは日本語") == "これは語"


def test_long_repeats_are_shortened_before_words_are_looked_for() -> None:
    rules = Rules(segment="auto", squeeze=True, own_stop_words=["哈哈"])
    assert rules.apply("哈哈哈哈哈，酒店") == "，酒店"


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF)))
def test_text_without_han_is_never_touched_by_segmentation(text: str) -> None:
    for segment in ("auto", "chinese", "characters"):
        assert Rules(segment=segment).apply(text) == Rules().apply(text)


def test_counts_only_rows_that_a_rule_changed() -> None:
    rules = Rules(lower=True)
    touched: dict[str, int] = {}
    texts = ["a", "A", "b  B"]
    assert [rules.apply_counting(text, touched) for text in texts] == [rules.apply(text) for text in texts]
    assert touched == {"lower": 2, "spaces": 1}


def test_travels_as_json() -> None:
    rules = Rules(html=True, digits="zero", own_stop_words=["foo"], stop_words="english")
    assert rules.apply("x")
    again = parse(Rules, json.loads(json.dumps(rules.model_dump())))
    assert again.model_dump() == rules.model_dump()
    assert again.apply("<i>Foo 12 the bar</i>") == rules.apply("<i>Foo 12 the bar</i>") == "00 bar"


def test_refuses_empty_stop_words_and_unknown_rules() -> None:
    with pytest.raises(ParamsError, match="not empty"):
        parse(Rules, {"own_stop_words": [" "]})
    with pytest.raises(ParamsError, match="emoji"):
        parse(Rules, {"emoji": True})


@settings(deadline=None, derandomize=True, database=None)
@given(st.text())
def test_defaults_are_stable_and_leave_no_odd_space(text: str) -> None:
    once = Rules().apply(text)
    assert Rules().apply(once) == once
    assert once == once.strip()
    assert "  " not in once
    assert unicodedata.is_normalized("NFC", once)
