"""`python -m benchmarks [NAME [ARGUMENT ...]]`: runs one benchmark, or all of them."""

import importlib
import sys
import traceback

NAMES = (
    "doors",
    "embedding",
    "quality",
    "textbook",
    "fewshot",
    "lora",
    "frozen",
    "adaptation",
    "domains",
    "distillation",
    "quantized",
    "ladder",
    "gate",
    "labels",
    "calibration",
    "scheduled",
    "batch",
    "demo",
)


def main(words: list[str]) -> None:
    """Runs the benchmark that the first word names, with the other words; all benchmarks where there is none.

    All run even if one falls short or fails.

    Raises:
        SystemExit: if there is none of that name, or one falls short or fails.
    """
    names, arguments = words[:1] or NAMES, words[1:]
    failed = []
    for name in names:
        if name not in NAMES:
            sys.exit(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
        print(f"== {name}", flush=True)
        try:
            importlib.import_module(f"benchmarks.{name}").main(arguments)
        except SystemExit as error:
            failed.append(f"{name}: {error}")
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{name}: {type(error).__name__}: {error}")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
