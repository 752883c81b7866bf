"""What does an Outlook message say? As an e-mail: subject, people, text, what is attached."""

import io
from collections.abc import Iterator, Sequence

from oxmsg import Message
from oxmsg.attachment import Attachment

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.blocks import Block
from ragflow.parsing.mail import HEADS, Attached, head_text, mail_content, plain_blocks
from ragflow.parsing.web_page import shown


class OutlookParser:
    """Reads Outlook messages (MSG) as e-mails are read.

    A message whose text is in RTF alone has none here. Attachments are named; they are documents
    of their own.
    """

    media_types: tuple[str, ...] = ("application/vnd.ms-outlook",)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return the message, a paragraph an element."""
        message = Message.load(io.BytesIO(document.read()))
        stated = {name.title(): words for name, words in message.message_headers.items()}
        heads = {name: head_text(stated.get(name, "")) for name in HEADS}
        heads["From"] = heads["From"] or head_text(message.sender or "")
        heads["To"] = heads["To"] or ", ".join(
            " ".join(filter(None, (each.name, each.email_address and f"<{each.email_address}>")))
            for each in message.recipients
        )
        attached = [_name(each) for each in message.attachments]
        return mail_content(head_text(message.subject or ""), heads, _body(message), attached)


def _body(message: Message) -> Sequence[Block]:
    markup = message.html_body
    if markup:
        blocks = shown(markup.encode()).blocks
        if blocks:
            return blocks
    return list(plain_blocks(message.body or ""))


def attachments(data: bytes) -> Iterator[Attached | str]:
    """Yield the attachments of a message in their order; of one without bytes only its name.

    Raises what the library raises where the message is damaged.
    """
    for each in Message.load(io.BytesIO(data)).attachments:
        held = each.file_bytes
        yield _name(each) if held is None else Attached(_name(each), each.mime_type or "", held)


def _name(attachment: Attachment) -> str:
    return head_text(attachment.file_name or "") or "message"
