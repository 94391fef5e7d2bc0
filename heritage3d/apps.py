from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Heritage3DConfig(AppConfig):
    name = "heritage3d"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from heritage3d.reconstruction_job import KIND, reconstruct
        from jobs.registry import register

        # Translators: the name of a kind of background job.
        register(KIND, reconstruct, queue="heavy", label=_("3D reconstruction"))
