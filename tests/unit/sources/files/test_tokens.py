import os
from types import SimpleNamespace

import pytest

from ragflow.sources.files.tokens import SECOND, modified, version_token

NOW = 1_700_000_000 * SECOND + 123_456_789
LONG_AGO = NOW - 3600 * SECOND
MILLISECOND = SECOND // 1000


def found(*, mtime: int = LONG_AGO, ctime: int = LONG_AGO, size: int = 7, inode: int = 42):
    return SimpleNamespace(st_mtime_ns=mtime, st_ctime_ns=ctime, st_size=size, st_ino=inode)


def test_a_file_at_rest_has_the_same_token_each_time():
    assert version_token(found(), NOW) == version_token(found(), NOW + 5 * SECOND)


@pytest.mark.parametrize(
    "change",
    [{"mtime": LONG_AGO + 1}, {"ctime": LONG_AGO + 1}, {"size": 8}, {"inode": 43}],
)
def test_each_thing_a_token_is_made_of_changes_it(change):
    assert version_token(found(**change), NOW) != version_token(found(), NOW)


@pytest.mark.parametrize("age", [-SECOND, -49 * MILLISECOND, 0, 1, 49 * MILLISECOND])
@pytest.mark.parametrize("which", ["mtime", "ctime"])
def test_a_file_that_changed_just_now_has_another_token_each_time(which, age):
    recent = found(**{which: NOW - age})
    first = version_token(recent, NOW)
    assert first != version_token(recent, NOW + 1)
    assert first != version_token(recent, NOW + 3600 * SECOND)


@pytest.mark.parametrize("age", [51 * MILLISECOND, SECOND, -3 * SECOND])
@pytest.mark.parametrize("which", ["mtime", "ctime"])
def test_beyond_the_grain_of_times_tokens_are_stable(which, age):
    recent = found(**{which: NOW - age})
    assert version_token(recent, NOW) == version_token(recent, NOW + 3600 * SECOND)


def test_whole_seconds_are_taken_for_a_file_system_that_keeps_no_more():
    second_before_last = (NOW // SECOND - 1) * SECOND
    recent = found(mtime=second_before_last, ctime=second_before_last)
    assert version_token(recent, NOW) != version_token(recent, NOW + 10 * SECOND)
    older = found(mtime=second_before_last - 2 * SECOND, ctime=second_before_last - 2 * SECOND)
    assert version_token(older, NOW) == version_token(older, NOW + 10 * SECOND)


@pytest.mark.parametrize("year_in_seconds", [-(2**31), 15_000_000_000])
def test_times_before_1970_and_after_2262_make_tokens_too(year_in_seconds):
    odd = found(mtime=year_in_seconds * SECOND)
    assert version_token(odd, NOW) == version_token(odd, NOW)
    assert version_token(odd, NOW) != version_token(found(mtime=odd.st_mtime_ns + 1), NOW)


def test_a_file_written_and_written_again_at_once_is_never_taken_for_unchanged(tmp_path):
    path = tmp_path / "note.md"
    path.write_text("one")
    instant = path.stat().st_ctime_ns + MILLISECOND
    before = version_token(path.stat(), instant)
    path.write_text("two")
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    assert version_token(path.stat(), instant + 3600 * SECOND) != before


def test_modified_is_a_second_of_iso_8601():
    assert modified(found(mtime=NOW)) == "2023-11-14T22:13:20Z"


def test_a_year_that_iso_8601_does_not_spell_is_left_out():
    assert modified(found(mtime=10**12 * SECOND)) is None
