"""Running the app on a port, with the log as this service writes it."""

import uvicorn
from fastapi import FastAPI

from unlike.serve.logs import write_log

GRACE_S = 30
"""For answers under way when the service is told to stop."""


def run(app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until told to stop (SIGINT, SIGTERM)."""
    write_log()
    uvicorn.Server(config(app, host, port)).run()


def config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How uvicorn is to run: its own access log is off, since paths hold user ids."""
    return uvicorn.Config(
        app,
        host,
        port,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
