"""What a person asks of an import, as one value that a command, a form and a job share."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from archive.importing.formats import ReadingOptions, readers
from archive.values.languages import normalise_tag

_SLUG = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")

KINDS = ("auto", "testimony", "document")


@dataclass(frozen=True)
class ImportOptions:
    """Where works go and how files are read. ``mapping`` names a shipped mapping or a file."""

    community: str
    collection: str
    format: str = "auto"
    kind: str = "auto"
    mapping: str = ""
    language: str = ""
    encoding: str = ""
    publish: bool = False
    dry_run: bool = False

    def wrong(self) -> str:
        """Return what is wrong with them in a few words, "" when nothing is."""
        if not _SLUG.match(self.community) or len(self.community) > 60:
            return f"“{self.community}” is no short name for a community: use small letters, digits and hyphens"
        if not _SLUG.match(self.collection) or len(self.collection) > 80:
            return f"“{self.collection}” is no short name for a collection: use small letters, digits and hyphens"
        if self.format != "auto" and self.format not in readers():
            return f"no importer is called “{self.format}”: choose auto, {', '.join(readers())}"
        if self.kind not in KINDS:
            return f"“{self.kind}” is no kind: choose {', '.join(KINDS)}"
        if self.language and not normalise_tag(self.language).valid:
            return f"“{self.language}” is no language tag: write BCP 47, for example yi, hu, sr-Latn"
        return ""

    @property
    def reading(self) -> ReadingOptions:
        """What readers want to know."""
        return ReadingOptions(self.kind, self.mapping, self.language, self.encoding)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON."""
        return asdict(self)
