"""An endpoint that speaks OpenAI's protocol, on this machine, over the hashing embedder."""

import base64
import json
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec

from ragflow.embedding.model_spec import ModelSpec, load_spec
from ragflow.embedding.opening import open_embedder

KEY = "sk-a-key-of-sixteen"
#: A text that has this in it is refused, as one that is too long would be.
POISON = "poison"


def spec_toml(url: str, **changes: Any) -> str:
    """Return a spec of a model behind this address."""
    endpoint = {"url": url, "model": "far-1", "secret": "env:FAR_KEY", **changes}
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in endpoint.items())
    return (
        'name = "far"\nkind = "openai"\ndimension = 256\nmetric = "cosine"\nlimit = 256\n'
        f'[prompts]\nquery = "find: "\n[endpoint]\n{lines}\n'
    )


class Endpoint:
    """Answers until it is closed; what it was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        #: Headers of each request.
        self.headers: list[Mapping[str, str]] = []
        #: Answers for the next requests instead of the right one: number, headers, body; None
        #: drops the connection.
        self.script: deque[tuple[int, dict[str, str], bytes] | None] = deque()
        #: What every answer that is right is changed with.
        self.change = lambda answer: answer
        #: Connections that were made.
        self.connections = 0
        self._embedder = open_embedder(load_spec("hashing"))
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def spec(self, **changes: Any) -> ModelSpec:
        values = {"url": self.url, "model": "far-1", "secret": "env:FAR_KEY", **changes}
        return msgspec.convert(
            {
                "name": "far",
                "kind": "openai",
                "dimension": 256,
                "metric": "cosine",
                "limit": 256,
                "prompts": {"query": "find: "},
                "endpoint": values,
            },
            ModelSpec,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Return the answer as the real ones give it; the vectors are in no order."""
        texts = asked["input"]
        if asked["model"] != "far-1":
            return 404, {}, _error(f"The model `{asked['model']}` does not exist")
        if any(POISON in text for text in texts):
            return 400, {}, _error("This model's maximum context length is 8192 tokens")
        data = [
            {"object": "embedding", "index": n, "embedding": self._numbers(vector, asked)}
            for n, vector in enumerate(self._embedder.embed(texts))
        ]
        usage = {"prompt_tokens": sum(len(text.split()) for text in texts)}
        body = {"object": "list", "data": data[::-1], "usage": usage}
        return 200, {}, json.dumps(self.change(body)).encode()

    def _numbers(self, vector: Any, asked: dict[str, Any]) -> Any:
        import numpy as np

        numbers = np.array(vector.floats(), dtype="<f4")[: asked.get("dimensions")]
        if asked["encoding_format"] == "base64":
            return base64.b64encode(numbers.tobytes()).decode()
        return numbers.tolist()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                endpoint.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.headers.append(dict(self.headers))
                endpoint.asked.append({"path": self.path, **json.loads(body)})
                answer = endpoint.script.popleft() if endpoint.script else self._right(body)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, data = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def _right(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
                if self.headers.get("Authorization") not in (None, f"Bearer {KEY}"):
                    return 401, {}, _error("Incorrect API key provided")
                if not self.path.endswith("/v1/embeddings"):
                    return 404, {}, b"<html>not here</html>"
                return endpoint.answer(json.loads(body))

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of somebody who went before the answer came."""


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "code": None}}).encode()
