"""Notifications: who hears what, the outbox, and delivery."""
