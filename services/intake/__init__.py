"""Intake: the only service that a CAD talks to.

Owns calls, triage decisions, reviews, the triage protocol, the neighborhoods and their public safety plans. It promises
that a call it has answered 2xx always has one responsible holder with a deadline, and it answers for every call until
the call is final, whatever dispatch does. It never picks a team and never decides what a crew does.
"""
