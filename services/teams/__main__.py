"""Runs one replica of the teams service: `python -m services.teams`."""

import uvicorn

from services.teams.app import create_app
from services.teams.settings import Settings
from shared import log


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    log.configure("teams", settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
