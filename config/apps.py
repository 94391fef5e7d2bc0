from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The wiring between rooms: checks, the functions handed to the leaf rooms, commands that run a site."""

    name = "config"
    default_auto_field = "django.db.models.BigAutoField"
