"""What changes channels, and what delivers notices."""
