"""What is one document, how well was it read, and which others are the same?"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ragflow.api.repairs import requests_of
from ragflow.core.reasons import KnownOwner
from ragflow.documents import Content
from ragflow.errors import RagflowError
from ragflow.parsing.quality import Signals, signals
from ragflow.runtime.home import Home
from ragflow.runtime.remembered import load_now, remembered_content

#: Documents of the same content that are named.
_TWINS = 100


class Twin(msgspec.Struct, frozen=True, kw_only=True):
    """A document with the same content."""

    key: str
    source: str
    instance: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was last read, and as its source gives it now."""

    #: What kind of bytes it is; None where it was never read.
    media_type: str | None
    #: Where its source looks, as ``{"folder": "docs"}``.
    place: Mapping[str, Any]
    #: Bytes it has now; None where it cannot be had.
    size: int | None
    #: Whether its source still gives what was last read; None where that cannot be told.
    is_current: bool | None
    #: How well it was read; None where that is not remembered.
    quality: Signals | None
    #: Other documents that were last read as the same content.
    same_content: Sequence[Twin]
    #: What could not be told, and why, one sentence each.
    problems: Sequence[str]


def read_document(home: Home, owner: KnownOwner) -> Reading:
    """Return what is to be said of a document beside how it stands in collections.

    Its quality is computed from what is remembered of it; nothing is parsed. Its source is
    asked for its bytes.
    """
    problems = []
    content = remembered_content(home, owner, requests_of(home))
    if isinstance(content, str):
        problems.append(f"how well it was read is not known: {content}")
    size, is_current = None, None
    try:
        loaded = load_now(home, owner, requests_of(home))
        size, is_current = loaded.size, loaded.content == owner.content
    except (OSError, RagflowError) as error:
        problems.append(f"it cannot be read now: {error}")
    instance = next(each for each in home.metadata.instances() if each.id == owner.instance_id)
    twins = home.metadata.reasons.twins(owner.owner, limit=_TWINS)
    return Reading(
        media_type=owner.metadata.get("media_type"),
        place=home.metadata.ledger.locator(instance, owner.source) or {},
        size=size,
        is_current=is_current,
        quality=signals(content) if isinstance(content, Content) else None,
        same_content=[
            Twin(key=each.key, source=each.source, instance=each.instance) for each in twins
        ],
        problems=problems,
    )
