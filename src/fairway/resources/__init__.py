"""Backing services in an environment: databases that Fairway runs, who is bound to them, and their backups."""
