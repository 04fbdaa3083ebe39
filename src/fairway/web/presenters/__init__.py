"""What templates are given, one module per thing shown. Reads only; a page and its live fragments share these functions."""
