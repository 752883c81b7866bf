"""What documents hold is as much of a source as they are, whatever source that is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from ragflow import Content, pipeline, task
from ragflow.core.records import Listed, Loaded
from ragflow.documents import Document, digest_of
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.parsing.media_types import media_type, read_as
from ragflow.runtime.unpacked import Unpacked
from ragflow.tasks import extract, read
from tests.unit.parsing.containers.made import zipped
from tests.unit.scheduling.desk import Desk, save

TEXT = b"A lost key is reported to the desk."


class Mailbox:
    """A source in memory whose documents may hold others."""

    def __init__(self, **documents: bytes) -> None:
        self.documents = documents
        self.metadata: dict[str, Any] = {}
        self.peeked: list[str] = []
        self.refused: set[str] = set()
        self.is_out_of_reach = False

    def locator(self) -> Mapping[str, Any]:
        return {"mailbox": "in"}

    def list(self) -> Iterator[Sequence[Listed]]:
        for key, data in sorted(self.documents.items()):
            token = digest_of(data + repr(self.metadata).encode())
            yield [Listed(key, token, self.metadata, len(data))]

    def load(self, key: str, token: bytes) -> Loaded:
        data = self.documents[key]
        kind = media_type(data, key)
        document = Document.of(data, read_as(kind))
        return Loaded(document, fingerprint_value(document), {"media_type": kind}, len(data))

    def head(self, key: str) -> bytes:
        self.peeked.append(key)
        if self.is_out_of_reach:
            raise OSError(110, "Connection timed out", key)
        return self.documents[key]

    def takes_inside(self, key: str, name: str) -> bool:
        return name not in self.refused

    def rules(self) -> Any:
        return sorted(self.refused)


@task(version="1")
def texts(content: Content) -> str:
    return content.text


def reading(mailbox: Mailbox) -> Any:
    @pipeline
    def p() -> None:
        save(texts(extract(read(mailbox))))

    return p


def keys(desk: Desk) -> list[str]:
    return list(desk.values())


def test_any_source_that_lets_its_documents_be_looked_into_is_unpacked(desk):
    mailbox = Mailbox(a=zipped({"x.txt": TEXT}), b=TEXT)
    run = desk.run(reading(mailbox))
    assert run["documents"]["added"] == 3
    assert "a!/x.txt" in keys(desk)
    mailbox.peeked.clear()
    assert desk.run(reading(mailbox))["documents"]["unchanged"] == 3
    assert mailbox.peeked == []


def test_what_is_held_has_the_metadata_of_what_holds_it(desk):
    mailbox = Mailbox(a=zipped({"x.txt": TEXT}))
    mailbox.metadata = {"access": ["finance"]}
    desk.run(reading(mailbox))
    payload = next(each for each in desk.payloads().values() if each["key"] == "a!/x.txt")
    assert (payload["access"], payload["parent"]) == (["finance"], "a")
    mailbox.metadata = {"access": ["finance", "legal"]}
    run = desk.run(reading(mailbox))
    assert run["documents"]["modified"] == 2
    assert run["tasks"]["extract"]["ran"] == 0
    payloads = desk.payloads().values()
    assert {tuple(each["access"]) for each in payloads} == {("finance", "legal")}


def test_what_could_not_be_opened_is_opened_by_the_next_run(desk):
    mailbox = Mailbox(a=zipped({"x.txt": TEXT}))
    mailbox.is_out_of_reach = True  # and is not any more when it is loaded
    assert desk.run(reading(mailbox))["documents"]["added"] == 1
    mailbox.is_out_of_reach = False
    assert desk.run(reading(mailbox))["documents"]["added"] == 1
    assert "a!/x.txt" in keys(desk)
    mailbox.peeked.clear()
    assert desk.run(reading(mailbox))["documents"]["unchanged"] == 2
    assert mailbox.peeked == []


def test_another_wish_reaches_archives_that_did_not_change(desk):
    mailbox = Mailbox(a=zipped({"x.txt": TEXT, "y.txt": b"Other."}), b=zipped({"z.txt": TEXT}))
    mailbox.refused = {"y.txt", "z.txt"}
    desk.run(reading(mailbox))
    assert [key for key in keys(desk) if "!/" in key] == ["a!/x.txt"]
    mailbox.refused = set()
    assert desk.run(reading(mailbox))["documents"]["added"] == 2
    mailbox.refused = {"x.txt"}
    assert desk.run(reading(mailbox))["documents"]["deleted"] == 1
    assert [key for key in keys(desk) if "!/" in key] == ["a!/y.txt", "b!/z.txt"]


def test_what_changed_since_it_was_listed_is_not_taken_for_what_was_listed():
    mailbox = Mailbox(a=zipped({"x.txt": TEXT}))
    source = Unpacked(mailbox)
    (listed,) = next(source.list())
    manifest = source.open(listed)
    assert manifest is not None
    (inside,) = source.inside(listed, manifest)
    assert source.load(inside.key, inside.token).value.read() == TEXT
    mailbox.documents["a"] = zipped({"x.txt": b"Other."})
    with pytest.raises(OSError, match="changed since it was listed"):
        source.load(inside.key, inside.token)
    mailbox.documents["a"] = b"no archive any more"
    with pytest.raises(OSError, match="changed since it was listed"):
        source.load(inside.key, inside.token)
