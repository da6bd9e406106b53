# One image for the migration and the three services. It runs as a user without rights, on a read-only file system.
FROM python:3.13-slim AS build
COPY requirements-image.lock /
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements-image.lock

FROM python:3.13-slim
RUN groupadd --gid 10001 commonground \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin commonground \
 && printf '#!/bin/sh\nexec python -m services.cli "$@"\n' > /usr/local/bin/commonground \
 && chmod 0755 /usr/local/bin/commonground
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY alembic.ini pyproject.toml ./
COPY migrations migrations
COPY shared shared
COPY services services
RUN /opt/venv/bin/python -m compileall -q migrations shared services
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
CMD ["commonground", "--help"]
