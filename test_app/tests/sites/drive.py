"""Serve one site of the table and verify there: `python -m tests.sites.drive` with SITE and SITE_FOLDER."""

from __future__ import annotations

import os
import threading
import warnings
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.sites.settings"
warnings.simplefilter("error")

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from ..helpers import wait_until  # noqa: E402
from .walk import Browser, ends_at_a_server, walk  # noqa: E402


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def serve_wsgi() -> int:
    """Serve the site like a front server that strips FORCE_SCRIPT_NAME from paths. Return the port."""
    from django.core.wsgi import get_wsgi_application

    site, prefix = get_wsgi_application(), settings.FORCE_SCRIPT_NAME or ""

    def mounted(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if not path.startswith(prefix):
            start_response("404 Not Found", [])
            return [f"nothing at {path}".encode()]
        return site({**environ, "PATH_INFO": path.removeprefix(prefix)}, start_response)

    server = make_server("127.0.0.1", 0, mounted, ThreadingServer, QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_port)


def serve_asgi() -> int:
    import uvicorn
    from django.core.asgi import get_asgi_application

    config = uvicorn.Config(get_asgi_application(), port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    wait_until(lambda: server.started, 20)
    return int(server.servers[0].sockets[0].getsockname()[1])


def main() -> None:
    call_command("migrate", verbosity=0)
    address = f"http://127.0.0.1:{serve_asgi() if os.environ['SITE'] == 'uvicorn' else serve_wsgi()}"
    walk(lambda: Browser(ends_at_a_server(address), address))


if __name__ == "__main__":
    main()
