"""Who reads without an account: a pupil whose teacher linked every work, a reviewer with a link to each of them.

The rows are made past the actions, which would refuse most of them: what holds a reader back must be asked when she
reads, for a work may have been open when its link was made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from archive.models import Audience, PinnedWork, ReaderLink, Record
from archive.values.tokens import hash_of, new_token
from tests.leak_matrix import surfaces
from tests.leak_matrix.canaries import body_of, found_in
from tests.leak_matrix.planting import Garden, Planted


def hand_out(garden: Garden) -> Garden:
    """Give the pupil a link to everything that is planted, and the reviewer one to each work in some state.

    What one way of hiding does in a work that is public for the rest, the gate does for a reviewer as for all.
    """
    works = [planted.work for planted in garden.planted]
    token = _a_link(garden, "teacher", ReaderLink.Kind.CLASS, works)
    garden.clients["pupil"].get(f"/class/{token}/")
    under_review = [planted for planted in garden.planted if not planted.case]
    for planted in under_review:
        planted.review = _a_link(garden, "same", ReaderLink.Kind.REVIEWER, [planted.work])
    # She goes to everybody's addresses as somebody who came in by a link, if any of hers opens anything.
    doors = (f"/review/{planted.review}/" for planted in under_review)
    any(garden.clients["reviewer"].get(door).status_code == 302 for door in doors)
    return garden


def _a_link(garden: Garden, maker: str, kind: str, works: list[Any]) -> str:
    token = new_token()
    link = ReaderLink.objects.create(
        kind=kind,
        token_hash=hash_of(token),
        maker_id=garden.clients[maker].session["_auth_user_id"],
        community=garden.community if kind == ReaderLink.Kind.REVIEWER else None,
        audience=Audience.EDUCATORS if kind == ReaderLink.Kind.REVIEWER else "",
        ends_at=timezone.now() + timedelta(days=1),
    )
    PinnedWork.objects.bulk_create(
        PinnedWork(link=link, record=record, revision=record.reviewed_revision or record.current_revision)
        for record in Record.objects.filter(pk__in=[work.pk for work in works])
    )
    return token


def link_leaks(actor: str, client: Any, garden: Garden, forbidden: set[str], facts: set[str], wrong: Any) -> None:
    """What stands behind links, for whoever holds one and for all others."""
    if actor == "reviewer":
        for planted in garden.planted:
            if planted.review:
                _review_leaks(client, planted, garden, wrong)
        # What everybody else finds behind these addresses is nothing.
        client.cookies.clear()
    for name, paths in surfaces.LINK_SURFACES.items():
        for path in paths:
            wrong.looked_at += 1
            response = client.get(path)
            wrong.extend(
                f"{actor} sees {said} at {name} ({path})" for said in found_in(body_of(response), forbidden, facts)
            )
            held = actor == "pupil" and name == "public:class"
            if response.status_code != (200 if held else 404):
                wrong.append(f"{actor} gets {response.status_code} at {name} ({path})")
    if actor == "pupil":
        listed = body_of(client.get("/en/class/"))
        for planted in garden.planted:
            title = {word for word in planted.words if "title" in word}
            if planted.state == "educators" and title - found_in(listed, title):
                wrong.append(f"{actor} does not find {planted.state} in what was chosen for her class")


def _review_leaks(client: Any, planted: Planted, garden: Garden, wrong: Any) -> None:
    """A reviewer reads what the gate would show to educators, and of everything else not that it is there."""
    open_ = "teacher" in planted.readers
    forbidden = planted.elsewhere.union(*(one.all_words for one in garden.planted))
    forbidden -= planted.words if open_ else set()
    wrong.looked_at += 2
    door = client.get(f"/review/{planted.review}/")
    if door.status_code != (302 if open_ else 404):
        wrong.append(f"the reviewer gets {door.status_code} for her link to {planted.state}")
    page = client.get("/en/review/") if door.status_code == 302 else door
    body = body_of(page)
    for said in found_in(body, forbidden, planted.facts | planted.elsewhere):
        wrong.append(f"the reviewer sees {said} of {planted.state}")
    if not open_:
        return
    missing = sorted(planted.page_words - found_in(body, planted.page_words))
    wrong.extend(f"the reviewer does not see {word} of {planted.state}" for word in missing)
    for file_id, served in ((planted.file_id, True), *((file_id, False) for file_id in planted.shut)):
        if file_id:
            wrong.looked_at += 1
            file = client.get(f"/en/review/{file_id}/")
            if (file.status_code == 200) != served or found_in(body_of(file), planted.never):
                wrong.append(f"the reviewer gets {file.status_code} for a file of {planted.state}")
