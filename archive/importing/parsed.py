"""What a reader makes of a file: a work with its tracks, cues, marks and names, before the archive has seen it.

The classes serialise to exactly the JSON that records, revisions and publications hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archive.importing.problems import Problem
from archive.values.languages import direction


@dataclass(frozen=True, slots=True)
class ParsedMark:
    """A span of a cue's text (code-point offsets; zero width for pages, notes, gaps and line ends)."""

    start: int
    end: int
    type: str
    ref: str = ""
    key: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the mark as a JSON object."""
        return {
            "start": self.start,
            "end": self.end,
            "type": self.type,
            "ref": self.ref,
            "key": self.key,
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class ParsedCue:
    """A paragraph or a timed line. ``text`` is NFC with white space collapsed; times are milliseconds."""

    text: str
    id: str = ""
    group: str = ""
    page: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str = ""
    marks: tuple[ParsedMark, ...] = ()
    kind: str = "p"
    paratext: str = ""
    #: The source brought the anchor (our own exports do). Not stored.
    anchored: bool = False
    #: Where it stands in the source, for reports: a line, a cue or a row. Not stored.
    place: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the cue as a JSON object."""
        return {
            "id": self.id,
            "group": self.group,
            "page": self.page,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "speaker": self.speaker,
            "text": self.text,
            "marks": [mark.as_dict() for mark in self.marks],
            "kind": self.kind,
            "paratext": self.paratext,
            "public_text": None,
        }


@dataclass(frozen=True, slots=True)
class ParsedTrack:
    """One text of a work in one language."""

    id: str
    kind: str
    language: str
    cues: tuple[ParsedCue, ...]
    declared_language: str = ""
    origin: str = "human"
    reviewed: bool = True
    is_original: bool = False
    label: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the track with its cues as a JSON object."""
        return {
            "id": self.id,
            "kind": self.kind,
            "language": self.language,
            "declared_language": self.declared_language,
            "direction": direction(self.language),
            "origin": self.origin,
            "reviewed": self.reviewed,
            "is_original": self.is_original,
            "label": self.label,
            "cues": [cue.as_dict() for cue in self.cues],
        }


@dataclass(frozen=True, slots=True)
class ParsedEntity:
    """A person, place, organisation, event or concept that a work names.

    ``uri`` is its identifier in a public scheme; ``key`` a local one of the edition (without ``#``). ``name`` is the
    form the source uses most in ``language``. ``mentions`` are anchors of cues; none means the header names it.
    """

    kind: str
    name: str
    language: str = "und"
    uri: str = ""
    key: str = ""
    mentions: tuple[str, ...] = ()
    #: As the source types it: camp, ghetto, victim, subject …
    types: tuple[str, ...] = ()
    #: The commonest form in each language of the work, as (language, form).
    forms: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedContributor:
    """Someone who made or edited the work: a role (narrator, interviewer, editor …) and a name as credited."""

    role: str
    name: str
    uri: str = ""


@dataclass(frozen=True, slots=True)
class ParsedPlace:
    """Where the work was made: its name, its identifier in a public scheme, or an edition's own key."""

    name: str
    uri: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class ParsedWork:
    """One testimony or document as its source tells it.

    ``key`` identifies it within a community and collection: the ``xml:id``, else the relative path, else the row's
    key. ``title`` and ``abstract`` map normalised language tags to text. ``date`` is EDTF.
    """

    key: str
    file: str
    format: str
    kind: str
    title: dict[str, str]
    original_language: str
    tracks: tuple[ParsedTrack, ...] = ()
    abstract: dict[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    date: str = ""
    date_as_written: str = ""
    place: ParsedPlace | None = None
    contributors: tuple[ParsedContributor, ...] = ()
    entities: tuple[ParsedEntity, ...] = ()
    institution: str = ""
    institution_uri: str = ""
    collection: str = ""
    collection_uri: str = ""
    reference: str = ""
    source_statement: str = ""
    edition: str = ""
    licence_uri: str = ""
    licence_label: str = ""
    keywords: tuple[str, ...] = ()
    #: Page label and file name of each page image the source names.
    facsimiles: tuple[tuple[str, str], ...] = ()
    #: What the source says beyond this, by name: kept with the record, not interpreted.
    details: dict[str, str] = field(default_factory=dict)
    #: What readers are told before they read (values of `archive.models.Sensitivity`).
    sensitivity: tuple[str, ...] = ()
    #: What to keep in the vault when the source file alone is not the original: name and bytes of each.
    originals: tuple[tuple[str, bytes], ...] = ()
    #: Only the tracks are meant: the work is there already and keeps everything else (a caption file of ours).
    partial: bool = False
    #: The code of a finding that forbids publishing until a person has looked (two rows claim one text).
    hold_back: str = ""
    problems: tuple[Problem, ...] = ()

    def as_tracks(self) -> list[dict[str, Any]]:
        """Return the tracks in the archive's canonical form."""
        return [track.as_dict() for track in self.tracks]
