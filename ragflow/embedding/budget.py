"""How many tokens does a text cost at a large language model?"""

import hashlib
import importlib.util
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ragflow.embedding.surrogates import without_surrogates
from ragflow.errors import NotFoundError, UsageError


class LlmBudget:
    """Counts tokens as tiktoken does; a `Tokenizer`, so chunks can be measured with it.

    Never opens a connection: the vocabulary is read from where tiktoken keeps it. One encoding
    serves many models; so where no `limit` is given, `cut` needs a size. Text that spells a
    special token counts as plain text. Safe to use from several threads.
    """

    def __init__(self, encoding: str = "cl100k_base", *, limit: int = 0, prompt: str = "") -> None:
        """Open an encoding by its name, not that of a model.

        `prompt` is put before every text and counts as special tokens. Raises `NotFoundError`
        for a name that tiktoken does not know and `UsageError` when its vocabulary is not on
        this machine.
        """
        self._encoding = _open(encoding)
        #: Its tokens take the blank before a word with them.
        self.by_words = False
        #: The most tokens a model reads; 0 where none is known.
        self.limit = limit
        #: A model's own special tokens belong to its chat format, not to a text.
        self.special = self.count(prompt)

    def count(self, text: str) -> int:
        """Return how many tokens `text` has."""
        return len(self._encoding.encode_ordinary(without_surrogates(text)))

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the character span of each token of `text`, in order.

        A token that is a part of a character has the span of that character.
        """
        text = without_surrogates(text)
        tokens = self._encoding.encode_ordinary(text)
        starts = self._encoding.decode_with_offsets(tokens)[1]
        ends = [*starts[1:], len(text)][: len(starts)]
        return [(start, max(end, start + 1)) for start, end in zip(starts, ends, strict=True)]


def _open(name: str) -> Any:
    import tiktoken

    encodings = _copy_of("tiktoken_ext.openai_public")
    loading = _copy_of("tiktoken.load")
    # tiktoken fetches what it does not find. In these copies, which only this call sees, the
    # function that would do it refuses, and everything else works as it is documented to.
    loading.__dict__["read_file"] = _refuse
    for function in ("load_tiktoken_bpe", "data_gym_to_mergeable_bpe_ranks"):
        encodings.__dict__[function] = getattr(loading, function)
    known: dict[str, Any] = encodings.ENCODING_CONSTRUCTORS
    if name not in known:
        raise NotFoundError(
            f"encoding {name!r} is not known",
            hint=f"known encodings: {', '.join(sorted(known))}",
        )
    return tiktoken.Encoding(**known[name]())


def _refuse(address: str) -> bytes:
    key = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    raise UsageError(
        f"the vocabulary {address.rpartition('/')[2]!r} is not on this machine",
        hint=f"download {address} as {key} into a folder and set TIKTOKEN_CACHE_DIR to it",
    )


def _copy_of(name: str) -> ModuleType:
    """Return a module as if it were imported for the first time, known to nobody else."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise UsageError(f"module {name!r} of tiktoken is missing", hint="pip install tiktoken")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
