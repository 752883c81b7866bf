"""What the shared fixtures promise."""

import socket

import tiktoken

pytest_plugins = ["pytester"]

CALLS_OUT = """
import socket
import urllib.request
import pytest

def test_is_told(no_network):
    with pytest.raises(PermissionError, match="no network"):
        socket.socket()

def test_swallows_it(no_network):
    try:
        urllib.request.urlopen("http://localhost:9", timeout=1)
    except OSError:
        pass

def test_stays_here(no_network):
    for end in socket.socketpair():
        end.close()
"""


def test_a_test_without_network_fails_even_if_the_refusal_was_swallowed(pytester, request):
    conftest = request.config.rootpath / "tests" / "conftest.py"
    pytester.makeconftest(conftest.read_text(encoding="utf-8"))
    pytester.makepyfile(CALLS_OUT)
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=3, errors=2)
    outcome.stdout.fnmatch_lines(["*the network was asked for: look-up of*localhost*"])


def test_sockets_work_again_after_a_test_without_network():
    with socket.socket() as end:
        assert end.family == socket.AF_INET


def test_the_vocabularies_need_no_network(no_network):
    # `make setup` brings both; without them tiktoken would look beyond this machine.
    for name in ("cl100k_base", "o200k_base"):
        assert tiktoken.get_encoding(name).n_vocab > 100_000
