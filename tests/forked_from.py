"""What the process holds from which tests fork their services: the services, and intake's protocol as it is read (see `forked`)."""

import gc
from importlib import import_module

from services.intake.commands import protocol_files
from services.intake.domain.triage.protocol_file import PROTOCOLS
from services.servers import SERVICES
from shared import loading

loading.begin()
for service in SERVICES:
    import_module(f"services.{service}.app")
    import_module(f"services.{service}.__main__")
for stamp in protocol_files.stamps(PROTOCOLS):
    protocol_files.read(stamp)
gc.freeze()
