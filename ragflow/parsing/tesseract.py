"""Is Tesseract on this machine, what can it read, and what does it say about an image?"""

import re
import shutil
from typing import TYPE_CHECKING, Any

from ragflow.errors import RetryTask
from ragflow.interfaces.ingestion import SeenWord
from ragflow.parsing.reasons import Reason, skipped, unreadable

if TYPE_CHECKING:
    from PIL import Image

#: How requirements for the program and for one of its languages are written.
PROGRAM = "program:tesseract"
LANGUAGE = "tesseract:"

#: The language pack that tells which way up a page is.
_ORIENTATION = "osd"
_NAMES = re.compile(r"[A-Za-z]\w*(?:/\w+)?(?:\+[A-Za-z]\w*(?:/\w+)?)*")
#: Seconds one page may take; a dense one takes three.
_PATIENCE = 180.0
#: Resolutions Tesseract believes; beyond them it estimates for itself.
_BELIEVED = (70, 2400)
_SUFFERED = 400


class Tesseract:
    """The program, with the languages that were asked for, ready to recognize pages.

    One page is recognized on one core, so that pages can share a machine.
    """

    def __init__(self, languages: str) -> None:
        """Raise `SkipDocument`, naming the requirement, if the program or a language is missing."""
        if shutil.which("tesseract") is None:
            raise skipped(
                Reason.OCR_MISSING,
                "recognizing text in images needs Tesseract, which is not installed",
                requirement=PROGRAM,
                hint="install Tesseract (for example: apt install tesseract-ocr)",
            )
        installed = installed_languages()
        for language in languages.split("+"):
            if language not in installed or not _NAMES.fullmatch(languages):
                raise skipped(
                    Reason.LANGUAGE_MISSING,
                    f"Tesseract is not prepared for the language {language!r}",
                    requirement=f"{LANGUAGE}{language}",
                    hint=f"install its language pack (for example: apt install"
                    f" tesseract-ocr-{language.replace('_', '-')})",
                )
        # Mode 1 also turns pages that lie on their side or stand on their head.
        mode = "1" if _ORIENTATION in installed else "3"
        self.turns = mode == "1"
        self._languages = languages
        self._mode = f"--psm {mode}"

    def words(self, image: "Image.Image", *, resolution: float) -> list[SeenWord]:
        """Return the words of an image, as `Recognizer` says."""
        found = []
        for row in self.table(image, resolution=round(resolution)).split("\n")[1:]:
            fields = row.split("\t", 11)
            if len(fields) < 12 or not fields[11].strip() or float(fields[10]) < 0:
                continue
            _, _, block, paragraph, line, _, left, top, width, height = map(int, fields[:10])
            box = (left, top, left + width, top + height)
            sure = float(fields[10]) / 100
            found.append(SeenWord(fields[11].strip(), box, sure, (block, paragraph), line))
        return found

    def table(self, image: "Image.Image", *, resolution: int) -> str:
        """Return what Tesseract sees in an image, one row a word, columns set off by tabs.

        Raises `ParseError` when the program fails, `RetryTask` when it comes to no end.
        """
        library = _library()
        config = self._mode
        if _BELIEVED[0] <= resolution <= _BELIEVED[1]:
            config += f" --dpi {resolution}"
        try:
            table: str = library.image_to_data(
                image, lang=self._languages, config=config, timeout=_PATIENCE
            )
        except library.TesseractError as error:
            said = " ".join(str(error.message).split())[-_SUFFERED:]
            raise unreadable(Reason.OCR_FAILED, f"Tesseract gave up: {said}") from error
        except RuntimeError as error:  # how the library says that time was up
            raise RetryTask(
                f"recognizing the text took more than {_PATIENCE:.0f} seconds",
                code=Reason.OCR_SLOW.value,
            ) from error
        return table


def installed_languages() -> frozenset[str]:
    """Return the languages Tesseract is prepared for; none where it is not installed."""
    if shutil.which("tesseract") is None:
        return frozenset()
    return frozenset(_library().get_languages(config=""))


def _library() -> Any:
    import pytesseract
    from pytesseract import pytesseract as inner

    # The environment it gives its children, and only them: left alone, OpenMP starts a thread
    # for each core and spends half the time waiting for them, and torch must not be limited.
    if inner.environ.get("OMP_THREAD_LIMIT") != "1":
        inner.environ = {**inner.environ, "OMP_THREAD_LIMIT": "1"}
    return pytesseract
