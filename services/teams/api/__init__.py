"""The HTTP edge of the teams service."""
