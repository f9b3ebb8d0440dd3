"""`python -m tasks STAGE [ITEM]`: runs one stage in this process.

Exit codes: 0 done, 1 a fault of the program, 2 something that the user can mend, 75 worth a retry.
"""

import errno
import importlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path

from tasks import links
from tasks.errors import RegraftError, TransientError
from tasks.records import Record

DONE, FAULT, BAD_INPUT, RETRY = 0, 1, 2, 75  # 75 is EX_TEMPFAIL of sysexits.h

_WHAT_TO_DO = {
    errno.ENOSPC: "no space is left. Free some (`dvc gc -w` removes what no present stage uses), then run again.",
    errno.EDQUOT: "the disk quota is used up. Free some space, then run again.",
    errno.EACCES: "permission was refused. Make the folder writable for this user, then run again.",
    errno.EPERM: "the operation is not permitted. Make the folder writable for this user, then run again.",
    errno.EROFS: "the file system is read-only. Use a workspace that can be written to.",
}

# Not every library passes the number on: NumPy counts what it wrote, safetensors quotes the message.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written|No space left on device|os error 28\b|File too large")


def main(arguments: list[str]) -> int:
    """Runs the stage named by `arguments` in the current folder and returns the exit code."""
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print("usage: python -m tasks STAGE [ITEM]", file=sys.stderr)
        return BAD_INPUT
    stage, item = arguments[0], (arguments[1] if len(arguments) == 2 else None)
    if importlib.util.find_spec(f"tasks.{stage}") is None or not (Path(__file__).parent / stage).is_dir():
        print(f"error: there is no stage {stage!r}; dvc.yaml names the stages", file=sys.stderr)
        return BAD_INPUT
    try:
        _run(Path.cwd(), stage, item)
    except Exception as error:  # every failure becomes an exit code; what the user cannot mend keeps its traceback
        message, code = _explain(error, stage)
        if message is None:
            traceback.print_exc()
        else:
            print(f"error: {message}", file=sys.stderr)
        return code
    return DONE


def _run(root: Path, stage: str, item: str | None) -> None:
    links.check(root)
    with Record(root, stage if item is None else f"{stage}@{item}") as record:
        importlib.import_module(f"tasks.{stage}.stage").run(root, item, record)


def _explain(error: Exception, stage: str) -> tuple[str | None, int]:
    """What to tell the user, None if only a traceback helps, and the exit code."""
    if isinstance(error, TransientError):
        return str(error), RETRY
    if isinstance(error, RegraftError):
        return str(error), BAD_INPUT
    if isinstance(error, MemoryError):
        return "out of memory. Lower the stage's batch size, or use a machine with more.", BAD_INPUT
    number = errno.ENOSPC if _SHORT_WRITE.search(str(error)) else getattr(error, "errno", None)
    if number in _WHAT_TO_DO:
        return f"{getattr(error, 'filename', None) or stage}: {_WHAT_TO_DO[number]}", BAD_INPUT
    return None, FAULT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
