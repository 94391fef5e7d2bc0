from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.desk import register_desk_rule
        from archive.memberships import has_a_role
        from archive.pages import clock

        clock.connect()
        register_desk_rule(has_a_role)

        from archive.importing.job import register_import

        register_import()
