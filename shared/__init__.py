"""The kernel that the three services share: plumbing with no rule of the field in it.

What may live here is limited on purpose; `docs/decisions/0001-kernel.md` lists each module and why it is here.
"""
