"""How a model, or the hashing embedder, sees a text as tokens."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragflow.embedding.surrogates import without_surrogates

_WORD = re.compile(r"\w+|[^\w\s]")
_ESTIMATED = re.compile(r"[A-Za-z]{1,4}|[0-9]{1,2}|[^\sA-Za-z0-9]")


class ModelTokenizer:
    """The tokens of a model, by the ``tokenizer.json`` that lies beside its weights.

    Never truncates and never pads, whatever the file asks for. A half of a surrogate pair,
    which no text should hold, is read as U+FFFD, the sign for what could not be read. Safe to
    use from several threads.
    """

    def __init__(self, file: Path, *, limit: int, prompt: str = "") -> None:
        """Read `file`; `prompt` is put before every text and counts as special tokens."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before, self._after = _template(self._tokenizer)
        #: The most tokens the model reads, special tokens included.
        self.limit = limit
        #: Special tokens the model adds to every text, and the tokens of the prompt.
        self.special = len(self._before) + len(self._after) + self.count(prompt)
        #: Whether blanks part its tokens, as they do where BERT's rules make them.
        self.by_words = _is_by_words(self._tokenizer)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the character span of each token of `text`, in order, no special tokens."""
        offsets: list[tuple[int, int]] = self._encode(text).offsets
        return offsets

    def count(self, text: str) -> int:
        """Return how many tokens `text` has, without special tokens."""
        try:
            # It skips where each token lies, a sixth of the work.
            [encoding] = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        except TypeError:
            encoding = self._encode(text)
        return len(encoding.ids)

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids a model is given for each text: with special tokens, cut to `limit`."""
        whole = [without_surrogates(text) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(whole, add_special_tokens=False)
        room = self.limit - len(self._before) - len(self._after)
        return [[*self._before, *encoding.ids[:room], *self._after] for encoding in encodings]

    def _encode(self, text: str) -> Any:
        try:
            return self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            return self._tokenizer.encode(without_surrogates(text), add_special_tokens=False)


class WordTokenizer:
    """Words and single marks, as the hashing embedder reads them; no special tokens."""

    _token = _WORD
    #: Blanks part its tokens.
    by_words = True

    def __init__(self, *, limit: int, prompt: str = "") -> None:
        #: The most tokens that are read.
        self.limit = limit
        #: Tokens of the prompt that is put before every text.
        self.special = self.count(prompt)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the character span of each token of `text`, in order."""
        return [match.span() for match in self._token.finditer(text)]

    def count(self, text: str) -> int:
        """Return how many tokens `text` has."""
        return len(self._token.findall(text))

    def words(self, text: str) -> list[str]:
        """Return the tokens of `text`, in order."""
        return _WORD.findall(text)


class TokenEstimate(WordTokenizer):
    """Stands in where a model's own tokenizer is not at hand: counts rather more than it would.

    Four Latin letters are a token, two digits, or one of anything else but white space.
    """

    _token = _ESTIMATED


def _is_by_words(tokenizer: Any) -> bool:
    rules = (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)
    if [type(rule).__name__ for rule in rules] != [
        "BertNormalizer",
        "BertPreTokenizer",
        "WordPiece",
    ]:
        return False
    # One that takes the blanks beside it reaches out of its word.
    added = tokenizer.get_added_tokens_decoder().values()
    return not any(
        token.lstrip or token.rstrip or token.content.split() != [token.content] for token in added
    )


def _template(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that go before and after every text."""
    ids = tokenizer.encode("").ids
    encoding = tokenizer.encode("a")
    before = list(encoding.special_tokens_mask).index(0)
    return ids[:before], ids[before:]
