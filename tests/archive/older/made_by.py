"""Writes ``schema_1.json``: the rows of a small archive as the last Cairn of publications' first form left them.

Run with that Cairn (commit 85dbae1) in a worktree of its own, where its factories lie beside its code, in a new
instance that is migrated::

    CAIRN_DATA=NEW python manage.py migrate && CAIRN_DATA=NEW python -m tests.archive.older.made_by > schema_1.json

What the archive holds is invented; each of its canaries is a word that this form published and the next must not.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402

from archive.models import Publication, Revision  # noqa: E402
from archive.revisions import save_revision  # noqa: E402
from archive.search_documents import documents_of  # noqa: E402
from archive.values.language_map import language_map  # noqa: E402
from tests.archive.factories import (  # noqa: E402
    ALL_YES,
    a_collection,
    a_community,
    a_person,
    a_place,
    a_testimony,
    published,
)

#: Published by this form: a name behind a pseudonym, a sealed abstract, and two works that are to be closed.
CANARIES = ["Quendelmor", "Vexlenbrook", "snozzcart", "grumbleweed"]


def works() -> dict[str, str]:
    """The works by what is wrong with them, as public ids, with the person and the place they lead to."""
    community = a_community("orsha")
    shared: dict[str, Any] = {"collection": a_collection(community, slug="voices"), "places": [a_place("Kertavan")]}
    narrator = a_person(community, "Zaruhi Quendelmor")
    told = a_testimony(community, people=[narrator], **shared)
    told.contributions.update(credited_as="Swallow")
    # Her name was credited after the first revision.
    save_revision(told, origin="edit")
    told.refresh_from_db()
    sealed = a_testimony(
        community,
        abstract=language_map("Her brother hid at Vexlenbrook.", "en"),
        sealed=["abstract"],
        **shared,
    )
    asked = a_testimony(community, **shared)
    plain = a_testimony(community, english="The plumbrella stood by the river.", **shared)
    broken = a_testimony(community, english="A snozzcart came at night.", **shared)
    hidden = a_testimony(community, english="The grumbleweed covered us.", **shared)
    return {
        "pseudonym": published(told, identity="pseudonym").public_id,
        "sealed": published(sealed).public_id,
        "stub": published(asked, {**ALL_YES, "public-web": "ask", "research": "ask", "classroom": "ask"}).public_id,
        "plain": published(plain).public_id,
        "broken": published(broken).public_id,
        "hidden": published(hidden).public_id,
        "person": narrator.public_id,
        "place": shared["places"][0].public_id,
        "collection": shared["collection"].public_id,
    }


def main() -> None:
    named = works()
    tables: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if not table.startswith("archive_"):
                continue
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
            rows = cursor.fetchall()
            if rows:
                tables[table] = {"columns": [column[0] for column in cursor.description], "rows": rows}
    documents = {
        public_id: [
            {**asdict(one), "stands": sorted(one.stands), "published_at": str(one.published_at)}
            for one in documents_of(public_id)
        ]
        for public_id in sorted(set(Publication.objects.values_list("public_id", flat=True)))
    }
    hashes = sorted(set(Revision.objects.values_list("sha256", flat=True)))
    parts = {"works": named, "canaries": CANARIES, "hashes": hashes, "documents": documents}
    # One row a line, so that a change of the file can be read.
    lines = ["{"]
    lines += [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, default=str)}," for key, value in parts.items()
    ]
    lines.append('"tables": {')
    for number, (table, facts) in enumerate(tables.items()):
        lines.append(f'{json.dumps(table)}: {{"columns": {json.dumps(facts["columns"])}, "rows": [')
        lines.append(",\n".join(json.dumps(row, ensure_ascii=False, default=str) for row in facts["rows"]))
        lines.append("]}" + ("," if number < len(tables) - 1 else ""))
    lines.append("}}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
