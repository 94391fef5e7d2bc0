"""Addresses of the desk that belong to no single kind of record, below ``/admin/desk/``."""

from __future__ import annotations

from django.urls import path

from archive.desk.community_screens import MembersScreen, ProposalsScreen, ReadersScreen
from archive.desk.imports_screen import ImportScreen, ImportsScreen
from archive.desk.names import Names

app_name = "desk"
urlpatterns = [
    path("names/", Names.as_view(), name="names"),
    path("imports/", ImportsScreen.as_view(), name="imports"),
    path("imports/<uuid:uuid>/", ImportScreen.as_view(), name="import"),
    path("community/<slug:slug>/members/", MembersScreen.as_view(), name="members"),
    path("community/<slug:slug>/readers/", ReadersScreen.as_view(), name="readers"),
    path("community/<slug:slug>/proposals/", ProposalsScreen.as_view(), name="proposals"),
]
