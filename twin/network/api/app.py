"""The HTTP API as one FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

from twin import __version__
from twin.network.api import calls, errors, files, operations, stations, tables, watch
from twin.network.api.compose import System

DESCRIPTION = """\
Talk to charging stations of OCPP 1.6, 2.0.1 and 2.1 over HTTP.

Every route but `/metrics` and `/health` wants `Authorization: Bearer TOKEN`. Roles: `read` looks, `stop` may also end
transactions, `operate` may do everything. Every error is `{"error": what happened, "code": a stable word}`.
"""


def application(system: System) -> FastAPI:
    """Return the API of a central system."""
    app = FastAPI(
        title="Twin CSMS", version=__version__, description=DESCRIPTION, docs_url="/docs", redoc_url=None
    )
    app.state.access = system.access
    app.add_middleware(errors.BodyLimit)
    errors.install(app)
    for module in (stations, calls, operations, tables, watch):
        app.include_router(module.routes(system))
    if system.files is not None:
        app.include_router(files.station_routes(system.files))
    return app
