"""The front matter of a model card: YAML in the form of the Hugging Face hub."""

import io
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML

from tasks.select.examination import Examination
from tasks.select.parts import Part

_LIBRARIES = {
    "sklearn": "skops",
    "network": "sentence-transformers",
    "vectors": "sentence-transformers",
    "onnx": "onnx",
}


def write(describe: dict[str, Any], parts: Sequence[Part], examination: Examination) -> str:
    """The lines between the dashes.

    Args:
        describe: the model's `candidate.json`.
        parts: the models that it is made of.
    """
    libraries = sorted({_LIBRARIES[part.card["family"]] for part in parts})
    kinds = {"accuracy": "accuracy", "macro_f1": "f1"}
    metrics = [
        {"type": kind, "name": f"test {name}", "value": round(examination.measures[name], 4)}
        for name, kind in kinds.items()
    ]
    result = {
        "task": {"type": "text-classification"},
        "dataset": {"name": "test split of the owner's data", "type": "own", "split": "test"},
        "metrics": metrics,
    }
    front = {
        # Of an ensemble of unlike models no single library loads all.
        **({"library_name": libraries[0]} if len(libraries) == 1 else {}),
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "regraft"],
        "metrics": list(kinds.values()),
        "model-index": [{"name": describe["name"], "results": [result]}],
    }
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(front, stream)
    return stream.getvalue()
