"""The site with one room more: the only place that names it."""

from config.settings import *  # noqa: F403 - everything, and one app
from config.settings import INSTALLED_APPS as _OWN

INSTALLED_APPS = [*_OWN, "tests.house.probe_room"]
