import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config.serving.prefix import at_the_root_only

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = at_the_root_only(get_wsgi_application())

from config.checks import refuse_unsafe  # noqa: E402 - reads the settings, which are loaded now

# A server started without manage.py runs no system checks: the refusals of production hold there too.
refuse_unsafe()

# All views are loaded now and not while the first reader waits. What stands at this point stays for good, and the
# garbage collector need not walk its quarter of a million objects again: a long testimony read from the database is
# thousands of small ones, and each collection that they set off cost more than the reading.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
