"""Messengers: what carries a message to people (Slack, Teams, Discord, mail) or to a program (webhooks)."""
