"""Runs one replica of the teams service: `python -m services.teams`."""

from shared import loading


def main() -> None:
    """Serve until told to stop."""
    loading.begin()
    from services.teams.app import create_app
    from services.teams.settings import Settings
    from shared import log
    from shared.serve import read_settings, serve

    settings = read_settings(Settings)
    log.configure("teams", settings.log_level)
    serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
