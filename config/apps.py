from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The wiring between rooms: checks, the functions handed to the leaf rooms, commands that run a site."""

    name = "config"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Celery first: every room that enqueues rings through this application.
        from config import celery, checks, wiring  # noqa: F401 - importing registers them

        wiring.connect()
