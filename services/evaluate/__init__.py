"""Evaluate: what versions of the triage protocol make of a file of cases, or of the calls that a database holds.

A tool around intake's pure domain: it decides, counts and prints. It promises figures that say what they are counted from,
with bounds; it never writes to a database, and no service imports it.
"""
