"""A sequence-to-sequence model that translates texts."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from tasks import encoder as encoders
from tasks import memory, pretrained
from tasks.compute import Compute
from tasks.embed.translate import Translate
from tasks.encoder import Ids
from tasks.errors import BadInput

_WHAT = "a sequence-to-sequence model"
_LEAST = 1e-30  # of what is drawn, so that no logarithm of it is infinite


class Translator:
    """Translates texts one way.

    The network is loaded when the first text is translated, as all may have been before.

    Args:
        folder: of the model, in the form of transformers.
        key: of the parameter that names it, for errors.
        languages: the texts' language and that of their translations, for a model of many.
        prefix: what is written before each text.

    Raises:
        BadInput: if the folder holds no such model, no tokenizer that can be loaded, or the model does not know the
            languages, or has no room for so many tokens.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        params: Translate,
        languages: Sequence[str] | None,
        prefix: str,
        compute: Compute,
    ) -> None:
        self._folder, self._key, self._params, self._prefix, self._compute = folder, key, params, prefix, compute
        _check(folder, key)
        limit = encoders.max_positions(folder)
        if params.max_tokens > limit:
            fix = "Lower `max_tokens` of translate."
            raise BadInput(key, f"positions for {params.max_tokens} tokens", f"only {limit}", fix)
        self._tokenizer = _open_tokenizer(folder, key)
        self._language = self._speak(languages)
        self._network: Any = None

    def tokens(self, texts: Sequence[str]) -> Ids:
        """The ids of each text's tokens, with the prefix, cut to `max_tokens`."""
        if not texts:
            return []
        written = [self._prefix + text for text in texts]
        limit = self._params.max_tokens
        found = self._tokenizer(written, truncation=True, max_length=limit, return_attention_mask=False, verbose=False)
        return [list(row) for row in found["input_ids"]]

    def translate(self, ids: Ids, seeds: Sequence[int]) -> list[str]:
        """The translations of texts, as one batch.

        Args:
            ids: as `tokens` gives them.
            seeds: of what is drawn for each, where tokens are drawn.
        """
        if self._network is None:
            self._network = self._load()
        padded, mask = encoders.pad(ids, self._tokenizer.pad_token_id or 0)
        mask = torch.ones_like(padded) if mask is None else mask
        device = self._compute.device
        with torch.inference_mode():
            found = self._network.generate(padded.to(device), attention_mask=mask.to(device), **self._decoding(seeds))
        return [str(text).strip() for text in self._tokenizer.batch_decode(found, skip_special_tokens=True)]

    def put_away(self) -> None:
        """Gives the network's memory back until it is used again."""
        self._network = None
        memory.release()

    def _decoding(self, seeds: Sequence[int]) -> dict[str, Any]:
        """What is asked of `generate`; the rest stands in the model's own `generation_config.json`."""
        asked: dict[str, Any] = {
            "max_new_tokens": self._params.max_tokens,
            "do_sample": False,
            "num_beams": self._params.beams,
            "num_return_sequences": 1,
            "return_dict_in_generate": False,
        }
        if self._params.decoding == "sample":
            drawn = _Drawn(self._params.temperature, seeds)
            asked |= {"num_beams": 1, "logits_processor": LogitsProcessorList([drawn])}
        # A model of one pair may start with the language already.
        if self._language not in (None, self._network.generation_config.decoder_start_token_id):
            asked["forced_bos_token_id"] = self._language
        return asked

    def _speak(self, languages: Sequence[str] | None) -> int | None:
        """Tells the tokenizer the language of the texts; returns the token that starts a translation."""
        where = f"{self._key.rpartition('.')[0]}.languages"
        knows = hasattr(type(self._tokenizer), "src_lang")
        if languages is None:
            if knows:
                fix = "Write the texts' own language and the other one, as the model's card calls them."
                raise BadInput(where, "two languages, as the model knows many", "none", fix)
            return None
        if not knows:
            found = f"a tokenizer that takes none ({type(self._tokenizer).__name__})"
            raise BadInput(where, "a model of many languages", found, "Leave `languages` out, or name another model.")
        numbers = [self._number(where, code) for code in languages]
        self._tokenizer.src_lang = languages[0]
        return numbers[1]

    def _number(self, where: str, code: str) -> int:
        """The token of a language."""
        try:
            # M2M100 writes its codes in another way than its tokens.
            get = getattr(self._tokenizer, "get_lang_id", self._tokenizer.convert_tokens_to_ids)
            number = get(code)
        except KeyError:
            number = None
        if number is None or number == self._tokenizer.unk_token_id:
            raise BadInput(where, "languages that the model knows", repr(code), "See the codes on the model's card.")
        return int(number)

    def _load(self) -> Any:
        from transformers import AutoModelForSeq2SeqLM
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            network, told = AutoModelForSeq2SeqLM.from_pretrained(
                self._folder,
                dtype=torch.bfloat16 if self._compute.precision == "bfloat16" else torch.float32,
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        except (ValueError, KeyError, OSError) as error:
            raise BadInput(self._key, f"{_WHAT} that transformers loads", _short(error), _fix(self._key)) from None
        if told["missing_keys"]:  # would be drawn at random
            found = f"none for {', '.join(sorted(told['missing_keys'])[:3])}"
            raise BadInput(self._key, f"all weights of {_WHAT}", found, _fix(self._key))
        network.generation_config.max_length = None  # max_new_tokens says it
        return network.to(self._compute.device).eval()


class _Drawn(LogitsProcessor):
    """Adds noise to logits, so that the largest of them is a draw from their distribution (the Gumbel-max trick).

    What is drawn for a text depends on its seed alone, and not on the texts beside it, as with the library's own draws.
    (Maddison, Tarlow and Minka 2014, "A* Sampling", section 2.)
    """

    def __init__(self, temperature: float, seeds: Sequence[int]) -> None:
        self._temperature = temperature
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Returns logits [texts, tokens] with noise."""
        drawn = [torch.empty(scores.shape[1]).exponential_(generator=generator) for generator in self._generators]
        noise = torch.stack(drawn).clamp_min(_LEAST).log().to(scores.device)
        return scores.float() / self._temperature - noise


def _check(folder: Path, key: str) -> None:
    from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, AutoConfig

    pretrained.check(folder, _WHAT, _fix(key))
    try:
        config: Any = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (ValueError, KeyError, OSError) as error:
        raise BadInput(key, f"{_WHAT} that transformers knows", _short(error), _fix(key)) from None
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise BadInput(key, f"{_WHAT}, such as Marian, M2M100, NLLB, mBART or T5", config.model_type, _fix(key))


def _open_tokenizer(folder: Path, key: str) -> Any:
    try:
        return encoders.open_tokenizer(folder)
    except (BadInput, TypeError, RuntimeError) as error:
        # Of the many words that transformers has for it, none tells what to do.
        if find_spec("sentencepiece") is None and [*folder.glob("*.spm"), *folder.glob("*.model")]:
            fix = "Run `pip install sentencepiece` (the extra `translation` of Regraft has it)."
            raise BadInput(key, "the library sentencepiece, which the model's tokenizer needs", "none", fix) from None
        found = error.found if isinstance(error, BadInput) else _short(error)
        raise BadInput(key, "a model with a tokenizer that transformers loads", found, _fix(key)) from None


def _fix(key: str) -> str:
    return f"Correct {key}."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
