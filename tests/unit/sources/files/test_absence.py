"""A folder says of each path why it does not list it, and nothing of those it lists."""

import os

import pytest

from ragflow.sources.files import Files

KEPT = "sub/kept.md"


@pytest.fixture
def source(folder, clock):
    for name in (
        KEPT, "note.txt", "a.tmp", "drafts/x.md", ".hidden.md", ".hid/x.md", "Thumbs.db",
        "node_modules/x.md", "env/pyvenv.cfg", "env/x.md", "sub/no/x.md", "sub/secret.md",
        "home/x.md",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")
    (folder / "sub" / ".ragflowignore").write_text("secret.md\nno/\n")
    (folder / "link").symlink_to(folder / "sub")
    os.mkfifo(folder / "pipe.md")
    return Files(
        folder,
        include=("*.md", "*.tmp", "*.db"),
        exclude=("*.tmp", "drafts/"),
        leave_out=[folder / "home"],
        clock=clock,
    )


def keys(source):
    return [each.key for page in source.list() for each in page]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("nope.md", "is not there: the folder has no such file"),
        ("nope/x.md", "is not there: there is no folder 'nope/'"),
        ("note.txt/x.md", "is not there: 'note.txt/' is no folder"),
        ("../x.md", "is no key of a file: keys are paths relative to the folder, with slashes"),
        ("sub", "is a folder, not a file"),
        ("note.txt", "is not named by include"),
        ("a.tmp", "is left out by exclude"),
        ("drafts/x.md", "lies in 'drafts/', which is left out by exclude"),
        (".hidden.md", "is hidden (hidden = true lists it)"),
        (".hid/x.md", "lies in '.hid/', which is hidden (hidden = true lists it)"),
        ("Thumbs.db", "is a file that systems and editors leave beside documents"),
        ("node_modules/x.md", "lies in 'node_modules/', a folder that never holds documents"),
        ("env/x.md", "lies in 'env/', a virtual environment"),
        ("sub/secret.md", "is left out by 'sub/.ragflowignore'"),
        ("sub/no/x.md", "lies in 'sub/no/', which is left out by 'sub/.ragflowignore'"),
        ("home/x.md", "lies in 'home/', which is ragflow's own"),
        ("pipe.md", "is no regular file"),
        (
            "link/kept.md",
            "lies behind 'link/', a symbolic link to a folder (symlinks = \"follow\" enters it)",
        ),
        (KEPT, None),
    ],
)
def test_each_path_that_is_not_listed_is_explained(source, key, told):
    assert source.why_not(key) == told
    assert (key in keys(source)) is (told is None)
