"""The few durations that jobs live by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings


@dataclass(frozen=True)
class Timing:
    """Durations in seconds, derived from the length of a lease.

    Between ``poll`` and ``poll + grace`` after a request to cancel the handler is interrupted: with
    the default lease 2 to 8 seconds. Workers on several hosts need clocks that agree to well within
    a lease (NTP does).
    """

    lease: float = 45.0

    @property
    def renew(self) -> float:
        """Between two renewals; three may fail before the lease runs out."""
        return self.lease / 4

    @property
    def poll(self) -> float:
        """Between two looks at the row (cancelled? overtaken?)."""
        return min(2.0, self.lease / 6)

    @property
    def grace(self) -> float:
        """How long a handler may take to notice by itself before it is interrupted."""
        return min(6.0, self.lease / 3)

    @property
    def lease_delta(self) -> timedelta:
        return timedelta(seconds=self.lease)


def current() -> Timing:
    """The timing of this instance (setting ``JOBS_LEASE_SECONDS``)."""
    return Timing(lease=float(getattr(settings, "JOBS_LEASE_SECONDS", Timing.lease)))


def retry_delay(attempt: int) -> timedelta:
    """How long to wait after the ``attempt``-th failure (1, 2, …): 10 s, 40 s, 160 s … at most an hour."""
    return timedelta(seconds=min(3600, 10 * 4 ** (max(1, attempt) - 1)))
