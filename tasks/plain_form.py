"""The form of a text by which copies of it are known."""

import unicodedata


def plain_form(text: str) -> str:
    """A text without all that a copy of it may differ in: case, punctuation, white space, Unicode compatibility forms.

    Punctuation stays where there is nothing else.
    """
    spaceless = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return "".join(one for one in spaceless if not unicodedata.category(one).startswith("P")) or spaceless
