"""Which of some keys does a source list now, with what its documents hold? For people."""

from collections.abc import Collection, Mapping

import msgspec

from ragflow.core.records import Instance, Listed
from ragflow.errors import DocumentError
from ragflow.interfaces.orchestration import MetadataStore, Source
from ragflow.interfaces.unpacking import INSIDE
from ragflow.runtime.unpacked import Manifest, Unpacked


def find_listed(
    source: Source, store: MetadataStore, instance: Instance, name: str, keys: Collection[str]
) -> Mapping[str, Listed]:
    """Return those that are listed; opens what changed since it was last opened.

    Raises `OSError` and `SourceError` where the source cannot be listed.
    """
    is_unpacked = isinstance(source, Unpacked)
    wanted = {key.partition(INSIDE)[0] if is_unpacked else key for key in keys}
    found: dict[str, Listed] = {}
    for page in source.list() if wanted else ():
        found |= {each.key: each for each in page if each.key in wanted}
        if len(found) == len(wanted):
            break
    if not isinstance(source, Unpacked):
        return found
    listed: dict[str, Listed] = {}
    for outermost in found.values():
        mine = {key for key in keys if key.partition(INSIDE)[0] == outermost.key}
        manifest = _manifest(source, store, instance, name, outermost)
        skip = outermost.skip or manifest.skip
        inside = [msgspec.structs.replace(outermost, skip=skip)]
        if outermost.skip is None:
            inside += source.inside(outermost, manifest)
        listed |= {each.key: each for each in inside if each.key in mine}
        for key in mine - listed.keys():
            known = _as_it_stands(store, instance, name, key)
            if known is not None and _is_kept(key, outermost.key, manifest):
                listed[key] = known
    return listed


def _manifest(
    source: Unpacked, store: MetadataStore, instance: Instance, name: str, listed: Listed
) -> Manifest:
    kept = store.manifests.get(instance, name, listed.key)
    if kept is not None and kept[0] == source.stamp(listed.token):
        return msgspec.msgpack.decode(kept[1], type=Manifest)
    if listed.skip is not None:
        return Manifest()
    try:
        return source.open(listed) or Manifest()
    except (OSError, DocumentError):
        return Manifest(unread=("",))


def _is_kept(key: str, outermost: str, manifest: Manifest) -> bool:
    """Tell whether a key lies in what cannot be read now, so that it stays as it stands."""
    places = [f"{outermost}{INSIDE}{path}" if path else outermost for path in manifest.unread]
    return any(key.startswith(f"{place}{INSIDE}") for place in places)


def _as_it_stands(store: MetadataStore, instance: Instance, name: str, key: str) -> Listed | None:
    for owner in store.reasons.find(key):
        if (owner.instance_id, owner.source) == (instance.id, name):
            return Listed(key, owner.token, owner.metadata)
    return None
