import io
import tarfile
import tracemalloc
import zipfile

import pytest

from ragflow.documents import digest_of
from ragflow.errors import ParseError
from ragflow.parsing.containers import limits
from ragflow.parsing.containers.fetching import fetch
from ragflow.parsing.containers.kinds import CONTAINERS
from ragflow.parsing.containers.scanning import DAMAGED, scan
from ragflow.parsing.media_types import HEAD, media_type
from tests.unit.parsing.containers.made import (
    GZIPPED,
    MAIL,
    ZIP,
    encrypted,
    injured,
    mailed,
    stored,
    tarred,
    zipped,
)
from tests.unit.parsing.samples import outcome

FILES = {"b.txt": b"second", "notes/a.md": b"# First", "é ü.txt": b"x" * 512}


def names(found) -> list[str]:
    return [each.name for each in found.held]


def kind_of(data: bytes, name: str = "x") -> str:
    return media_type(data[:HEAD], name)


@pytest.mark.parametrize(
    "data",
    [
        zipped(FILES),
        stored(FILES),
        *(tarred(FILES, mode=f"w:{packing}") for packing in ("", "gz", "bz2", "xz")),
        *(tarred(FILES, kind=kind) for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT)),
        mailed("Text.", {"b.txt": b"second", "é ü.txt": b"x" * 512}),
    ],
)
def test_what_a_container_holds_is_found_by_name_and_content(data):
    kind = kind_of(data)
    found = scan(data, kind)
    wanted = {name: FILES[name] for name in names(found)}
    assert names(found) == sorted(wanted)
    assert len(wanted) >= 2
    assert [each.token for each in found.held] == [digest_of(wanted[each]) for each in names(found)]
    assert [each.size for each in found.held] == [len(wanted[each]) for each in names(found)]
    assert (found.damaged, found.skip, found.is_part) == ([], None, False)
    for name, content in wanted.items():
        assert fetch(data, kind, name) == {name: content}


def test_the_bytes_say_what_an_archive_is():
    assert kind_of(zipped(FILES), "a.docx") == ZIP
    assert kind_of(tarred(FILES), "a.txt") == GZIPPED
    assert kind_of(tarred({"old": b"x"}, mode="w:", kind=tarfile.GNU_FORMAT)) == "application/x-tar"
    old = bytearray(tarred({"old": b"x"}, mode="w:", kind=tarfile.USTAR_FORMAT))
    old[257:265] = bytes(8)  # before there was a mark
    old[148:156] = b"%06o\0 " % (sum(old[:148]) + 8 * 32 + sum(old[156:512]))
    assert kind_of(bytes(old)) == "application/x-tar"
    assert kind_of(b"\x1f\x8b no tar at all") == "application/gzip"


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz"])
def test_an_archive_of_nothing_is_known_by_its_name(packing):
    empty = tarred({}, mode=f"w:{packing}")
    kind = kind_of(empty, f"a.tar.{packing}".rstrip("."))
    assert "tar" in kind
    assert scan(empty, kind).held == scan(empty, kind).damaged == []
    assert "tar" not in kind_of(empty, "a.txt")


def test_a_document_of_parts_is_no_container():
    office = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"})
    assert kind_of(office, "a.zip") not in CONTAINERS
    assert kind_of(zipped({"META-INF/MANIFEST.MF": b""})) not in CONTAINERS


def test_what_lies_in_nested_containers_is_found():
    inner = tarred({"y.txt": b"deep", "mail": mailed("Text.", {"z.txt": b"deeper"})})
    data = zipped({"inner.tar.gz": inner, "x.md": b"#"})
    assert names(scan(data, ZIP)) == [
        "inner.tar.gz",
        "inner.tar.gz!/mail",
        "inner.tar.gz!/mail!/z.txt",
        "inner.tar.gz!/y.txt",
        "x.md",
    ]


def test_a_message_in_a_message_and_what_that_carries_are_found():
    inner = mailed("Inner.", {"z.txt": b"words"}, subject="a/b")
    made = b"Content-Type: message/rfc822\n\n" + inner
    outer = (
        b'Subject: x\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n' + made + b"\n--B--\n"
    )
    assert names(scan(outer, MAIL)) == ["a_b.eml", "a_b.eml!/z.txt"]


def test_names_stay_below_their_archive_and_are_told_apart():
    stated = ["/etc/passwd", "../../up.txt", "C:\\w\\d.txt", "a//./b.txt", "tab\there", "x!/y", ""]
    found = scan(zipped([(name, b"1") for name in stated]), ZIP)
    assert names(found) == [
        "a/b.txt",
        "etc/passwd",
        "tab_here",
        "unnamed",
        "up.txt",
        "w/d.txt",
        "x_/y",
    ]
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([("a.txt", b"1"), ("a.txt", b"2"), ("a (2).txt", b"3"), ("a.txt", b"4")])
    found = scan(twice, ZIP)
    assert names(found) == ["a (2) (2).txt", "a (2).txt", "a (3).txt", "a.txt"]
    contents = {each: fetch(twice, ZIP, each)[each] for each in names(found)}
    assert contents == dict(zip(names(found), [b"3", b"2", b"4", b"1"], strict=True))


def test_links_and_devices_are_left_out():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"n{kind.decode()}")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("real")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
    assert names(scan(file.getvalue(), "application/x-tar")) == ["real"]
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert names(scan(made.getvalue(), ZIP)) == []


def test_an_encrypted_document_is_left_out_alone():
    found = scan(encrypted(zipped({"a.txt": b"secret", "b.txt": b"open"})), ZIP)
    assert [(each.name, each.skip and each.skip[0]) for each in found.held] == [
        ("a.txt", "encrypted"),
        ("b.txt", None),
    ]


def test_a_damaged_document_is_damaged_alone_and_in_words():
    data = injured(stored({"a.txt": b"words that are hurt", "b.txt": b"whole"}), b"are hurt")
    found = scan(data, ZIP)
    assert [each.token.startswith(DAMAGED) for each in found.held] == [True, False]
    assert found.damaged == []
    with pytest.raises(ParseError, match="damaged in its archive"):
        fetch(data, ZIP, "a.txt")
    assert fetch(data, ZIP, "b.txt") == {"b.txt": b"whole"}


@pytest.mark.parametrize("data", [zipped(FILES), tarred(FILES), tarred(FILES, mode="w:")])
def test_of_an_archive_that_is_cut_off_nobody_says_what_it_holds(data):
    cut = data[: min(1600, len(data) // 2)]
    found = scan(cut, kind_of(data))
    assert (found.held, found.damaged) == ([], [""])
    assert outcome(cut, kind_of(data)) == "damaged"
    assert outcome(data, kind_of(data)) == "content"
    nested = scan(zipped({"in": cut, "x": b"1"}), ZIP)
    assert names(nested)[-1] == "x"


def test_a_damaged_archive_in_an_archive_leaves_the_others_alone():
    cut = tarred(FILES)[:-20]
    found = scan(zipped({"in.tgz": cut, "x": b"1"}), ZIP)
    assert (names(found), found.damaged) == (["in.tgz", "x"], ["in.tgz"])


def test_too_many_documents_are_too_many_with_a_reason(monkeypatch):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 3)
    found = scan(zipped({f"{n}.txt": b"x" for n in range(5)}), ZIP)
    assert names(found) == ["0.txt", "1.txt", "2.txt"]
    assert found.skip is not None
    assert found.skip[0] == "too_many"
    assert "more than 3 documents" in found.skip[1]
    # In an archive in it: there, and those before stay.
    inner = zipped({f"{n}.txt": b"x" for n in range(5)})
    found = scan(zipped({"a.txt": b"1", "in.zip": inner, "z.txt": b"1"}), ZIP)
    assert names(found) == ["a.txt", "in.zip", "in.zip!/0.txt"]
    assert [each.skip and each.skip[0] for each in found.held] == [None, "too_many", None]
    # A mail has words of its own, which are read whatever it carries.
    found = scan(mailed("Text.", {f"{n}.txt": b"x" for n in range(5)}), MAIL)
    assert found.skip is None
    assert [each.name for each in found.held if each.skip] == ["(more)"]


def test_what_a_mail_has_over_its_limit_is_named_whatever_is_wanted(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.mail._MOST_PARTS", 4)
    assert names(scan(mailed("Text.", {"0": b"x", "1": b"x"}), MAIL)) == ["0", "1"]
    data = mailed("Text.", {f"{n}": b"x" for n in range(9)})
    for wanted in ("0", "none"):
        found = scan(data, MAIL, takes=lambda name, wanted=wanted: name == wanted)
        ((name, skip),) = [(each.name, each.skip) for each in found.held if each.skip]
        assert (name, skip[0]) == ("(more)", "too_many")
        assert "more than 4 parts" in skip[1]
    found = scan(zipped({"a.eml": data, "b": b"x"}), ZIP)
    assert [each.name for each in found.held if each.skip] == ["a.eml!/(more)"]
    assert names(found)[-1] == "b"


def test_what_is_called_like_what_is_left_out_is_told_from_it(monkeypatch):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 1)
    found = scan(mailed("Text.", {"(more)": b"x", "b": b"x"}), MAIL)
    assert [(each.name, each.skip is None) for each in found.held] == [
        ("(more)", True),
        ("(more) (2)", False),
    ]


@pytest.mark.parametrize(("carried", "told"), [({"deep.pdf": b"%PDF-1.4"}, True), ({}, False)])
def test_mails_in_mails_end_at_a_depth_with_a_word_for_what_they_carry(carried, told):
    data = mailed("Text.", carried)
    for number in range(limits.DEEPEST - 1):
        data = mailed("Text.", {f"{number}.eml": data})
        assert [each.skip for each in scan(data, MAIL).held] == [None] * (number + 1 + told)
    found = scan(mailed("Text.", {"last.eml": data}), MAIL)
    skips = {each.name.rpartition("!/")[2]: each.skip[0] for each in found.held if each.skip}
    assert skips == ({"(more)": "too_deep"} if told else {})
    assert len(found.held) == limits.DEEPEST + told


def test_a_mail_too_large_to_be_opened_in_an_archive_has_a_word_for_what_it_carries(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.containers.scanning.MOST_NESTED", 2_000)
    small, large = (mailed("x" * size, {"a.txt": b"x"}) for size in (10, 3_000))
    found = scan(zipped({"large.eml": large, "small.eml": small}), ZIP)
    assert [(each.name, each.skip and each.skip[0]) for each in found.held] == [
        ("large.eml", None),
        ("large.eml!/(more)", "too_large"),
        ("small.eml", None),
        ("small.eml!/a.txt", None),
    ]


def test_archives_in_archives_end_at_a_depth():
    data = zipped({"words.txt": b"x"})
    for _ in range(limits.DEEPEST + 2):
        data = zipped({"in.zip": data})
    found = scan(data, ZIP)
    assert len(found.held) == limits.DEEPEST
    assert [each.skip and each.skip[0] for each in found.held][-2:] == [None, "too_deep"]


@pytest.mark.parametrize("pack", [lambda one: zipped({"0": one}), lambda one: tarred({"0": one})])
def test_a_bomb_costs_bounded_memory_and_ends_with_a_reason(monkeypatch, pack):
    monkeypatch.setattr(limits, "FREE", 8 << 20)
    bomb = pack(bytes(40 << 20))
    assert len(bomb) < (8 << 20) // limits.RATIO * 4
    monkeypatch.setattr(limits, "RATIO", 2)
    tracemalloc.start()
    found = scan(bomb, kind_of(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.held, found.skip and found.skip[0]) == ([], "too_large")
    assert peak < 4 << 20


def test_an_archive_of_itself_ends(shared):
    data = (shared / "corpora/tika-hostile/droste.zip").read_bytes()
    found = scan(data, ZIP)
    assert len(found.held) == 2 * limits.DEEPEST
    assert len({each.token for each in found.held}) == 2


def test_a_directory_of_very_many_entries_is_not_looked_through(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.containers.zip_archive.MOST_ENTRIES", 20)
    found = scan(zipped({f"{n}": b"" for n in range(30)}), ZIP)
    assert (found.held, found.skip and found.skip[0]) == ([], "too_many")


def test_a_head_that_is_stated_too_long_is_damage_and_not_memory():
    record = tarfile.TarInfo("x")
    record.type, record.size = tarfile.XHDTYPE, 1 << 40
    data = record.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    assert scan(data, "application/x-tar").damaged == [""]


def test_directories_are_counted_over_all_archives_of_a_file(monkeypatch):
    monkeypatch.setattr(limits, "MOST_LOOKED_AT", 50)
    one = zipped({f"{n}/": b"" for n in range(20)})
    found = scan(zipped({"a": one, "b": one, "z": b"x"}), ZIP)
    assert (names(found), found.skip) == (["a", "b", "z"], None)
    last = one.rindex(b"PK\x01\x02")
    hurt = one[:last] + b"none" + one[last + 4 :]  # which shows when its directory is read
    assert scan(hurt, ZIP).damaged == [""]
    for other in (one, hurt):
        found = scan(zipped({"a": one, "b": other, "c": other, "z": b"x"}), ZIP)
        told = [(each.name, each.skip[1]) for each in found.held if each.skip]
        assert [(name, "more than 50 entries" in why) for name, why in told] == [("c", True)]


def test_lines_of_mails_are_counted_over_all_mails_of_a_file(monkeypatch):
    monkeypatch.setattr(limits, "FREE_LINES", 2_500)
    mail = mailed("\n" * 1_000, {"a.txt": b"x"})
    assert len(scan(zipped({"1.eml": mail, "2.eml": mail}), ZIP).held) == 4
    found = scan(zipped({f"{n}.eml": mail for n in range(4)}), ZIP)
    assert found.skip is not None
    assert (found.skip[0], "more than 2,500 lines" in found.skip[1]) == ("too_large", True)
    assert names(found) == ["0.eml", "0.eml!/a.txt", "1.eml", "1.eml!/a.txt", "2.eml"]
    # One may have as many as it has bytes.
    assert len(scan(mailed("\n" * 3_000, {"a.txt": b"x"}), MAIL).held) == 1


def test_who_does_not_want_a_document_is_not_given_it():
    found = scan(zipped(FILES), ZIP, takes=lambda name: name.endswith(".md"))
    assert (names(found), found.is_part) == (["notes/a.md"], True)


def test_several_documents_are_taken_out_at_once_as_far_as_there_is_room():
    files = {f"{n}.txt": bytes([n]) * 1000 for n in range(9)}
    assert list(fetch(tarred(files), GZIPPED, "3.txt", room=2500)) == ["3.txt", "4.txt", "5.txt"]
    assert sorted(fetch(zipped(dict(reversed(files.items()))), ZIP, "3.txt", room=2500)) == [
        "3.txt",
        "4.txt",
        "5.txt",
    ]
    assert fetch(zipped(files), ZIP, "none", room=10) == {}


def test_real_containers_are_looked_through_without_an_error(shared):
    looked = 0
    for folder in ("tika-hostile", "adversarial", "unstructured-docs", "docling-testdata"):
        for path in sorted((shared / "corpora" / folder).rglob("*")):
            if not path.is_file() or path.stat().st_size > 20 << 20:
                continue
            data = path.read_bytes()
            kind = kind_of(data, path.name)
            if kind in CONTAINERS:
                looked += 1
                found = scan(data, kind)
                assert found == scan(data, kind)
                for each in found.held:
                    assert not each.name.startswith(("/", ".."))
                    assert each.name.isprintable()
    assert looked > 80


def test_attachments_of_real_mails_are_those_their_text_names(shared):
    folder = shared / "corpora" / "unstructured-docs"
    for name in ("fake-email-attachment.eml", "fake-email-attachment.msg"):
        path = next(folder.rglob(name))
        data = path.read_bytes()
        kind = kind_of(data, name)
        assert names(scan(data, kind)) == ["fake-attachment.txt"]
        assert fetch(data, kind, "fake-attachment.txt")["fake-attachment.txt"].startswith(b"Hey")
