"""How fast are texts embedded beside `SentenceTransformer.encode`, and how near the hardware?

Run as ``make bench-embed``, or ``python tests/benchmarks/embedding.py [--texts N] [--rounds N]
[--json FILE] [--chart FILE.svg] [--busy]``. Texts are docstrings of the standard library, cut to
16 to 256 tokens. The ways take turns in one process, so that what else the machine does meets
all of them; medians of rates and of ratios within a round are printed, wall clock and CPU time.
Peaks of matrix products are measured in the same rounds, and the share of the peak is one of
CPU seconds: another process that takes a core takes it from both. ``--busy`` does it again
while another process keeps one core.
"""

import argparse
import ast
import importlib.util
import json
import multiprocessing
import os
import random
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ragflow.cores import usable_cores
from ragflow.embedding.batches import plan_batches, waste
from ragflow.embedding.computing import ComputingThreads
from ragflow.embedding.devices import half_precisions
from ragflow.embedding.encoder import Encoder
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_tokenizer
from ragflow.embedding.weights import find_weights, read_json
from ragflow.errors import ParameterError
from tests.benchmarks.embedding_chart import draw

MODEL = "all-minilm-l6-v2"
PEER = "encode"
#: What the issue asks for: times the tokens a second of the peer, and the share of the peak.
BARS = {
    "torch float32": (2.0, 0.60),
    "torch bfloat16": (3.4, 0.45),
    "openvino float32": (2.0, 0.60),
    "openvino bfloat16": (4.0, 0.60),
}
BUSY_BAR = 0.45
#: Rows, columns and depth of the products whose best rate is called the peak.
SHAPES = ((1024, 1536, 384), (1024, 384, 1536), (1024, 1024, 1024))


def docstrings() -> Iterator[str]:
    """Yield the docstrings of the standard library, by file."""
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib"} & set(file.parts):
            continue
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def mixed_texts(count: int, *, seed: int = 0) -> list[str]:
    """Return texts of 16 to 256 tokens with special ones, all lengths alike."""
    tokenizer, lengths = open_tokenizer(load_spec(MODEL)), random.Random(seed)
    texts: list[str] = []
    whole = "\n\n".join(filter(None, docstrings()))
    spans = tokenizer.spans(whole[: 1200 * count])
    at = 0
    while len(texts) < count:
        size = lengths.randint(16, 256) - 2
        at = at if at + size < len(spans) else 0
        texts.append(whole[spans[at][0] : spans[at + size - 1][1]])
        at += size
    return texts


def flops(lengths: Sequence[int], config: dict[str, Any]) -> float:
    """Return what a BERT model computes for texts: linear layers, and attention by length."""
    size, inner = config["hidden_size"], config["intermediate_size"]
    layers, tokens = config["num_hidden_layers"], sum(lengths)
    linear = 2 * layers * (4 * size * size + 2 * size * inner)
    return linear * tokens + 4 * layers * size * sum(length**2 for length in lengths)


def peak(precision: str, threads: ComputingThreads) -> float:
    """Return the best rate of matrix products over the shapes: a CPU second of one core.

    All threads compute, so that they share the memories of the machine as embedding does.
    """
    import torch

    def rate(shape: tuple[int, int, int]) -> float:
        rows, columns, depth = shape
        given, weight = (
            torch.randn(size, dtype=getattr(torch, precision))
            for size in ((rows, depth), (columns, depth))
        )
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        with torch.inference_mode():
            begun, count = time.thread_time(), 0
            while time.thread_time() - begun < 0.1:
                torch.ops.mkldnn._linear_pointwise(given, packed, None, "none", [], "")
                count += 1
            return 2 * count * rows * columns * depth / (time.thread_time() - begun)

    best = 0.0
    for shape in SHAPES:
        waiting = [threads._pool.submit(rate, shape) for _ in range(threads.count)]
        best = max(best, statistics.mean(each.result() for each in waiting))
    return best


def open_ways() -> dict[str, Callable[[list[str]], np.ndarray]]:
    """Open the peer and every way that passes the self-check here, by name."""
    from sentence_transformers import SentenceTransformer

    spec = load_spec(MODEL)
    folder = find_weights(spec)
    peer = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    ways: dict[str, Callable[[list[str]], np.ndarray]] = {
        PEER: lambda texts: peer.encode(texts, show_progress_bar=False)
    }
    engines = ["torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
    for engine in engines:
        for precision in ("float32", *half_precisions("cpu")):
            try:
                encoder = Encoder(spec, folder, device="cpu", engine=engine, precision=precision)
            except ParameterError as error:
                print(f"{engine} {precision}: {error}", file=sys.stderr)
                continue
            ways[f"{engine} {precision}"] = lambda texts, encoder=encoder: np.array(
                [np.frombuffer(each.half, "<f2") for each in encoder.embed(texts)], dtype=float
            )
    return ways


def measure(ways: dict[str, Any], texts: list[str], rounds: int) -> dict[str, list[Any]]:
    """Return seconds and CPU seconds of each way in each round; the ways take turns."""
    took: dict[str, list[Any]] = {name: [] for name in ways}
    for number in range(rounds):
        # Not always the same neighbour before one.
        for name in random.Random(number).sample(sorted(ways), len(ways)):
            wall, processor = time.perf_counter(), time.process_time()
            ways[name](texts)
            took[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return took


def burn(core: int) -> None:
    """Keep one core until killed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    while True:
        pass


@contextmanager
def one_core_taken() -> Iterator[None]:
    """Let another process keep one core meanwhile."""
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    process = multiprocessing.get_context("spawn").Process(target=burn, args=(core,), daemon=True)
    process.start()
    time.sleep(1)
    try:
        yield
    finally:
        process.kill()
        process.join()


def compared(rows: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Return one less the cosine: the worst and the mean."""
    cosines = (rows * expected).sum(axis=1)
    cosines /= np.linalg.norm(rows, axis=1) * np.linalg.norm(expected, axis=1)
    return float(1 - cosines.min()), float(1 - cosines.mean())


def benchmark(count: int, rounds: int, *, is_busy: bool) -> dict[str, Any]:
    """Return all that is measured."""
    texts, spec = mixed_texts(count), load_spec(MODEL)
    tokenizer = open_tokenizer(spec)
    lengths = [tokenizer.count(text) + tokenizer.special for text in texts]
    tokens, work = sum(lengths), flops(lengths, read_json(find_weights(spec) / "config.json"))
    ways = open_ways()
    rows = {name: embed(texts) for name, embed in ways.items()}  # and all is warm
    threads = ComputingThreads(usable_cores())
    precisions = {name.split()[-1] for name in ways if name != PEER}
    peaks: dict[str, list[float]] = {precision: [] for precision in sorted(precisions)}
    took: dict[str, list[Any]] = {name: [] for name in ways}
    for _ in range(rounds):
        for precision, found in peaks.items():
            found.append(peak(precision, threads))
        for name, found in measure(ways, texts, 1).items():
            took[name] += found
    found = {
        name: _row(name, took, rows, tokens, len(texts))
        | ({} if name == PEER else _share(name, took, peaks, work))
        for name in ways
    }
    if is_busy:
        with one_core_taken():
            busy = measure(ways, texts, rounds)
        for name, row in found.items():
            seconds = statistics.median(wall for wall, _ in busy[name])
            row["kept_with_a_core_taken"] = tokens / seconds / row["tokens_per_second"]
    budget = 1024
    return {
        "model": MODEL,
        "texts": len(texts),
        "tokens": tokens,
        "cores": usable_cores(),
        "load_before": os.getloadavg()[0],
        "rounds": rounds,
        "padding_waste": waste(lengths, plan_batches(lengths, budget=budget)),
        "peak_gflops": {name: statistics.median(each) / 1e9 for name, each in peaks.items()},
        "ways": found,
    }


def _row(name: str, took: Any, rows: Any, tokens: int, texts: int) -> dict[str, float]:
    seconds = statistics.median(wall for wall, _ in took[name])
    processor = statistics.median(used for _, used in took[name])
    pairs = zip(took[PEER], took[name], strict=True)
    worst, mean = compared(rows[name], rows[PEER])
    return {
        "tokens_per_second": tokens / seconds,
        "texts_per_second": texts / seconds,
        "tokens_per_cpu_second": tokens / processor,
        "times_encode": statistics.median(theirs[0] / ours[0] for theirs, ours in pairs),
        "deviation_worst": worst,
        "deviation_mean": mean,
    }


def _share(name: str, took: Any, peaks: Any, work: float) -> dict[str, float]:
    rounds = zip(took[name], peaks[name.rsplit(maxsplit=1)[-1]], strict=True)
    shares = [work / processor / found for (_, processor), found in rounds]
    return {"share_of_peak": statistics.median(shares)}


def table(found: dict[str, Any]) -> str:
    """Return what was measured as text, with what is asked for beside it."""
    lines = [
        f"{found['texts']} texts, {found['tokens']} tokens of {found['model']},"
        f" {found['cores']} cores, load {found['load_before']:.1f} before;"
        f" padding {found['padding_waste']:.1%}; peaks "
        + ", ".join(
            f"{name} {each:.0f} GFLOP/s a core" for name, each in found["peak_gflops"].items()
        ),
        (
            f"{'way':18} {'tokens/s':>9} {'texts/s':>8} {'per CPU s':>9} {'x encode':>9}"
            f" {'of peak':>8} {'1-cos worst':>12} {'mean':>8} {'core taken':>11}"
        ),
    ]
    for name, row in found["ways"].items():
        asked, least = BARS.get(name, (0, 0))
        share = row.get("share_of_peak")
        kept = row.get("kept_with_a_core_taken")
        lines.append(
            f"{name:18} {row['tokens_per_second']:9,.0f} {row['texts_per_second']:8,.1f}"
            f" {row['tokens_per_cpu_second']:9,.0f} {row['times_encode']:9.2f}"
            f" {'' if share is None else f'{share:.0%}':>8} {row['deviation_worst']:12.1e}"
            f" {row['deviation_mean']:8.1e} {'' if kept is None else f'{kept:.0%}':>11}"
            + (f"   (to be {asked:.1f} and {least:.0%})" if asked else "")
        )
    return "\n".join(lines)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--texts", type=int, default=600)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--json", type=Path)
    asked.add_argument("--chart", type=Path)
    asked.add_argument("--busy", action="store_true", help="again with one core taken")
    given = asked.parse_args()
    found = benchmark(given.texts, given.rounds, is_busy=given.busy)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.chart:
        given.chart.write_text(draw(found), encoding="utf-8")


if __name__ == "__main__":
    main()
