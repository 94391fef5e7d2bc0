"""What the tests of killed workers do inside their instance: ``manage.py probe WHAT …`` prints JSON."""

from __future__ import annotations

import io
import json
import math
import time
import wave
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from archive.derivatives.making import media_folder, remove_strays
from archive.importing.job import report_of, start_import
from archive.importing.options import ImportOptions
from archive.importing.problems import REFUSED
from archive.models import (
    Community,
    CustodyEvent,
    Derivative,
    ImportBatch,
    MediaAsset,
    Publication,
    PublishedFile,
    Record,
    Testimony,
)
from archive.record_types import authority_types
from archive.vault import custody_log
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of, quarantine
from archive.vault.durable import digest_file
from archive.vault.fixity import verify_all
from archive.vault.ingest import Deposit, Original
from jobs import api
from jobs.models import Job
from search import service
from search.wiring import wiring
from tests.archive.factories import a_community, a_testimony, a_user, published
from tests.archive.importing.conftest import EDITION

RATE = 8000


def word(number: int) -> str:
    """A word that stands in one work only."""
    letters = "bcdfghjklm"
    return "zuh" + "".join(f"{letters[int(digit)]}a" for digit in f"{number:03}") + "tag"


def edition(number: int) -> bytes:
    """One work of the import, with a word, a person and a place of its own and a place that all name."""
    own_place = f'<placeName ref="http://www.geonames.org/{5_000_000 + number}/x.html">Hely {number}</placeName>'
    text = (
        EDITION.replace("VALLEY-001", f"VALLEY-{number:03}")
        .replace("A malom éjszakája", f"A malom éjszakája {number}")
        .replace("valley_ilka", f"valley_ilka_{number}")
        .replace("egész éjjel.", f"egész éjjel, {word(number)}, {own_place}.")
    )
    return text.encode()


def begin_import(count: str) -> dict[str, Any]:
    """Enqueue an import of ``count`` works as the admin does once the dry run was agreed to."""
    community = Community.objects.filter(slug="valley").first() or a_community("valley")
    uploads = [(f"valley-{number:03}.xml", [edition(number)]) for number in range(int(count))]
    user = a_user(username=f"importer-{Job.objects.count()}", is_superuser=True)
    job = start_import(uploads, ImportOptions(community.slug, "mill", publish=True), user=user)
    return {"job": str(job.public_id), "batch": job.input["batch"]}


def begin_recording(seconds: str) -> dict[str, Any]:
    """Keep the recording of a published testimony; its public copies become a job by themselves."""
    work = published(a_testimony())
    loudness = [int(12_000 * math.sin(index * index / 9e5)) for index in range(RATE * 10)]
    block = b"".join(value.to_bytes(2, "little", signed=True) for value in loudness)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        for _ in range(int(seconds) // 10):
            writer.writeframesraw(block)
    deposit = Deposit(object_id_of(work.uuid), [Original("voice.wav", sound.getvalue())], {})
    KeepOriginals([Filing(deposit, lambda stored: Record.objects.get(pk=work.pk))]).execute()
    asset = MediaAsset.objects.get(record=work)
    job = Job.objects.get(kind="make-derivatives", input={"asset": str(asset.uuid)})
    return {"job": str(job.public_id), "asset": str(asset.uuid)}


def retry(job: str) -> dict[str, Any]:
    """Press “try again”."""
    return {"state": api.retry(Job.objects.get(public_id=job)).state}


def look_at_vault() -> dict[str, Any]:
    """Everything that is wrong with vault and custody log, and how much is in them."""
    vault = instance_vault()
    report = verify_all(vault)
    return {
        "damage": [vars(one) for one in report.damage],
        "notices": [vars(one) for one in report.notices],
        "objects": sum(1 for _ in vault.object_folders()),
        "files": report.files,
        "staging": [one.name for one in vault.staging.iterdir()],
        "waiting": len(list(quarantine().waiting())),
        "custody": [str(one) for one in custody_log.faults()],
    }


def look_at_import(batch: str, count: str) -> dict[str, Any]:
    """What the archive, the vault, the search and the report say after the import."""
    row = ImportBatch.objects.get(uuid=batch)
    works = Testimony.objects.filter(collection__slug="mill")
    reach = wiring().reach_of(None)
    ingested = CustodyEvent.objects.filter(event_type="ingestion").values_list("asset_uuid", flat=True)
    report = report_of(row)
    return {
        **look_at_vault(),
        "works": dict(Counter(works.values_list("identity", flat=True))),
        "originals": dict(Counter(MediaAsset.objects.filter(record__in=works).values_list("record_id", flat=True))),
        "digests": len(set(MediaAsset.objects.filter(record__in=works).values_list("sha512", flat=True))),
        "ingestions": sorted(Counter(ingested).values()),
        "items": dict(Counter(row.items.values_list("source", flat=True))),
        "outcomes": dict(Counter(row.items.values_list("outcome", flat=True))),
        "publications": dict(Counter(Publication.objects.filter(kind="testimony").values_list("public_id", flat=True))),
        "people": Record.objects.filter(kind="person").count(),
        "places": Record.objects.filter(kind="place").count(),
        "authorities": Record.objects.filter(kind__in=authority_types()).count(),
        "made": len(row.options.get("made", [])),
        "counts": row.counts,
        "finished": row.finished_at is not None,
        "reported": len(report.items),
        "reported_as_published": sum(item.published for item in report.items),
        "problems": sorted({one.code for one in report.all_problems() if one.severity == REFUSED}),
        "found": dict(Counter(service.search(word(number), reach).total for number in range(int(count)))),
    }


def look_at_recording(asset: str) -> dict[str, Any]:
    """What stands of a recording's public copies, and what would be left after the next tidying."""
    made = list(Derivative.objects.filter(asset__uuid=asset))
    removed = remove_strays(now=time.time() + 25 * 3600)
    files = [path for path in media_folder().rglob("*") if path.is_file()]
    whole = [
        one.kind
        for one in made
        if (digests := digest_file(media_folder() / one.path)).sha256 == one.sha256 and digests.size == one.bytes
    ]
    return {
        **look_at_vault(),
        "kinds": sorted(one.kind for one in made),
        "whole": sorted(whole),
        "files": sorted(str(path.relative_to(media_folder())) for path in files),
        "named": sorted(one.path for one in made),
        "strays": removed,
        "ingestions_of_asset": CustodyEvent.objects.filter(event_type="ingestion", asset_uuid=asset).count(),
        "shown": sorted(PublishedFile.objects.values_list("path", flat=True)),
    }


class Command(BaseCommand):
    help = "Does what a test asks for and prints what it saw as JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what")
        parser.add_argument("facts", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        doings: dict[str, Callable[..., dict[str, Any]]] = {
            "begin-import": begin_import,
            "begin-recording": begin_recording,
            "retry": retry,
            "look-at-import": look_at_import,
            "look-at-recording": look_at_recording,
        }
        self.stdout.write(json.dumps(doings[options["what"]](*options["facts"]), default=str))
