"""Walls around other people's programs, so that each program reaches only what it needs."""
