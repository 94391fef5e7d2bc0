"""The embedded broker: a folder of messages inside the instance, for one machine.

Kombu's ``filesystem`` transport as it stands has three traps, and this one closes them: a reader may
move a message away before its writer has written it; two processes that declare queues at the same
moment read a half-written table; and messages in work pass through the system's temporary folder
unless ``store_processed`` is on.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.transport.virtual import BrokerState

#: The name under which Celery's configuration asks for this transport.
SCHEME = "cairnfolder"
TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"

#: How long a message that was read stays in the ``processed`` folder, in seconds.
KEEP_PROCESSED = 300


class Channel(filesystem.Channel):
    """Kombu's channel with whole messages only, and one writer at a time in the tables of queues."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override] # kombu's own two bases differ
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}"
        folder = Path(self.data_folder_out)
        # A name that no reader looks for until the content is there.
        draft = folder / f"{name}.draft"
        try:
            draft.write_bytes(json.dumps(payload).encode())
            draft.rename(folder / f"{name}.{queue}.msg")
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ChannelError(f"The broker's folder takes no message: {error.strerror}") from error

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        with self._tables(fcntl.LOCK_EX):
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def get_table(self, exchange: str) -> list[Any]:
        with self._tables(fcntl.LOCK_SH):
            return super().get_table(exchange)

    @contextmanager
    def _tables(self, how: int) -> Iterator[None]:
        self.control_folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.control_folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


class Transport(filesystem.Transport):
    """The transport of :class:`Channel`. What is bound is remembered for each folder, not for all together."""

    Channel = Channel
    _states: ClassVar[dict[str, BrokerState]] = {}

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        folder = str(client.transport_options.get("control_folder", ""))
        self.state = self._states.setdefault(folder, BrokerState())


def folder_options(folder: Path) -> dict[str, Any]:
    """Make the broker's folders (mode 0700) and return the transport options that use them."""
    messages, processed, control = (folder / name for name in ("messages", "processed", "control"))
    for each in (folder, messages, processed, control):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "processed_folder": str(processed),
        "control_folder": str(control),
        "store_processed": True,
        "polling_interval": 0.1,
    }


def purge_processed(folder: Path, now: float | None = None) -> int:
    """Delete messages read more than :data:`KEEP_PROCESSED` seconds ago, and drafts whose writer died."""
    limit = (now or time.time()) - KEEP_PROCESSED
    count = 0
    for path in (*(folder / "processed").glob("*.msg"), *(folder / "messages").glob("*.draft")):
        try:
            # The date of the change of the entry: moving a message away keeps its date of writing.
            if path.stat().st_ctime < limit:
                path.unlink()
                count += 1
        except FileNotFoundError:
            continue
    return count
