"""What an import costs: ``python -m bench.importing [--runs N]``.

One line of JSON per figure, over the 177 editions of the sample sets (``CAIRN_SHARED`` beside the checkout), into
two fresh instances: one imports (``import_…``), one imports and publishes in the same command
(``import_and_publish_…``); ``publish_cpu`` is the difference. ``baseline`` is the same machine's CPU time, in the
same run, for parsing the same files with lxml and writing them as JSON and nothing else; ``ratio`` divides by it, so
that busy or slow machines compare.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAIRN_SHARED", PROJECT.parent / "shared"))
SAMPLES = SHARED / "data" / "archive-samples.tar.xz"
EDITIONS = ("early_testimonies", "begrentze_flucht_uzravit_hranice")


def emit(name: str, value: float, unit: str, target: str = "", **more: Any) -> None:
    """Print one figure."""
    line: dict[str, Any] = {"name": name, "value": round(float(value), 3), "unit": unit}
    if target:
        line["target"] = target
    print(json.dumps(line | more), flush=True)


def median_fsync_ms(folder: Path, times: int = 51) -> float:
    """Median time of one fsync after 4 KiB, in milliseconds, on the disk of ``folder``."""
    path = folder / "fsync"
    taken = []
    with path.open("wb") as file:
        for _ in range(times):
            file.write(b"\0" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - begun) * 1000)
    path.unlink()
    return statistics.median(taken)


def baseline_ms(folder: Path) -> float:
    """CPU time for each document to parse it with lxml and write its text as JSON."""
    from lxml import etree

    files = [path for name in EDITIONS for path in sorted((folder / name).glob("*.xml"))]
    begun = time.process_time()
    for path in files:
        root = etree.fromstring(path.read_bytes())
        json.dumps(
            [[element.tag, element.text, element.tail] for element in root.iter() if isinstance(element.tag, str)]
        )
    return (time.process_time() - begun) * 1000 / len(files)


def measure(folder: Path, *, publish: bool) -> None:
    """Import into the instance that the environment names, and print the figures."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from accounts.models import User
    from archive.importing.formats import sources_in
    from archive.importing.options import ImportOptions
    from archive.importing.run import PART, PUBLISH_PART, ImportWorks
    from search.outbox import apply_all_pending

    user = User.objects.create(username="bench", is_superuser=True, is_active=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def run() -> tuple[ImportWorks, float, float]:
        sources = [source for name in EDITIONS for source in sources_in(folder / name)]
        action = ImportWorks(sources, ImportOptions("bench", "editions", publish=publish), user=user)
        wall, cpu = time.perf_counter(), time.process_time()
        action.execute()
        return action, time.process_time() - cpu, time.perf_counter() - wall

    base = baseline_ms(folder)
    action, cpu, wall = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = len(action.report.items)
    if action.report.counts["created"] != count or action.report.counts["published"] != count * publish:
        raise SystemExit(f"The import did not take everything: {action.report.counts}")
    data = Path(os.environ["CAIRN_DATA"])
    fsync = median_fsync_ms(data)
    parts = -(-count // PART)
    # Each work commits once; each part syncs the file system twice; each part of publications commits once.
    publications = -(-count // PUBLISH_PART) if publish else 0
    floor = (count + 2 * parts + publications) * fsync / count
    per_document = cpu * 1000 / count
    what = "import_and_publish" if publish else "import"
    emit(
        f"{what}_cpu",
        per_document,
        "ms/document",
        "" if publish else "<= 20",
        documents=count,
        baseline=round(base, 3),
        ratio=round(per_document / base, 2),
    )
    emit(
        f"{what}_wall",
        wall * 1000 / count,
        "ms/document",
        "cpu + sync floor",
        sync_floor=round(floor, 3),
        fsync=round(fsync, 3),
    )
    emit(f"{what}_peak_memory", peak, "MB", "<= 400", before=round(before, 1))
    if not publish:
        return
    begun = time.process_time()
    apply_all_pending()
    emit("import_index_cpu", (time.process_time() - begun) * 1000 / count, "ms/document", baseline=round(base, 3))
    _again, cpu, _wall = run()
    emit("import_again_cpu", cpu * 1000 / count, "ms/document", baseline=round(base, 3))


def main() -> None:
    """Unpack the samples and measure in a child with an instance of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--publish", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, publish=arguments.publish)
        return
    if not SAMPLES.is_file():
        print(
            json.dumps(
                {"name": "import_cpu", "skipped": "shared/data/archive-samples.tar.xz is not beside this checkout"}
            )
        )
        return
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        with tarfile.open(SAMPLES) as archive:
            members = [member for member in archive if member.name.startswith("./ehri-editions/")]
            archive.extractall(folder, members, filter="data")
        for run in range(arguments.runs):
            alone = in_an_instance(Path(folder), f"import-{run}")
            both = in_an_instance(Path(folder), f"publish-{run}", "--publish")
            publishing = both["import_and_publish_cpu"]["value"] - alone["import_cpu"]["value"]
            emit("publish_cpu", publishing, "ms/document", baseline=alone["import_cpu"]["baseline"])


def in_an_instance(folder: Path, name: str, *options: str) -> dict[str, dict[str, Any]]:
    """Measure in a child with a fresh instance; passes its lines on and returns them by name.

    :raises RuntimeError: when the child failed (its own words are on standard error).
    """
    instance = folder / name
    instance.mkdir()
    environment = os.environ | {
        "CAIRN_DATA": str(instance),
        "CAIRN_MODE": "development",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    command = [sys.executable, "-m", "bench.importing", "--measure", str(folder / "ehri-editions"), *options]
    child = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    print(child.stdout, end="", flush=True)
    if child.returncode:
        raise RuntimeError(f"Measuring an import ended with status {child.returncode}.")
    lines = (json.loads(line) for line in child.stdout.splitlines())
    return {line["name"]: line for line in lines}


if __name__ == "__main__":
    main()
