"""What was hidden stays hidden when the texts of a work are written anew, whoever wrote them and however.

An edit, a realigned row, an older revision, a proposal or an import may move hidden words to other passages, or take
a passage out of the reach of the redaction that hid it. What no redaction would hide any more gets one of its own.
Nothing is ever taken away: readers may still be shown the text before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from archive.actions.redact import RedactAction
from archive.models import LADDER, Audience, Redaction
from archive.projection.reach import heard_in, reach_of
from archive.redactions import rule_of
from archive.revisions import track_as_dict
from archive.values.text_changes import Hiding, further_hidings

Tracks = Sequence[Mapping[str, Any]]


class KeepHidden:
    """Made before the texts of a work are written, and asked after it; both in the caller's transaction."""

    def __init__(self, work: Any) -> None:
        self.work = work
        self._rows = list(work.redactions.prefetch_related("decisions"))
        self._before = self._tracks() if self._rows else []

    def carry_on(self) -> list[Redaction]:
        """Hide what would be shown now; returns the redactions that were added."""
        if not self._rows:
            return []
        after = self._tracks()
        if after == self._before:
            return []
        # Offsets first become words: they would hide others once the text has changed.
        own = [(row, self._as_words(row)) for row in self._rows if row.anchor]
        partly = self._seen_in_part()
        followed = self._new([(row, new) for row, hiding in own for new in self._moved(hiding, after)])
        added = [*followed, *self._new(self._out_of_reach(after, partly, followed), followed)]
        if added:
            # The system's act, not hers: a translator may not redact, yet what she moves stays hidden.
            RedactAction(None, self.work, added).execute()
        return added

    def _out_of_reach(
        self, after: Tracks, partly: Mapping[str, int], followed: Sequence[Redaction]
    ) -> Iterator[tuple[Redaction, Hiding]]:
        """Passages that were withheld because they tell the same, and would not be any more."""
        present = {cue["id"] for track in after for cue in track["cues"]}
        heard = (heard_in(self._before), heard_in(after))
        for row in self._rows:
            was = reach_of(rule_of(row), self._before, heard[0])
            now = [row, *(one for one in followed if _height(one) >= _height(row))]
            still = {span.anchor for one in now for span in reach_of(rule_of(one), after, heard[1]).spans}
            for span in was.spans:
                if (row.anchor and not span.aligned) or partly.get(span.anchor, -1) >= _height(row):
                    continue
                for home in (Hiding(span.anchor, ""), *self._moved(Hiding(span.anchor, ""), after)):
                    if home.anchor in present - still:
                        yield row, home

    def _tracks(self) -> list[dict[str, Any]]:
        return [track_as_dict(track) for track in self.work.tracks.order_by("position", "id")]

    def _as_words(self, row: Redaction) -> Hiding:
        if not row.words and row.start is not None and row.end:
            cues = [cue for track in self._before for cue in track["cues"] if cue["id"] == row.anchor]
            words = cues[0]["text"][row.start : row.end] if cues else ""
            if words:
                row.words = words
                row.save(update_fields=["words"])
        return Hiding(row.anchor, row.words)

    def _seen_in_part(self) -> dict[str, int]:
        """Passages with a redaction of their own, which decides what is shown of them, and how far up it holds."""
        seen: dict[str, int] = {}
        heard = heard_in(self._before)
        for row in self._rows:
            for span in reach_of(rule_of(row), self._before, heard).spans if row.anchor else ():
                if not span.aligned:
                    seen[span.anchor] = max(seen.get(span.anchor, -1), _height(row))
        return seen

    def _moved(self, hiding: Hiding, after: Tracks) -> Iterator[Hiding]:
        """Where in the texts as they stand now the hidden words may have gone."""
        now = {track["id"]: track["cues"] for track in after}
        known = {track["id"] for track in self._before}
        for track in self._before:
            if not any(cue["id"] == hiding.anchor for cue in track["cues"]):
                continue
            # A text that is gone may stand under another key.
            texts = [now[track["id"]]] if track["id"] in now else [now[key] for key in now if key not in known]
            for cues in texts:
                yield from (new for _old, new in further_hidings([hiding], track["cues"], cues))

    def _new(self, wanted: Iterable[tuple[Redaction, Hiding]], beside: Sequence[Redaction] = ()) -> list[Redaction]:
        """Each once, and none that another redaction hides as far already."""
        there: dict[tuple[str, str], int] = {}
        for row in (*self._rows, *beside):
            if row.words or row.start is None:
                there[row.anchor, row.words] = max(there.get((row.anchor, row.words), -1), _height(row))
        added = []
        for row, home in sorted(wanted, key=lambda pair: -_height(pair[0])):
            held = max(there.get((home.anchor, home.words), -1), there.get((home.anchor, ""), -1))
            if held >= _height(row):
                continue
            there[home.anchor, home.words] = _height(row)
            facts = ("mode", "replacement", "hidden_up_to", "reason", "authorised_by")
            same = {name: getattr(row, name) for name in facts}
            added.append(Redaction(anchor=home.anchor, words=home.words, **same))
        return added


def _height(row: Redaction) -> int:
    return LADDER.index(Audience(row.hidden_up_to))
