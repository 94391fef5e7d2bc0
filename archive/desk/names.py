"""Names while one types: what may be chosen, among what the viewer may read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.generic import View

from archive.desk.fields import written_record
from archive.desk.lists import found_by, listable
from archive.desk.sealing import fields_kept_from
from archive.desk.views import DeskView
from archive.record_types import authority_types, gated_kinds, record_type

MOST = 12


class Names(DeskView, View):
    """``?kinds=person,place&q=``: up to twelve records, as a field takes them."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, **kwargs: Any) -> JsonResponse:
        text = request.GET.get("q", "").strip()
        # Each kind once, however often it is named.
        asked = set(request.GET.get("kinds", "").split(","))
        kinds = [kind for kind in (*authority_types(), *gated_kinds()) if kind in asked]
        found: list[str] = []
        if len(text) >= 2:
            for kind in kinds:
                if len(found) >= MOST:
                    break
                model = record_type(kind).model_class
                rows = listable(self.only_visible(model.objects.select_related("community")))
                for record in found_by(rows, text, self.viewer).order_by("sort_key", "pk")[: MOST - len(found)]:
                    if "name" not in fields_kept_from(self.viewer, record) or record.public_id == text:
                        found.append(written_record(record, self.viewer))
        return JsonResponse({"names": found})
