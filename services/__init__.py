"""The three services of Common Ground, and the `commonground` command that runs them."""
