"""What is attached to a mail?"""

from collections.abc import Iterator
from functools import partial

from ragflow.parsing.containers.entry import DamagedMemberError, Entry, IncompleteError
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
    """Yield the attachments of an e-mail (EML).

    Raises `IncompleteError` after the last where the e-mail is cut off.
    """
    from ragflow.parsing.mail import MOST_LINES, attachments, lines_in

    lines = lines_in(data)
    if lines <= MOST_LINES:  # else it is not read at all
        allowance.read_lines(lines)
    try:
        for each in attachments(data):
            if isinstance(each, str):
                nothing = partial(_blocks, b"", allowance)
                yield Entry(REST, 0, nothing, rest_of_mail(each), is_rest=True)
                continue
            blocks = partial(_blocks, each.data, allowance, is_cut=each.is_cut)
            yield Entry(_named(each.name, each.media_type), len(each.data), blocks)
    except EOFError as error:
        raise IncompleteError(str(error)) from error


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
    # A subject may have a slash in it; no attachment lies in a folder. A dot that hides a file in
    # a folder hides none that was sent to somebody.
    parts = name.replace("\\", "/").split("/")
    return "_".join(part for part in parts if part not in ("", ".", "..")).lstrip(".")


def _blocks(data: bytes, allowance: Allowance, *, is_cut: bool = False) -> Iterator[bytes]:
    if is_cut:
        raise DamagedMemberError("the e-mail is cut off in it")
    allowance.spend(len(data))
    for at in range(0, len(data), BLOCK):
        yield data[at : at + BLOCK]
