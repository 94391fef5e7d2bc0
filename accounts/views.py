"""The account pages that django-allauth does not have."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import desk
from accounts.adapter import set_language_cookie
from accounts.forms import JoinForm, ProfileForm
from accounts.invitations import AcceptInvitation, InvitationRefused
from accounts.models import EducatorGrant, Invitation, PlatformRole, User
from accounts.second_factor import NEXT_SESSION_KEY, has_second_factor


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest) -> HttpResponse:
    """One's own account: name, language, what one may do and for how long, how one signs in."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - tells mypy what login_required ensures
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your account was saved."))
        response = redirect("account_overview")
        if user.preferred_language:
            set_language_cookie(response, user.preferred_language)
        return response
    now = timezone.now()
    return render(
        request,
        "account/overview.html",
        {
            "form": form,
            "educator_grant": EducatorGrant.objects.current(now).filter(user=user).first(),
            "platform_roles": PlatformRole.objects.current(now).filter(user=user),
            "has_second_factor": has_second_factor(user),
            "may_enter_desk": desk.may_enter(user),
        },
    )


@login_required
@require_GET
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Tell somebody on the way to the desk why a second factor is needed, and offer the two kinds."""
    if has_second_factor(request.user):
        return second_factor_continue(request)
    return render(request, "account/second_factor_setup.html")


@login_required
@require_GET
def second_factor_continue(request: HttpRequest) -> HttpResponse:
    """Lead somebody who has set up a second factor back to where they were going."""
    target = request.session.pop(NEXT_SESSION_KEY, "") or reverse("account_overview")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = reverse("account_overview")
    return HttpResponseRedirect(target)


@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to whoever holds its link; accept it for the account that is signed in.

    Somebody without an account makes one here, whether or not sign-up is open.
    """
    # Tokens are too long to guess; the limit keeps a script from asking the database for ever.
    if limited := ratelimit.consume_or_429(request, action="signup"):
        return limited
    invitation = Invitation.objects.with_token(token).first()
    # A link that nobody made answers like one that is over.
    if invitation is None or not invitation.is_open(timezone.now()):
        return render(request, "account/invitation_closed.html", status=410)
    if request.user.is_authenticated:
        return _accept_as(request, invitation, request.user)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = _join(form, invitation)
        except InvitationRefused as refusal:
            messages.error(request, str(refusal))
            return render(request, "account/invitation_closed.html", status=410)
        messages.success(request, _("Your account was made. Welcome."))
        return perform_login(request, user, redirect_url=_where_next(user))
    login_url = redirect_to_login(request.get_full_path(), reverse("account_login")).url
    return render(request, "account/invitation.html", {"invitation": invitation, "form": form, "login_url": login_url})


@transaction.atomic
def _join(form: JoinForm, invitation: Invitation) -> User:
    user = form.save(commit=False)
    # The link went to this address and nowhere else, so whoever follows it reads that mailbox.
    if invitation.email and not User.objects.filter(email__iexact=invitation.email).exists():
        user.email = invitation.email
    user.save()
    if user.email:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    AcceptInvitation(invitation=invitation, user=user).execute()
    return user


def _accept_as(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    if request.method != "POST":
        return render(request, "account/invitation.html", {"invitation": invitation})
    try:
        AcceptInvitation(invitation=invitation, user=user).execute()
    except InvitationRefused as refusal:
        messages.error(request, str(refusal))
        return render(request, "account/invitation_closed.html", status=410)
    messages.success(request, _("You have accepted the invitation to %(what)s.") % {"what": invitation.label})
    return redirect(_where_next(user))


def _where_next(user: User) -> str:
    return reverse("wagtailadmin_home" if desk.may_enter(user) else "account_overview")
