"""The main job on real files, as a person would do it: ``make demo``.

Indexes sample files (or FOLDER), refreshes after nothing changed, refreshes after one changed
sentence, and answers a question with its source. Nothing is written into FOLDER: the edit
happens in a copy of the samples.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "samples"
QUESTION = "How often must the pressure sensor be calibrated?"
EDITABLE = (".md", ".txt", ".rst")


class Demo:
    """One project in a temporary folder, driven through the command line."""

    def __init__(self, project: Path) -> None:
        self.project = project

    def ragflow(self, *arguments: str) -> str:
        """Run one command, show it, return what it printed; end the demo where it fails."""
        shown = " ".join(f'"{a}"' if " " in a else a for a in arguments if a != "--json")
        print(f"\n$ ragflow {shown}", flush=True)
        environment = {k: v for k, v in os.environ.items() if k != "RAGFLOW_HOME"}
        done = subprocess.run(
            [sys.executable, "-m", "ragflow", *arguments],
            cwd=self.project,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 3):
            sys.exit(f"the demo failed: exit code {done.returncode}")
        return done.stdout

    def refresh(self, folder: Path) -> dict[str, Any]:
        """Run the pipeline and say in two lines what it did."""
        printed = self.ragflow(
            "run", "quickstart", "-p", f"folder={folder}", "-p", "collection=demo", "--json"
        )
        summary: dict[str, Any] = json.loads(printed)
        documents = {k: v for k, v in summary["documents"].items() if v}
        print(f"  documents  {', '.join(f'{v} {k}' for k, v in documents.items()) or 'none'}")
        chunks = summary["chunks"]
        print(
            f"  chunks     {chunks['total']} in the index, {chunks['embedded']} embedded, "
            f"{chunks['deleted']} deleted, {summary['seconds']['total']:.1f} s"
        )
        return summary

    def ask(self, question: str) -> dict[str, Any] | None:
        """Ask the index and show the best hits with their sources."""
        printed = self.ragflow("query", "demo", question, "-k", "3", "--json")
        hits = json.loads(printed)["hits"]
        for hit in hits:
            page = f", page {hit['page']}" if hit["page"] else ""
            text = " ".join(hit["text"].split())
            print(f"  {hit['score']:.2f}  {hit['key']}{page}: {text[:140]}")
        return hits[0] if hits else None


def edit_one_sentence(folder: Path) -> Path | None:
    """Add one sentence to a text file of the copy; return which, or None without one."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in EDITABLE and file.is_file():
            with file.open("a", encoding="utf-8") as text:
                text.write("\nThis sentence was added to see what a refresh does.\n")
            return file
    return None


def sample_demo(demo: Demo) -> None:
    """Show the whole life of an index on a copy of the samples, and check what it says."""
    docs = demo.project / "docs"
    shutil.copytree(SAMPLES, docs)
    demo.refresh(docs)
    print("\nNothing changed: nothing is read, nothing is embedded.")
    again = demo.refresh(docs)
    check(again["chunks"]["embedded"] == 0, "a refresh of unchanged files embedded something")
    changed = edit_one_sentence(docs)
    check(changed is not None, "the samples have no text file")
    print(f"\nOne sentence was added to {changed.name if changed else ''}.")
    edited = demo.refresh(docs)
    check(1 <= edited["chunks"]["embedded"] <= 3, "one sentence embedded more than 3 chunks")
    best = demo.ask(QUESTION)
    check(best is not None, "the question was not answered")
    if best is not None:
        cited = (best["key"], best["page"])
        check(cited == ("manual.pdf", 3), f"the answer cites {cited}, not manual.pdf, page 3")


def own_demo(demo: Demo, folder: Path, question: str) -> None:
    """Index the user's own files where they are, and answer."""
    demo.refresh(folder)
    print("\nNothing changed: nothing is read, nothing is embedded.")
    demo.refresh(folder)
    demo.ask(question or "What is this about?")


def check(holds: bool, otherwise: str) -> None:
    """End the demo with a sentence unless the condition holds."""
    if not holds:
        sys.exit(f"the demo failed: {otherwise}")


def main() -> None:
    """Run the demo with what `make demo` was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="")
    parser.add_argument("--question", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ragflow-demo-") as temporary:
        demo = Demo(Path(temporary))
        demo.ragflow("init")
        if given.folder:
            folder = Path(given.folder).expanduser().absolute()
            check(folder.is_dir(), f"{folder} is no folder")
            own_demo(demo, folder, given.question)
        else:
            sample_demo(demo)
            if given.question:
                demo.ask(given.question)
    print("\nThe demo worked.")


if __name__ == "__main__":
    main()
