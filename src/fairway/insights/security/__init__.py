"""What of an installation's security is on, what is weak, and how to fix it."""
