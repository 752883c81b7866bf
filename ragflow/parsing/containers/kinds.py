"""Which documents hold others, and what reads what they hold?"""

import importlib
from collections.abc import Callable, Iterator

from ragflow.parsing.containers.entry import Entry
from ragflow.parsing.containers.limits import Allowance

_ROOM = "ragflow.parsing.containers"
_TAR = f"{_ROOM}.tar_archive:tar_entries"
#: Documents that say nothing themselves, by media type: where what reads their entries is.
ARCHIVES: dict[str, str] = {
    "application/zip": f"{_ROOM}.zip_archive:zip_entries",
    "application/x-tar": _TAR,
    "application/x-compressed-tar": _TAR,
    "application/x-bzip2-compressed-tar": _TAR,
    "application/x-xz-compressed-tar": _TAR,
}
_MAILS: dict[str, str] = {
    "message/rfc822": f"{_ROOM}.attachments:mail_entries",
    "application/vnd.ms-outlook": f"{_ROOM}.attachments:outlook_entries",
}
#: Every media type whose documents hold others.
CONTAINERS: dict[str, str] = ARCHIVES | _MAILS


def entries(media_type: str, data: bytes, allowance: Allowance) -> Iterator[Entry]:
    """Yield what a container holds, in its own order.

    Raises `OverLimitError`, and whatever its library raises where it is damaged.
    """
    module, _, name = CONTAINERS[media_type].partition(":")
    read: Callable[[bytes, Allowance], Iterator[Entry]]
    read = getattr(importlib.import_module(module), name)
    return read(data, allowance)
