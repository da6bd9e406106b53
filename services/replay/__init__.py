"""Replay: a file of past calls posted to a running system, with everybody who would be around it played by us.

Owns the simulated call center (CAD, call-taker, operators), reviewers, crews with their tablets, and supervisor. It talks to
the system only as they would, over the public HTTP API of `api.md`, and promises at the end a count of what happened and the
proof that no call was lost. It never reads a database and knows no service's code.
"""
