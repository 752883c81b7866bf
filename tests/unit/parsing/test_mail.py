import base64
from email.message import EmailMessage

import pytest

from ragflow.parsing import mail
from tests.unit.parsing.samples import kinds, outcome, outcomes_elsewhere, read, texts

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
    assert content.notes == ()
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
    content = read(made.as_bytes(), MAIL)
    assert texts(content)[2:] == ["part 0", "part 1"]
    assert content.notes == ("The message has more than 3 parts, and nothing beyond was read.",)


def test_parts_beyond_a_depth_are_left_out_in_words(monkeypatch):
    monkeypatch.setattr(mail, "_DEEPEST", 2)
    inner = PLAIN
    for depth in range(2):
        inner = parted("mixed", inner, name=f"B{depth}")
    content = read("Subject: x\n" + inner, MAIL)
    assert (texts(content), content.notes) == (["x", "Real words"], ())
    content = read("Subject: x\n" + parted("alternative", inner, name="C"), MAIL)
    assert texts(content) == ["x"]
    assert [note for note in content.notes if "within more than 2 others" in note] != []


@pytest.mark.parametrize("kind", ["multipart/encrypted", "application/pkcs7-mime"])
def test_an_encrypted_message_says_so(kind):
    assert outcome(f"Subject: x\nContent-Type: {kind}\n\nabc".encode(), MAIL) == "encrypted"


def test_a_message_beyond_the_limit_is_too_large(monkeypatch):
    monkeypatch.setattr(mail, "_MOST_BYTES", 10)
    assert outcome(b"Subject: words\n\nbody", MAIL) == "too_large"


def test_a_message_that_says_nothing_says_so():
    assert outcome(b"X-Nothing: 1\n\n\n", MAIL) == "no_text"


def test_heads_written_without_encoding_them_are_read():
    data = "Subject: Prüfung der Öfen\nFrom: Jürgen <j@x.de>\nTo: =?utf-8?q?=C3=84?= Ł ü\n\nHallo"
    assert texts(read(data, MAIL)) == [
        "Prüfung der Öfen",
        "From: Jürgen <j@x.de>\nTo: Ä Ł ü",
        "Hallo",
    ]
    head = "Subject: Größe\nContent-Type: text/plain; charset=iso-8859-1\n\nx"
    assert read(head.encode("latin-1"), MAIL).title == "Größe"


def test_names_of_attachments_written_without_encoding_them_are_read():
    data = 'Subject: x\nContent-Type: application/pdf; name="Plän Ł.pdf"\n\nabc'
    assert texts(read(data, MAIL))[1:] == ["- Attachment: Plän Ł.pdf"]


def parted(kind: str, *parts: str, name: str = "B") -> str:
    inside = "".join(f"--{name}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={name}\n\n{inside}--{name}--\n"


PLAIN = "Content-Type: text/plain\n\nReal words"


@pytest.mark.parametrize(
    "other",
    [
        "Content-Type: text/html\n\n<html><body><img src=x></body></html>",
        parted(
            "mixed",
            "Content-Type: text/html\nContent-Disposition: attachment; filename=a.html\n\n<p>x",
            name="C",
        ),
        "Content-Type: text/calendar\n\nBEGIN:VCALENDAR",
    ],
)
def test_what_says_nothing_never_stands_in_for_text(other):
    content = read("Subject: x\n" + parted("alternative", PLAIN, other), MAIL)
    assert texts(content)[:2] == ["x", "Real words"]
    assert "<p>" not in content.text


def test_one_part_of_many_alternatives_is_read_once(monkeypatch):
    looks = []
    plain = mail.shown
    monkeypatch.setattr(mail, "shown", lambda *a, **k: looks.append(1) or plain(*a, **k))
    inner = "Content-Type: text/html\n\n<img src=x>"
    for depth in range(12):
        inner = parted("alternative", inner, inner if depth < 1 else PLAIN, name=f"B{depth}")
    assert "Real words" in read("Subject: x\n" + inner, MAIL).text
    assert len(looks) == 2


def test_a_signed_message_is_not_called_encrypted():
    kind = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    assert outcome(f"Subject: x\n{kind}\n\nMIIB".encode(), MAIL) == "unsupported_type"
    sealed = kind.replace("signed-data", "enveloped-data")
    assert outcome(f"Subject: x\n{sealed}\n\nMIIB".encode(), MAIL) == "encrypted"


def test_parameters_without_end_are_not_all_looked_at():
    hostile = b'Content-Type: text/plain; x="' + b";" * 4_000_000
    assert outcomes_elsewhere((b"Subject: x\n" + hostile + b"\n\nhello", MAIL)) == ["content"]


def test_recipients_are_read_as_far_as_people_may_want():
    many = ", ".join(f"person{number}@example.com" for number in range(100))
    assert "person99@" in read(f"To: {many}\n\nx", MAIL).text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_message_of_too_many_lines_is_too_large(monkeypatch, end):
    monkeypatch.setattr(mail, "MOST_LINES", 4)
    heads = f"Subject: x{end}A: b{end}"
    assert outcome(f"{heads}{end}hi{end}".encode(), MAIL) == "content"
    assert outcome(f"{heads}A: b{end}{end}hi{end}".encode(), MAIL) == "too_large"
