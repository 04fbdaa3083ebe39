"""Template tags of the pages; registered as the library ``fairway`` in the settings."""
