"""The baseline: what ``wagtail start`` makes, with the same HTML in a rich-text field of one page per edition."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.servers import Server

_MODEL = """
from wagtail.fields import RichTextField


class EditionPage(Page):
    body = RichTextField()
"""
_TEMPLATE = """{% extends "base.html" %}{% load wagtailcore_tags %}
{% block content %}{{ page.body|richtext }}{% endblock %}
"""
#: What a site in service has; everything else is as `wagtail start` left it.
_SETTINGS = """from .base import *

DEBUG = False
SECRET_KEY = "a benchmark on loopback"
ALLOWED_HOSTS = ["localhost"]
"""
_PAGES = """
import json, pathlib
from home.models import EditionPage
from wagtail.models import Site
home = Site.objects.get(is_default_site=True).root_page
for slug, page in json.loads(pathlib.Path("editions.json").read_text(encoding="utf-8")).items():
    home.add_child(instance=EditionPage(title=page["title"][:255], slug=slug, body=page["html"], live=True))
"""


def make_project(folder: Path, editions: dict[str, dict[str, str]]) -> Server:
    """Make the project in ``folder`` with one page per edition (slug → title, html); the server is not started yet."""
    environment = {"DJANGO_SETTINGS_MODULE": "plain.settings.bench", "PYTHONPATH": str(folder)}
    folder.mkdir(parents=True)
    wagtail = [sys.executable, "-c", "from wagtail.bin.wagtail import main; main()"]
    subprocess.run([*wagtail, "start", "plain", str(folder)], check=True, stdout=subprocess.DEVNULL)
    (folder / "plain" / "settings" / "bench.py").write_text(_SETTINGS, encoding="utf-8")
    with (folder / "home" / "models.py").open("a", encoding="utf-8") as models:
        models.write(_MODEL)
    template = folder / "home" / "templates" / "home" / "edition_page.html"
    template.write_text(_TEMPLATE, encoding="utf-8")
    (folder / "editions.json").write_text(json.dumps(editions), encoding="utf-8")
    for arguments in (
        ["makemigrations", "home", "-v0"],
        ["migrate", "-v0"],
        ["collectstatic", "--no-input", "-v0"],
        ["shell", "-v0", "-c", _PAGES],
    ):
        manage(folder, environment, *arguments)
    return Server("plain.wsgi:application", folder, environment)


def manage(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    """Run ``manage.py`` of a project; what it says is of no use here but for its errors."""
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        check=True,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
