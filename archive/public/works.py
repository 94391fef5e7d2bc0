"""The page of a testimony or a document, its citations and its downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from archive.interchange import EXPORTS
from archive.models.publication import Publication
from archive.public import citations
from archive.public.addresses import absolute, file_url, page_url, permanent_url
from archive.public.kinds import of_segment, public_kind
from archive.public.reading import mark_cacheable, published_or_404, viewer_for
from archive.values.language_map import choose


def work_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    """A testimony or document, complete without JavaScript; a stub where it is on request."""
    if publication.stub:
        return _stub_page(request, publication)
    payload = with_addresses(publication, lambda file_id: media_url(publication, file_id))
    payload["published_at"] = publication.published_at.date().isoformat()
    context = {
        "work": payload,
        "with_language": request.GET.get("with", "")[:40],
        "captions": _captions(publication),
        **page_facts_of(publication),
    }
    response = render(request, "archive/testimony.html", context)
    return mark_cacheable(request, response, publication)


def page_facts_of(publication: Publication) -> dict[str, Any]:
    """What the page of a publication says beside its content: how it is cited, downloaded, shared and harvested.

    For every kind that is cited, of whatever room.
    """
    payload, entry = publication.payload, public_kind(publication.kind)
    work = citations.cited(payload, get_language() or settings.LANGUAGE_CODE, timezone.now().date())
    return {
        "cite_url": permanent_url(publication.public_id),
        "citations": citations.panel(work, lambda form: _citation_url(publication, form)),
        "citation_at": citations.at_moment(work),
        "downloads": _downloads(publication),
        "share": _share(payload, work),
        "json_ld": entry.json_ld(payload, work) if entry.json_ld else None,
        "audience": publication.audience,
    }


def with_addresses(publication: Publication, address: Callable[[str], str]) -> dict[str, Any]:
    """The payload with the addresses of its files; a waveform is joined to its recording."""
    payload = dict(publication.payload)
    media = payload.get("media", [])
    waveforms = {m["asset"]: address(m["id"]) for m in media if m["kind"] == "waveform"}
    payload["media"] = [
        {**m, "url": address(m["id"]), "waveform_url": waveforms.get(m["asset"])}
        for m in media
        if m["kind"] in ("audio", "video", "image")
    ]
    return payload


def media_url(publication: Publication, file_id: str) -> str:
    """Address of a file of a publication, checked on every request."""
    return reverse("media-access", kwargs={"public_id": publication.public_id, "file_id": file_id})


def _stub_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    from archive.public.asking import has_asked

    context = {
        "work": publication.payload,
        "request_url": reverse("public:request-access", kwargs={"public_id": publication.public_id}),
        "pending": has_asked(viewer_for(request), publication.public_id),
    }
    return mark_cacheable(request, render(request, "archive/stub.html", context), publication)


def _citation_url(publication: Publication, form: str) -> str:
    return file_url("citation", publication.kind, publication.public_id, form)


def citation(request: HttpRequest, segment: str, public_id: str, form: str) -> HttpResponse:
    """One citation as a file for a reference manager."""
    publication = _readable(request, segment, public_id)
    if form not in citations.FORMS or public_kind(publication.kind).cited_as is None:
        raise Http404
    _label, function, media_type, ending = citations.FORMS[form]
    work = citations.cited(publication.payload, get_language() or "en", timezone.now().date())
    response = HttpResponse(function(work), content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(publication)}.{ending}"'
    return mark_cacheable(request, response, publication)


def download(request: HttpRequest, segment: str, public_id: str, form: str) -> HttpResponse:
    """The text in one of the interchange formats, as far as the licence allows."""
    publication = _readable(request, segment, public_id)
    export = public_kind(publication.kind).exports.get(form)
    if export is None or not publication.payload["licence"]["download"]:
        raise Http404
    language = request.GET.get("language", "")[:40]
    body = export.write(publication.payload, language)
    if body is None:
        raise Http404
    response = HttpResponse(body, content_type=export.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(publication)}.{export.ending}"'
    return mark_cacheable(request, response, publication)


def _file_name(publication: Publication) -> str:
    """Opaque, and in it that sample content is fiction: not every format has room for a remark."""
    return f"cairn-{'fiction-' if publication.fiction else ''}{publication.public_id}"


def _readable(request: HttpRequest, segment: str, public_id: str) -> Publication:
    """A publication whose words are there to be taken: neither a stub nor a tombstone.

    :raises Http404: also for an address of nothing.
    """
    entry = of_segment(segment)
    if entry is None:
        raise Http404
    publication = published_or_404(request, public_id, kind=entry.kind)
    if publication.stub:
        raise Http404
    return publication


def captions(request: HttpRequest, public_id: str, track_id: str) -> HttpResponse:
    """A track as WebVTT for the player's own caption menu."""
    publication = published_or_404(request, public_id)
    if publication.stub or track_id not in {t["id"] for t in publication.payload.get("tracks", [])}:
        raise Http404
    form = EXPORTS.get("webvtt")
    body = form.write(publication.payload, f"track:{track_id}") if form else None
    if body is None:
        raise Http404
    response = HttpResponse(body, content_type="text/vtt; charset=utf-8")
    return mark_cacheable(request, response, publication)


def _captions(publication: Publication) -> list[dict[str, str]]:
    payload = publication.payload
    if not any(m["kind"] in ("audio", "video") for m in payload.get("media", [])):
        return []
    timed = {
        track_id
        for row in payload.get("rows", [])
        for track_id, cues in row["cells"].items()
        if any(cue.get("start_ms") is not None for cue in cues)
    }
    return [
        {
            "url": reverse("captions", kwargs={"public_id": publication.public_id, "track_id": track["id"]}),
            "language": track["language"],
            "label": track.get("label") or track["language"],
            "kind": "captions" if track.get("is_original") else "subtitles",
        }
        for track in payload["tracks"]
        if track["id"] in timed
    ]


def _downloads(publication: Publication) -> list[dict[str, Any]]:
    if not (publication.payload.get("licence") or {}).get("download"):
        return []
    return [
        {"label": export.label, "url": file_url("download", publication.kind, publication.public_id, form)}
        for form, export in public_kind(publication.kind).exports.items()
        if export.fits(publication.payload)
    ]


def _share(payload: dict[str, Any], work: citations.CitedWork) -> dict[str, str]:
    abstract = choose(payload.get("abstract"), (get_language() or "en",)).text
    return {
        "title": work.title + work.label,
        "description": abstract[:200] if not payload.get("sensitivity") else "",
        "url": absolute(page_url(payload["kind"], payload["id"])),
    }


def _clip_ld(clip: dict[str, Any], work: citations.CitedWork) -> dict[str, Any]:
    """schema.org ``Clip``; offsets are seconds into the recording."""
    facts: dict[str, Any] = {
        "@type": "Clip",
        "name": choose(clip["title"], (get_language() or "en",)).text + work.label,
        "url": f"{work.url}#{clip['anchor']}",
    }
    for name, at in (("startOffset", clip["start_ms"]), ("endOffset", clip["end_ms"])):
        if at is not None:
            facts[name] = at / 1000
    return facts


def work_json_ld(payload: dict[str, Any], work: citations.CitedWork) -> dict[str, Any]:
    """schema.org ``ArchiveComponent``: what harvesters may know of a work is what its page says."""
    collection = payload["collection"]
    facts: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ArchiveComponent",
        "@id": work.url,
        "url": work.url,
        "name": work.title + work.label,
        "inLanguage": payload.get("languages", []),
        "license": payload["licence"]["uri"] or None,
        "temporal": work.edtf or None,
        "holdingArchive": {"@type": "ArchiveOrganization", "name": work.held_by} if work.held_by else None,
        "version": str(work.revision),
        "genre": "fiction (example content)" if work.fiction else payload["kind"],
        "isPartOf": {"@type": "Collection", "@id": permanent_url(collection["id"])} if collection else None,
        "hasPart": [_clip_ld(clip, work) for clip in payload.get("clips", [])] or None,
    }
    return {key: value for key, value in facts.items() if value is not None}
