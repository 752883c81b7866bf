import base64
from email.message import EmailMessage

import pytest

from ragflow.parsing import mail
from tests.unit.parsing.samples import kinds, outcome, read, texts

MAIL = "message/rfc822"
SENT = "Mon, 05 Jan 2026 10:00:00 +0100"


def message(text: str = "Hello.\n\nBye.") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Größe\tund Maß"
    made["From"] = "Jörg <j@example.com>"
    made["To"] = "a@example.com, b@example.com"
    made["Date"] = SENT
    made["Bcc"] = "secret@example.com"
    if text:
        made.set_content(text)
    return made


def test_a_message_has_its_subject_its_people_and_its_text():
    content = read(message().as_bytes(), MAIL)
    assert texts(content) == [
        "Größe und Maß",
        f"From: Jörg <j@example.com>\nTo: a@example.com, b@example.com\nDate: {SENT}",
        "Hello.",
        "Bye.",
    ]
    assert kinds(content)[0] == ("title", 1)
    assert content.title == "Größe und Maß"


def test_html_is_read_where_there_is_both():
    made = message("| a | b |")
    made.add_alternative("<table><tr><th>a<th>b<tr><td>c<td>d</table>", subtype="html")
    content = read(made.as_bytes(), MAIL)
    assert content.elements[-1].cells == (("a", "b"), ("c", "d"))
    assert len(content.elements) == 3


def test_attachments_are_named_and_not_read():
    made = message()
    made.add_attachment(b"secret", maintype="application", subtype="pdf", filename="Plän.pdf")
    made.add_attachment("inner words", filename="notes.txt")
    made.add_attachment(message("deep"))
    content = read(made.as_bytes(), MAIL)
    assert texts(content)[-3:] == [
        "- Attachment: Plän.pdf",
        "- Attachment: notes.txt",
        "- Attachment: Größe und Maß",
    ]
    assert content.notes == ("Attachments were not read: Plän.pdf, notes.txt, Größe und Maß.",)
    assert "inner words" not in content.text
    assert "deep" not in content.text


@pytest.mark.parametrize("encoding", ["latin-1", "koi8-r", "utf-8"])
@pytest.mark.parametrize("transfer", ["8bit", "base64"])
def test_any_encoding_is_read(encoding, transfer):
    words = "при" if encoding == "koi8-r" else "Größe"
    body = words.encode(encoding)
    body = base64.encodebytes(body) if transfer == "base64" else body
    head = f"Subject: x\nContent-Type: text/plain; charset={encoding}\n"
    data = f"{head}Content-Transfer-Encoding: {transfer}\n\n".encode() + body
    assert texts(read(data, MAIL)) == ["x", words]


@pytest.mark.parametrize(
    "head",
    [
        "Subject: =?utf-8?b?!!!?= x",
        "Subject: =?no-such-code?q?a=FF?=",
        "Subject: x\nContent-Type: text/plain; charset=no-such-code",
        "Subject: x\nContent-Type: multipart/mixed",
        "Subject: x\nContent-Type: ;;;",
        "Subject: x\nContent-Transfer-Encoding: base64",
        "Subject: x\nContent-Disposition: inline; filename*=no-such''%FF",
    ],
)
def test_a_head_that_is_broken_is_read_all_the_same(head):
    assert outcome(f"{head}\n\nbody\xff".encode("latin-1"), MAIL) == "content"


def test_parts_in_parts_without_end_end_by_themselves():
    data = b"Subject: x\n"
    for depth in range(3_000):
        data += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (depth, depth)
    assert outcome(data + b"\n\ndeep", MAIL) in ("content", "exhausted")


def test_parts_without_end_are_not_all_read(monkeypatch):
    monkeypatch.setattr(mail, "_MOST_PARTS", 3)
    made = message("")
    made.make_mixed()
    for number in range(10):
        made.attach(message(f"part {number}").get_body())
    data = made.as_bytes().replace(b"Subject: x", b"")
    assert texts(read(data, MAIL))[2:] == ["part 0", "part 1"]


@pytest.mark.parametrize("kind", ["multipart/encrypted", "application/pkcs7-mime"])
def test_an_encrypted_message_says_so(kind):
    assert outcome(f"Subject: x\nContent-Type: {kind}\n\nabc".encode(), MAIL) == "encrypted"


def test_a_message_beyond_the_limit_is_too_large(monkeypatch):
    monkeypatch.setattr(mail, "_MOST_BYTES", 10)
    assert outcome(b"Subject: words\n\nbody", MAIL) == "too_large"


def test_a_message_that_says_nothing_says_so():
    assert outcome(b"X-Nothing: 1\n\n\n", MAIL) == "no_text"
