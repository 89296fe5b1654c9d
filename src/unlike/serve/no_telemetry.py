"""Switches off FastAPI's telemetry."""

from fastapi.telemetry import TelemetryConfig

SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would send requests, bodies and errors to whatever collector the environment names."""
