"""The one clock: every time that a service stores or compares comes from `<schema>.clock()`."""

from typing import Final

from alembic import op

RATE: Final = "commonground.clock_rate"
ANCHOR: Final = "commonground.clock_anchor"
OFFSET: Final = "commonground.clock_offset"
"""Settings of the login role that bend its clock; only tests and the embedded launcher set them."""


def create_clock(schema: str) -> None:
    """Create `<schema>.clock()`: the real time or, with the role's settings, anchor + (real - anchor) * rate + offset.

    It is one expression, so PostgreSQL writes it into the query in place of the call. It is VOLATILE, as time is: in a
    condition on an indexed column write `(SELECT schema.clock())`, which is evaluated once and lets the index be used.
    Seconds are counted as a number, not as an interval of days, which would change length with summer time.
    """
    op.execute(
        f"""
        CREATE FUNCTION {schema}.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
            SELECT CASE
                WHEN coalesce(current_setting('{RATE}', true), '') = '' THEN clock_timestamp()
                ELSE current_setting('{ANCHOR}')::timestamptz + make_interval(secs =>
                        extract(epoch FROM clock_timestamp() - current_setting('{ANCHOR}')::timestamptz)::float8
                        * current_setting('{RATE}')::float8)
            END + coalesce(nullif(current_setting('{OFFSET}', true), ''), '0')::interval
        $$
        """
    )


def drop_clock(schema: str) -> None:
    """Remove what `create_clock` made."""
    op.execute(f"DROP FUNCTION {schema}.clock()")
