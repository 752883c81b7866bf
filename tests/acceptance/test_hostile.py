"""Documents made to break what reads them: a run over them ends by itself, and nothing gets out."""

import json
import shutil
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.watched import Watched, snapshot

CORPORA = ("pdfjs-hard", "tika-hostile", "ocrmypdf-resources", "adversarial")

#: Files in which poppler has text and ragflow none, each with the reason.
MISSES = {
    "pr6531_2.pdf": "encrypted in a way that neither pypdf nor PDFium opens without its password",
    "secHandler.pdf": "encrypted by a handler that is none of the standard's",
    "issue8586.pdf": "three letters that stand for signs of a font of its own",
    "bug1770750.pdf": "one letter, which poppler makes of a form field",
}

# --- The four corpora ---------------------------------------------------------------------------


@pytest.mark.slow
def test_hostile_corpora_end_in_one_run_within_their_bounds(shared, tmp_path):
    folder = tmp_path / "hostile"
    for name in CORPORA:
        shutil.copytree(shared / "corpora" / name, folder / name)
    count = sum(path.is_file() for path in folder.rglob("*"))
    watched = Watched(tmp_path / "watched")
    places = (folder, watched.project, watched.elsewhere)
    before = snapshot(*places, leave_out=watched.home)

    summary = watched.run(folder)

    assert snapshot(*places, leave_out=watched.home) == before
    assert watched.saw() == []
    assert not (watched.home / "scratch").exists()
    most = summary["tasks"]["extract"]["most"]
    # Of a processor: on a machine that does other things, seconds say nothing of a document.
    assert most["processor"] < 20
    assert most["memory"] < 512_000_000

    documents = watched.documents()
    assert len(documents) == sum(summary["documents"].values()) == count
    for key, document in documents.items():
        if document["state"] != "succeeded":
            assert document["reason"], key
            assert document["message"], key
    reasons = Counter(each["reason"] for each in documents.values())
    assert set(reasons) <= {
        *(None, "unsupported_type", "no_text", "empty", "encrypted", "damaged", "too_large"),
        *("exhausted", "timeout", "limit"),
    }
    # Whatever libraries say of damaged documents, a person can still read what the run says.
    assert len(watched.said) < 20_000

    verdicts = json.loads((folder / "pdfjs-hard" / "verdicts.json").read_text(encoding="utf-8"))
    with_text = [each["file"] for each in verdicts if each["pdftotext_chars_5p"]]
    missed = [name for name in with_text if not documents[f"pdfjs-hard/{name}"]["chunks"]]
    assert set(missed) <= set(MISSES)
    assert len(missed) <= 0.05 * len(with_text)


# --- A parser that is taken over by its document ------------------------------------------------

#: Takes the place of the parser of GIFs in every process: does what the document says.
TAKEN_OVER = """
class Parser:
    media_types = ("image/gif",)

    def parse(self, document, options):
        import logging, os, signal, socket, sys, tempfile, time
        from ragflow.documents import Content, Element

        what, _, detail = document.read()[6:].decode().partition(" ")
        if what == "hang":
            time.sleep(600)
        elif what == "die":
            open(tempfile.gettempdir() + "/left", "w").close()
            os.kill(os.getpid(), signal.SIGSEGV)
        elif what == "grow":
            kept = [bytearray(1 << 20) for _ in range(1 << 14)]
        elif what == "connect":
            socket.create_connection(("127.0.0.1", int(detail)), timeout=5)
        elif what == "resolve":
            socket.getaddrinfo("localhost", int(detail))
        elif what == "warn":
            logger = logging.getLogger("pypdf")
            for number in range(1000):
                # As a library's: what it says counts by where its code lies.
                logger.handle(logger.makeRecord(
                    "pypdf", logging.WARNING, logging.__file__, 1, "odd %d", (number,), None))
        text = f"the document said {what}"
        return Content(text=text, elements=(Element(kind="paragraph", start=0, end=len(text)),))
"""
TAKE_OVER = """
import ragflow.parsing.reading
ragflow.parsing.reading.PARSERS["image/gif"] = "taken_over:Parser"
"""
LIMITED = '.options(timeout=seconds(4), memory_limit="256 MiB")'


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """Listen to this machine's own network; yield the port, and who came."""
    came: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                came.append(str(address))
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came


@pytest.fixture
def watched(tmp_path):
    made = Watched(tmp_path / "watched", options=LIMITED)
    (tmp_path / "watched" / "watch" / "taken_over.py").write_text(TAKEN_OVER, encoding="utf-8")
    return made


def write(folder: Path, **documents: str) -> Path:
    folder.mkdir()
    for name, says in documents.items():
        (folder / f"{name}.gif").write_bytes(b"GIF89a" + says.encode())
    return folder


def test_a_document_that_takes_over_its_parser_costs_only_itself(watched, tmp_path):
    with listener() as (port, came):
        folder = write(
            tmp_path / "documents",
            hang="hang",
            die="die",
            grow="grow",
            connect=f"connect {port}",
            resolve=f"resolve {port}",
            fine="fine",
        )
        summary = watched.run(folder, also=TAKE_OVER)
        documents = watched.documents()
    assert summary["documents"]["added"] == 1
    assert summary["documents"]["failed"] == 5
    assert {key: each["reason"] for key, each in documents.items()} == {
        "hang.gif": "timeout",
        "die.gif": "poison",
        "grow.gif": "exhausted",
        "connect.gif": "limit",
        "resolve.gif": "limit",
        "fine.gif": None,
    }
    assert documents["hang.gif"]["message"] == "the attempt took longer than 4 s"
    assert documents["connect.gif"]["message"].startswith("the call asked for the network")
    assert came == []
    # The watch sees the attempts, which the worker refuses: so it would see one that succeeds.
    assert {line.split()[0] for line in watched.saw()} == {"network"}
    assert not (watched.home / "scratch").exists()


def test_what_hung_is_not_tried_again_before_somebody_asks(watched, tmp_path):
    folder = write(tmp_path / "documents", hang="hang")
    assert watched.run(folder, also=TAKE_OVER)["documents"]["failed"] == 1
    again = watched.run(folder, also=TAKE_OVER)
    assert again["documents"]["held_back"] == 1
    assert again["tasks"]["extract"]["ran"] + again["tasks"]["extract"]["failed"] == 0


def test_warnings_of_libraries_are_counted_after_the_tenth(watched, tmp_path):
    watched.run(write(tmp_path / "documents", warn="warn"), also=TAKE_OVER)
    assert watched.said.count("odd ") == 10
    logs = watched.type("logs", "1", "--json")
    told = [json.loads(line)["text"] for line in logs.stdout.splitlines()]
    assert [text for text in told if text.startswith("odd ")] == [f"odd {n}" for n in range(10)]
    assert "990 more warnings" in told


def test_the_watch_sees_what_is_written_and_who_is_spoken_to(watched, tmp_path):
    other = tmp_path / "other"
    with listener() as (port, came):
        watched.start(
            [
                *(sys.executable, "-c"),
                (
                    f"open({str(other)!r}, 'w').close(); import socket;"
                    f"socket.create_connection(('127.0.0.1', {port})).recv(1)"
                ),
            ]
        )
    assert len(came) == 1
    assert f"write {other}" in watched.saw()
    assert any(line.startswith("network ") for line in watched.saw())


# --- What needs no worker -----------------------------------------------------------------------

#: Tells of every interpreter that imports what workers are.
COUNT_WORKERS = """
import sys
if "ragflow.executors.processes.worker import main" in " ".join(sys.orig_argv):
    _tell("worker", "started")
"""


def test_plain_texts_and_a_refresh_with_nothing_to_do_start_no_worker(tmp_path):
    watched = Watched(tmp_path / "watched")
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_text("# Title\n\nSome words.\n", encoding="utf-8")
    (folder / "b.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    (folder / "c.py").write_text("print(1)\n", encoding="utf-8")
    assert watched.run(folder, also=COUNT_WORKERS)["documents"]["added"] == 3
    assert "worker started" not in watched.saw()
    (folder / "d.html").write_text("<p>Some more words.</p>", encoding="utf-8")
    (folder / "e.txt").write_text("long\n" * 100_000, encoding="utf-8")
    assert watched.run(folder, also=COUNT_WORKERS)["documents"]["added"] == 2
    started = watched.saw().count("worker started")
    assert started >= 1
    assert watched.run(folder, also=COUNT_WORKERS)["documents"]["unchanged"] == 5
    assert watched.saw().count("worker started") == started


def test_in_threads_no_worker_is_started(tmp_path):
    watched = Watched(tmp_path / "watched", options='.options(executor="threads")')
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "d.html").write_text("<p>Some words.</p>", encoding="utf-8")
    assert watched.run(folder, also=COUNT_WORKERS)["documents"]["added"] == 1
    assert "worker started" not in watched.saw()
