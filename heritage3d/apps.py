from django.apps import AppConfig


class Heritage3DConfig(AppConfig):
    name = "heritage3d"
    default_auto_field = "django.db.models.BigAutoField"
