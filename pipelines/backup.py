"""Keep verified copies of a folder: work that has no documents in it."""

import hashlib
import logging
import tarfile
from pathlib import Path

from ragflow import GiveUp, Retry, minutes, pipeline, seconds, task
from ragflow.clock import SystemClock

log = logging.getLogger(__name__)

#: Begin the names of archives, and end those of archives that are not verified yet.
PREFIX, PART = "backup-", ".part"


@task(per="run")
def pack(*, folder: str, into: str) -> str:
    """Write an archive of the folder and return its path; nothing else sees it yet."""
    if not Path(folder).is_dir():
        raise GiveUp(f"there is no folder {folder!r}", hint="name one: -p folder=...")
    Path(into).mkdir(parents=True, exist_ok=True)
    name = SystemClock().now().strftime(f"{PREFIX}%Y%m%dT%H%M%S%f")
    path = Path(into) / f"{name}.tar.gz{PART}"
    with tarfile.open(path, "x:gz") as archive:
        archive.add(folder, arcname=".")
    return str(path)


@task(per="run")
def verify(path: str, *, folder: str) -> str:
    """Read every file back out of the archive and compare it with the folder's."""
    with tarfile.open(path, "r:gz") as archive:
        for member in archive.getmembers():
            kept = archive.extractfile(member) if member.isfile() else None
            if kept is None:
                continue
            found = hashlib.sha256((Path(folder) / member.name).read_bytes()).digest()
            if hashlib.sha256(kept.read()).digest() != found:
                raise ValueError(f"{member.name} changed while it was packed")
    return path


@task(per="run")
def publish(path: str) -> str:
    """Give the archive its name; from here on it counts."""
    whole = Path(path.removesuffix(PART))
    Path(path).rename(whole)
    log.info("%s: %s bytes", whole, f"{whole.stat().st_size:,}")
    return str(whole)


@task(per="run")
def rotate(*, into: str, keep: int) -> int:
    """Remove all but the newest archives of ours; return how many went."""
    if keep < 1:
        raise GiveUp(f"keep={keep} would keep nothing", hint="keep one archive at least")
    old = sorted(Path(into).glob(f"{PREFIX}*.tar.gz"))[:-keep]
    for path in old:
        path.unlink()
    return len(old)


@task(per="run")
def clean_up(*, into: str) -> None:
    """Remove what a failure left half-made."""
    for path in Path(into).glob(f"{PREFIX}*{PART}"):
        path.unlink()


@pipeline
def backup(folder: str = "docs", into: str = "backups", keep: int = 7) -> None:
    """Keep verified copies of a folder."""
    patient = Retry(attempts=3, initial=seconds(5), retry_on=(OSError,))
    # Not remembered: what cleans up may have removed the archive by the time a run is resumed.
    packing = pack.options(memo=False, retries=patient, timeout=minutes(30))
    packed = packing(folder=folder, into=into)
    verified = verify(packed, folder=folder)
    published = publish(verified)
    rotate.options(after=published)(into=into, keep=keep)
    clean_up.options(after=published, when="any_failed")(into=into)
