"""What readers send: a report of a mistake, “this is my family”, a request to read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts.client_address import client_pseudonym
from archive import publications
from archive.models.publication import AccessRequest, Publication, ReaderReport
from archive.policy import Viewer
from archive.public.addresses import page_url
from archive.public.rate import allowed
from archive.public.reading import published_or_404, viewer_for
from archive.values.public_id import is_public_id

#: Reports one address may send in an hour.
REPORTS_AN_HOUR = 10


class ReportForm(forms.ModelForm):
    class Meta:
        model = ReaderReport
        fields = ["kind", "message", "contact", "public_id", "anchor"]
        labels = {
            "kind": _("What is it about?"),
            "message": _("What should we know?"),
            "contact": _("How can we reach you? (only if you wish)"),
        }
        widgets = {
            "public_id": forms.HiddenInput,
            "anchor": forms.HiddenInput,
            "message": forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
        }
        error_messages = {
            "message": {"required": _("Write a few words: without them we cannot know what to look at.")},
            "kind": {"required": _("Choose what it is about.")},
        }


class AccessForm(forms.ModelForm):
    class Meta:
        model = AccessRequest
        fields = ["purpose"]
        labels = {"purpose": _("Who are you, and what do you want to read it for?")}
        widgets = {"purpose": forms.Textarea(attrs={"rows": 6, "dir": "auto"})}
        error_messages = {"purpose": {"required": _("Say in a sentence or two what you want to read it for.")}}


def _about(request: HttpRequest, public_id: str) -> tuple[Publication | None, dict[str, Any] | None]:
    """The page a report is about, if the reader can see it; a stranger's id changes nothing in the answer."""
    if not is_public_id(public_id):
        return None, None
    found = publications.find(public_id, viewer_for(request))
    if not isinstance(found, Publication) or found.stub:
        return None, None
    title = found.payload.get("title") or found.payload.get("name")
    return found, {"url": page_url(found.kind, found.public_id), "title": title}


@never_cache
def report(request: HttpRequest) -> HttpResponse:
    """“Report a mistake” and “this is my family”: no account, no address kept."""
    family = request.GET.get("about") == "family"
    sent = request.POST if request.method == "POST" else request.GET
    public_id = sent.get("public_id") or request.GET.get("id", "")
    publication, about = _about(request, public_id)
    context: dict[str, Any] = {"about": about, "family": family}
    if request.method == "POST":
        form = ReportForm(request.POST)
        if form.is_valid():
            if not allowed("report", client_pseudonym(request), REPORTS_AN_HOUR, 3600):
                form.add_error(None, _("Too many reports came from here within an hour. Please try again later."))
            else:
                stored = form.save(commit=False)
                stored.public_id = publication.public_id if publication else ""
                stored.community = publication.community if publication else ""
                stored.save()
                return _private(render(request, "archive/report.html", {**context, "sent": True}))
    else:
        kind = ReaderReport.Kind.FAMILY if family else ReaderReport.Kind.MISTAKE
        form = ReportForm(initial={"kind": kind, "public_id": public_id, "anchor": request.GET.get("anchor", "")[:40]})
    status = 422 if request.method == "POST" else 200
    return _private(render(request, "archive/report.html", {**context, "form": form}, status=status))


def has_asked(viewer: Viewer, public_id: str) -> bool:
    """Whether this reader waits for an answer about this work."""
    return (
        viewer.user_id is not None
        and AccessRequest.objects.filter(
            public_id=public_id, user_id=viewer.user_id, state=AccessRequest.State.PENDING
        ).exists()
    )


@never_cache
def request_access(request: HttpRequest, public_id: str) -> HttpResponse:
    """A signed-in reader asks a community for something that is on request."""
    publication = published_or_404(request, public_id)
    if not publication.stub:
        raise Http404
    viewer = viewer_for(request)
    if not viewer.authenticated:
        return redirect_to_login(request.get_full_path())
    context: dict[str, Any] = {"work": publication.payload, "sent": has_asked(viewer, public_id)}
    form = AccessForm(request.POST or None)
    if request.method == "POST" and not context["sent"] and form.is_valid():
        stored = form.save(commit=False)
        stored.public_id, stored.community, stored.user_id = public_id, publication.community, viewer.user_id
        stored.save()
        context["sent"] = True
    context["form"] = form
    status = 422 if request.method == "POST" and not context["sent"] else 200
    return _private(render(request, "archive/request_access.html", context, status=status))


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    return response
