"""A remote embedder asks a real endpoint and tells what goes wrong for what it is."""

import gc
import json
import threading
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest

from ragflow import Retry
from ragflow.core.faults import fault_of
from ragflow.core.retry import Fault, FaultKind
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.model_spec import Prompts, load_spec
from ragflow.embedding.opening import open_embedder, open_tokenizer
from ragflow.embedding.remote import cut_requests
from ragflow.errors import DocumentError, EndpointError, ParameterError, UsageError
from tests.unit.embedding.endpoint import KEY, POISON, spec_toml

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
HASHING = HashingEmbedder(load_spec("hashing"))
BUSY = json.dumps({"error": {"message": "Rate limit reached"}}).encode()


def fault(error):
    return fault_of(error, Retry(), now=NOW)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_those_of_the_model_in_the_order_of_the_texts(endpoint, remote, encoding):
    texts = [f"text number {n}" for n in range(5)]
    assert remote(encoding=encoding).embed(texts) == HASHING.embed(texts)
    assert endpoint.asked[0]["encoding_format"] == encoding
    assert endpoint.asked[0]["path"] == "/v1/embeddings"
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_equal_texts_are_asked_for_once_and_no_text_asks_nothing(endpoint, remote):
    embedder = remote()
    assert embedder.embed([]) == []
    assert endpoint.asked == []
    one, two, three = embedder.embed(["a b", "c", "a b"])
    assert one == three != two
    assert [each["input"] for each in endpoint.asked] == [["a b", "c"]]


def test_a_request_has_no_more_texts_than_the_spec_says_and_one_connection_serves_all(
    endpoint, remote
):
    embedder = remote(texts=2)
    texts = [f"t{n}" for n in range(5)]
    assert embedder.embed(texts) == HASHING.embed(texts)
    assert [len(each["input"]) for each in endpoint.asked] == [2, 2, 1]
    assert endpoint.connections == 1
    assert embedder.take_usage() == {"tokens": 5}


def test_what_was_used_is_told_once_with_its_price_where_the_endpoint_says_it(endpoint, remote):
    embedder = remote(price=2.0)
    embedder.embed(["three little words"])
    assert embedder.take_usage() == {"tokens": 3, "usd": 6e-6}
    assert embedder.take_usage() == {}
    endpoint.change = lambda answer: {"data": answer["data"], "usage": None}
    embedder.embed(["a"])
    assert embedder.take_usage() == {}


def test_requests_are_cut_by_estimated_tokens_too():
    texts = ["one two", "three", "four five six", "x" * 100, "y"]
    assert [*cut_requests(texts, most=10, tokens=4)] == [
        ["one two", "three"],
        ["four five six"],
        ["x" * 100],
        ["y"],
    ]
    assert [*cut_requests(texts, most=2, tokens=None)] == [texts[:2], texts[2:4], texts[4:]]
    assert [*cut_requests([], most=2, tokens=None)] == []


def test_prompts_go_before_the_texts_of_their_kind(endpoint, remote):
    remote().embed(["stars"], kind="query")
    remote().embed(["stars"])
    assert [each["input"] for each in endpoint.asked] == [["find: stars"], ["stars"]]


def test_a_text_longer_than_the_model_reads_is_cut_at_its_end(endpoint, remote):
    remote().embed(["word " * 1000])
    [sent] = endpoint.asked[0]["input"]
    assert sent == ("word " * 256).strip()


def test_what_the_model_adds_to_a_text_is_left_room_for(endpoint, copied):
    own = endpoint.spec(tokenizer="tokenizer.json")
    own = msgspec.structs.replace(own, path=str(copied), prompts=Prompts(document="passage: "))
    with closing(open_embedder(own, key=KEY)) as embedder:
        embedder.embed(["harbour " * 600])
        embedder.embed(["!" * 247], kind="query")  # 247 bytes, tokens too
        embedder.embed(["!" * 255], kind="query")
    long, fitting, short = (each["input"][0] for each in endpoint.asked)
    tokenizer = open_tokenizer(msgspec.structs.replace(own, prompts=Prompts()))
    assert tokenizer.special == 2
    assert tokenizer.count(long) == 256 - 2
    assert long.startswith("passage: harbour")
    assert fitting == "!" * 247
    assert tokenizer.count(short) == 256 - 2


def test_half_a_pair_is_sent_as_what_cannot_be_read(endpoint, remote):
    remote().embed(["half \ud800 pair"])
    assert endpoint.asked[0]["input"] == ["half � pair"]


def test_fewer_components_are_asked_for_only_where_the_spec_says_so(endpoint, remote):
    remote().embed(["a"])
    remote(shortens=True).embed(["a"])
    assert [each.get("dimensions") for each in endpoint.asked] == [None, 256]


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_is_busy_says_when_to_ask_again(endpoint, remote, status):
    endpoint.script.append((status, {"Retry-After": "17"}, BUSY))
    embedder = remote()
    with pytest.raises(EndpointError, match=f"answered {status}: Rate limit reached") as raised:
        embedder.embed(["a"])
    assert fault(raised.value) == Fault(FaultKind.PASSING, 17.0)
    assert embedder.embed(["a"]) == HASHING.embed(["a"])


def test_a_refused_text_does_not_pass(remote):
    with pytest.raises(EndpointError, match="maximum context length") as raised:
        remote().embed(["fine", POISON])
    assert fault(raised.value) == Fault(FaultKind.LASTING)


def test_a_dropped_connection_passes_and_names_the_address(endpoint, remote):
    endpoint.script.append(None)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:\d+/v1/embeddings") as raised:
        remote().embed(["a"])
    assert fault(raised.value).kind is FaultKind.PASSING


def test_a_connection_that_was_closed_while_idle_is_no_failure(endpoint, remote):
    embedder = remote()
    embedder.embed(["a"])
    endpoint.script.append(None)
    assert embedder.embed(["b"]) == HASHING.embed(["b"])
    assert [each["input"] for each in endpoint.asked] == [["a"], ["b"], ["b"]]
    assert endpoint.connections == 2


def test_nobody_at_the_address_passes(remote):
    with pytest.raises(ConnectionError, match="cannot be reached: connection refused") as raised:
        remote(url="http://127.0.0.1:1/v1").embed(["a"])
    assert fault(raised.value).kind is FaultKind.PASSING


def test_an_endpoint_that_is_silent_passes(endpoint, remote):
    told, release = threading.Event(), threading.Event()

    def wait(answer):
        told.set()
        release.wait(60)
        return answer

    endpoint.change = wait
    with pytest.raises(TimeoutError, match=r"silent for 0\.2 seconds") as raised:
        remote(timeout=0.2).embed(["a"])
    release.set()
    assert told.is_set()
    assert fault(raised.value).kind is FaultKind.PASSING


def test_a_refused_key_names_where_it_is_kept_and_never_the_key(remote):
    with pytest.raises(UsageError, match=r"'env:FAR_KEY' \(401\): Incorrect API key") as raised:
        remote(key="sk-wrong").embed(["a"])
    assert "sk-wrong" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(("key", "said"), [("", "without its key"), ("a\nb", "is no key")])
def test_what_cannot_be_a_key_is_refused_before_anything_is_sent(endpoint, remote, key, said):
    with pytest.raises(UsageError, match=said) as raised:
        remote(key=key)
    assert "env:FAR_KEY" in f"{raised.value} {raised.value.hint}"
    assert endpoint.asked == []


def test_no_key_is_sent_where_the_spec_names_none(endpoint, remote):
    remote(secret="", key="").embed(["a"])
    assert "Authorization" not in endpoint.headers[0]


def test_an_unknown_model_and_a_wrong_address_end_the_run(endpoint, remote):
    with pytest.raises(UsageError, match=r"'near-1' \(404\): The model `near-1` does not"):
        remote(model="near-1").embed(["a"])
    with pytest.raises(UsageError, match="404") as raised:
        remote(url=endpoint.url.removesuffix("/v1")).embed(["a"])
    assert "`url`" in raised.value.hint


def test_a_redirect_is_not_followed(endpoint, remote):
    endpoint.script.append((307, {"Location": endpoint.url}, b""))
    with pytest.raises(UsageError, match="307"):
        remote().embed(["a"])
    assert len(endpoint.asked) == 1


def test_vectors_of_another_dimension_are_refused(endpoint, remote):
    endpoint.change = lambda answer: {
        "data": [{**each, "embedding": each["embedding"][:8]} for each in answer["data"]]
    }
    with pytest.raises(ParameterError, match=r"dimension 8.* says 256"):
        remote().embed(["a", "b"])


def test_a_vector_without_direction_is_refused(endpoint, remote):
    endpoint.change = lambda answer: {"data": [{"index": 0, "embedding": [0.0] * 256}]}
    with pytest.raises(DocumentError, match="zero or not a number"):
        remote().embed(["a"])


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0]}] * 2},
        {"data": [{"index": 7, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": "no base64"}]},
        {"embeddings": [[1.0]]},
        ["hello"],
    ],
)
def test_an_answer_that_is_none_is_refused(endpoint, remote, answer):
    endpoint.change = lambda _: answer
    with pytest.raises(UsageError, match=r"answers with something else|answered"):
        remote().embed(["a"])


def test_a_page_instead_of_vectors_says_what_the_address_should_be(endpoint, remote):
    endpoint.script.append((200, {}, b"<html>welcome</html>"))
    with pytest.raises(UsageError, match="welcome") as raised:
        remote().embed(["a"])
    assert "/v1" in raised.value.hint


def test_calls_in_several_threads_go_on_side_by_side(endpoint, remote):
    embedder = remote()
    both = threading.Barrier(2, timeout=60)

    def meet(answer):
        both.wait()  # breaks unless two requests are under way at once
        return answer

    endpoint.change = meet
    found = {}
    threads = [
        threading.Thread(target=lambda text=text: found.update({text: embedder.embed([text])}))
        for text in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {text: HASHING.embed([text]) for text in ("a", "b")}
    assert endpoint.connections == 2


def test_closing_leaves_no_connection_behind(remote):
    embedder = remote()
    embedder.embed(["a"])
    embedder.close()
    embedder.close()
    del embedder
    gc.collect()  # a socket left open would warn, and a warning fails


# --- The spec of a remote model -------------------------------------------------------------------


def test_opening_one_connects_to_nobody(remote, no_network):
    assert remote(url="http://far.example/v1").dimension == 256


def test_the_space_is_the_model_and_not_the_address(endpoint):
    one = endpoint.spec()
    identity = one.identity()
    for same in ({"url": "https://elsewhere/v1"}, {"secret": ""}, {"texts": 3}, {"price": 1.0}):
        assert endpoint.spec(**same).identity() == identity
    for other in ({"model": "far-2"}, {"tokenizer": "cl100k_base"}):
        assert endpoint.spec(**other).identity() != identity
    assert msgspec.structs.replace(one, dimension=8).identity() != identity


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "ftp://a"}, "url"),
        ({"url": "https://name:word@host/v1"}, "url"),
        ({"url": "https://host/v1?x=1"}, "url"),
        ({"model": ""}, "model"),
        ({"secret": "sk-the-key-itself"}, "neither env:NAME nor file:PATH"),
        ({"texts": 0}, "texts"),
        ({"encoding": "hex"}, "hex"),
        ({"price": -1}, "price"),
        ({"retries": 3}, "retries"),
    ],
)
def test_a_wrong_endpoint_says_what_is_wrong_and_repeats_no_key(tmp_path, change, said):
    text = spec_toml(**{"url": "http://a/v1", **change})
    (tmp_path / "far.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=said) as raised:
        load_spec("far", folders=[tmp_path])
    assert "sk-the" not in str(raised.value)


def test_an_endpoint_belongs_to_its_kind_alone(tmp_path):
    for text in (
        spec_toml("http://a/v1").replace('"openai"', '"hashing"'),
        spec_toml("http://a/v1").partition("[endpoint]")[0],
    ):
        (tmp_path / "far.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=r"\[endpoint\]"):
            load_spec("far", folders=[tmp_path])


def test_tokens_are_counted_by_what_the_spec_names(endpoint, copied, no_network):
    text = "internationalisation of 1234 names"
    estimate = open_tokenizer(endpoint.spec())
    assert (estimate.limit, estimate.special) == (256, 0)
    exact = open_tokenizer(endpoint.spec(tokenizer="cl100k_base"))
    assert exact.limit == 256
    own = msgspec.structs.replace(endpoint.spec(tokenizer="tokenizer.json"), path=str(copied))
    assert open_tokenizer(own).special == 2
    assert estimate.count(text) >= exact.count(text)
    assert estimate.count(text) >= open_tokenizer(own).count(text)
    assert all(text[a:b].strip() for a, b in estimate.spans(text))


def test_a_vocabulary_that_is_not_here_has_a_way_around_it(endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="cl100k_base") as raised:
        open_tokenizer(endpoint.spec(tokenizer="cl100k_base"))
    assert 'tokenizer = "estimate"' in raised.value.hint
