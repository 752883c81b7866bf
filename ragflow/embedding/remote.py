"""The embedder that asks an endpoint: vLLM, Infinity, TEI, Ollama, OpenAI and others.

They speak one protocol, the ``/embeddings`` of OpenAI:
https://developers.openai.com/api/reference/resources/embeddings
"""

import base64
import binascii
import re
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from ragflow.documents import Vector
from ragflow.embedding.halves import to_vectors
from ragflow.embedding.model_spec import EndpointSpec, ModelSpec
from ragflow.embedding.remote_http import Answer, Line
from ragflow.embedding.surrogates import without_surrogates
from ragflow.embedding.tokenizer import TokenEstimate
from ragflow.errors import EndpointError, ParameterError, UsageError
from ragflow.interfaces.ingestion import EmbedKind, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEY = re.compile(r"[!-~]*")


class _Embedded(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Embeddings(msgspec.Struct):
    data: list[_Embedded]
    usage: Any = None


class RemoteEmbedder:
    """Asks an endpoint for vectors, several texts at a time.

    One call sends as many requests as its texts need, one after another; calls in several
    threads go on side by side. Tries nothing again itself: what may pass (no connection, no
    answer in time, too many requests, an endpoint that is overloaded) is raised as what it is,
    with what the endpoint says of when to ask again, and the scheduler tries again.
    """

    #: Nothing is computed here.
    device = "remote"

    def __init__(self, spec: ModelSpec, *, key: str = "", tokenizer: Tokenizer) -> None:
        """Open nothing yet; `key` is what the endpoint asks for, and is kept in memory alone.

        Raises `UsageError` for a key that is missing or cannot be one.
        """
        assert spec.endpoint is not None
        self._spec = spec
        self._endpoint: EndpointSpec = spec.endpoint
        key = key.strip()
        if self._endpoint.secret and not key:
            raise UsageError(
                f"model {spec.name!r} was opened without its key",
                hint=f"it is kept in {self._endpoint.secret}",
            )
        if not _KEY.fullmatch(key):
            # Never shown: what sends it would put it into its own error.
            raise UsageError(
                f"what {self._endpoint.secret!r} holds is no key",
                hint="a key has no spaces, line ends or letters with accents",
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._line = Line(
            f"{self._endpoint.url.rstrip('/')}/embeddings",
            headers=headers,
            timeout=self._endpoint.timeout,
        )
        #: Components of a vector.
        self.dimension = spec.dimension
        self._tokenizer = tokenizer
        # What the model adds to each text itself; the prompt is sent, and counted as text.
        added = tokenizer.special - tokenizer.count(spec.prompts.document)
        self._room = max(1, spec.limit - added)
        self._counting = threading.Lock()
        self._tokens_read = 0

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`.

        Raises `EndpointError` where the endpoint refuses the texts or is not able to answer,
        `ConnectionError` and `TimeoutError` where none is reached, `UsageError` where it
        refuses the key, does not know the model or gives vectors of another dimension.
        """
        prompt = self._spec.prompts.of(kind)
        unique = list(dict.fromkeys(texts))
        vectors: dict[str, Vector] = {}
        read = [self._cut(prompt + without_surrogates(text)) for text in unique]
        done = 0
        for part in cut_requests(read, most=self._endpoint.texts, tokens=self._endpoint.tokens):
            rows = self._ask(part)
            vectors.update(zip(unique[done : done + len(part)], to_vectors(rows), strict=True))
            done += len(part)
        return [vectors[text] for text in texts]

    def take_usage(self) -> dict[str, float]:
        """Return the tokens read since this was last asked, and what they cost.

        As the endpoint counts them; empty where it has read none, or does not say.
        """
        with self._counting:
            tokens, self._tokens_read = self._tokens_read, 0
        if not tokens:
            return {}
        price = self._endpoint.price
        return {"tokens": tokens, **({} if price is None else {"usd": tokens * price / 1e6})}

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._line.close()

    def _cut(self, text: str) -> str:
        """Return what the model reads of a text with its prompt."""
        room = self._room
        if len(text.encode()) <= room:
            return text  # a token is a byte at least
        spans = self._tokenizer.spans(text)
        return text if len(spans) <= room else text[: spans[room - 1][1]]

    def _ask(self, texts: list[str]) -> "NDArray[np.float32]":
        asked: dict[str, Any] = {
            "model": self._endpoint.model,
            "input": texts,
            "encoding_format": self._endpoint.encoding,
        }
        if self._endpoint.shortens:
            asked["dimensions"] = self.dimension
        answer = self._line.send(msgspec.json.encode(asked))
        if answer.status != 200:
            self._refuse(answer)
        try:
            found = msgspec.json.decode(answer.data, type=_Embeddings)
            rows = [_numbers(each.embedding) for each in sorted(found.data, key=_place)]
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError) as error:
            raise UsageError(
                f"{self._who} answers with something else than vectors: {answer.message}",
                hint="`url` is what stands before /embeddings, and often ends in /v1",
            ) from error
        if [each.index for each in sorted(found.data, key=_place)] != list(range(len(texts))):
            raise UsageError(f"{self._who} was given {len(texts)} texts and answered {len(rows)}")
        with self._counting:
            self._tokens_read += _tokens(found.usage)
        return self._joined(rows)

    def _joined(self, rows: "list[NDArray[np.float32]]") -> "NDArray[np.float32]":
        import numpy as np

        wrong = next((len(row) for row in rows if len(row) != self.dimension), None)
        if wrong is not None:
            raise ParameterError(
                f"{self._who} gives vectors of dimension {wrong}, the spec of"
                f" {self._spec.name!r} says {self.dimension}",
                hint="correct `dimension`, or say `shortens = true` where the model can give fewer",
            )
        return np.stack(rows)

    @property
    def _who(self) -> str:
        return f"the endpoint {self._endpoint.url}"

    def _refuse(self, answer: Answer) -> NoReturn:
        """Raise what an answer that is no success means."""
        said = f": {answer.message}" if answer.message else ""
        if answer.status in (401, 403):
            secret = self._endpoint.secret
            what = f"refuses the key in {secret!r}" if secret else "asks for a key"
            raise UsageError(
                f"{self._who} {what} ({answer.status}){said}",
                hint=f"put a key that it takes into {secret}"
                if secret
                else "name where it is kept: `secret` under [endpoint] in the spec",
            )
        if answer.status in (404, 405) or answer.status < 400:
            raise UsageError(
                f"{self._who} does not answer for model {self._endpoint.model!r}"
                f" ({answer.status}){said}",
                hint="check `url` and `model` under [endpoint] in the spec",
            )
        raise EndpointError(
            f"{self._who} answered {answer.status}{said}",
            status_code=answer.status,
            headers=answer.headers,
        )


def cut_requests(texts: Sequence[str], *, most: int, tokens: int | None) -> Iterator[list[str]]:
    """Yield the texts in order, `most` at a time, and of at most so many estimated tokens.

    A text of more tokens than that is alone.
    """
    estimate = TokenEstimate(limit=0)
    part: list[str] = []
    room = tokens or 0
    for text in texts:
        size = 0 if tokens is None else estimate.count(text)
        if part and (len(part) == most or (tokens is not None and size > room)):
            yield part
            part, room = [], tokens or 0
        part.append(text)
        room -= size
    if part:
        yield part


def _place(each: _Embedded) -> int:
    return each.index


def _numbers(embedding: str | list[float]) -> "NDArray[np.float32]":
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.array(embedding, dtype=np.float32)


def _tokens(usage: Any) -> int:
    """Return the tokens an answer says were read; not every server says it."""
    for name in ("prompt_tokens", "total_tokens"):
        told = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(told, int):
            return told
    return 0
