"""From files to a searchable index, as whole processes: ragflow beside the other pipelines."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragflow import Index
from ragflow.config import find_project
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import export_rows
from tests.benchmarks.ingest_peers.look import NEAREST, lengths
from tests.benchmarks.noop import Cost, timed

PEERS = Path(__file__).absolute().with_name("ingest_peers")
#: How many times as long as ragflow each of the others is to take.
TIMES = 3
#: How far the mean length of their chunks, in tokens of the model, may be from ours.
EQUAL = 0.1
#: Of the questions asked of an index, this share is to find its document.
FOUND = 0.9
#: Chunk sizes in each splitter's own measure, with which chunks of Python's documentation have in
#: the mean as many tokens of the model as ours: characters, tokens of GPT-2, words, characters.
SIZES = {"LangChain": 740, "LlamaIndex": 190, "Haystack": 106, "CocoIndex": 740}
#: Nobody asks a hub, and nobody reports home.
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all of them are given."""

    documents: Path
    #: The folder with the weights of all-MiniLM-L6-v2.
    model: Path
    #: A Python that has the others.
    python: Path
    #: Texts, each with the name of the document it is from.
    questions: Sequence[tuple[str, str]]


def beside(setting: Setting, names: Sequence[str], rounds: int) -> bool:
    """Measure and print; tell whether every bar is held."""
    os.environ.update(QUIET)
    costs: dict[str, list[Cost]] = {name: [] for name in ("ragflow", *names)}
    looks: dict[str, Mapping[str, Any]] = {}
    for number in range(rounds):
        # Each begins a round in turn, so that none is always first on a cool processor.
        turn = number % len(costs)
        for name in [*costs, *costs][turn : turn + len(costs)]:
            with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as folder:
                cost = indexed(name, Path(folder), setting)
                if name not in looks:
                    looks[name] = look(name, Path(folder), setting)
            costs[name].append(cost)
            print(
                f"  round {number + 1} of {rounds}: {cost.seconds:.1f} s, "
                f"{cost.processor:.1f} s of processor: {name}",
                file=sys.stderr,
                flush=True,
            )
    return report(costs, looks)


def indexed(name: str, folder: Path, setting: Setting) -> Cost:
    """Index the documents in a process of its own, into an empty folder."""
    size = str(SIZES.get(name, 0))
    model, documents = str(setting.model), str(setting.documents)
    if name == "ragflow":
        program = str(Path(sys.executable).with_name("ragflow"))
        subprocess.run([program, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (folder / "docs").symlink_to(setting.documents, target_is_directory=True)
        command = [program, "run", "quickstart", "-p", "collection=documents", "--json"]
        cost, said = timed(command, folder)
        assert json.loads(said)["state"] == "succeeded", said
        return cost
    store = str(folder / "store")
    if name == "CocoIndex":
        given = {"DOCUMENTS": documents, "STORE": store, "MODEL": model, "SIZE": size}
        os.environ.update({f"INGEST_{key}": value for key, value in given.items()})
        program = str(setting.python.with_name("cocoindex"))
        return timed([program, "update", str(PEERS / "cocoindex_pipeline.py")], folder)[0]
    script = {
        "LangChain": "langchain_pipeline.py",
        "LlamaIndex": "llama_index_pipeline.py",
        "Haystack": "haystack_pipeline.py",
    }[name]
    command = [str(setting.python), str(PEERS / script), documents, store, model, size]
    return timed(command, folder)[0]


def look(name: str, folder: Path, setting: Setting) -> Mapping[str, Any]:
    """Return what is in the index, and how many of the questions find their document."""
    if name == "ragflow":
        return look_at_ours(folder, setting)
    asked = folder / "questions.json"
    asked.write_text(json.dumps(setting.questions))
    command = [str(setting.python), str(PEERS / "look.py"), str(folder / "store")]
    done = subprocess.run(
        [*command, str(setting.model), str(asked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def look_at_ours(project: Path, setting: Setting) -> Mapping[str, Any]:
    home = Home(find_project(project))
    try:
        texts = [row.text for row in export_rows(home, "documents")]
    finally:
        home.close()
    with Index.open("documents", project=project) as index:
        found = sum(
            any(hit.key.endswith(name) for hit in index.search(text, k=NEAREST))
            for text, name in setting.questions
        )
    return {
        **lengths(texts, str(setting.model)),
        "found": found,
        "asked": len(setting.questions),
    }


def report(costs: Mapping[str, Sequence[Cost]], looks: Mapping[str, Mapping[str, Any]]) -> bool:
    ours = looks["ragflow"]["tokens"]
    held = True
    print(f"{'':12} chunks  tokens  cut off   found    wall, s  processor, s    MiB   times ours")
    for name, each in costs.items():
        seen = looks[name]
        middle = {
            what: statistics.median(getattr(cost, what) for cost in each)
            for what in ("seconds", "processor", "memory")
        }
        pairs = zip(each, costs["ragflow"], strict=True)
        ratio = statistics.median(theirs.seconds / own.seconds for theirs, own in pairs)
        remarks = []
        if abs(seen["tokens"] / ours - 1) > EQUAL:
            remarks.append("chunks of another length")
        if seen["found"] < FOUND * seen["asked"]:
            remarks.append("does not find its documents")
        if name != "ragflow" and ratio < TIMES:
            remarks.append(f"below {TIMES} times")
        held = held and not remarks
        print(
            f"{name:12} {seen['chunks']:6,} {seen['tokens']:7.1f} {seen['longer']:8.1%}"
            f" {seen['found']:4}/{seen['asked']:<3} {middle['seconds']:9.1f}"
            f" {middle['processor']:13.1f} {middle['memory']:6.0f} {ratio:12.2f}"
            f"  {'; '.join(remarks)}"
        )
    return held
