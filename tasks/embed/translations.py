"""Back-translation: texts translated into another language and back."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tasks import encoder as encoders
from tasks import links, memory, pretrained, snapshots
from tasks.compute import Compute
from tasks.embed.batch_store import BatchStore
from tasks.embed.translate import Translate
from tasks.embed.translator import Translator
from tasks.errors import BadInput
from tasks.files import sha256
from tasks.progress import Progress, log

LIBRARIES = ("numpy", "tokenizers", "torch", "transformers")
"""Libraries that a translation depends on; `dvc.yaml` lists them for the stage too."""

WAYS = ("there", "back")


@dataclass(frozen=True)
class Wanted:
    """A copy of a row that is to be made by translation.

    Attributes:
        name: the row's id.
        number: which of the row's copies it is; beam search gives all of them the same translation.
        text: of the row.
    """

    name: str
    number: int
    text: str


class Translations:
    """Translations there and back: they are asked for one by one, and made many at a time.

    Args:
        folders: of the models, there and back.
        at: the parameter `translate`, for errors.
        store: of batches that were translated before.
    """

    def __init__(
        self, folders: Sequence[Path], at: str, params: Translate, compute: Compute, store: BatchStore
    ) -> None:
        self._at, self._params, self._compute, self._store = at, params, compute, store
        languages, prefixes = params.languages, params.prefixes or ["", ""]
        spoken = [None, None] if languages is None else [languages, languages[::-1]]
        self._translators = {
            way: Translator(folder, f"{at}.{way}", params, own, prefix, compute)
            for way, folder, own, prefix in zip(WAYS, folders, spoken, prefixes, strict=True)
        }
        self._made: dict[Wanted, str] = {}
        self._wanted: list[Wanted] = []

    def of(self, name: str, number: int, text: str) -> str | None:
        """The text for a row's copy; empty if nothing came back, None if it is not yet made, and then asked for."""
        wanted = Wanted(name, number if self._params.decoding == "sample" else 0, text)
        if wanted not in self._made:
            self._wanted.append(wanted)
        return self._made.get(wanted)

    def make(self) -> bool:
        """Makes what was asked for; returns whether anything was."""
        wanted = list(dict.fromkeys(self._wanted))
        if not wanted:
            self._store.finish()
            return False
        texts = [one.text for one in wanted]
        fix = "Lower it, or use a device with more memory."
        with memory.enough_for("so many tokens at once", f"{self._at}.batch_tokens", fix):
            for way in WAYS:
                texts = self._translated(way, texts, wanted)
        self._made |= zip(wanted, texts, strict=True)
        self._wanted = []
        return True

    def _translated(self, way: str, texts: list[str], wanted: Sequence[Wanted]) -> list[str]:
        """The texts, translated one way; of an empty one, a model would make something up."""
        translator, found = self._translators[way], [""] * len(texts)
        places = [place for place, text in enumerate(texts) if text.strip()]
        ids = translator.tokens([texts[place] for place in places])
        cut = sum(len(row) == self._params.max_tokens for row in ids)
        log(f"translating {len(ids):,} texts {way}; {cut:,} are as long as max_tokens, or cut there")
        progress, done = Progress(f"translating {way}", len(ids), "texts"), 0
        for group in encoders.batches([len(row) for row in ids], self._params.batch_tokens):
            batch = [ids[index] for index in group]
            seeds = [self._seed(way, wanted[places[index]]) for index in group]
            made = self._store.get([way, batch, seeds], partial(translator.translate, batch, seeds))
            for index, text in zip(group, made, strict=True):
                found[places[index]] = text
            done += len(group)
            progress.update(done)
        translator.put_away()
        return found

    def _seed(self, way: str, wanted: Wanted) -> int:
        """Of what is drawn for a copy; 0 where nothing is, so that equal batches are known as such."""
        if self._params.decoding == "beam":
            return 0
        written = f"{self._compute.seed} {way} {wanted.number} {wanted.name}"
        return int.from_bytes(hashlib.sha256(written.encode()).digest()[:7])


def prepare(root: Path, item: str, params: Translate, compute: Compute) -> Translations:
    """Finds the models that a feature set declares, and the batches that they translated before.

    Raises:
        BadInput: if a model cannot be used, or DVC looks at another one.
        TransientError: if a model of the hub is not in its cache, and the hub cannot be reached.
    """
    noted = root / links.TRANSLATORS / "libraries" / item
    if not noted.is_file() or noted.read_text(encoding="utf-8") != links.tokenizer_libraries():
        found = "other versions" if noted.is_file() else "none"
        raise BadInput(
            str(noted.relative_to(root)), "the versions of sentencepiece and sacremoses", found, links.REFRESH
        )
    folders = [
        pretrained.folder(root, links.TRANSLATORS / way / item, source)
        for way, source in zip(WAYS, (params.there, params.back), strict=True)
    ]
    digests = [{file.name: sha256(file) for file in sorted(folder.iterdir()) if file.is_file()} for folder in folders]
    key = snapshots.fingerprint(
        Path(__file__).parent, LIBRARIES, digests, params.model_dump(), asdict(compute), links.tokenizer_libraries()
    )
    store = BatchStore(snapshots.Snapshots(root / "scratch/embed" / item, key))
    return Translations(folders, f"features.{item}.augment.translate", params, compute, store)
