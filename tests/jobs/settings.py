"""The settings of an instance that holds this room alone: its processes start four times as fast."""

from config.settings import *  # noqa: F403 - a settings module is the sum of the other and these changes

INSTALLED_APPS = ["tests.jobs.apps.RoomConfig", "jobs"]
MIDDLEWARE = []
ROOT_URLCONF = "tests.jobs.no_urls"
TEMPLATES = []
