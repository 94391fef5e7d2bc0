import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.checks import refuse_unsafe  # noqa: E402 - reads the settings, which are loaded now

# A server started without manage.py runs no system checks: the refusals of production hold there too.
refuse_unsafe()
