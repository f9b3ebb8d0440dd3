"""Templates: pages and Markdown files made of facts."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from tasks.select import wording

_MARKDOWN_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_|[]~"})


def render(name: str, **facts: Any) -> str:
    """Fills a template of this folder.

    In `.html` every value is escaped; in `.md` values that users gave must pass the filter `plain`.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "breakable": breakable,
        "plain": plain,
        "measure": wording.measure,
        "signed": wording.signed,
        "extra": wording.extra,
        "percent": wording.percent,
        "share": wording.share,
        "p_value": wording.p_value,
        "significant": wording.significant,
        "duration": wording.duration,
        "plain_name": wording.name,
    }
    return environment.get_template(name).render(**facts)


def plain(value: object) -> str:
    """Text that stands in Markdown (also in a table) as it is: no markup, no HTML, one line."""
    return str(escape(" ".join(str(value).split()))).translate(_MARKDOWN_SPECIAL)


def breakable(label: str) -> Markup:
    """A label for HTML that may go on in the next line after an underscore or a slash."""
    return Markup("<wbr>").join(escape(part) for part in re.findall(r"[^_/]*[_/]|[^_/]+", label))
