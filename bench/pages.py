"""How fast pages are served, and how soon a withdrawal shows: ``python -m bench.pages``.

Anonymous requests for the pages of testimonies, spread over all editions, are compared with a plain Wagtail
site that holds the same HTML (``bench.plain_wagtail``): same gunicorn, same workers and threads, same load
generator, turn by turn. Beside the clock stands the processor's time per request, which a busy machine
distorts less. One line of JSON per figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.editions import Instance, main_html, make_instance
from bench.figures import Figure
from bench.load import Load
from bench.plain_wagtail import make_project
from bench.servers import Server

CLIENTS = 8
ROUNDS = 3
SECONDS = 4.0
WITHDRAWALS = 5

Result = dict[str, Any]


def pages_of(server: Server, paths: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each page of the archive once, as (slug, what a rich-text field gets)."""
    for path in paths:
        with urllib.request.urlopen(f"http://localhost:{server.port}{path}", timeout=60) as answer:
            yield path.rstrip("/").rpartition("/")[2], main_html(answer.read().decode("utf-8"))


def measured(server: Server, paths: list[str], **plan: Any) -> Result:
    """One turn of load, with the processor time per request of the server's processes.

    :raises RuntimeError: when an answer was anything but 200: what is not served needs no speed.
    """
    before = server.cpu_seconds()
    result = Load(port=server.port, paths=paths, clients=CLIENTS, **plan).result()
    if set(result["statuses"]) != {"200"}:
        raise RuntimeError(f"Answers under load: {result['statuses']}.")
    result["rate"] = result["requests"] / result["seconds"]
    result["cpu_ms"] = (server.cpu_seconds() - before) / result["requests"] * 1000
    return result


def every_page_anew() -> None:
    """Make every kept page of every web process wrong, as a correction of every work would."""
    from django.db.models import Value
    from django.db.models.functions import Concat, Substr

    from archive.models.publication import Publication

    stamp = f"{time.monotonic_ns():016x}"[-16:]
    Publication.objects.update(version=Concat(Substr("version", 1, 16), Value(stamp)))


def missed(server: Server, paths: list[str]) -> Result:
    """Every page asked for once in each of three languages, none of which any process can take from memory.

    In one language the turn lasts half a second, and its end, when some clients have nothing left to ask and a
    processor idles, is a tenth of it: that would be a figure of the list's length and not of the server.
    """
    every_page_anew()
    return measured(server, [f"/{language}{path[3:]}" for language in ("en", "fr", "ru") for path in paths], once=True)


def compare(name: str, ours: list[Result], plain: list[Result], least: float, **more: Any) -> None:
    """Requests a second and processor time per request, both beside the baseline's; medians of the turns."""

    def median(results: list[Result], what: str) -> float:
        return statistics.median(result[what] for result in results)

    rate, plain_rate = median(ours, "rate"), median(plain, "rate")
    target = (">=", least, "ratio")
    Figure(f"pages.{name}.rate", rate, "requests/s", target, plain_rate, rate / plain_rate, more).print()
    cpu, plain_cpu = median(ours, "cpu_ms"), median(plain, "cpu_ms")
    Figure(f"pages.{name}.cpu", cpu, "ms CPU/request", target, plain_cpu, plain_cpu / cpu).print()


def withdrawals(instance: Instance, server: Server) -> tuple[Result, list[str]]:
    """Withdraw works while eight clients read; every web process is asked for each right after its commit.

    Returns the load's result and a sentence for each answer that still showed a withdrawn work.
    """
    from archive.actions.withdraw import WithdrawAction
    from archive.models import Record

    chosen = list(instance.paths[:: len(instance.paths) // WITHDRAWALS][:WITHDRAWALS])
    committed: dict[str, float] = {}
    stale: list[str] = []
    # The connections are found before the load: looking for them takes hundreds of requests that no reader makes.
    with server.one_connection_each(chosen[0]) as connections:
        load = Load(port=server.port, paths=list(instance.paths), clients=CLIENTS, seconds=12.0, watch=chosen)
        for path in chosen:
            public_id = path.rstrip("/").rpartition("/")[2]
            work = Record.objects.get(public_id=public_id)
            for _moment in range(4):
                # Every process holds the page, and the watched readers have had their turn; no connection goes stale.
                before = [connection.get(path) for connection in connections]
                time.sleep(0.5)
            WithdrawAction(None, work, reason="mistake").execute()
            committed[path] = time.monotonic()
            answers = [connection.get(path) for connection in connections]
            stale += [f"A web process answered {status} before the withdrawal." for status in before if status != 200]
            stale += [f"A web process answered {status} after the withdrawal." for status in answers if status != 410]
        result = load.result()
    if not all(any(p == path and s == 200 for p, _started, s in result["watched"]) for path in chosen):
        stale.append("A work to withdraw was never read under load: nothing was tested.")
    stale += [
        f"A reader got {status} after the withdrawal."
        for path, started, status in result["watched"]
        if started > committed[path] and status != 410
    ]
    return result, stale


def open_instance(instance: Instance) -> None:
    """Let this process act on the instance: bump versions, withdraw."""
    import django

    os.environ |= instance.environment
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()


def measure(folder: Path) -> None:
    """Prepare both sites in ``folder``, measure them in turns, print the figures."""
    instance = make_instance(folder)
    open_instance(instance)
    paths = list(instance.paths)
    facts = {"editions": len(paths), "real": instance.real, "clients": CLIENTS}
    with instance.server() as ours:
        ours.wait(paths[0])
        editions = dict(pages_of(ours, instance.paths))
        with make_project(folder / "plain", editions) as plain:
            plain_paths = [f"/{slug}/" for slug in editions]
            plain.wait(plain_paths[0])
            for server, own in ((ours, paths), (plain, plain_paths)):
                measured(server, own, seconds=1.0)
            misses, hits, plain_rounds = [], [], []
            for _round in range(ROUNDS):
                misses.append(missed(ours, paths))
                # So that every process has every page again before hits are measured.
                measured(ours, paths, seconds=SECONDS / 2)
                hits.append(measured(ours, paths, seconds=SECONDS))
                plain_rounds.append(measured(plain, plain_paths, seconds=SECONDS))
            compare("hit", hits, plain_rounds, 10, **facts)
            compare("miss", misses, plain_rounds, 1)
            private, plain_private = max(ours.private_megabytes()), max(plain.private_megabytes())
        result, stale = withdrawals(instance, ours)
        p99, plain_p99 = result["p99"], statistics.median(r["p99"] for r in plain_rounds)
        Figure(
            "pages.p99", p99, "ms", ("<=", 50, "value"), plain_p99, plain_p99 / p99, {"longest": result["longest"]}
        ).print()
        Figure(
            "pages.stale",
            len(stale),
            "answers",
            ("<=", 0, "value"),
            more={"withdrawn": WITHDRAWALS, "what": sorted(set(stale))},
        ).print()
        private = max(private, *ours.private_megabytes())
        Figure(
            "pages.memory", private, "MB private", ("<=", 250, "value"), plain_private, plain_private / private
        ).print()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        measure(Path(folder))


if __name__ == "__main__":
    main()
