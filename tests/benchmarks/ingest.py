"""How long is it from files to a searchable index, beside embedding alone and beside others?

Run as ``make bench-ingest``, which installs the references (LangChain, LlamaIndex, Haystack,
CocoIndex) into an environment of their own; or ``python tests/benchmarks/ingest.py [--reference
PYTHON] [--only whole|peers] [--count N] [--rounds N] [--documents FOLDER] [--precision WAY]
[--peer NAME]``. What ragflow chose for this machine is used (``ragflow models calibrate``).
Documents are sources of Python's own documentation, plain text: see `ingest_corpus`.

``whole``: with a model that is open, the default pipeline in a fresh home, and `embed` of the very
same texts in one call and in their order, in one process a pair. Each is first in every other
pair; the median of the ratios is printed. Then the pipeline once more with vectors that cost
nothing, and where its own processor seconds went.

``peers``: whole processes with their imports, the same documents and model into embedded Chroma
(CocoIndex into its SQLite target). Each pipeline is written as its documentation writes it, with
its own batch sizes. Chunks have equally many tokens of the model in the mean (at most a tenth
apart) and no overlap; *cut off* is the share of chunks that are longer than the model reads, which
splitters that do not count its tokens cannot avoid, and whose rest is not embedded. Texts from the
middle of documents are then searched for, and must find them.
"""

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ragflow
from ragflow.documents import Document
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.weights import find_weights
from ragflow.interfaces.ingestion import ParseOptions
from tests.benchmarks.ingest_beside import QUIET, SIZES, Setting, beside
from tests.benchmarks.ingest_corpus import choose, copy, sources

MODEL = "all-minilm-l6-v2"
CORES = 2
#: How many times as long as embedding alone the pipeline may take: in single and half precision.
TIMES, TIMES_HALF = 1.06, 1.12
#: Fewer chunks say little.
FEWEST = 3_000
#: Words of a question, and how many questions there are at most.
WORDS, QUESTIONS = 40, 25
CHILD = Path(__file__).absolute().with_name("ingest_whole.py")


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--reference", type=Path, help="a Python that has the other pipelines")
    asked.add_argument("--only", choices=("whole", "peers"))
    asked.add_argument("--count", type=int, default=200, help="how many documents")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--documents", type=Path, help="where the documents are, or are put")
    asked.add_argument(
        "--precision",
        action="append",
        help="float32, bfloat16, openvino/bfloat16, …; repeatable; else what ragflow chooses",
    )
    asked.add_argument("--peer", action="append", choices=list(SIZES), help="repeatable; else all")
    given = asked.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    # As where it is installed; in a checkout, modules may have been edited since.
    compileall.compile_dir(Path(ragflow.__file__).parent, quiet=2)
    os.environ.update(QUIET)
    os.environ.pop("RAGFLOW_HOME", None)  # each home is to be a fresh one
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = sources(given.documents or kept / "ragflow-benchmarks" / "python-doc")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as name:
        documents = Path(name) / "docs"
        chosen = choose(folder, given.count)
        size = copy(chosen, folder, documents)
        print(f"{len(chosen)} documents, {size / 1e6:.1f} MB; load {os.getloadavg()[0]:.1f}")
        held = True
        if given.only != "peers":
            for precision in given.precision or [""]:
                held = compare(documents, precision, given.rounds) and held
        if given.only != "whole":
            if given.reference is None:
                sys.exit("name a Python that has the other pipelines: --reference PYTHON")
            setting = Setting(
                documents=documents,
                model=find_weights(load_spec(MODEL)),
                python=given.reference.absolute(),
                questions=questions(documents),
            )
            held = beside(setting, given.peer or list(SIZES), given.rounds) and held
    return 0 if held else 1


def questions(documents: Path) -> list[tuple[str, str]]:
    """Return texts from the middle of documents, each with its document's name."""
    every = sorted(documents.rglob("*.txt"))
    every = every[:: max(1, len(every) // QUESTIONS)]
    found = []
    for path in every:
        words = path.read_text(encoding="utf-8").split()
        begin = max(0, (len(words) - WORDS) // 2)
        text = " ".join(words[begin : begin + WORDS])
        found.append((text, path.relative_to(documents).as_posix()))
    return found


def texts_of(documents: Path) -> list[str]:
    """Return every chunk of the documents, as it is embedded."""
    from ragflow.chunking.boundaries import cut
    from ragflow.embedding.opening import open_tokenizer
    from ragflow.parsing.reading import parse
    from ragflow.tasks.chunk import MINIMUM

    tokenizer = open_tokenizer(load_spec(MODEL))
    texts = []
    for path in sorted(documents.rglob("*.txt")):
        data = path.read_bytes()
        document = Document("text/plain", b"", len(data), lambda data=data: data)
        content = parse(document, ParseOptions(languages="eng", ocr=False))
        texts.extend(each.text for each in cut(content, tokenizer, minimum=MINIMUM))
    return texts


def compare(documents: Path, precision: str, rounds: int) -> bool:
    """Print what the pipeline takes beside embedding alone; tell whether the bar is held."""
    texts = texts_of(documents)
    file = documents.parent / "texts.json"
    file.write_text(json.dumps(texts))
    command = [str(documents), str(file), *(["--precision", precision] if precision else [])]
    pairs = []
    for number in range(rounds):
        found = child([*command, "--first", ("alone", "whole")[number % 2]])
        pairs.append(found)
        print(
            f"  pair {number + 1} of {rounds}: {found['whole']['seconds']:.2f} s beside "
            f"{found['alone']['seconds']:.2f} s",
            file=sys.stderr,
            flush=True,
        )
    held = report(pairs, texts)
    breakdown(child([*command, "--samples"]))
    return held


def child(arguments: Sequence[str]) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(CHILD.parents[2])}
    done = subprocess.run(
        [sys.executable, str(CHILD), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(pairs: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> bool:
    columns: dict[str, list[float]] = defaultdict(list)
    for each in pairs:
        whole, alone = each["whole"], each["alone"]
        columns["ratio"].append(whole["seconds"] / alone["seconds"])
        columns["processor ratio"].append(whole["processor"] / alone["processor"])
        for name, found in (("whole", whole), ("alone", alone)):
            columns[f"{name} seconds"].append(found["seconds"])
            columns[f"{name} processor"].append(found["processor"])
        for name in ("before", "between", "after", "embedding", "calls"):
            columns[name].append(whole[name])
    middle = {name: statistics.median(column) for name, column in columns.items()}
    precision, chunks = pairs[0]["precision"], pairs[0]["whole"]["chunks"]
    limit = TIMES if precision == "float32" else TIMES_HALF
    few = f" (too few to judge: {FEWEST:,} are asked for)" if chunks < FEWEST else ""
    print(f"{chunks:,} chunks, {len(set(texts)):,} different{few}; {pairs[0]['way']}")
    for name, what in (("whole", "the whole pipeline"), ("alone", "embedding alone")):
        print(
            f"{middle[f'{name} seconds']:9.2f} s, {middle[f'{name} processor']:.2f} s of"
            f" processor: {what}"
        )
    print(
        f"{middle['ratio']:9.3f} times as long (to be at most {limit}; pairs"
        f" {', '.join(f'{each:.3f}' for each in columns['ratio'])}),"
        f" {middle['processor ratio']:.3f} times the processor"
    )
    print(
        f"{middle['calls']:9.0f} calls of the embedder took {middle['embedding']:.2f} s;"
        f" {middle['before']:.2f} s before the first, {middle['between']:.2f} s between,"
        f" {middle['after']:.2f} s after the last"
    )
    return bool(middle["ratio"] <= limit and chunks >= FEWEST)


def breakdown(found: Mapping[str, Any]) -> None:
    plain, sampled = found["plain"], found["sampled"]
    print(
        f"{plain['seconds']:9.2f} s, {plain['processor']:.2f} s of processor: the pipeline where"
        f" vectors cost nothing; once more with samples taken, {sampled['processor']:.2f} s:"
    )
    every = {**found["by_place"], "threads that Python did not start": found["elsewhere"]}
    for name, seconds in sorted(every.items(), key=lambda each: -each[1]):
        print(f"{seconds:9.2f} s of processor  {name}")
    print("the lines of ours that took most:")
    for name, seconds in list(found["by_line"].items())[:12]:
        print(f"{seconds:9.2f} s of processor  {name or '(none)'}")


if __name__ == "__main__":
    sys.exit(main())
