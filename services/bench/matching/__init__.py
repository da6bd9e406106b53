"""A synthetic city in simulated time that calls the production rule of matching unchanged and compares it with two simpler ones.

It lives beside the services, not among the tests, so that `commonground bench matching` works wherever the code is installed. SimPy, its
clock, is a development dependency: no service needs it.
"""
