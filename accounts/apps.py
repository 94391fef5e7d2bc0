from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Who somebody is and how they prove it; never what a record allows (that is ``archive/policy.py``)."""

    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import checks, platform_invitations, second_factor  # noqa: F401 - checks register themselves

        second_factor.connect()
        platform_invitations.connect()
