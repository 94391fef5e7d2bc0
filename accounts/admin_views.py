"""Screens of the admin that concern accounts."""

from __future__ import annotations

from typing import Any

from allauth.account.views import logout as account_logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from wagtail.admin import messages
from wagtail.admin.views.account import (
    AccountView,
    BaseSettingsPanel,
    LocaleSettingsPanel,
    NotificationsSettingsPanel,
    ThemeSettingsPanel,
)

from accounts.admin_forms import GrantForm, InviteForm
from accounts.grants import GrantEducator, GrantPlatformRole, GrantRefused, RevokeGrant
from accounts.invitations import InvitationRefused, Invite, RevokeInvitation
from accounts.models import EducatorGrant, Invitation, PlatformRole, User
from accounts.platform_invitations import EDUCATOR, PLATFORM_SCOPE


def to_login(request: HttpRequest) -> HttpResponse:
    """Send Wagtail's sign-in address to the one sign-in of the site."""
    return redirect_to_login(request.GET.get("next", reverse("wagtailadmin_home")), reverse("account_login"))


def to_logout(request: HttpRequest) -> HttpResponse:
    """Sign out as everywhere on the site (Wagtail's menu posts here)."""
    return account_logout(request)


def to_password_reset(request: HttpRequest, **kwargs: str) -> HttpResponse:
    """Send Wagtail's password pages to the one password reset of the site."""
    return HttpResponseRedirect(reverse("account_reset_password"))


class AdminAccountView(AccountView):
    """Wagtail's settings of one's own: notifications, language, theme.

    Names, addresses and passwords are changed on the account pages, which confirm them; pictures of
    oneself are not kept at all.
    """

    kept = (NotificationsSettingsPanel, LocaleSettingsPanel, ThemeSettingsPanel)

    def get_panels(self) -> list[BaseSettingsPanel]:
        return [panel for panel in super().get_panels() if type(panel) in self.kept]


def _require_operator(request: HttpRequest) -> User:
    user = request.user
    if not (isinstance(user, User) and user.is_active and user.is_superuser):
        raise PermissionDenied
    return user


def _listing(request: HttpRequest, **forms: Any) -> HttpResponse:
    now = timezone.now()
    context = {
        "page_title": _("Educators and invitations"),
        "header_icon": "group",
        "grant_form": GrantForm(prefix="grant"),
        "invite_form": InviteForm(prefix="invite"),
        "educators": EducatorGrant.objects.current(now).select_related("user", "granted_by"),
        "platform_roles": PlatformRole.objects.current(now).select_related("user", "granted_by"),
        "invitations": Invitation.objects.open(now).select_related("invited_by"),
        **forms,
    }
    status = 200 if not any(form.errors for form in forms.values() if hasattr(form, "errors")) else 422
    return render(request, "account/admin/people.html", context, status=status)


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """List educators, holders of platform roles and open invitations, for operators."""
    _require_operator(request)
    return _listing(request)


@require_http_methods(["POST"])
def grant(request: HttpRequest) -> HttpResponse:
    """Recognise an account as an educator's or give it a platform role."""
    by = _require_operator(request)
    form = GrantForm(request.POST, prefix="grant")
    if not form.is_valid():
        return _listing(request, grant_form=form)
    user, right = form.cleaned_data["person"], form.cleaned_data["right"]
    try:
        if right == EDUCATOR:
            GrantEducator(user=user, by=by, institution=form.cleaned_data["institution"]).execute()
        else:
            GrantPlatformRole(user=user, role=right, by=by).execute()
    except GrantRefused as refusal:
        form.add_error(None, str(refusal))
        return _listing(request, grant_form=form)
    messages.success(request, _("“%(name)s” now has this right.") % {"name": user})
    return redirect("accounts_people")


@require_POST
def revoke_grant(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Take back an educator's grant (``kind`` "educator") or a platform role ("role")."""
    by = _require_operator(request)
    held: EducatorGrant | PlatformRole
    if kind == EDUCATOR:
        held = get_object_or_404(EducatorGrant, pk=pk)
    else:
        held = get_object_or_404(PlatformRole, pk=pk)
    try:
        RevokeGrant(grant=held, by=by).execute()
    except GrantRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The right of “%(name)s” was taken back.") % {"name": held.user})
    return redirect("accounts_people")


@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody to an account with a right of the platform."""
    by = _require_operator(request)
    form = InviteForm(request.POST, prefix="invite")
    if not form.is_valid():
        return _listing(request, invite_form=form)
    try:
        _invitation, link = Invite(
            scope=PLATFORM_SCOPE,
            role=form.cleaned_data["right"],
            label=form.label(),
            by=by,
            email=form.cleaned_data["email"],
        ).execute()
    except InvitationRefused as refusal:
        form.add_error(None, str(refusal))
        return _listing(request, invite_form=form)
    if link:
        # Shown once on this page and kept nowhere: only its hash is stored.
        return _listing(request, invitation_link=link)
    messages.success(request, _("The invitation was sent."))
    return redirect("accounts_people")


@require_POST
def revoke_invitation(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back an invitation that nobody has accepted."""
    _require_operator(request)
    try:
        RevokeInvitation(invitation=get_object_or_404(Invitation, pk=pk)).execute()
    except InvitationRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The invitation was taken back."))
    return redirect("accounts_people")
