"""What a module imports, read from its source: also what is imported inside functions."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent


def modules(path: Path) -> set[str]:
    """The dotted names that a file imports; of `from a import b` both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def file_of(module: str) -> Path | None:
    """The file of a module of this project, None for anything else."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def closure(*start: Path) -> set[Path]:
    """All files of the project that importing `start` can lead to, packages' `__init__` included."""
    reached: set[Path] = set()
    todo = list(start)
    while todo:
        path = todo.pop()
        if path in reached:
            continue
        reached.add(path)
        for module in modules(path):
            parts = module.split(".")
            names = [".".join(parts[: count + 1]) for count in range(len(parts))]
            todo += [file for name in names if (file := file_of(name)) is not None]
    return reached


def third_party(files: set[Path]) -> set[str]:
    """The top-level names outside the project and the standard library that the files import."""
    import sys

    names = {module.split(".")[0] for path in files for module in modules(path)}
    return {name for name in names if name not in sys.stdlib_module_names and file_of(name) is None}
