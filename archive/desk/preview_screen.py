"""Preview: what each audience would read, made by the gate's own projection, and published to nobody."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property

from archive.desk.screens import WorkScreen
from archive.models import LADDER, Audience, Publication
from archive.preview import PreviewOfWork
from archive.public.works import media_url


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
