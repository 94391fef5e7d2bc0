"""Every address of the site, in the order in which they are tried."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.contrib.sitemaps.views import index as sitemap_index
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls

from accounts.admin_address import ADMIN_ROOT
from archive.public import lists, media, reader_links, works
from archive.public.api import api
from archive.public.feeds import SITEMAPS, robots
from config.demo import demo_sign_in
from config.health import healthz, readyz

_ADMIN = ADMIN_ROOT.removeprefix("/")

urlpatterns = [
    path("id/<str:public_id>", lists.permanent, name="permanent"),
    path("media-access/<str:public_id>/<uuid:file_id>/", media.media_access, name="media-access"),
    path("captions/<str:public_id>/<str:track_id>.vtt", works.captions, name="captions"),
    path("class/<str:token>/", reader_links.enter_class, name="class-link"),
    path("review/<str:token>/", reader_links.enter_review, name="review-link"),
    path("sitemap.xml", sitemap_index, {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap"}, name="sitemap-index"),
    path("sitemap-<section>.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap"),
    path("robots.txt", robots, name="robots"),
    path("api/v1/", api.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("accounts/demo/<str:token>/", demo_sign_in, name="demo_sign_in"),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path(_ADMIN, include("accounts.admin_urls")),
    path(_ADMIN, include(wagtailadmin_urls)),
]
urlpatterns += i18n_patterns(
    path("", include("archive.public.urls")),
    path("", include(wagtail_urls)),
    prefix_default_language=True,
)
