"""The job pages' place in the admin."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem


@hooks.register("register_admin_urls")
def register_job_urls() -> list[Any]:
    return [path("jobs/", include("jobs.urls"))]


@hooks.register("register_admin_menu_item")
def register_job_menu_item() -> MenuItem:
    return MenuItem(_("Jobs"), reverse("jobs:index"), name="jobs", icon_name="tasks", order=900)
