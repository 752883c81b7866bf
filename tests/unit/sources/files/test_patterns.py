import shutil
import subprocess

import pytest

from ragflow.errors import ParameterError
from ragflow.sources.files import Files


def test_by_default_everything_is_listed_by_its_path_in_the_order_of_its_bytes(write, listed):
    write("b.md", "a/z.md", "a.md", "a-b.md", "a/b/c.md", "Z.md", "ä.md")
    keys = ["Z.md", "a-b.md", "a.md", "a/b/c.md", "a/z.md", "b.md", "ä.md"]
    assert list(listed()) == keys


@pytest.mark.parametrize(
    ("include", "keys"),
    [
        ("*.md", {"a.md", "sub/b.md", "sub/deep/c.md"}),
        ("**/*.md", {"a.md", "sub/b.md", "sub/deep/c.md"}),
        ("/*.md", {"a.md"}),
        ("sub/", {"sub/b.md", "sub/b.txt", "sub/deep/c.md"}),
        ("sub/**", {"sub/b.md", "sub/b.txt", "sub/deep/c.md"}),
        (["*.md", "!deep/"], {"a.md", "sub/b.md"}),
        (["*.md", "*.txt"], {"a.md", "sub/b.md", "sub/b.txt", "sub/deep/c.md"}),
        (["**/*"], {"a.md", "sub/b.md", "sub/b.txt", "sub/deep/c.md"}),
        (["*", "!*.txt"], {"a.md", "sub/b.md", "sub/deep/c.md"}),
        ([], set()),
    ],
)
def test_only_what_is_included_is_listed(write, listed, include, keys):
    write("a.md", "sub/b.md", "sub/b.txt", "sub/deep/c.md")
    assert set(listed(include=include)) == keys


@pytest.mark.parametrize(
    ("exclude", "keys"),
    [
        ("*.txt", {"a.md", "sub/b.md", "sub/deep/c.md"}),
        ("sub/", {"a.md"}),
        ("/b.md", {"a.md", "sub/b.md", "sub/b.txt", "sub/deep/c.md"}),
        ("sub/*", {"a.md"}),
        (["sub/*", "!sub/deep/"], {"a.md", "sub/deep/c.md"}),
        (["sub/**", "!sub/b.md"], {"a.md", "sub/b.md"}),
        ("*", set()),
    ],
)
def test_what_is_excluded_is_not(write, listed, exclude, keys):
    write("a.md", "sub/b.md", "sub/b.txt", "sub/deep/c.md")
    assert set(listed(exclude=exclude)) == keys


def test_exclude_goes_before_include(write, listed):
    write("a.md", "b.md", "sub/c.md")
    assert set(listed(include=["*.md"], exclude=["b.*", "sub/"])) == {"a.md"}


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["!", "", "# a comment"])
def test_what_is_no_pattern_is_refused_with_the_option_it_came_from(folder, option, pattern):
    with pytest.raises(ParameterError, match=option):
        Files(folder, **{option: [pattern]})


def test_a_ragflowignore_leaves_out_what_it_names_and_itself(write, listed, folder):
    write("a.md", "b.tmp", "build/c.md", "sub/d.tmp", "sub/e.md")
    (folder / ".ragflowignore").write_text("# not documents\n*.tmp\n/build/\n")
    assert set(listed()) == {"a.md", "sub/e.md"}
    assert set(listed(hidden=True)) == {"a.md", "sub/e.md"}


def test_a_ragflowignore_in_a_subfolder_counts_from_there_and_prevails(write, listed, folder):
    write("x.md", "a.tmp", "sub/x.md", "sub/a.tmp", "sub/b.tmp", "sub/deep/x.md", "sub/deep/a.tmp")
    (folder / ".ragflowignore").write_text("*.tmp\n")
    (folder / "sub" / ".ragflowignore").write_text("/x.md\n!a.tmp\n")
    (folder / "sub" / "deep" / ".ragflowignore").write_text("*\n")
    assert set(listed()) == {"x.md", "sub/a.tmp"}


def test_what_lies_in_an_ignored_folder_cannot_be_taken_back(write, listed, folder):
    write("drafts/a.md", "drafts/keep.md", "b.md")
    (folder / ".ragflowignore").write_text("drafts/\n!drafts/keep.md\n")
    assert set(listed()) == {"b.md"}


def test_a_ragflowignore_may_be_written_on_any_system(write, listed, folder):
    write("a.md", "b.tmp", b"caf\xe9.md", "c#.md", "#d.md", r"e\f.md")
    (folder / ".ragflowignore").write_bytes(
        b"\xef\xbb\xbf*.tmp\r\n!\n\ncaf\xe9.md\n\\#d.md\ne\\\\f.md\n"
    )
    assert set(listed()) == {"a.md", "c#.md"}


def test_names_with_newlines_are_matched_to_their_end(write, listed):
    write("a\n.md", "b.md\n", "n\nm/c.md")
    assert set(listed(include="*.md")) == {"a\n.md", "n\nm/c.md"}


IGNORE_FILES = {
    ".": "*.txt\n!keep.txt\n/top\nmid/**/end\nsub/*\n!sub/in\n[ab].log\n\\!bang\nspace dir/\n",
    "mid": "!/x.txt\nend\n",
    "other": "**/deep/**\n!/deep/y\n*/\n",
}
PATHS = [
    "a.txt", "keep.txt", "top", "top2", "other/top", "mid/x.txt", "mid/y.txt", "mid/end",
    "mid/p/end", "mid/p/q/end/f", "sub/a", "sub/in/a", "sub/in/b.txt", "a.log", "c.log", "!bang",
    "space dir/f", "space dir2/f", "other/deep/x", "other/deep/y", "other/p/deep/z", "other/f",
    "x.md/keep.txt/f", "x.md/a.txt/keep.txt",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_ignore_files_mean_what_they_mean_to_git(write, listed, folder):
    write(*PATHS)
    for place, text in IGNORE_FILES.items():
        (folder / place / ".ragflowignore").write_text(text)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    command = ["git", "-C", folder, "ls-files", "-o", "-z"]
    command += ["--exclude-per-directory=.ragflowignore", "--exclude=.ragflowignore"]
    names = subprocess.run(command, check=True, capture_output=True).stdout
    assert sorted(listed()) == sorted(names.decode().split("\0")[:-1])
