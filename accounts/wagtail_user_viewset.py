"""The screen on which an operator switches accounts off and on and gives rights on Wagtail's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from wagtail.users.views.users import UserViewSet as WagtailUserViewSet

from accounts.signals import account_changed


class UserForm(forms.ModelForm):
    """What an operator may change of somebody's account: nothing by which they could sign in as them."""

    class Meta:
        model = get_user_model()
        fields = ["display_name", "is_active", "is_superuser", "groups"]
        labels = {"is_superuser": _("Operator of the platform"), "groups": _("Groups, for Wagtail's pages and images")}
        help_texts = {
            "is_active": _("An account that is switched off cannot sign in; what it did stays attributed to it."),
            "is_superuser": _(
                "Operators run the platform. They see no community's unpublished records without a membership."
            ),
            "groups": "",
        }
        widgets = {"groups": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, editing_self: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._before = {"was_active": self.instance.is_active, "was_operator": self.instance.is_superuser}
        if editing_self:
            # The last operator must not be able to lock everybody out by a slip.
            del self.fields["is_active"]
            del self.fields["is_superuser"]

    @transaction.atomic
    def save(self, commit: bool = True) -> Any:
        """Save, and tell who has to know what the account may no longer do."""
        user = super().save(commit)
        account_changed.send(sender=type(user), user=user, **self._before)
        return user


class UserViewSet(WagtailUserViewSet):
    """``wagtail.users`` with our form; adding and deleting are refused by the policy."""

    edit_template_name = "account/admin/user_edit.html"

    def get_form_class(self, for_update: bool = False) -> type[forms.ModelForm]:
        return UserForm
