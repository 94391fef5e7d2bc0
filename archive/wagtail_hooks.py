"""What the archive adds to Wagtail's admin. Policies come first: a viewset made before would get Wagtail's own."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.html import format_html
from wagtail import hooks

from archive import models
from archive.desk.viewsets import register_policies

register_policies(
    models.Testimony,
    models.Document,
    models.Collection,
    models.Clip,
    models.Person,
    models.Place,
    models.Organisation,
    models.Event,
    models.Concept,
    models.Source,
)

from archive.desk import works  # noqa: E402 - after the policies, see above


@hooks.register("register_admin_viewset")
def register_viewsets() -> list[Any]:
    return works.viewsets()


@hooks.register("insert_global_admin_css")
def desk_styles() -> str:
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))
