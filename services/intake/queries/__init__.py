"""Read-only views, by noun. Nothing here locks or writes."""
