"""Runs one replica: `python -m services.intake`."""

import uvicorn

from services.intake.app import create_app
from services.intake.settings import Settings
from shared import log


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    log.configure("intake", settings.log_level)
    uvicorn.run(
        create_app(settings), host=settings.host, port=settings.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=3, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
