"""Which engine reads what is written on a page?"""

from ragflow.interfaces.ingestion import ParseOptions, Recognizer
from ragflow.parsing.reasons import Reason, skipped
from ragflow.parsing.requirements import is_installed
from ragflow.parsing.tesseract import Tesseract


def recognizer(options: ParseOptions) -> Recognizer:
    """Return what was asked for, ready for the languages.

    Raises `SkipDocument`, naming the requirement, where it is not there or not prepared.
    """
    if options.ocr != "rapidocr":
        return Tesseract(options.languages)
    for library in ("rapidocr", "onnxruntime"):
        if not is_installed(library):
            raise skipped(
                Reason.OCR_MISSING,
                "text in images cannot be recognized without the extra 'rapidocr' of ragflow",
                requirement=f"library:{library}",
                hint="pip install 'ragflow[rapidocr]'",
            )
    from ragflow.parsing.rapid import Rapid

    return Rapid()
