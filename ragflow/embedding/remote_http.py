"""How is a request sent to an endpoint, and how is what goes wrong told?"""

import base64
import http.client
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from ragflow.errors import UsageError

_LONGEST_MESSAGE = 300


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def message(self) -> str:
        """What the endpoint says of an error, one line, cut where it is long."""
        said = _said(self.data) or self.data.decode("utf-8", "replace")
        line = " ".join(said.split())
        return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


class _Proxy(msgspec.Struct, frozen=True):
    """What stands between, and what it is told of who asks."""

    host: str
    port: int
    headers: Mapping[str, str]


class Line:
    """Sends JSON to one address; keeps connections open between requests.

    Safe to use from several threads at once, each of which has a connection of its own. Goes
    through the proxy that the environment names. Follows no redirect: it could lead texts and
    the key elsewhere.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], timeout: float) -> None:
        """Take the whole address; nothing is connected before the first request.

        `timeout` is how many seconds the other side may keep silent.
        """
        self._url = url
        self._parts = urlsplit(url)
        self._headers = {"Content-Type": "application/json", **headers}
        self._timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def send(self, body: bytes) -> Answer:
        """Send a body and return the answer, whatever it says.

        Raises `ConnectionError` or `TimeoutError`, naming the address, when there is none, and
        `UsageError` where it, or the proxy's, is no address. None says a password of the proxy.
        """
        where = f"the endpoint {self._url}"
        try:
            return self._sent(body)
        except TimeoutError as error:
            raise TimeoutError(f"{where} was silent for {self._timeout:g} seconds") from error
        except ssl.SSLCertVerificationError:
            raise  # it does not pass by itself
        except http.client.InvalidURL:
            # Its words are left out: they repeat the address.
            raise UsageError(f"{where} has no address that can be connected to") from None
        except (OSError, http.client.HTTPException) as error:
            why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
            raise ConnectionError(f"{where} cannot be reached: {why}") from error

    def _sent(self, body: bytes) -> Answer:
        kept = self._taken()
        if kept is not None:
            # The other side may have closed it while nobody asked; that is no failure.
            with suppress(ConnectionError, http.client.BadStatusLine):
                return self._through(kept, body)
        return self._through(self._connection(), body)

    def _through(self, connection: http.client.HTTPConnection, body: bytes) -> Answer:
        try:
            connection.request("POST", *self._asked(body))
            response = connection.getresponse()
            answer = Answer(response.status, dict(response.getheaders()), response.read())
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                self._idle.append(connection)
        return answer

    def _taken(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _proxy(self) -> _Proxy | None:
        if proxy_bypass(self._parts.netloc):
            return None
        proxy = getproxies().get(self._parts.scheme)
        return None if proxy is None else _read_proxy(proxy, self._parts.scheme)

    def _asked(self, body: bytes) -> tuple[str, bytes, Mapping[str, str]]:
        """Return the target of a request, its body and its headers."""
        proxy = self._proxy() if self._parts.scheme == "http" else None
        if proxy is not None:  # it is told the whole address; of others it hears with the tunnel
            return self._url, body, {**self._headers, **proxy.headers}
        return self._parts.path, body, self._headers

    def _connection(self) -> http.client.HTTPConnection:
        host, proxy = self._parts.netloc, self._proxy()
        is_plain = self._parts.scheme == "http"
        kind = http.client.HTTPConnection if is_plain else http.client.HTTPSConnection
        if proxy is None:
            return kind(host, timeout=self._timeout)
        connection = kind(proxy.host, proxy.port, timeout=self._timeout)
        if not is_plain:
            connection.set_tunnel(host, headers=proxy.headers)
        return connection

    def close(self) -> None:
        """Close what is open; may be called twice."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


def _read_proxy(proxy: str, scheme: str) -> _Proxy:
    """Return the proxy of an address, which may have no scheme but a name and a password."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        host, port = None, 0
    if not host:
        # The address is not shown, nor the error's words: a password may be in it.
        raise UsageError(
            f"the proxy that the environment names for {scheme} cannot be read",
            hint=f"{scheme}_proxy is http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT, where"
            " name and password have %XX for what is no letter or digit",
        ) from None
    if parts.username is None:
        return _Proxy(host, port, {})
    name, password = unquote(parts.username), unquote(parts.password or "")
    told = base64.b64encode(f"{name}:{password}".encode()).decode()
    return _Proxy(host, port, {"Proxy-Authorization": f"Basic {told}"})


def _said(data: bytes) -> str:
    """Return the sentence in the JSON of an error; servers put it in different places."""
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(told, dict) and name in told:
            told = told[name]
    return told if isinstance(told, str) else ""
