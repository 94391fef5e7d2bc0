"""Preview: what each audience would read, made by the gate's own projection, and published to nobody."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import cached_property

from archive.assessment import Assessment, assess, consent_in_force
from archive.desk.screens import WorkScreen
from archive.gate import Gate
from archive.models import LADDER, Audience, ConsentRecord, Publication, Revision
from archive.public.works import media_url


class PreviewGate(Gate):
    """Makes the publications of a work's latest revision in memory; it never writes."""

    def rows(self, work: Any, consent: ConsentRecord, assessment: Assessment) -> list[Publication]:
        """What would be published for this assessment, from the latest revision."""
        built = self._build([work], {work.pk: consent}, {work.public_id: assessment}, self._snapshots([work]))
        return [publication for publication, _links, _files in built]

    def _snapshots(self, works: Any) -> dict[int, Revision]:
        return {
            work.pk: revision
            for work in works
            if (revision := Revision.objects.filter(record_id=work.pk).order_by("-number").first()) is not None
        }


class PreviewOfWork:
    """The answers of the gate for a work as if its latest revision had been reviewed."""

    def __init__(self, work: Any) -> None:
        self.work = work
        self.consent = consent_in_force(work)
        reviewed = work.reviewed_revision
        try:
            # Only this object, never the row: the preview is of what is being worked on.
            work.reviewed_revision = work.current_revision
            self.assessment = assess(work, self.consent, timezone.now())
        finally:
            work.reviewed_revision = reviewed

    @property
    def possible(self) -> bool:
        """Without consent nobody knows by what name the narrator may be shown."""
        return self.consent is not None and self.work.current_revision > 0

    def sees(self, rung: str) -> str:
        """``full``, ``stub`` or nothing: what this audience would get today."""
        if any(open_ in self.assessment.full for open_ in LADDER[: LADDER.index(Audience(rung)) + 1]):
            return "full"
        stub = self.assessment.stub
        return "stub" if stub and LADDER.index(Audience(stub)) <= LADDER.index(Audience(rung)) else ""

    def publication(self, rung: str) -> Publication | None:
        """The page of this audience; of one to which the gate is closed, as if it were open."""
        if self.consent is None:
            return None
        given = self.assessment if self.sees(rung) else Assessment(full=[rung])
        rows = PreviewGate().rows(self.work, self.consent, given)
        return next((row for row in reversed(rows) if getattr(row, f"serves_{rung}")), None)


class PreviewScreen(WorkScreen):
    """The audiences, what each would see, and a way into each page."""

    tab = "preview"
    template_name = "archive/desk/work/preview.html"

    @cached_property
    def preview(self) -> PreviewOfWork:
        return PreviewOfWork(self.work)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "possible": self.preview.possible,
            "blocking": self.preview.assessment.blocking,
            "audiences": [
                {"rung": rung, "label": Audience(rung).label, "sees": self.preview.sees(rung)} for rung in LADDER
            ],
        }


class PreviewPage(WorkScreen):
    """The public page itself with a banner; the strict content policy of the public site holds for it."""

    tab = "preview"
    strict_content_policy = True
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        rung = kwargs["rung"]
        preview = PreviewOfWork(self.work)
        publication = preview.publication(rung) if rung in LADDER and preview.possible else None
        if publication is None:
            raise Http404
        payload = dict(publication.payload)
        public = Publication.objects.filter(public_id=self.work.public_id).exists()
        payload["media"] = [
            {**file, "url": media_url(publication, file["id"]), "waveform_url": None}
            for file in payload.get("media", [])
            if public and file["kind"] in ("audio", "video", "image")
        ]
        payload["published_at"] = ""
        context = {
            "work": payload,
            "with_language": request.GET.get("with", "")[:40],
            "audience": rung,
            "preview_label": Audience(rung).label,
            "preview_sees": preview.sees(rung),
            "preview_back": self.address(),
            "request_url": "#",
        }
        template = "archive/desk/preview/stub.html" if publication.stub else "archive/desk/preview/work.html"
        response = self.response_class(request=request, template=[template], context=context)
        response.headers["Cache-Control"] = "no-store, private"
        return response
