"""Runs one replica: python -m services.dispatch."""

import uvicorn

from services.dispatch.app import create_app
from services.dispatch.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
