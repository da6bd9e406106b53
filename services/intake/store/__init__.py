"""Every SQL statement of intake that writes or locks, by noun. Locks are taken in this order: links, calls by id, the rest."""
