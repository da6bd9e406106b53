"""Measurements that an operator or a city can repeat; nothing here runs in a service."""
