"""Runs one replica of the dispatch service: `python -m services.dispatch`."""

from shared import loading


def main() -> None:
    """Serve until told to stop."""
    loading.begin()
    from services.dispatch.app import create_app
    from services.dispatch.settings import Settings
    from shared.serve import read_settings, serve

    settings = read_settings(Settings)
    serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
