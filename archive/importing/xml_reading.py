"""XML from outside: well-formed, without a DTD, of bounded depth and size, or refused with line and column.

Expat reads the bytes once without building anything; only what passes is built by lxml, which by then has no
entity to expand, no network to reach and no depth to overflow.
"""

from __future__ import annotations

import codecs
import re
from xml.parsers import expat

from lxml import etree

from archive.importing.problems import RefusedError, problem
from archive.importing.reading import decode

#: Deepest nesting that is read. libxml2's own limit is 256; the deepest edition known to us nests 15 elements.
MAX_DEPTH = 200
MAX_ELEMENTS = 2_000_000

_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")


class _Guard:
    """Handlers of one pass of Expat that only counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.depth = 0
        self.elements = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self.doctype
        # The parameter is what keeps Expat from reading external subsets even if a handler were added.
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    @property
    def place(self) -> str:
        return f"{self.parser.CurrentLineNumber}:{self.parser.CurrentColumnNumber + 1}"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > MAX_DEPTH:
            raise RefusedError(problem("too-deep", self.name, self.place, limit=MAX_DEPTH))
        if self.elements > MAX_ELEMENTS:
            raise RefusedError(problem("too-many-elements", self.name, self.place, limit=MAX_ELEMENTS))

    def end(self, tag: str) -> None:
        self.depth -= 1

    def doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        raise RefusedError(problem("has-dtd", self.name, self.place))


def guard_xml(content: bytes, name: str) -> None:
    """Check the bytes of an XML file without building anything.

    :raises RefusedError: for a DTD, entities, too deep or too many elements, what is not well-formed or not in its
        declared encoding, each with line and column.
    """
    _check_encoding(content, name)
    guard = _Guard(name)
    try:
        guard.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise RefusedError(
            problem("not-well-formed", name, f"{error.lineno}:{error.offset + 1}", why=expat.ErrorString(error.code))
        ) from error
    except (LookupError, ValueError) as error:
        raise RefusedError(problem("unknown-encoding", name, "1:1", encoding=_declared(content))) from error


def _check_encoding(content: bytes, name: str) -> None:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    declared = _declared(content)
    if declared.lower() in ("utf-8", "utf8", "us-ascii", "ascii"):
        decode(content, name, "utf-8")


def _declared(content: bytes) -> str:
    found = _DECLARED.match(content.removeprefix(codecs.BOM_UTF8)[:200])
    return found[1].decode("ascii") if found else "UTF-8"


def parse_xml(content: bytes, name: str) -> etree._Element:
    """Return the root element of a hostile XML file.

    :raises RefusedError: as `guard_xml`.
    """
    guard_xml(content, name)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise RefusedError(problem("not-well-formed", name, f"{line}:{column}", why=error.msg or "")) from error
