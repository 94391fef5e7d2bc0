"""Addresses of the public side below ``/<language>/``."""

from __future__ import annotations

from django.urls import path, re_path

from archive.public import asking, lists, reader_links, search_page, works
from archive.public.feeds import NewlyOpened
from archive.public.kinds import all_kinds

app_name = "public"
#: Rooms register in ``AppConfig.ready``, before anybody reads this.
_SEGMENT = f"(?P<segment>{'|'.join(entry.segment for entry in all_kinds())})"
_ID = "(?P<public_id>[0-9a-hjkmnp-tv-z]{10})"

urlpatterns = [
    path("search/", search_page.search, name="search"),
    path("feeds/new.atom", NewlyOpened(), name="feed"),
    path("languages/", lists.languages, name="languages"),
    path("languages/<str:tag>/", lists.language, name="language"),
    path("report/", asking.report, name="report"),
    path("class/", reader_links.class_page, name="class"),
    path("review/", reader_links.review_page, name="review"),
    path("review/<uuid:file_id>/", reader_links.review_file, name="review-file"),
    path("request/<str:public_id>/", asking.request_access, name="request-access"),
    re_path(rf"^{_SEGMENT}/$", lists.browse, name="browse"),
    re_path(rf"^{_SEGMENT}/{_ID}/$", lists.page, name="page"),
    re_path(rf"^{_SEGMENT}/{_ID}/cite/(?P<form>[a-z]+)/$", works.citation, name="citation"),
    re_path(rf"^{_SEGMENT}/{_ID}/download/(?P<form>[a-z]+)/$", works.download, name="download"),
]
