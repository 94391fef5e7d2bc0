"""The probe's screens at the desk."""

from __future__ import annotations

from typing import Any

from wagtail import hooks

from archive.desk.viewsets import register_policies
from tests.house.probe_room.models import Probe

register_policies(Probe)

from archive.desk.sealable import SealableForm  # noqa: E402 - after the policies
from archive.desk.viewsets import RecordChooserViewSet, RecordViewSet  # noqa: E402 - after the policies


class ProbeForm(SealableForm):
    language_maps = ("title", "report")

    class Meta:
        model = Probe
        fields = ["community", "title", "report", "depth"]


class ProbeViewSet(RecordViewSet):
    model, form_class, icon, name = Probe, ProbeForm, "site", "cairn-probes"
    list_filter = ["community", "state"]


@hooks.register("register_admin_viewset")
def register_viewsets() -> list[Any]:
    return [ProbeViewSet(), RecordChooserViewSet("probe-chooser", model=Probe, icon="site")]
