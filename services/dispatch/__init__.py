"""Dispatch: the service that owns incidents, assignments, offers and their deadlines, and that tablets poll.

It takes intake's wish for a call, finds a team, offers, follows the crew and calls it off; it reports every step back. It never
decides what is safe (intake does) and never says who is on duty (teams does).
"""
