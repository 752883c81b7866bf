"""Symbolic links, under each of the three policies."""

import pytest

from ragflow.errors import SourceError
from ragflow.sources.files import Files


@pytest.fixture
def outside(tmp_path):
    """A folder beside the source's."""
    made = tmp_path / "outside"
    (made / "deep").mkdir(parents=True)
    (made / "o.md").write_text("outside")
    (made / "deep" / "p.md").write_text("deep outside")
    return made


def test_by_default_links_are_listed_with_the_reason_and_not_followed(
    write, listed, folder, outside
):
    write("a.md")
    (folder / "file.md").symlink_to(outside / "o.md")
    (folder / "folder").symlink_to(outside)
    (folder / "nowhere").symlink_to("nothing")
    (folder / "circle").symlink_to("circle")
    reason = ("symlink", 'is a symbolic link, which is not followed (symlinks = "skip")')
    assert {key: one.skip for key, one in listed().items()} == {
        "a.md": None,
        "circle": reason,
        "file.md": reason,
        "folder": reason,
        "nowhere": reason,
    }


def test_a_link_to_a_file_is_read_as_that_file_under_files(listed, folder, outside, clock):
    (folder / "file.md").symlink_to(outside / "o.md")
    (folder / "folder").symlink_to(outside)
    found = listed(symlinks="files")
    assert (found["file.md"].size, found["file.md"].skip) == (7, None)
    assert found["folder"].skip == (
        "symlink",
        'is a symbolic link, which is not followed (symlinks = "files")',
    )
    source = Files(folder, symlinks="files", clock=clock)
    assert source.load("file.md", b"").value.read() == b"outside"


def test_a_link_turned_to_another_file_or_followed_from_now_on_has_another_token(
    listed, folder, outside
):
    link = folder / "link.md"
    link.symlink_to(outside / "o.md")
    tokens = {listed(symlinks=policy)["link.md"].token for policy in ("skip", "files")}
    link.unlink()
    link.symlink_to(outside / "deep" / "p.md")
    tokens.add(listed(symlinks="files")["link.md"].token)
    assert len(tokens) == 3


def test_a_link_to_a_file_that_is_out_of_reach_stays_listed_and_fails_when_read(
    listed, folder, clock
):
    (folder / "link.md").symlink_to("nothing.md")
    (folder / "circle.md").symlink_to("circle.md")
    found = listed(symlinks="files")
    assert {key: one.skip for key, one in found.items()} == {"link.md": None, "circle.md": None}
    source = Files(folder, symlinks="files", clock=clock)
    for key in found:
        with pytest.raises(OSError, match=key):
            source.load(key, b"")
    (folder / "nothing.md").touch()
    assert listed(symlinks="files")["link.md"].token != found["link.md"].token


def test_a_link_that_may_have_led_to_a_folder_ends_the_listing_when_it_leads_nowhere(
    listed, folder
):
    (folder / "share").symlink_to("/mnt/not/mounted")
    with pytest.raises(SourceError, match="share") as raised:
        listed(symlinks="follow")
    assert 'exclude = ["/share"]' in raised.value.hint
    assert listed(symlinks="follow", exclude=["/share"]) == {}


def test_links_to_folders_are_entered_under_follow_after_all_else(
    write, listed, folder, outside, clock
):
    write("z.md")
    (folder / "away").symlink_to(outside)
    assert list(listed(symlinks="follow")) == ["z.md", "away/deep/p.md", "away/o.md"]
    source = Files(folder, symlinks="follow", clock=clock)
    assert source.load("away/deep/p.md", b"").value.read() == b"deep outside"


def test_circles_end_and_nothing_is_listed_twice(write, listed, folder, outside):
    write("a.md", "sub/b.md")
    (folder / "again").symlink_to(".")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "aside").symlink_to("sub")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    (folder / "way out").symlink_to(outside)
    (outside / "way in").symlink_to(folder)
    (outside / "round").symlink_to(outside)
    above = listed(symlinks="follow", exclude=["one", "two"])
    assert list(above) == ["a.md", "sub/b.md", "way out/deep/p.md", "way out/o.md"]
    # A link in a circle of its own is neither file nor folder: it is listed, and fails.
    assert {"one", "two"} < set(listed(symlinks="follow"))


def test_many_links_to_each_other_take_no_longer_than_the_folders_there_are(listed, folder):
    for name in range(12):
        (folder / f"{name}").mkdir()
        (folder / f"{name}" / "a.md").touch()
        for other in range(12):
            (folder / f"{name}" / f"to{other}").symlink_to(folder / f"{other}")
    assert len(listed(symlinks="follow")) == 12


def test_a_folder_above_the_source_is_entered_but_not_the_source_in_it(
    write, listed, folder, outside
):
    write("a.md")
    (folder / "up").symlink_to("..")
    assert list(listed(symlinks="follow")) == ["a.md", "up/outside/deep/p.md", "up/outside/o.md"]


def test_patterns_and_hidden_names_count_behind_links_too(write, listed, folder, outside):
    write("a.md")
    (folder / "way").symlink_to(outside)
    (folder / ".hidden").symlink_to(outside)
    (outside / ".ragflowignore").write_text("deep/\n")
    (outside / "x.txt").touch()
    assert set(listed(symlinks="follow", include=["*.md"])) == {"a.md", "way/o.md"}
    assert set(listed(symlinks="follow", exclude=["way/"])) == {"a.md"}


def test_a_hidden_folder_is_listed_under_the_link_to_it(write, listed, folder):
    write(".versions/3/a.md")
    (folder / "current").symlink_to(".versions/3")
    assert list(listed(symlinks="follow")) == ["current/a.md"]


def test_what_is_to_be_left_out_is_not_reached_through_a_link(listed, folder, outside):
    (folder / "way").symlink_to(outside)
    assert set(listed(symlinks="follow", leave_out=[outside / "deep"])) == {"way/o.md"}
    assert set(listed(symlinks="follow", leave_out=[outside])) == set()


def test_the_folder_itself_may_be_a_link(write, folder, tmp_path, clock):
    write("a.md")
    (tmp_path / "link").symlink_to(folder)
    source = Files(tmp_path / "link", clock=clock)
    assert [one.key for page in source.list() for one in page] == ["a.md"]
    assert source.load("a.md", b"").value.read() == b"a.md"


@pytest.mark.parametrize("symlinks", ["skip", "files"])
def test_a_folder_replaced_by_a_link_after_the_listing_is_not_read_through(
    write, folder, outside, clock, symlinks
):
    write("sub/o.md")
    (folder / "sub").rename(folder / "moved")
    (folder / "sub").symlink_to(outside)
    with pytest.raises(OSError, match=r"sub/o\.md"):
        Files(folder, symlinks=symlinks, clock=clock).load("sub/o.md", b"")


def test_a_file_replaced_by_a_link_after_the_listing_is_not_read_through(
    write, folder, outside, clock
):
    write("a.md")
    (folder / "a.md").unlink()
    (folder / "a.md").symlink_to(outside / "o.md")
    with pytest.raises(OSError, match=r"a\.md"):
        Files(folder, clock=clock).load("a.md", b"")
