"""Commands of this room: triggers, and what comes to their webhooks."""
