"""Runs one replica: `python -m services.dispatch`."""

from services.dispatch.app import create_app
from services.dispatch.settings import Settings
from shared.serve import serve


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
