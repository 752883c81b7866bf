"""How is a request sent to an endpoint, and how is what goes wrong told?"""

import http.client
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

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

        Raises `ConnectionError` or `TimeoutError`, naming the address, when there is none.
        """
        where = f"the endpoint {self._url}"
        try:
            return self._sent(body)
        except TimeoutError as error:
            raise TimeoutError(f"{where} was silent for {self._timeout:g} seconds") from error
        except ssl.SSLCertVerificationError:
            raise  # it does not pass by itself
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
            connection.request("POST", self._target(), body, self._headers)
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

    def _proxy(self) -> str | None:
        if proxy_bypass(self._parts.netloc):
            return None
        proxy = getproxies().get(self._parts.scheme)
        return None if proxy is None else urlsplit(proxy).netloc or proxy

    def _target(self) -> str:
        if self._parts.scheme == "http" and self._proxy() is not None:
            return self._url  # a proxy is told the whole address
        return self._parts.path

    def _connection(self) -> http.client.HTTPConnection:
        host, proxy = self._parts.netloc, self._proxy()
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(proxy or host, timeout=self._timeout)
        connection = http.client.HTTPSConnection(proxy or host, timeout=self._timeout)
        if proxy is not None:
            connection.set_tunnel(host)
        return connection

    def close(self) -> None:
        """Close what is open; may be called twice."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


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
