"""What stands between is told what it asks for, and nobody else is."""

import base64
import socket
import threading
import traceback
from urllib.parse import urlsplit

import pytest

from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.remote_http import Line
from ragflow.errors import UsageError

HASHING = HashingEmbedder(load_spec("hashing"))


def test_a_proxy_that_the_environment_names_is_told_the_whole_address(
    endpoint, remote, monkeypatch
):
    monkeypatch.setenv("http_proxy", f"http://{urlsplit(endpoint.url).netloc}")
    monkeypatch.setenv("no_proxy", "")
    remote(url="http://far.example/v1").embed(["a"])
    assert endpoint.asked[0]["path"] == "http://far.example/v1/embeddings"


PROXY_KEY = f"Basic {base64.b64encode(b'a name:p@ss/Word').decode()}"


def test_a_proxy_is_told_its_password(endpoint, remote, monkeypatch):
    place = f"a%20name:p%40ss%2FWord@{urlsplit(endpoint.url).netloc}"
    monkeypatch.setenv("no_proxy", "")
    for proxy in (f"http://{place}", place):
        monkeypatch.setenv("http_proxy", proxy)
        embedder = remote(url="http://far.example/v1")
        assert embedder.embed(["a"]) == HASHING.embed(["a"])
        assert endpoint.headers[-1]["Proxy-Authorization"] == PROXY_KEY
        assert endpoint.headers[-1]["Host"] == "far.example"
    monkeypatch.delenv("http_proxy")
    remote().embed(["a"])
    assert "Proxy-Authorization" not in endpoint.headers[-1]


def test_a_proxy_is_told_its_password_with_the_tunnel_alone(monkeypatch):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(65536).decode())
                connection.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        port = server.getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://a%20name:p%40ss%2FWord@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ConnectionError, match=r"far\.example.*407"):
            Line("https://far.example/v1", headers={}, timeout=60).send(b"{}")
        thread.join()
    assert heard[0].startswith("CONNECT far.example:443 ")
    assert f"Proxy-Authorization: {PROXY_KEY}\r\n" in heard[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("proxy", "kind"),
    [
        ("http://name:S3cret@127.0.0.1:1", ConnectionError),
        ("http://name:S3cret@127.0.0.1:S3cret", UsageError),
        ("http://name:S3cret/more@127.0.0.1:1", UsageError),
        ("http://name:S3cret@host [S3cret", UsageError),
        ("http://name:S3cret@ho st:1", UsageError),
    ],
)
def test_no_error_says_the_password_of_a_proxy(monkeypatch, scheme, proxy, kind):
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(kind) as raised:
        Line(f"{scheme}://far.example/v1", headers={}, timeout=60).send(b"{}")
    told = "".join(traceback.format_exception(raised.value))
    assert "S3cret" not in f"{told} {getattr(raised.value, 'hint', '')}"
