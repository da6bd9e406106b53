"""The teams service: providers, teams, members on duty, shifts, duty status, positions and holds.

It promises one live hold per team whatever races, that a held team goes neither on break nor off duty, that a released hold
never comes back, and that `/v1/availability` tells the truth of this instant. It never knows why a team is held. It
asks another service one thing, and never about duty or holds: intake, whether the neighborhoods of a catchment exist.
"""
