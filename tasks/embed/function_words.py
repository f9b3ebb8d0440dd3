"""Words that no other word can stand for: negations, and those that hold a sentence together."""

from functools import lru_cache

# A neighbour in a space of word vectors turns these round (not: always) or breaks the sentence. scikit-learn's list of
# stop words holds the other English ones.
_ENGLISH = """
aint arent didnt doesnt dont hadnt havent isnt neednt shouldnt wasnt werent wont wouldnt
barely scarcely seldom rarely nope nay lack lacks lacking lest unless
"""
_CHINESE = """
的 地 得 之 了 着 著 过 過 们 們 个 個 是 在 有 会 會 能 可以 必须 必須 应该 應該 要 只 才 就 都 也 还 還 又 再
很 太 更 最 已 已经 已經 正在 曾 将 將 把 被 让 讓 给 給 对 對 从 從 到 向 往 于 於 以 为 為 为了 為了 由 比 跟
和 与 與 及 以及 或 或者 而 而且 但 但是 可是 因为 因為 所以 因此 如果 要是 虽然 雖然 然后 然後 那么 那麼 其
这 這 那 这个 這個 那个 那個 这些 這些 那些 这里 這裡 那里 那裡 哪 哪里 哪裡 谁 誰 什么 什麼 怎么 怎麼 怎样 怎樣
为什么 為什麼 多少 几 幾 我 你 您 他 她 它 我们 我們 你们 你們 他们 他們 她们 她們 它们 它們 咱们 咱們 自己
吗 嗎 呢 吧 啊 呀 嘛 请 請
"""
_CHINESE_NEGATIONS = frozenset("不没沒别別未无無非勿莫甭否")


def is_replaceable(word: str) -> bool:
    """Whether another word may stand for this one, and this one be put in where it was not.

    Not for stop words (as in Wei and Zou 2019, "EDA", section 2), negations (Chinese ones also as a part of a word) and
    words with an apostrophe, which are nearly all of them one of both (`don't`, `we're`); nor for numbers.

    Args:
        word: in lower case.
    """
    if not any(map(str.isalpha, word)) or "'" in word or "\u2019" in word:
        return False
    return word not in _fixed() and not _CHINESE_NEGATIONS.intersection(word)


@lru_cache(maxsize=1)
def _fixed() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset([*ENGLISH_STOP_WORDS, *_ENGLISH.split(), *_CHINESE.split()])
