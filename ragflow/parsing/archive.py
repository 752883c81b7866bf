"""What does an archive say itself? Nothing: what it holds are documents of their own."""

from collections import deque

from ragflow.documents import Content, Document
from ragflow.interfaces.ingestion import ParseOptions
from ragflow.parsing.containers.kinds import ARCHIVES, entries
from ragflow.parsing.containers.limits import Allowance, OverLimitError
from ragflow.parsing.reasons import Reason, unreadable


class ArchiveParser:
    """Makes sure that an archive can be opened; it has no text and so no rows."""

    media_types: tuple[str, ...] = tuple(ARCHIVES)

    def parse(self, document: Document, options: ParseOptions) -> Content:
        """Return no text; raise `ParseError` where the archive is damaged."""
        data = document.read()
        try:
            deque(entries(document.media_type, data, Allowance(len(data))), maxlen=0)
        except OverLimitError:
            pass  # its source says that not all of it is read
        except Exception as error:
            raise unreadable(
                Reason.DAMAGED,
                "the archive could not be opened: it is damaged or cut off",
                hint="pack it again; what it held before stays in the index until then",
            ) from error
        return Content(text="")
