"""Runs one replica of the intake service: `python -m services.intake`."""

from shared import loading


def main() -> None:
    """Serve until told to stop."""
    loading.begin()
    from services.intake.app import create_app
    from services.intake.settings import Settings
    from shared import log
    from shared.serve import read_settings, serve

    settings = read_settings(Settings)
    log.configure("intake", settings.log_level)
    serve(create_app(settings), host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
