"""The bodies that cross services, version 1: the same bytes are written by one service and read by another.

Readers here tolerate fields that they do not know, so that two versions of a service can run side by side during a deployment.
Words with a meaning of their own (statuses, reasons) are plain text on the wire; each service checks them against its own tables.
"""
