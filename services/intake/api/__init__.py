"""The HTTP edge of intake: routers, bodies and problems."""
