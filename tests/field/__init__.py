"""The people around a running system, as small clients of its public HTTP API, for the e2e and fault tests and the bench.

`Field` is where they meet: a system with replicas, a city, and one fresh neighborhood with its own teams for each test.
"""
