"""The embedded default: applications as plain processes of this machine, each minded by a tiny supervisor."""

from fairway.drivers.runtimes.process.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]
