"""Backing services that Fairway runs itself, on this machine: one driver for each kind."""
