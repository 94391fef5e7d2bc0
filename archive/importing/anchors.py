"""Anchors: the names of paragraphs and timed lines that citations, corrections and search hits hold on to.

An anchor is made once, from the work's key, the track and the place in it, never from the words: an anchor in a URL
says nothing about the text. When a work is imported again, paragraphs keep the anchors of those they continue.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from archive.importing.parsed import ParsedCue, ParsedTrack

ANCHOR = re.compile(r"^p-[0-9a-z]{8,32}$")
GROUP = re.compile(r"^g-[0-9a-z]{8,32}$")


def make_anchor(*facts: object, taken: set[str], prefix: str = "p") -> str:
    """Return a new anchor for ``facts`` (work, track, ordinal) that is not in ``taken``, and add it there."""
    salt = 0
    while True:
        seed = "\x1f".join(str(fact) for fact in (*facts, salt))
        anchor = f"{prefix}-{hashlib.blake2b(seed.encode(), digest_size=5).hexdigest()}"
        if anchor not in taken:
            taken.add(anchor)
            return anchor
        salt += 1


def with_anchors(key: str, tracks: Iterable[ParsedTrack]) -> tuple[ParsedTrack, ...]:
    """Give each cue without an anchor one; anchors a source brings (our own exports do) stay when they are unique."""
    tracks = tuple(tracks)
    taken: set[str] = set()
    brought: set[int] = set()
    for track in tracks:
        for cue in track.cues:
            if ANCHOR.match(cue.id) and cue.id not in taken:
                taken.add(cue.id)
                brought.add(id(cue))
    anchored = []
    for track in tracks:
        cues = tuple(
            replace(cue, anchored=True)
            if id(cue) in brought
            else replace(cue, id=make_anchor(key, track.id, track.language, ordinal, taken=taken))
            for ordinal, cue in enumerate(track.cues)
        )
        anchored.append(replace(track, cues=cues))
    return tuple(anchored)


def carry_anchors(
    key: str, tracks: Sequence[ParsedTrack], earlier: Sequence[dict[str, Any]]
) -> tuple[ParsedTrack, ...]:
    """Return ``tracks`` with the ids of the ``earlier`` tracks (canonical JSON) and of the cues they continue.

    A track continues the earlier one of its kind and language. A cue continues an earlier cue with the same text, in
    order (longest common subsequence); where one run of cues was replaced by another of the same length, each
    continues the one in its place. Every other cue gets a new anchor.
    """
    taken = {str(cue["id"]) for track in earlier for cue in track["cues"]}
    track_ids = {str(track["id"]) for track in earlier}
    unmatched = list(earlier)
    carried: list[ParsedTrack] = []
    renamed: dict[str, str] = {}
    for track in tracks:
        old = next((one for one in unmatched if _same_track(one, track)), None)
        if old is None:
            track_id = track.id if track.id not in track_ids else _free_id(track_ids)
            track_ids.add(track_id)
            cues = tuple(
                replace(cue, id=make_anchor(key, track_id, track.language, "new", ordinal, taken=taken))
                if cue.id in taken or not cue.id
                else cue
                for ordinal, cue in enumerate(track.cues)
            )
            taken.update(cue.id for cue in cues)
            carried.append(replace(track, id=track_id, cues=cues))
            continue
        unmatched.remove(old)
        cues = _carry_cues(key, track, old, taken, renamed)
        # Who made a text and who checked it is known here and told by no source.
        kept = {name: old[name] for name in ("origin", "reviewed", "label")}
        carried.append(replace(track, id=str(old["id"]), cues=cues, **kept))
    return tuple(
        replace(
            track,
            cues=tuple(replace(cue, group=renamed[cue.group]) if cue.group in renamed else cue for cue in track.cues),
        )
        for track in carried
    )


def _same_track(old: dict[str, Any], new: ParsedTrack) -> bool:
    return bool(old["kind"] == new.kind and old["language"] == new.language and old["is_original"] == new.is_original)


def _free_id(taken: set[str]) -> str:
    number = 1
    while f"t{number}" in taken:
        number += 1
    return f"t{number}"


def _carry_cues(
    key: str, track: ParsedTrack, old: dict[str, Any], taken: set[str], renamed: dict[str, str]
) -> tuple[ParsedCue, ...]:
    before = [str(cue["text"]) for cue in old["cues"]]
    after = [cue.text for cue in track.cues]
    by_id = {str(cue["id"]): cue for cue in old["cues"]}
    continued = {ordinal: by_id[cue.id] for ordinal, cue in enumerate(track.cues) if cue.anchored and cue.id in by_id}
    if continued:
        # The file says itself which passage is which.
        pass
    elif before == after:
        continued = dict(enumerate(old["cues"]))
    else:
        for verb, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if verb == "equal" or (verb == "replace" and i2 - i1 == j2 - j1):
                continued.update(zip(range(j1, j2), old["cues"][i1:i2], strict=True))
    cues = []
    for ordinal, cue in enumerate(track.cues):
        earlier = continued.get(ordinal)
        if earlier is not None:
            # The first cue to continue an earlier one names the group for every track.
            if cue.group and earlier.get("group") and cue.group not in renamed:
                renamed[cue.group] = str(earlier["group"])
            cues.append(replace(cue, id=str(earlier["id"])))
        else:
            cues.append(replace(cue, id=make_anchor(key, track.id, track.language, "new", ordinal, taken=taken)))
    return tuple(cues)
