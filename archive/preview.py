"""Preview: what each audience would read of a work if one of its revisions were reviewed; published to nobody."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from archive.assessment import Assessment, assess, consent_in_force
from archive.gate import Built, Gate
from archive.models import LADDER, Audience, Publication, Revision


class PreviewOfWork:
    """The answers of the gate for a work as if a revision had been reviewed: its latest, when none is given."""

    def __init__(self, work: Any, revision: Revision | None = None) -> None:
        self.work = work
        self.consent = consent_in_force(work)
        self.revision = revision or Revision.objects.filter(record_id=work.pk).order_by("-number").first()
        reviewed = work.reviewed_revision
        try:
            # Only this object, never the row: the preview is of what is being worked on.
            work.reviewed_revision = self.revision.number if self.revision else 0
            snapshot = self.revision.snapshot if self.revision else {}
            self.assessment = assess(work, self.consent, timezone.now(), snapshot)
        finally:
            work.reviewed_revision = reviewed

    @property
    def possible(self) -> bool:
        """Without consent nobody knows by what name the narrator may be shown."""
        return self.consent is not None and self.revision is not None

    def sees(self, rung: str) -> str:
        """``full``, ``stub`` or nothing: what this audience would get today."""
        if any(open_ in self.assessment.full for open_ in LADDER[: LADDER.index(Audience(rung)) + 1]):
            return "full"
        stub = self.assessment.stub
        return "stub" if stub and LADDER.index(Audience(stub)) <= LADDER.index(Audience(rung)) else ""

    def publication(self, rung: str) -> Publication | None:
        """The page of this audience; of one to which the gate is closed, as if it were open."""
        built = self.built(rung, self.assessment if self.sees(rung) else Assessment(full=[rung]))
        return built[0] if built else None

    def built(self, rung: str, given: Assessment) -> Built | None:
        """What the gate makes for this audience under an assessment, with its files."""
        if self.consent is None or self.revision is None:
            return None
        rows = Gate().build(self.work, self.revision, self.consent, given)
        return next((row for row in reversed(rows) if getattr(row[0], f"serves_{rung}")), None)
