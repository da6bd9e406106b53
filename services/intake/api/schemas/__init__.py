"""Bodies of intake's requests and answers."""
