"""Builds the contexts of templates, for pages and their live fragments alike. Presenters only read."""
