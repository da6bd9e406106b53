"""How the second opinion of triage is made, and what it learns from."""
