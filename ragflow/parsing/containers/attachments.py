"""What is attached to a mail?"""

from collections.abc import Iterator
from functools import partial

from ragflow.parsing.containers.entry import Entry
from ragflow.parsing.containers.limits import REST, Allowance, rest_of_mail
from ragflow.parsing.expanding import BLOCK

#: How the names end of attachments that have none.
_SUFFIXES = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
}


def mail_entries(data: bytes, allowance: Allowance) -> Iterator[Entry]:
    """Yield the attachments of an e-mail (EML)."""
    from ragflow.parsing.mail import MOST_LINES, attachments, lines_in

    lines = lines_in(data)
    if lines <= MOST_LINES:  # else it is not read at all
        allowance.read_lines(lines)
    for each in attachments(data):
        if isinstance(each, str):
            nothing = partial(_blocks, b"", allowance)
            yield Entry(REST, 0, nothing, rest_of_mail(each), is_rest=True)
            continue
        name, kind, held = each
        yield Entry(_named(name, kind), len(held), partial(_blocks, held, allowance))


def outlook_entries(data: bytes, allowance: Allowance) -> Iterator[Entry]:
    """Yield the attachments of an Outlook message (MSG)."""
    from ragflow.parsing.outlook import attachments

    for each in attachments(data):
        if isinstance(each, str):
            why = "is a message within an Outlook message, which cannot be read: save it by itself"
            yield Entry(_flat(each), 0, partial(_blocks, b"", allowance), ("unsupported_type", why))
        else:
            blocks = partial(_blocks, each.data, allowance)
            yield Entry(_named(each.name, each.media_type), len(each.data), blocks)


def _named(name: str, kind: str) -> str:
    suffix = _SUFFIXES.get(kind, "")
    if name == kind:  # it has no name
        return f"attachment{suffix}"
    if kind == "message/rfc822" and not name.lower().endswith(suffix):
        name += suffix  # the message's subject
    return _flat(name)


def _flat(name: str) -> str:
    # A subject may have a slash in it; no attachment lies in a folder.
    return name.replace("\\", "/").rstrip("/").replace("/", "_")


def _blocks(data: bytes, allowance: Allowance) -> Iterator[bytes]:
    allowance.spend(len(data))
    for at in range(0, len(data), BLOCK):
        yield data[at : at + BLOCK]
