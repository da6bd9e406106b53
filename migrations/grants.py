"""What a service's login role may do with each table: called by the revision that makes the table.

Each helper does nothing where the login role does not exist, as on a server on which `migrate` may not create roles.
"""

from alembic import op


def grant_history(*tables: str) -> None:
    """Let the login role read and add rows, and nothing else: what is written is never changed. `intake.decision`.

    Such rows cannot be locked either (FOR UPDATE needs the right to update): lock the row of state they belong to.
    """
    for table in tables:
        _grant("SELECT, INSERT", f"TABLE {table}", _schema(table))
        _grant_numbering(table)


def grant_state(*tables: str) -> None:
    """Let the login role read, add, change and delete rows, but not truncate. `dispatch.incident`."""
    for table in tables:
        _grant("SELECT, INSERT, UPDATE, DELETE", f"TABLE {table}", _schema(table))
        _grant_numbering(table)


def grant_sequence(*sequences: str) -> None:
    """Let the login role draw from a sequence that is not an identity column's. `dispatch.applied`."""
    for sequence in sequences:
        _grant("USAGE, SELECT", f"SEQUENCE {sequence}", _schema(sequence))


def _schema(name: str) -> str:
    schema, dot, _ = name.partition(".")
    if not dot:
        raise ValueError(f"Name the schema as well: {name!r}")
    return schema


def _grant(rights: str, what: str, schema: str) -> None:
    role = f"commonground_{schema}"
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                REVOKE ALL ON {what} FROM {role};
                GRANT {rights} ON {what} TO {role};
            END IF;
        END $$
        """
    )


def _grant_numbering(table: str) -> None:
    """A SERIAL column draws from a sequence, which has rights of its own; an IDENTITY column needs none."""
    role = f"commonground_{_schema(table)}"
    op.execute(
        f"""
        DO $$ DECLARE numbering regclass; BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                FOR numbering IN
                    SELECT objid FROM pg_depend JOIN pg_class ON pg_class.oid = objid AND relkind = 'S'
                    WHERE refobjid = '{table}'::regclass AND deptype = 'a'
                LOOP
                    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO {role}', numbering);
                END LOOP;
            END IF;
        END $$
        """
    )
