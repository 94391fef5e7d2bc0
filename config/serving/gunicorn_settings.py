"""What gunicorn is told besides its address and size (``--config=python:config.serving.gunicorn_settings``).

gunicorn believes local peers by default: ``SCRIPT_NAME`` from anybody on the machine moves the whole site, and
``X-Forwarded-Ssl`` makes plain http look like https. Here it believes nobody; whom Cairn believes stands in
``TRUSTED_PROXIES`` and is decided in ``config.headers`` and ``accounts.client_address`` alone.
"""

from __future__ import annotations

#: Nobody who is slow holds a thread.
worker_class = "config.serving.receiving.ReceivingWorker"
#: Connections of one process; they cost memory and no thread.
worker_connections = 400
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
#: ``X_Forwarded_For`` and ``SCRIPT_NAME``: in the environment a name with an underscore is the same as one with a
#: hyphen, or as a variable of the server. No browser sends one; the request is refused with 400.
header_map = "refuse"
