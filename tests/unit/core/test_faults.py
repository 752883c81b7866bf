"""Errors that pass by themselves are told from those that do not, whoever raised them."""

import errno
import sqlite3
import urllib.error
from datetime import UTC, datetime
from email.message import Message

import httpx
import pytest
import requests

from ragflow import GiveUp, Retry, RetryTask, SkipDocument, seconds
from ragflow.core.faults import fault_of, is_passing
from ragflow.core.retry import Fault, FaultKind
from ragflow.errors import (
    DocumentError,
    EndpointError,
    LimitError,
    ParseError,
    SourceError,
    TimedOutError,
)
from ragflow.interfaces.packed_error import pack, rebuild

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
IN_A_MINUTE = "Wed, 01 Jul 2026 12:01:00 GMT"


def fault(error, **policy):
    return fault_of(error, Retry(**policy), now=NOW)


def kind(error, **policy):
    return fault(error, **policy).kind


def by_httpx(answer, **headers):
    response = httpx.Response(answer, headers=headers, request=httpx.Request("GET", "http://a"))
    return httpx.HTTPStatusError("no", request=response.request, response=response)


def by_requests(answer, **headers):
    response = requests.Response()
    response.status_code = answer
    response.headers.update(headers)
    return requests.HTTPError("no", response=response)


def by_urllib(answer, **headers):
    message = Message()
    for name, value in headers.items():
        message[name] = value
    return urllib.error.HTTPError("http://a", answer, "no", message, None)


class ClientError(Exception):
    """As the clients of model services raise it."""

    def __init__(self, answer, **headers):
        super().__init__("no")
        self.status_code = answer
        self.headers = headers


LIBRARIES = [by_httpx, by_requests, by_urllib, ClientError]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("answer", [408, 425, 429, 500, 502, 503, 504])
def test_the_answers_of_an_overloaded_service_pass(library, answer):
    assert fault(library(answer)) == Fault(FaultKind.PASSING)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("answer", [400, 401, 403, 404, 410, 422, 501])
def test_the_answers_that_refuse_a_request_last(library, answer):
    assert fault(library(answer)) == Fault(FaultKind.LASTING)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("7", 7),
        ("0", 0),
        (" 1.5 ", 1.5),
        ("86400", 3600),
        (IN_A_MINUTE, 60),
        ("soon", None),
        ("-5", None),
    ],
)
def test_a_service_that_says_when_to_ask_again_is_heard(library, said, told):
    error = library(429, **{"Retry-After": said})
    assert fault(error) == Fault(FaultKind.PASSING, told)
    assert fault(error, retry_after=False) == Fault(FaultKind.PASSING)


@pytest.mark.parametrize("said", ["inf", "nan", "", "1e9", "Wed, 99 Jul 2026 12:01:00 GMT"])
def test_a_retry_after_without_sense_is_not_heard(said):
    assert fault(by_httpx(503, **{"retry-after": said})).told is None


def test_a_date_gone_by_means_at_once():
    assert fault(by_httpx(503, **{"Retry-After": "Wed, 01 Jul 2026 11:00:00 GMT"})).told == 0


def test_milliseconds_are_heard_as_well():
    assert fault(ClientError(429, **{"retry-after-ms": "250"})).told == 0.25


def test_a_refusal_that_says_when_to_ask_again_passes():
    assert fault(by_httpx(403, **{"Retry-After": "30"})) == Fault(FaultKind.PASSING, 30)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        BrokenPipeError(),
        TimeoutError(),
        MemoryError(),
        OSError(errno.EMFILE, "too many open files"),
        OSError(errno.ENETUNREACH, "network is unreachable"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("server disconnected"),
        httpx.ConnectError("no"),
        requests.ConnectionError(),
        requests.ReadTimeout(),
        sqlite3.OperationalError("database is locked"),
        ExceptionGroup("both", [TimeoutError(), ConnectionError()]),
    ],
    ids=repr,
)
def test_what_passes_by_itself_is_tried_again_at_once(error):
    assert kind(error) == "passing"


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no such file"),
        PermissionError(errno.EACCES, "permission denied"),
        IsADirectoryError(errno.EISDIR, "is a directory"),
        OSError(errno.EIO, "input/output error"),
        OSError(errno.ENOSPC, "no space left on device"),
    ],
    ids=repr,
)
def test_what_cannot_be_read_now_is_left_to_later_runs(error):
    assert kind(error) == "later"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        httpx.UnsupportedProtocol("no"),
        sqlite3.OperationalError("no such table: a"),
        SkipDocument("nothing to do"),
        DocumentError("no"),
        ParseError("no"),
        SourceError("no"),
        ExceptionGroup("both", [TimeoutError(), ValueError()]),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_everything_else_lasts(error):
    assert kind(error) == "lasting"


def raised(first, second, *, cause=True):
    try:
        try:
            raise first
        except Exception as error:
            if cause:
                raise second from error
            raise second  # noqa: B904 - what is looked at here
    except Exception as error:  # noqa: BLE001 - it is what a test asks for
        return error


@pytest.mark.parametrize("cause", [True, False])
def test_an_error_that_wraps_another_is_looked_through(cause):
    wrapped = raised(by_httpx(429, **{"Retry-After": "9"}), RuntimeError("no"), cause=cause)
    assert fault(wrapped) == Fault(FaultKind.PASSING, 9)
    assert kind(raised(ConnectionError(), RuntimeError("no"), cause=cause)) == "passing"
    assert kind(raised(by_httpx(404), RuntimeError("no"), cause=cause)) == "lasting"


def test_an_error_from_none_hides_what_it_came_from():
    error = raised(ConnectionError(), RuntimeError("no"), cause=False)
    error.__suppress_context__ = True
    assert kind(error) == "lasting"


def test_what_ragflow_itself_says_counts_whatever_it_came_from():
    assert kind(raised(ConnectionError(), ParseError("no"))) == "lasting"


def test_an_error_of_ours_passes_only_where_it_carries_an_answer_that_does():
    busy = EndpointError("busy", status_code=429, headers={"Retry-After": "9"})
    assert fault(busy) == Fault(FaultKind.PASSING, 9.0)
    assert fault(rebuild(pack(busy))) == Fault(FaultKind.PASSING, 9.0)
    assert kind(EndpointError("no", status_code=400)) is FaultKind.LASTING
    wrapped = raised(busy, DocumentError("no"), cause=busy)
    assert kind(wrapped) is FaultKind.LASTING


def test_errors_that_come_from_each_other_end():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_passing(first)


def test_an_error_whose_attributes_raise_is_read_all_the_same():
    class OddError(Exception):
        @property
        def response(self):
            raise RuntimeError

        headers = 5
        code = 429

    assert kind(OddError()) == "passing"


def test_a_code_without_headers_is_none_of_http():
    class OddError(Exception):
        code = 429

    assert kind(OddError()) == "lasting"


def test_a_task_says_itself_what_is_to_be_done():
    assert fault(GiveUp("no use")) == Fault(FaultKind.GIVE_UP)
    assert fault(RetryTask("later", after=seconds(30))) == Fault(FaultKind.RETRY, 30)
    assert fault(RetryTask()) == Fault(FaultKind.RETRY)
    assert fault(RetryTask(after=-seconds(1)), retry_after=False) == Fault(FaultKind.RETRY, 0)


def test_only_the_time_of_one_attempt_can_be_had_again():
    assert kind(TimedOutError("attempt", seconds(2))) == "timeout"
    assert kind(TimedOutError("total", seconds(2))) == "later"
    assert kind(TimedOutError("queue", seconds(2))) == "later"
    assert kind(LimitError("too much memory")) == "limit"


@pytest.mark.parametrize(
    "named",
    [
        ValueError,
        LookupError,
        (KeyError, ValueError),
        "ValueError",
        "builtins.ValueError",
        "LookupError",
    ],
)
def test_a_policy_names_errors_by_class_or_by_name(named):
    class MissingError(ValueError, LookupError):
        pass

    assert kind(MissingError(), retry_on=named) == "passing"
    assert kind(MissingError(), give_up_on=named) == "give_up"
    assert kind(MissingError(), retry_on=named, give_up_on=named) == "give_up"
    assert kind(TypeError(), retry_on=named) == "lasting"


def test_a_name_holds_for_what_a_library_defines_below_it():
    error = requests.exceptions.InvalidURL("no")
    assert kind(error, retry_on="requests.InvalidURL") == "passing"
    assert kind(error, retry_on="requests.exceptions.InvalidURL") == "passing"
    assert kind(error, retry_on="request.InvalidURL") == "later"


def test_errors_of_ragflow_are_tried_again_where_a_policy_names_them():
    assert kind(ParseError("no"), retry_on=ParseError) == "passing"
    assert kind(LimitError("no"), retry_on=LimitError) == "passing"
    assert kind(SkipDocument("no"), retry_on=Exception) == "lasting"
    assert kind(ConnectionError(), give_up_on=OSError) == "give_up"


def test_a_timeout_names_itself_and_its_value():
    error = TimedOutError("attempt", seconds(90))
    assert str(error) == "the attempt took longer than 90 s"
    assert (error.code, error.which, error.limit) == ("timeout", "attempt", seconds(90))
    assert "Timeouts(attempt=...)" in error.hint
