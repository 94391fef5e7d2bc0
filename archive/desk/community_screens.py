"""A community's own pages: members and protocols, what readers ask and report, what imports propose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from accounts.invitations import InvitationRefused, Invite, RevokeInvitation
from accounts.models import Invitation
from archive import audit
from archive.actions.proposals import DecideProposalAction
from archive.desk.language_map import LanguageMapField
from archive.desk.revisions_screen import facts_apart, tracks_between
from archive.desk.screens import DeskScreen
from archive.desk.sealing import fields_kept_from, shown_title
from archive.desk.views import sent_key
from archive.desk.waiting import WORKS
from archive.memberships import SCOPE, LastSteward, leave
from archive.models import (
    AccessRequest,
    Community,
    Membership,
    Openness,
    Proposal,
    Protocol,
    ReaderReport,
    Record,
    Role,
)
from archive.revisions import snapshot_of


class CommunityScreen(DeskScreen):
    """A page of one community; another community's is a 404, and a right that she lacks a refusal."""

    header_icon = "group"
    name = ""

    @cached_property
    def community(self) -> Community:
        found: Community = self.object_or_404(Community.objects.all(), slug=self.kwargs["slug"])
        return found

    rights: tuple[str, ...] = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.community.slug not in self.viewer.roles:
            raise Http404
        self.require_any(self.rights, self.community)
        return super().dispatch(request, *args, **kwargs)

    def get_page_subtitle(self) -> str:
        return str(self.community)

    def back(self) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"desk:{self.name}", args=[self.community.slug]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"community": self.community}


class InviteForm(forms.Form):
    """An invitation into this community."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices)
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        help_text=gettext_lazy("Left empty, you are shown a link to pass on by hand."),
    )


class ProtocolForm(forms.Form):
    """A rule of the community on who may see an item."""

    name = LanguageMapField(label=gettext_lazy("Name"))
    openness = forms.ChoiceField(label=gettext_lazy("Admits"), choices=Openness.choices)
    admitted = forms.ModelMultipleChoiceField(
        queryset=get_user_model().objects.none(),
        label=gettext_lazy("Admitted by name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    label_uri = forms.URLField(
        label=gettext_lazy("Local Contexts label (address)"), required=False, assume_scheme="https"
    )

    def __init__(self, *args: Any, community: Community, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = Membership.objects.current(timezone.now()).filter(community=community).values("user")
        self.fields["admitted"].queryset = get_user_model().objects.filter(pk__in=members)  # type: ignore[attr-defined]


class MembersScreen(CommunityScreen):
    """Who belongs to the community, who is invited, and its protocols."""

    name, rights = "members", ("members",)
    template_name = "archive/desk/members.html"
    page_title = gettext_lazy("Members and protocols")
    link = ""

    @cached_property
    def forms(self) -> dict[str, Any]:
        sent = self.request.POST.get("action", "")
        data = self.request.POST
        return {
            "invite": InviteForm(data if sent == "invite" else None, prefix="invite"),
            "protocol": ProtocolForm(data if sent == "protocol" else None, prefix="protocol", community=self.community),
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action, _colon, key = request.POST.get("action", "").partition(":")
        if action in self.forms:
            form = self.forms[action]
            if form.is_valid() and (self._invite(form) if action == "invite" else self._protocol(form)):
                return self.back()
            return self.render_to_response(self.get_context_data())
        pk = sent_key(key)
        if action == "leave":
            row = Membership.objects.current(timezone.now()).filter(community=self.community, pk=pk).first()
            if row is None:
                raise Http404
            try:
                leave(row, request.user)
                messages.success(request, _("This role has ended."))
            except LastSteward as refused:
                messages.error(request, str(refused))
        elif action == "revoke":
            invitation = Invitation.objects.filter(pk=pk, scope=f"{SCOPE}{self.community.slug}").first()
            if invitation is None:
                raise Http404
            try:
                RevokeInvitation(invitation).execute()
                messages.success(request, _("The invitation was taken back."))
            except InvitationRefused as refused:
                messages.error(request, str(refused))
        else:
            raise Http404
        return self.back()

    def _invite(self, form: InviteForm) -> bool:
        """True when the page may be left: a link is shown only now."""
        data = form.cleaned_data
        try:
            _invitation, self.link = Invite(
                scope=f"{SCOPE}{self.community.slug}",
                role=data["role"],
                label=str(self.community)[:200],
                by=self.request.user,  # type: ignore[arg-type]
                email=data["email"],
            ).execute()
        except InvitationRefused as refused:
            form.add_error(None, str(refused))
            return False
        if self.link:
            return False
        messages.success(self.request, _("The invitation is on its way."))
        return True

    def _protocol(self, form: ProtocolForm) -> bool:
        data = form.cleaned_data
        protocol = Protocol.objects.create(
            community=self.community, name=data["name"], openness=data["openness"], label_uri=data["label_uri"]
        )
        protocol.admitted.set(data["admitted"])
        messages.success(self.request, _("The protocol can now be chosen in consent."))
        return True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        rows = Membership.objects.current(now).filter(community=self.community).select_related("user")
        return super().get_context_data(**kwargs) | {
            "members": rows.order_by("user__username", "role"),
            "invitations": Invitation.objects.open(now).filter(scope=f"{SCOPE}{self.community.slug}"),
            "roles": dict(Role.choices),
            "protocols": self.community.protocols.prefetch_related("admitted"),
            "forms": self.forms,
            "link": self.link,
        }


class ReadersScreen(CommunityScreen):
    """What readers ask for and what they report."""

    name, rights = "readers", ("answer_access", "edit")
    template_name = "archive/desk/readers.html"
    page_title = gettext_lazy("From readers")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action, _colon, key = request.POST.get("action", "").partition(":")
        pk = sent_key(key)
        if action == "handled":
            updated = ReaderReport.objects.filter(pk=pk, community=self.community.slug, handled_at=None).update(
                handled_at=timezone.now()
            )
            if not updated:
                raise Http404
            messages.success(request, _("Marked as handled."))
            return self.back()
        if action not in ("approve", "reject"):
            raise Http404
        self.require("answer_access", self.community)
        days = request.POST.get("days", "")
        if action == "approve" and not 1 <= sent_key(days) <= 3650:
            messages.error(request, _("Say for how many days, between 1 and 3650."))
            return self.back()
        self._answer(pk, approve=action == "approve", days=int(days) if action == "approve" else 0)
        return self.back()

    def _answer(self, pk: int, *, approve: bool, days: int) -> None:
        now = timezone.now()
        with transaction.atomic():
            row = (
                AccessRequest.objects.select_for_update()
                .filter(pk=pk, community=self.community.slug, state=AccessRequest.State.PENDING)
                .first()
            )
            if row is None:
                messages.error(self.request, _("This request has been answered already."))
                return
            row.state = AccessRequest.State.APPROVED if approve else AccessRequest.State.REJECTED
            row.decided_at, row.decided_by = now, self.request.user  # type: ignore[assignment]
            row.expires_at = now + timedelta(days=days) if approve else None
            row.save()
            record = Record.objects.filter(public_id=row.public_id).select_related("community").first()
            if record is not None:
                audit.note("access", record, self.request.user, outcome=row.state, days=days)  # type: ignore[arg-type]
        messages.success(self.request, _("Answered."))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        slug = self.community.slug
        requests = AccessRequest.objects.filter(community=slug).select_related("user", "decided_by")
        reports = ReaderReport.objects.filter(community=slug)
        return super().get_context_data(**kwargs) | {
            "pending": self._named(requests.filter(state=AccessRequest.State.PENDING)),
            "answered": self._named(requests.exclude(state=AccessRequest.State.PENDING)[:30]),
            "reports": self._named(reports.filter(handled_at=None)),
            "handled": self._named(reports.exclude(handled_at=None)[:20]),
            "may_answer": bool(self.may("answer_access", self.community)),
        }

    def _named(self, rows: Any) -> list[dict[str, Any]]:
        rows = list(rows)
        works: dict[str, dict[str, str]] = {}
        for model, namespace in WORKS:
            found = model.objects.filter(public_id__in=[r.public_id for r in rows], community=self.community)
            for work in found.select_related("community"):
                url = reverse(f"{namespace}:gate", args=[work.pk])
                works[work.public_id] = {"title": shown_title(work, self.viewer), "url": url}
        return [{"row": row, "work": works.get(row.public_id)} for row in rows]


class ProposalsScreen(CommunityScreen):
    """What imports would change in texts that a person has corrected since."""

    name, rights = "proposals", ("edit",)
    template_name = "archive/desk/proposals.html"
    page_title = gettext_lazy("Proposals from imports")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action, _colon, key = request.POST.get("action", "").partition(":")
        pk = sent_key(key)
        proposal = self._open().filter(pk=pk).first()
        if proposal is None or action not in ("accept", "reject"):
            raise Http404
        said = _("Taken over as a new revision.") if action == "accept" else _("Put aside; your text stays.")
        self.attempt(
            DecideProposalAction(
                request.user,  # type: ignore[arg-type]
                proposal,
                accept=action == "accept",
                seen_revision=request.POST.get("revision", ""),
            ),
            said,
        )
        return self.back()

    def _open(self) -> Any:
        return Proposal.objects.filter(record__community=self.community, decided_at=None).select_related("record")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = []
        for proposal in self._open()[:20]:
            for model, namespace in WORKS:
                work = model.objects.filter(pk=proposal.record_id).select_related("community", "collection").first()
                if work is None:
                    continue
                current = snapshot_of(work)
                shown.append(
                    {
                        "row": proposal,
                        "work": work,
                        "title": shown_title(work, self.viewer),
                        "url": reverse(f"{namespace}:revisions", args=[work.pk]),
                        "facts": facts_apart(current, proposal.snapshot, fields_kept_from(self.viewer, work)),
                        "tracks": tracks_between(current, proposal.snapshot),
                    }
                )
        return super().get_context_data(**kwargs) | {"proposals": shown, "count": self._open().count()}
