"""The pages of `docs/` that are written by code from code, so that they cannot say anything else than what runs.

`python -m services.documents` writes them, `--check` says which are not up to date.
"""
