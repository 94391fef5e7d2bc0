"""Logs without readers: no query string, no address, no secret path, no words of a testimony.

Search terms and names reach a log by three doors: the request line, the arguments of log calls and the
message of an exception. The formatter here closes the last two for every logger, the access log of
gunicorn is made of harmless parts only.

What a stranger wrote stays on the line that speaks of it: line breaks, terminal commands and marks that turn the
direction of writing are shown as escapes, so that nobody writes lines into a log that seem to be the site's own.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import traceback
from types import TracebackType
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

#: Method, path, status, bytes, milliseconds: no address, no query, no referrer, no user agent.
ACCESS_FORMAT = "%(m)s %(U)s %(s)s %(B)s bytes %(M)s ms"

#: Exceptions whose messages speak of our program and never quote what somebody wrote.
_SPEAKS_OF_PROGRAM = frozenset(
    {"AttributeError", "ImportError", "ModuleNotFoundError", "ImproperlyConfigured", "TemplateDoesNotExist",
     "TemplateSyntaxError", "OperationalError", "RecursionError", "NameError"}
)  # fmt: skip

#: From a question mark, encoded or not, to the end of the line or its status: somebody's words may hold blanks.
_QUERY = re.compile(r"(?:\?(?!-(?:[\s\"']|$))|%3[Ff]).*?(?= \d{3}$|$)", re.MULTILINE)
#: What gunicorn quotes of a request that it could not read; there a query may stand behind any blank.
_UNREADABLE = re.compile(r"(?P<said>Invalid request from ip=\S* [^'\"]*)['\"].*")
#: Where a reader came from, quoted when a form is refused.
_ELSEWHERE = re.compile(r"https?://[^\s\"'<>]+")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?!\w|\.\d|:\w)"
)
#: Paths whose next part opens a door: class and reviewers’ links, receipts, invitations, keys of allauth.
_SECRET_PATH = re.compile(
    r"(?P<before>/(?:accounts/demo|class|review|receipt|invitations?|invite|sign-in|uploads|confirm-email|reset/key|login/code)/)"
    r"(?P<secret>[^/\s\"'?#]+)"
)


#: A quick look; which of these characters is printable, Unicode decides.
_BEYOND_ASCII_TEXT = re.compile(r"[^\x20-\x7e]")


def on_one_line(text: str) -> str:
    """Show what is no letter, mark, sign or plain space as an escape: ``\\n``, ``\\x1b``, ``\\u2028``."""
    return _BEYOND_ASCII_TEXT.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    # Not printable: control, format and separator characters, halves of surrogate pairs, what Unicode leaves open.
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def without_traces(text: str) -> str:
    """Take out of a line what tells who read what: query strings, addresses, secrets in paths."""
    text = _UNREADABLE.sub(r"\g<said>-", text)
    text = _ELSEWHERE.sub("-", text)
    text = _QUERY.sub("?-", text)
    text = _SECRET_PATH.sub(r"\g<before>-", text)
    return _ADDRESS.sub(_no_address, text)


def _no_address(match: re.Match[str]) -> str:
    # A colon of the sentence may stand behind the address: “ip=2001:db8::1: Request Line is too large”.
    written = match.group()
    for address in (written, written.removesuffix(":")):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        return "-" + written[len(address) :]
    return written


class QuietFormatter(logging.Formatter):
    """A plain line in UTC; exceptions as frames and type, with the message only where it is about the program."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        # exc_text would be a text that another formatter made, message included.
        record.exc_text = None
        return without_traces(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        # The message and the logger's name are one line; below it only our own frames may begin lines. Traces are
        # taken out before as well: an escape would join a line break to the address behind it.
        return on_one_line(without_traces(super().formatMessage(record)))

    def formatStack(self, stack_info: str) -> str:
        return _frames_only(stack_info)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, error, frames = ei
        if kind is None or error is None:
            return ""
        said = f": {on_one_line(str(error))}" if kind.__name__ in _SPEAKS_OF_PROGRAM else ""
        return _frames_only("".join(traceback.format_tb(frames))) + f"{kind.__module__}.{kind.__qualname__}{said}"


def _frames_only(text: str) -> str:
    """Lines of a traceback: names and source are ours, and so are the breaks between them."""
    return "".join(f"{on_one_line(line)}\n" for line in text.split("\n") if line)


class AccessLogger(GunicornLogger):
    """gunicorn's logger: the access line from harmless parts, everything else through the quiet formatter."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(QuietFormatter())

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        known = super().atoms(resp, req, environ, request_time)
        # Whatever format an operator configures: only these exist.
        harmless = {name: known[name] for name in ("m", "U", "s", "B", "M", "D", "L", "t", "p") if name in known}
        harmless["U"] = without_traces(str(harmless.get("U", "-")))
        return harmless
