from django.apps import AppConfig


class ProbeRoomConfig(AppConfig):
    name = "tests.house.probe_room"
    label = "probe_room"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from archive import dependents
        from archive.policy import register_rights
        from archive.public import kinds
        from archive.record_types import registry
        from tests.house.probe_room import probe

        registry.register(probe.ProbeType())
        kinds.register(probe.PUBLIC)
        dependents.register(probe.COUNTER)
        register_rights("editor", "measure")
