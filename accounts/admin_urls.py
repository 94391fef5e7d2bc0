"""Routes below ``/admin/`` that stand before Wagtail's own: its sign-in, password and account screens.

``config.urls`` includes these at ``admin/`` ahead of ``wagtail.admin.urls``; Wagtail's names still
reverse to the same addresses and so arrive here.
"""

from __future__ import annotations

from django.urls import path, re_path
from wagtail.admin.auth import require_admin_access

from accounts.admin_views import AdminAccountView, to_login, to_logout, to_password_reset

urlpatterns = [
    path("login/", to_login),
    path("logout/", to_logout),
    re_path(r"^password_reset/.*$", to_password_reset),
    path("account/", require_admin_access(AdminAccountView.as_view())),
]
