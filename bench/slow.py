"""What slow connections cost everybody else: ``python -m bench.slow``.

Pages are read, and works withdrawn at the desk, first with nobody else there and then beside twelve connections that
trickle (heads, forms, uploads). One line of JSON per figure; the baseline is the same without them.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from bench.editions import Instance, make_instance
from bench.figures import Figure
from bench.load import Load
from bench.servers import Server
from bench.slow_people import SLOW, SlowPeople

CLIENTS = 4
ROUNDS = 3
SECONDS = 5.0
WITHDRAWALS = 5


class Steward:
    """A consent steward's browser: one session with a second factor, and the form of a withdrawal."""

    def __init__(self, instance: Instance) -> None:
        os.environ |= instance.environment
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore
        from django.middleware.csrf import _get_new_csrf_string
        from django.utils import timezone

        from accounts.models import User
        from archive.models import Community, Membership, Record

        user = User.objects.create_user("bench-steward")
        community = Community.objects.get(slug="bench")
        Membership.objects.create(community=community, user=user, role="steward", since=timezone.now())
        factor = TOTP.activate(user, generate_totp_secret()).instance
        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session["account_authentication_methods"] = [{"method": "mfa", "id": factor.pk, "at": time.time()}]
        session.create()
        self.token = _get_new_csrf_string()
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}={self.token}"
        public_ids = [path.rstrip("/").rpartition("/")[2] for path in instance.paths]
        works = Record.objects.filter(public_id__in=public_ids, kind="testimony").order_by("pk")
        self.works = list(works.values_list("pk", flat=True))

    def withdraw(self, server: Server) -> float:
        """Withdraw the next work; milliseconds until the desk has answered.

        :raises RuntimeError: when it was not withdrawn.
        """
        form = {"csrfmiddlewaretoken": self.token, "action": "withdraw"}
        form |= {"withdraw-reason": "family-request", "withdraw-sure": "on"}
        host = f"localhost:{server.port}"
        headers = {"Cookie": self.cookie, "Host": host, "Origin": f"http://{host}"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        begun = time.monotonic()
        connection.request("POST", f"/admin/testimonies/{self.works.pop()}/gate/", urlencode(form), headers)
        answer = connection.getresponse()
        answer.read()
        took = (time.monotonic() - begun) * 1000
        connection.close()
        if answer.status != 302:
            raise RuntimeError(f"A withdrawal was answered with {answer.status}.")
        return took


def reading(server: Server, paths: list[str]) -> float:
    """The p95 of one turn of reading, in milliseconds."""
    return float(Load(port=server.port, paths=paths, clients=CLIENTS, seconds=SECONDS).result()["p95"])


def measure(folder: Path) -> None:
    """Prepare an instance in ``folder``, measure it alone and beside slow people in turns, print the figures."""
    instance = make_instance(folder)
    steward = Steward(instance)
    paths = list(instance.paths)
    alone: dict[str, list[float]] = {"pages": [], "withdrawal": []}
    beside: dict[str, list[float]] = {"pages": [], "withdrawal": []}
    with instance.server() as server:
        server.wait(paths[0])
        reading(server, paths)
        for _round in range(ROUNDS):
            alone["pages"].append(reading(server, paths))
            with SlowPeople(server.port):
                # Until all of them are there.
                time.sleep(1)
                beside["pages"].append(reading(server, paths))
        for _round in range(WITHDRAWALS):
            alone["withdrawal"].append(steward.withdraw(server))
            with SlowPeople(server.port):
                time.sleep(1)
                beside["withdrawal"].append(steward.withdraw(server))
    facts = {"slow": SLOW, "clients": CLIENTS}
    for name, gather in (("pages", statistics.median), ("withdrawal", max)):
        value, baseline = gather(beside[name]), gather(alone[name])
        figure = f"slow.{name}.{'p95' if name == 'pages' else 'longest'}"
        Figure(figure, value, "ms", ("<=", 10_000, "value"), baseline, baseline / value, facts).print()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        measure(Path(folder))


if __name__ == "__main__":
    main()
