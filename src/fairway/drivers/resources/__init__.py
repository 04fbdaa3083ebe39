"""Backing services that Fairway itself runs on this machine: one driver for each kind."""
