from ragflow.parsing.media_types import HEAD, media_type
from tests.unit.parsing.samples import kinds, outcome, read, texts

OUTLOOK = "application/vnd.ms-outlook"


def test_a_message_reads_as_an_e_mail_does(shared):
    folder = shared / "corpora/unstructured-docs"
    data = (folder / "fake-email-attachment.msg").read_bytes()
    assert media_type(data[:HEAD], "no-name") == OUTLOOK
    content = read(data, OUTLOOK)
    assert content.title == "Fake email with attachment"
    assert kinds(content)[0] == ("title", 1)
    assert texts(content)[1].startswith('From: "Mallori Harrell" <mallori@unstructured.io>\nTo: ')
    assert "- Lots of whitespace" in texts(content)
    assert texts(content)[-1] == "- Attachment: fake-attachment.txt"
    assert content.notes == ()


def test_a_message_cut_off_anywhere_ends_with_content_or_a_reason(shared):
    data = (shared / "corpora/unstructured-docs/fake-email.msg").read_bytes()
    for end in range(600, len(data), len(data) // 20):
        assert outcome(data[:end], OUTLOOK) in ("content", "damaged", "no_text")
