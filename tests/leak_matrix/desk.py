"""Every address of the admin, gone to by whoever is no member of the community that owns what was planted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.test import Client

from tests.leak_matrix.planting import Garden, Planted
from tests.leak_matrix.surfaces import DESK_PREFIX, patterns

#: In the place of a key: a record that is not there.
NOBODY = "999999"
_PARAMETER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")
#: What the records of a route are called in its address, and which of the planted ones it opens.
RECORDS_BY_ROUTE: tuple[tuple[str, str], ...] = (
    ("testimonies/", "testimony"),
    ("testimony-chooser/", "testimony"),
    ("papers/", "document"),
    ("document-chooser/", "document"),
    ("clips/", "clip"),
    ("clip-chooser/", "clip"),
    ("people-records/", "person"),
    ("person-chooser/", "person"),
    ("places/", "place"),
    ("place-chooser/", "place"),
    ("organisations/", "organisation"),
    ("organisation-chooser/", "organisation"),
    ("events/", "event"),
    ("event-chooser/", "event"),
    ("concepts/", "concept"),
    ("concept-chooser/", "concept"),
    ("sources/", "source"),
    ("source-chooser/", "source"),
    ("collections-of-records/", "collection"),
    ("collection-chooser/", "collection"),
)
#: Addresses of Wagtail's and of accounts, with parameters that name no record and nothing of a community.
_OTHERS = re.compile(
    r"admin/(?:accounts|api|bulk|collections|documents|editing-sessions|groups|images|invitations|locales|localize"
    r"|pages|password_reset|people|redirects|sites|tag-autocomplete|users|workflows|choose-page|login|logout|reports"
    r"|\^)"
)
#: Asked of every list, so that a search that looks where it may not is caught too.
QUESTION = "?q=canary"
#: Pages beside the records' own that may name them.
_TELL_OF_RECORDS = tuple(DESK_PREFIX + each for each in ("desk/", "jobs/", "reports/", "people/", "snippets/"))
_NO_LISTS = ("/new/", "/chosen-multiple/", "/act/")


def routes() -> list[str]:
    """Every route below ``/admin/``, once."""
    return sorted({route for _name, route in patterns() if route.startswith(DESK_PREFIX)})


def list_paths(turn: int | None = None) -> list[str]:
    """Addresses without parameters: lists, searches, choosers, reports, the first page.

    :param turn: of Wagtail's own pages, which show no record, those whose turn it is; None: all.
    """
    plain = [route for route in routes() if "<" not in route and "^" not in route and "logout" not in route]
    records = tuple(DESK_PREFIX + each for each, _which in RECORDS_BY_ROUTE)
    # Forms of new records and the like take no question; a list's page holds the results that are asked for alone.
    searched = [
        route
        for route in plain
        if route.startswith(records)
        and not route.endswith(_NO_LISTS)
        and ("-chooser/" in route or not route.endswith("/results/"))
    ]
    others = [route for route in plain if route != DESK_PREFIX and not route.startswith((*records, *_TELL_OF_RECORDS))]
    left_out = {route for place, route in enumerate(others) if turn is not None and place % 3 != turn % 3}
    return [f"/{route}" for route in plain if route not in left_out] + [f"/{route}{QUESTION}" for route in searched]


def business_paths(garden: Garden) -> list[str]:
    """Addresses of a community's own business: members, readers, proposals, imports, jobs, names while one types."""
    slug = garden.community.slug
    found = [f"/admin/desk/names/?kinds=person,place,testimony,document&q=canary{beginning}" for beginning in "pser"]
    for route in routes():
        if route.startswith("admin/desk/community/"):
            found.append("/" + _PARAMETER.sub(slug, route))
        elif route.startswith("admin/desk/imports/<"):
            found.append("/" + _PARAMETER.sub(str(garden.batch.uuid), route))
        elif route.startswith("admin/jobs/<"):
            found.append("/" + _PARAMETER.sub(str(garden.job.public_id), route))
    return found


def object_paths(planted: Planted, *, nobody: bool = False) -> Iterator[str]:
    """Addresses of one planted record; with ``nobody`` the same addresses of a record that is not there."""
    # What a document names has the same screens as what a testimony names.
    records = {planted.work.kind: planted.work, **(planted.named if planted.work.kind == "testimony" else {})}
    for route in routes():
        for beginning, which in RECORDS_BY_ROUTE:
            if which not in records or not route.startswith(DESK_PREFIX + beginning):
                continue
            key = NOBODY if nobody else str(records[which].pk)
            if "<" in route:
                yield "/" + _PARAMETER.sub(lambda found, key=key: key if found["name"] == "pk" else "public", route)
            elif route.endswith(("act/", "/chosen-multiple/")):
                yield f"/{route}?id={key}"


def unnamed_at_the_desk() -> list[str]:
    """Routes with parameters that this walk does not know how to fill."""
    known = tuple(DESK_PREFIX + beginning for beginning, _which in RECORDS_BY_ROUTE)
    known += ("admin/desk/community/", "admin/desk/imports/", "admin/jobs/")
    return [
        route for route in routes() if "<" in route and not route.startswith(known) and _OTHERS.match(route) is None
    ]


def get(client: Client, path: str) -> tuple[int, bytes]:
    """Status and everything the answer says, headers too."""
    answer = client.get(path)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return answer.status_code, content + str(answer.headers).encode()
