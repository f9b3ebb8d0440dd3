"""A network over words or tokens, loaded from its ONNX file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks import encoder as encoders
from tasks.errors import BadInput

_PAD, _UNKNOWN = 0, 1
_WORD_BUDGET = 4096  # words or tokens a batch, padding included


class TextNetwork:
    """A tokenizer from texts to ids of words or tokens, and a network from ids to logits, on the CPU.

    Args:
        folder: holds `tokenizer.json` and `model.onnx` (see tasks/onnx_export.py).
        threads: CPU threads that it may use.

    Raises:
        BadInput: if a file is missing or broken.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.use_deterministic_compute = True
        self._tokenizer = _opened(folder / "tokenizer.json", lambda path: Tokenizer.from_file(str(path)))
        self._session = _opened(
            folder / "model.onnx",
            lambda path: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]),
        )
        padding = self._tokenizer.padding
        self._pad = _PAD if padding is None else int(padding["pad_id"])
        self._tokenizer.no_padding()  # each batch is padded below, to its own longest row
        inputs = self._session.get_inputs()
        self._inputs = [one.name for one in inputs]
        self._one_row = inputs[0].shape[0] == 1

    def logits(self, texts: Sequence[str], report: Callable[[int], Any] = lambda done: None) -> npt.NDArray[np.float32]:
        """Logits [texts, classes], computed in batches of texts of like length, or one by one where the file wants it.

        Args:
            report: called with the number of texts done so far.
        """
        # A text without any word is one unknown word, as in the feature set. (Of an encoder none is without tokens.)
        ids = [encoding.ids or [_UNKNOWN] for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        found = np.empty((len(ids), self._session.get_outputs()[0].shape[1]), dtype=np.float32)
        done = 0
        for group in encoders.batches([len(row) for row in ids], 1 if self._one_row else _WORD_BUDGET):
            rows = [ids[index] for index in group]
            lengths = np.array([len(row) for row in rows])
            mask = np.arange(lengths.max())[None, :] < lengths[:, None]
            padded = np.full(mask.shape, self._pad, dtype=np.int64)
            padded[mask] = np.concatenate(rows)
            # A few encoders have no use for the mask, and so no such input.
            given = dict(zip(self._inputs, (padded, mask.astype(np.int64)), strict=False))
            found[group] = self._session.run(["logits"], given)[0]
            done += len(group)
            report(done)
        return found


def _opened(path: Path, load: Callable[[Path], Any]) -> Any:
    # Both libraries raise classes of their own for each way in which a file can be broken, which share no base but
    # Exception.
    try:
        return load(path)
    except Exception as error:
        found = " ".join(str(error).split()) if path.is_file() else "no such file"
        raise BadInput(str(path), "a file that Regraft wrote", found, "Run `regraft run` to make it anew.") from None
