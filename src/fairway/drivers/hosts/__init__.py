"""Machines reached over SSH: their addresses, their keys, and the tunnel to each."""
