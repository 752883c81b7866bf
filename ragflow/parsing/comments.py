"""What have people remarked in an Office document, who, and when?"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragflow.parsing.blocks import Block

#: Elements that hold a remark, and the attributes that say who made it and when, by whatever
#: version of whichever program wrote them.
_REMARKS = frozenset({"cm", "comment", "reply", "threadedComment"})
_BY = ("authorId", "personId")
_AT = ("dt", "created", "dT", "date")
_PEOPLE = frozenset({"cmAuthor", "author", "person"})
#: A remark for programs that do not know of threads; the thread has its own file.
_STAND_IN = "[Threaded comment]"
#: What is longer is no name; it would be written with each remark.
_LONGEST_NAME = 200


def people_of(roots: Iterable[Any]) -> dict[str, str]:
    """Return the names of those who make remarks, by the names a program gives them."""
    people = {}
    for root in roots:
        for node in _elements(root):
            if _name(node) in _PEOPLE and node.get("id"):
                people[node.get("id")] = node.get("name") or node.get("displayName") or ""
    return people


def comment_blocks(root: Any, people: Mapping[str, str]) -> Iterator[Block]:
    """Yield the remarks in a part, in order, answers after what they answer."""
    # Older workbooks number the people at the head of the same part.
    listed = [node.text or "" for node in _elements(root) if _name(node) == "author"]
    for node in _elements(root):
        if _name(node) not in _REMARKS:
            continue
        words = " ".join("".join(_words(node)).split())
        if not words or words.startswith(_STAND_IN):
            continue
        stated = _attributes(node)
        identity = next((stated[name] for name in _BY if name in stated), "")
        who = people.get(identity) or stated.get("author") or ""
        if not who and identity.isdecimal() and int(identity[:6]) < len(listed):
            who = listed[int(identity[:6])]
        when = next((stated[name] for name in _AT if name in stated), "")
        by = ", ".join(filter(None, (who[:_LONGEST_NAME], when[:_LONGEST_NAME])))
        yield Block(text=f"Comment{f' ({by})' if by else ''}: {words}")


def _words(node: Any) -> Iterator[str]:
    for child in _elements(node, deep=False):
        if _name(child) in _REMARKS or _name(child) in ("replyLst", "rPh"):
            continue
        if _name(child) in ("t", "text") and child.text:
            yield child.text
        yield from _words(child)
        if _name(child) == "p":
            yield " "


def _elements(node: Any, *, deep: bool = True) -> Iterator[Any]:
    for child in node.iter() if deep else node:
        if isinstance(child.tag, str):
            yield child


def _name(node: Any) -> str:
    return str(node.tag).rpartition("}")[2]


def _attributes(node: Any) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in node.attrib.items()}
