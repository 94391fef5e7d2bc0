"""No template reads what no view gives: every page is rendered, and every variable it reads is looked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Engine, Origin, Template
from django.template.base import FilterExpression, Parser, Variable, VariableDoesNotExist
from django.test import Client

from archive.models import Person, Testimony
from tests.archive.factories import ALL_YES, a_community, a_member, a_person, a_place, a_testimony, a_user, published
from tests.archive.test_desk import at_the_desk
from tests.archive.test_desk_records import KINDS
from tests.house.test_template_lines import our_templates
from tests.journeys.test_desk_accessibility import screens

pytestmark = pytest.mark.django_db

ROOT = Path(settings.BASE_DIR)


class Reads:
    """What our templates read while pages were rendered, as ``(template, name)``."""

    def __init__(self) -> None:
        self.rendered: set[str] = set()
        self.read: set[tuple[str, str]] = set()
        self.given: set[tuple[str, str]] = set()
        #: Written out though it was not there: `{{ … }}` or an argument, with no `default` and in no `{% if %}`.
        self.missing: set[tuple[str, str]] = set()

    def note(self, template: str, expression: FilterExpression, context: Context, optional: bool) -> None:
        name = expression.var.lookups[0]
        self.rendered.add(template)
        self.read.add((template, name))
        if name in context:
            self.given.add((template, name))
        optional = optional or any(rule.__name__.startswith("default") for rule, _arguments in expression.filters[:1])
        try:
            expression.var.resolve(context)
        except VariableDoesNotExist:
            if not optional:
                self.missing.add((template, str(expression.token)))


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """Every expression of our templates tells what it reads; they are parsed anew, to know where each is written."""
    reads, ours = Reads(), {str(path): str(path.relative_to(ROOT)) for path in our_templates()}
    begin, resolve = FilterExpression.__init__, FilterExpression.resolve
    # With the expression, so that no other gets its number.
    written_in: dict[int, tuple[str, FilterExpression]] = {}

    def written(self: FilterExpression, token: str, parser: Parser) -> None:
        begin(self, token, parser)
        if template := ours.get(str(parser.origin)):
            written_in[id(self)] = template, self

    def told(self: FilterExpression, context: Context, ignore_failures: bool = False) -> Any:
        if id(self) in written_in and isinstance(self.var, Variable) and self.var.lookups:
            reads.note(written_in[id(self)][0], self, context, ignore_failures)
        return resolve(self, context, ignore_failures)

    with monkeypatch.context() as patched:
        patched.setattr(FilterExpression, "__init__", written)
        patched.setattr(FilterExpression, "resolve", told)
        for loader in Engine.get_default().template_loaders:
            loader.reset()
        yield reads


def of_the_desk(template: str) -> bool:
    return "/desk/" in template or template.startswith("jobs/")


def dead(reads: Reads, *, desk: bool = False) -> list[str]:
    """What templates of the desk, or of everybody's pages, read of a context that never holds it.

    A preview at the desk wears a page's template and gives less than the page's own view does.
    """
    never = ((template, name) for template, name in reads.read - reads.given if desk == of_the_desk(template))
    return sorted(f"{template}: {name}" for template, name in never)


def missing(reads: Reads) -> list[str]:
    return sorted(f"{template}: {{{{ {token} }}}}" for template, token in reads.missing)


def test_no_page_of_a_reader_reads_what_no_view_gives(site, monkeypatch):
    community = a_community()
    village = a_place("Kertavan", parent=a_place("Valley"))
    narrator = a_person(community)
    work = published(a_testimony(community, people=[narrator], places=[village]))
    asked = published(a_testimony(community), {**ALL_YES, "public-web": "ask", "research": "ask"})
    reader = Client()
    reader.force_login(a_user())
    report = {"kind": "mistake", "message": "It was 1922.", "public_id": work.public_id}
    with watched(monkeypatch) as reads:
        for address in (
            "/en/",
            "/en/search/?q=river",
            "/en/search/?q=nowhere",
            "/en/help/",
            *(f"/en/{kind}/" for kind in ("testimonies", "collections", "people", "places", "languages", "events")),
            f"/en/testimonies/{work.public_id}/",
            f"/en/testimonies/{work.public_id}/?with=en",
            f"/en/testimonies/{asked.public_id}/",
            f"/en/collections/{work.collection.public_id}/",
            f"/en/places/{village.public_id}/",
            f"/en/people/{narrator.public_id}/",
            "/en/languages/hy/",
            f"/en/report/?id={work.public_id}",
            f"/en/request/{asked.public_id}/",
            "/accounts/",
            "/accounts/second-factor/",
        ):
            assert reader.get(address).status_code == 200, address
        assert Client().get("/accounts/login/").status_code == 200
        assert reader.get("/en/nowhere/").status_code == 404
        assert reader.post(f"/en/report/?id={work.public_id}", {}).status_code == 422
        assert reader.post(f"/en/report/?id={work.public_id}", report).status_code == 200
    assert len(reads.rendered) >= 25
    assert dead(reads) == [] and missing(reads) == []


def test_no_screen_of_the_desk_reads_what_no_view_gives(site, monkeypatch):
    community = a_community()
    member = a_member(community, "steward", "editor")
    # The lists and empty forms of the other kinds are written by the same templates.
    others = {f"/admin/{name}/{more}" for name in KINDS if name != "testimonies" for more in ("", "new/")}
    addresses = [address for address in screens(member) if address not in others]
    kept, double, gone = (a_person(community, name) for name in ("Anahit", "Anahid", "Anait"))
    Person.objects.filter(pk=gone.pk).update(merged_into=kept)
    work = Testimony.objects.get()
    addresses += [
        f"/admin/people-records/{kept.pk}/merge/?other={double.public_id}",
        f"/admin/people-records/edit/{gone.pk}/",
        f"/admin/testimonies/{work.pk}/preview/public/",
    ]
    client = at_the_desk(member, monkeypatch)
    with watched(monkeypatch) as reads:
        for address in addresses:
            assert client.get(address).status_code == 200, address
    assert len(reads.rendered) >= 30
    assert dead(reads, desk=True) == [] and missing(reads) == []


def test_the_watch_sees_what_is_not_there(monkeypatch, tmp_path):
    page = ROOT / "templates" / "archive" / "stub.html"
    monkeypatch.setattr("tests.house.test_template_reads.our_templates", lambda: [page])
    source = (
        "{{ given }}{{ forgotten }}{{ given.more|upper }}{% if perhaps %}{% endif %}{{ other|default:'–' }}"
        "{% for one in many %}{{ one }}{% endfor %}{% with name=forgotten_too %}{{ name }}{% endwith %}"
    )
    with watched(monkeypatch) as reads:
        template = Template(source, Origin(str(page)))
        template.render(Context({"given": {}, "many": [1]}))
    stub = "templates/archive/stub.html: "
    assert dead(reads) == [stub + name for name in ("forgotten", "forgotten_too", "other", "perhaps")]
    assert missing(reads) == [
        stub + f"{{{{ {token} }}}}" for token in ("forgotten", "forgotten_too", "given.more|upper")
    ]
