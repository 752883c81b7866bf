"""What does RapidOCR read in an image? The second engine, an extra with its models in it."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rapidocr import RapidOCR

from ragflow.interfaces.ingestion import SeenWord

#: Lines no further apart than this part of their height are of one paragraph.
_NEAR = 0.7
#: Its engine for this thread: it is not said to be safe in several.
_OWN = threading.local()
#: One core a page; lines are not turned one by one, because the page is; nothing is printed.
_SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class Rapid:
    """RapidOCR with the models of its package, which know languages of their own."""

    turns = False

    def words(self, image: Any, *, resolution: float) -> list[SeenWord]:
        """Return the words of an image, as `Recognizer` says."""
        del resolution  # it looks for letters of any size
        engine = getattr(_OWN, "engine", None)
        if engine is None:
            engine = _OWN.engine = RapidOCR(params=_SETTINGS)
        found: Any = engine(np.asarray(image.convert("RGB")), return_word_box=True)
        if found.boxes is None or found.word_results is None:
            return []
        lines = [[_word(*word) for word in line if word[2]] for line in found.word_results]
        return list(_numbered([line for line in lines if line]))


def _word(text: str, confidence: float, corners: Sequence[Sequence[float]]) -> SeenWord:
    across, down = zip(*corners, strict=True)
    box = (float(min(across)), float(min(down)), float(max(across)), float(max(down)))
    return SeenWord(text, box, float(confidence))


def _numbered(lines: Sequence[Sequence[SeenWord]]) -> Iterator[SeenWord]:
    """Yield the words of all lines, with the numbers of their lines and paragraphs."""
    paragraph, before = 0, None
    for number, line in enumerate(lines):
        left, right = min(w.box[0] for w in line), max(w.box[2] for w in line)
        top, bottom = min(w.box[1] for w in line), max(w.box[3] for w in line)
        if before is not None:
            _, _, above, last = before
            gap = top - last
            is_below = above < top and gap <= _NEAR * min(bottom - top, last - above)
            paragraph += not (is_below and before[0] < right and left < before[1])
        before = (left, right, top, bottom)
        for word in line:
            yield SeenWord(word.text, word.box, word.confidence, (paragraph,), number)
