"""Runs the code of model cards where Regraft cannot be imported: `python -I card_alone.py TEXTS FOLDER ...`.

Each folder holds `models/selected/`, and gets `answers.json`: what each piece of code answers to the texts. Nothing but
Python's own library is imported here.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any


class Refuse:
    """Refuses to find what belongs to Regraft."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".", maxsplit=1)[0] in {"tasks", "flows"}:
            raise ImportError(f"{name} is part of Regraft")


def answers(card: str, texts: list[str]) -> list[dict[str, Any]]:
    """The classes, and the probabilities of the texts, as each piece of a card's code gives them."""
    found = []
    for code in re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL):
        names: dict[str, Any] = {}
        exec(compile(code, "the card", "exec"), names)
        rows = [[float(value) for value in row] for row in names["answer"](texts)]
        found.append({"labels": names["labels"], "probabilities": rows})
    return found


def main(arguments: list[str]) -> None:
    """Answers the texts of a JSON file with the card of each folder."""
    sys.meta_path.insert(0, Refuse())  # type: ignore[arg-type]
    texts = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    for folder in arguments[1:]:
        os.chdir(folder)
        card = Path("models/selected/README.md").read_text(encoding="utf-8")
        Path("answers.json").write_text(json.dumps(answers(card, texts)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
