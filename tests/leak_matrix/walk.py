"""The walk itself: everybody goes to every address, and what is wrong is said in words.

A cell is one address asked for by one actor. It passes when no word is in the answer that this actor must not see
and its status is that of an address of nothing; where the actor may read, the words must be there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import mail
from django.db import connection

from tests.leak_matrix import desk, surfaces
from tests.leak_matrix.canaries import body_of, found_in
from tests.leak_matrix.links import link_leaks
from tests.leak_matrix.planting import EVERYBODY, Garden, Planted

NOTHING = "zzzzzzzzzz"
#: Who tries every address of a record in the admin: all roles of another community, and the platform's operator.
AT_THE_DESK = frozenset({"other", "operator"})
#: In which states: how far a work is open to readers changes nothing at the desk, whether it is published may.
AT_THE_DESK_STATES = frozenset({"public", "sealed", "community", "draft", "withdrawn"})
#: What a stub may answer besides 404: that it exists and how to ask.
STUB_SURFACES = {"public:page", "permanent", "public:request-access", "api-1:detail"}


class Cells(list[str]):
    """What is wrong, and how many cells were looked at to find it."""

    looked_at = 0


def forbidden_to(actor: str, garden: Garden) -> set[str]:
    """Every word that nothing at all may show to this actor."""
    return set().union(
        garden.business,
        *(p.all_words - (p.words | p.stub_words if actor in p.readers else p.stub_words) for p in garden.planted),
    )


class _Nothing:
    """How the addresses of nothing answer an actor, asked once each."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.answers: dict[str, int] = {}

    def status(self, path: str) -> int:
        if path not in self.answers:
            self.answers[path] = self.client.get(path).status_code
        return self.answers[path]


def leaks(garden: Garden, actors: Collection[str] = EVERYBODY) -> Cells:
    """Every public cell that is wrong, in words."""
    wrong = Cells()
    kept: dict[str, str] = {}
    facts = set().union(*(planted.facts for planted in garden.planted))
    # Whoever may read comes first: what her answers leave in memory must serve nobody else.
    for actor in sorted(actors, key=lambda name: (name != "same", name)):
        client = garden.clients[actor]
        nothing = _Nothing(client)
        for number, planted in enumerate(garden.planted):
            if actor not in planted.walkers:
                continue
            turn = number + garden.in_turn.index(actor) if actor in garden.in_turn else None
            _object_leaks(actor, client, planted, nothing, kept, wrong, turn)
            if actor not in planted.readers and not planted.stone_for:
                _companion_leaks(actor, client, planted, nothing, wrong, turn)
            _case_leaks(actor, client, planted, nothing, wrong)
        forbidden = forbidden_to(actor, garden)
        for name, paths in surfaces.LIST_SURFACES.items():
            for path in paths:
                wrong.looked_at += 1
                for said in found_in(body_of(client.get(path)), forbidden, facts):
                    wrong.append(f"{actor} sees {said} at {name} ({path})")
        link_leaks(actor, client, garden, forbidden, facts, wrong)
    return wrong


def _object_leaks(
    actor: str,
    client: Any,
    planted: Planted,
    nothing: _Nothing,
    kept: dict[str, str],
    wrong: Cells,
    turn: int | None,
) -> None:
    """The addresses of one work for one actor; ``kept`` gathers by path the ETag that a reader was given."""
    readable = actor in planted.readers
    stub = planted.on_request and not readable
    # The address was ours to begin with; its id is no secret of the answer.
    forbidden = (planted.all_words | planted.elsewhere) - (planted.words if readable else set())
    forbidden -= planted.stub_words if readable or stub else set()
    facts = planted.facts | planted.elsewhere
    of_nothing = surfaces.object_paths(planted, NOTHING, turn)
    for (name, _template, path), (*_same, path_of_nothing) in zip(
        surfaces.object_paths(planted, planted.work.public_id, turn), of_nothing, strict=True
    ):
        wrong.looked_at += 1
        response = client.get(path)
        body = body_of(response)
        for said in found_in(body, forbidden, facts):
            wrong.append(f"{actor} sees {said} at {name} ({path}, {planted.state})")
        expected = nothing.status(path_of_nothing)
        if actor in planted.stone_for and expected == 404 and name != "beside":
            expected = 410
        if readable:
            if etag := response.headers.get("ETag"):
                kept[path] = etag
            if name == "public:page" and path.startswith("/en/"):
                missing = sorted(planted.page_words - found_in(body, planted.page_words))
                wrong.extend(f"{actor} may read {planted.state} and does not see {word}" for word in missing)
            if name == "media-access" and planted.file_id and not found_in(body, planted.words):
                wrong.append(f"{actor} may read {planted.state} and is not served its file ({path})")
            continue
        if stub and name in STUB_SURFACES:
            continue
        if response.status_code != expected:
            wrong.append(f"{actor} gets {response.status_code} instead of {expected} at {name} ({path})")
        # Neither what a reader was given before nor a part of a file may be asked after.
        more: dict[str, dict[str, str]] = {}
        if path in kept:
            more["what was kept"] = {"HTTP_IF_NONE_MATCH": kept[path]}
        if name == "media-access":
            more["a range"] = {"HTTP_RANGE": "bytes=0-3"}
        for what, headers in more.items():
            wrong.looked_at += 1
            status = client.head(path, **headers).status_code
            if status != expected:
                wrong.append(f"{actor} gets {status} instead of {expected} for {what} at {name} ({path})")


def _companion_leaks(
    actor: str, client: Any, planted: Planted, nothing: _Nothing, wrong: Cells, turn: int | None
) -> None:
    """The pages of what a work names, for whoever may not read it."""
    for (what, _template, path), (*_same, path_of_nothing) in zip(
        surfaces.companion_paths(planted, turn=turn), surfaces.companion_paths(planted, NOTHING, turn), strict=True
    ):
        if turn is not None and what in surfaces.AS_PLACES:
            continue
        wrong.looked_at += 1
        response = client.get(path)
        if found := found_in(body_of(response), planted.all_words):
            wrong.append(f"{actor} sees {found} at the {what} of {planted.state} ({path})")
        # What is asked for on request is named in its stub; a collection is no secret there.
        if not planted.on_request and response.status_code != nothing.status(path_of_nothing):
            wrong.append(f"{actor} gets {response.status_code} for the {what} of {planted.state} ({path})")


def _case_leaks(actor: str, client: Any, planted: Planted, nothing: _Nothing, wrong: Cells) -> None:
    """What one way of hiding takes with it: pages that are not there, files that are not served, other works' pages."""
    for record in planted.gone:
        for template, path in surfaces.pages_of(record):
            wrong.looked_at += 1
            response = client.get(path)
            if response.status_code != nothing.status(template.format(id=NOTHING)):
                wrong.append(f"{actor} gets {response.status_code} for a {record.kind} of {planted.state} ({path})")
            for said in found_in(body_of(response), planted.never):
                wrong.append(f"{actor} sees {said} at a {record.kind} of {planted.state} ({path})")
    for file_id in planted.shut:
        wrong.looked_at += 1
        path = f"/media-access/{planted.work.public_id}/{file_id}/"
        response = client.get(path)
        expected = (404, 410) if actor in planted.stone_for else (404,)
        if response.status_code not in expected or found_in(body_of(response), planted.never):
            wrong.append(f"{actor} is served a file of {planted.state} that is withheld ({path})")
    for apart in planted.apart:
        for template, path in surfaces.pages_of(apart.record):
            wrong.looked_at += 1
            body = body_of(client.get(path))
            for said in found_in(body, apart.hides | planted.never, apart.hides | planted.facts):
                wrong.append(f"{actor} sees {said} of {planted.state} at a page that another work opens ({path})")
            if template.startswith("/en/") and apart.shows - found_in(body, apart.shows):
                wrong.append(f"{actor} does not see {apart.shows} of {planted.state} ({path})")
    for path in planted.questions:
        wrong.looked_at += 1
        if found_in(body_of(client.get(path)), set(), {planted.work.public_id}):
            wrong.append(f"{actor} finds {planted.state} by asking for what it hides ({path})")


def desk_leaks(garden: Garden, actors: Collection[str] = EVERYBODY - {"same"}) -> Cells:
    """Every cell of the admin that is wrong for whoever is no member of the community."""
    wrong = Cells()
    for actor in sorted(actors):
        client = garden.clients[actor]
        forbidden = forbidden_to(actor, garden)
        nothing: dict[str, int] = {}
        turn = garden.in_turn.index(actor) if actor in garden.in_turn else None
        for path in (*desk.list_paths(turn), *desk.business_paths(garden)):
            wrong.looked_at += 1
            _status, body = desk.get(client, path)
            wrong.extend(f"{actor} sees {canary} at {path}" for canary in found_in(body, forbidden))
        if actor not in AT_THE_DESK:
            continue
        for planted in garden.planted:
            if planted.case or planted.state not in AT_THE_DESK_STATES:
                continue
            for path, of_nothing in zip(
                desk.object_paths(planted), desk.object_paths(planted, nobody=True), strict=True
            ):
                wrong.looked_at += 1
                if of_nothing not in nothing:
                    nothing[of_nothing] = desk.get(client, of_nothing)[0]
                status, body = desk.get(client, path)
                wrong.extend(f"{actor} sees {canary} at {path}" for canary in found_in(body, forbidden))
                if status != nothing[of_nothing]:
                    wrong.append(f"{actor} gets {status} instead of {nothing[of_nothing]} at {path} ({planted.state})")
    return wrong


#: Tables whose purpose is to hold what a community wrote or what was published of it; every other must hold no word.
CONTENT = frozenset(
    {
        "archive_clip",
        "archive_collection",
        "archive_concept",
        "archive_contribution",
        "archive_derivative",
        "archive_document",
        "archive_event",
        "archive_externalid",
        "archive_importbatch",
        "archive_importitem",
        "archive_indexsegment",
        "archive_mediaasset",
        "archive_organisation",
        "archive_person",
        "archive_place",
        "archive_publication",
        "archive_publicationlink",
        "archive_record",
        "archive_redaction",
        "archive_revision",
        "archive_source",
        "archive_testimony",
        "archive_texttrack",
    }
)
UNTIL_PROVEN = frozenset({("archive_withdrawalcase", "said")})
#: Folders below the instance's data that hold files entrusted to it and what was made of them.
FILES = ("media", "vault")


def side_channel_leaks(garden: Garden, log: str) -> list[str]:
    """What planting and walking left behind where nobody looks: logs, jobs, mail, caches, ledgers, names of files."""
    every = set().union(garden.business, *(p.all_words for p in garden.planted))
    places = {
        "a log": log.encode(),
        "mail": repr([(m.subject, m.body, m.to) for m in mail.outbox]).encode(),
        "the cache": _rows_of(settings.CACHES["default"]["LOCATION"]),
        **dict(_tables(garden)),
        **dict(_files()),
    }
    return [f"{place} holds {word}" for place, text in places.items() for word in found_in(text, every)]


def _tables(garden: Garden) -> Iterator[tuple[str, bytes]]:
    """Every table that is not there to hold words: a new one is looked into until somebody says what it is for."""
    ours = {garden.job.public_id} if garden.job else set()
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table in CONTENT or not model._meta.managed or model._meta.proxy:
            continue
        rows = model._default_manager.all()
        if table == "jobs_job":
            rows = rows.exclude(public_id__in=ours)
        elif table == "jobs_joblogline":
            rows = rows.exclude(job_id__in=ours)
        # What the proof of absence looks for stays with its case until it is proven.
        kept = [field.attname for field in model._meta.concrete_fields if (table, field.name) not in UNTIL_PROVEN]
        yield f"the table {table}", repr(list(rows.values(*kept))).encode()


def _rows_of(table: str) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return repr(cursor.fetchall()).encode()


def _files() -> Iterator[tuple[str, bytes]]:
    """Names of all files of the instance, and the contents of those that are not there to hold words."""
    data = Path(settings.CAIRN_DATA)
    for path in data.rglob("*"):
        inside = path.relative_to(data)
        yield f"the name of {inside.parts[0]}/…", str(inside).encode()
        if path.is_file() and inside.parts[0] not in FILES:
            yield f"the file {inside}", path.read_bytes()
