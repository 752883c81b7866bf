"""What other splitters do with edited texts; run by `edit_stability` in their environment."""

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["COCOINDEX_DISABLE_USAGE_TRACKING"] = "1"

#: From a text, a chunk size in the splitter's own measure and a share of overlap to chunks.
Split = Callable[[str, int, float], Sequence[str]]


def langchain(language: str | None) -> Split:
    from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

    def split(text: str, size: int, overlap: float) -> Sequence[str]:
        sizes = {"chunk_size": size, "chunk_overlap": int(size * overlap)}
        if language:
            made = RecursiveCharacterTextSplitter.from_language(Language(language), **sizes)
        else:
            made = RecursiveCharacterTextSplitter(**sizes)
        return made.split_text(text)

    return split


def llama_index(_language: str | None) -> Split:
    from llama_index.core.node_parser import SentenceSplitter

    def split(text: str, size: int, overlap: float) -> Sequence[str]:
        made = SentenceSplitter(chunk_size=size, chunk_overlap=int(size * overlap))
        return made.split_text(text)

    return split


def cocoindex(language: str | None) -> Split:
    from cocoindex.ops.text import RecursiveSplitter

    made = RecursiveSplitter()

    def split(text: str, size: int, overlap: float) -> Sequence[str]:
        share = int(size * overlap)
        found = made.split(text, size, chunk_overlap=share or None, language=language)
        return [each.text for each in found]

    return split


#: Each with the share of overlap that is its default: 200 of 4,000, 200 of 1,024, none.
SPLITTERS = {
    "LangChain RecursiveCharacterTextSplitter": (langchain, 0.05),
    "LlamaIndex SentenceSplitter": (llama_index, 0.2),
    "CocoIndex RecursiveSplitter": (cocoindex, 0.0),
}


def mean_length(texts: Sequence[str], split: Callable[[str], Sequence[str]]) -> float:
    return statistics.mean(len(chunk) for text in texts for chunk in split(text))


def equal_size(texts: Sequence[str], split: Split, length: float) -> int:
    """Return the chunk size whose mean length is nearest to `length`."""
    low, high = 8, 1 << 14
    while high - low > max(low // 100, 1):
        middle = (low + high) // 2
        is_longer = mean_length(texts, lambda text, size=middle: split(text, size, 0)) > length
        low, high = (low, middle) if is_longer else (middle, high)
    return min(
        (low, high),
        key=lambda size: abs(mean_length(texts, lambda text: split(text, size, 0)) - length),
    )


def results(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, (make, default) in SPLITTERS.items():
        split = make(asked["language"])
        size = equal_size(asked["before"], split, asked["length"])
        for overlap in dict.fromkeys((0, default)):
            before = [split(text, size, overlap) for text in asked["before"]]
            known = [set(each) for each in before]
            yield {
                "splitter": f"{name}, overlap {overlap:.0%}" if overlap else name,
                "chunks": sum(map(len, before)),
                "length": statistics.mean(len(chunk) for each in before for chunk in each),
                "again": [
                    len(set(split(text, size, overlap)) - known[number])
                    for number, text in asked["after"]
                ],
            }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(results(json.loads(Path(sys.argv[1]).read_text())))))
