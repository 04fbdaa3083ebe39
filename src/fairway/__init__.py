"""Fairway: one-click deployment and release orchestration in one system."""

__version__ = "0.1.0"
