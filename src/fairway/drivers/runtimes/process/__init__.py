"""The embedded default: runs applications as plain processes of this machine, each with a small supervisor (the shim)."""

from fairway.drivers.runtimes.process.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]
