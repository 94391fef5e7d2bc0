"""Forms on which operators give rights and invite."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import PlatformRole, User
from accounts.platform_invitations import EDUCATOR

RIGHTS = [(EDUCATOR, _("Educator, for a year")), *PlatformRole.Role.choices]


class GrantForm(forms.Form):
    """Names an account and the right it gets."""

    person = forms.CharField(
        label=_("Username or e-mail address"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    right = forms.ChoiceField(label=_("Right"), choices=RIGHTS)
    institution = forms.CharField(
        label=_("School or institution"),
        max_length=200,
        required=False,
        help_text=_("For educators: where they teach, as you checked it."),
    )

    def clean_person(self) -> User:
        name = self.cleaned_data["person"]
        try:
            return User.objects.named(name.strip())
        except User.DoesNotExist:
            raise forms.ValidationError(
                _("There is no account “%(name)s”. Check the spelling, or invite the person below."),
                params={"name": name},
            ) from None


class InviteForm(forms.Form):
    """Invites somebody who has no account yet."""

    right = forms.ChoiceField(label=_("Right"), choices=RIGHTS)
    email = forms.EmailField(
        label=_("E-mail address"),
        required=False,
        help_text=_("With an address, the link is mailed there. Without one, you see it once and pass it on yourself."),
    )

    def label(self) -> str:
        """Return what the invited person reads."""
        right: Any = dict(RIGHTS)[self.cleaned_data["right"]]
        return f"{settings.WAGTAIL_SITE_NAME}: {right}"
