"""`python -m benchmarks [NAME ...]`: runs the benchmarks named, or all of them."""

import importlib
import sys

NAMES = ("doors", "embedding", "banking77")


def main(names: list[str]) -> None:
    """Runs benchmarks by name.

    Raises:
        SystemExit: if there is none of that name.
    """
    for name in names or NAMES:
        if name not in NAMES:
            sys.exit(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
