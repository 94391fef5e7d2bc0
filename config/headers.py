"""What every answer says to the browser about its own safety (safety.md rule 10).

Two content policies exist. The strict one (``CONTENT_SECURITY_POLICY`` in the settings) covers the
public site, the account pages, error pages, files, and admin screens of our own that declare
``strict_content_policy = True`` on their view. Wagtail's own admin screens get the looser one below,
chosen here by address: excluding a prefix, as django-csp offers, would drop the header altogether.

A view that needs one thing more uses django-csp's ``@csp_update``, for example
``@csp_update({"worker-src": ["blob:"]})`` on a page with a 3D viewer.
"""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.admin_address import is_admin_path
from accounts.client_address import is_trusted_proxy

#: What Wagtail's admin of version 8 works with, and no more.
WAGTAIL_ADMIN_POLICY: dict[str, list[str]] = {
    "default-src": [NONE],
    "script-src": [SELF, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF],
    "media-src": [SELF],
    "connect-src": [SELF],
    "frame-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
}

#: Everything a page could ask a device for is refused, but for what pages of ours use themselves.
PERMISSIONS_POLICY = ", ".join(
    [
        *(
            f"{feature}=()"
            for feature in (
                "accelerometer",
                "autoplay",
                "browsing-topics",
                "camera",
                "display-capture",
                "encrypted-media",
                "geolocation",
                "gyroscope",
                "magnetometer",
                "microphone",
                "midi",
                "payment",
                "usb",
            )
        ),
        "fullscreen=(self)",
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
        "xr-spatial-tracking=(self)",
    ]
)

#: What a proxy says of the visitor behind it. Only ``X-Forwarded-For`` and ``-Proto`` are ever used, and only a trusted
#: proxy's; the others are named so that nothing that is added later believes them from anybody.
_FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PROTOCOL",
    "HTTP_X_FORWARDED_SCHEME",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_REAL_IP",
    "HTTP_X_URL_SCHEME",
    "HTTP_FRONT_END_HTTPS",
)


class ForwardedHeadersFromProxiesOnly:
    """Drops what a visitor claims about scheme and address unless a trusted proxy says it.

    ``SECURE_PROXY_SSL_HEADER`` believes whoever sends the header; behind this it is safe to set.
    In demo mode nothing is dropped, since the demo refuses requests with such headers as not local.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        peer = request.META.get("REMOTE_ADDR", "")
        if settings.CAIRN_MODE != "demo" and not is_trusted_proxy(peer, settings.TRUSTED_PROXIES):
            for name in _FORWARDED:
                request.META.pop(name, None)
        return self.get_response(request)


class OriginOfOwnForms:
    """Restores the origin that ``Referrer-Policy: no-referrer`` takes from our own forms.

    Under that policy browsers send ``Origin: null`` with every form that is posted, even to its own site
    (Fetch standard, "append a request Origin header"), and Django's CSRF check refuses it. The same
    browsers say ``Sec-Fetch-Site: same-origin``, which no page can forge or set; only then, and only
    instead of ``null``, is our own origin put back. The CSRF token is checked as ever.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.headers.get("Origin") == "null" and request.headers.get("Sec-Fetch-Site") == "same-origin":
            request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"
        return self.get_response(request)


class SecurityHeaders:
    """Sets what Django does not: Permissions-Policy, CORP, and who may keep a copy.

    Account pages and the admin are never stored anywhere. Other answers to a request with a session
    cookie may differ by visitor, so unless the view says otherwise nobody stores them either.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("X-Permitted-Cross-Domain-Policies", "none")
        path = request.path_info
        if path.startswith("/accounts/") or is_admin_path(path):
            response.headers["Cache-Control"] = "no-store, private"
            # These are pages of forms, and browsers older than Sec-Fetch-Site (Safari before 16.4) could
            # post none of them under no-referrer. To other sites this one sends just as little.
            response.headers["Referrer-Policy"] = "same-origin"
        elif settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.headers.setdefault("Cache-Control", "no-store, private")
        if is_admin_path(path) and not _wants_strict_policy(request):
            # Wagtail shows previews of a page in a frame of its own origin.
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp, with the looser policy for Wagtail's own admin screens."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if (
            not report_only
            and parts.config is None
            and is_admin_path(request.path_info)
            and not _wants_strict_policy(request)
        ):
            parts.config = WAGTAIL_ADMIN_POLICY
        return parts


def _wants_strict_policy(request: HttpRequest) -> bool:
    match = request.resolver_match
    if match is None:
        return False
    view = getattr(match.func, "view_class", match.func)
    return bool(getattr(view, "strict_content_policy", False))
