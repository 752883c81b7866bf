"""Does memory stay flat while a million short texts are embedded?

Run as ``make bench-stream``, or ``python tests/benchmarks/embedding_stream.py [--texts N]
[--model NAME]``; Linux only. Texts of 1 to 12 words come in batches of 512, as `embed` hands them
over; none is kept, nor is its vector. Printed is the memory in use after each tenth; at its
highest, the last third may take 5 % more than the middle third.
"""

import argparse
import os
import random
import sys
import time
from pathlib import Path

from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder

BATCH = 512
MOST = 1.05
WORDS = [
    "index",
    "page",
    "quick",
    "vector",
    "brown",
    "document",
    "fox",
    "chunk",
    "jumps",
    "query",
    "over",
    "lazy",
    "text",
    "row",
]


def in_use() -> float:
    """Return how many MiB of memory this process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> bool:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--texts", type=int, default=1_000_000)
    asked.add_argument("--model", default="all-minilm-l6-v2")
    said = asked.parse_args()
    embedder = open_embedder(load_spec(said.model))
    chance = random.Random(5)
    batches = -(-said.texts // BATCH)
    memory: list[float] = []
    started = time.perf_counter()
    for number in range(1, batches + 1):
        texts = [" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(BATCH)]
        embedder.embed(texts)
        memory.append(in_use())
        if number * 10 // batches > (number - 1) * 10 // batches:
            seconds = time.perf_counter() - started
            print(f"{number * BATCH:9,} texts, {seconds:5.0f} s: {memory[-1]:6.0f} MiB", flush=True)
    third = len(memory) // 3
    middle, last = max(memory[third : 2 * third]), max(memory[2 * third :])
    print(f"the last third takes {last / middle:.3f} times the middle (at most {MOST})")
    return last <= MOST * middle


if __name__ == "__main__":
    sys.exit(not main())
