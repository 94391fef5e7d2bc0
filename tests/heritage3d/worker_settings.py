"""The settings of an instance that holds the rooms of jobs and of the reconstruction alone."""

from tests.jobs.settings import *  # noqa: F403 - a settings module is the sum of the other and these changes

INSTALLED_APPS = ["tests.jobs.apps.RoomConfig", "jobs", "heritage3d"]
