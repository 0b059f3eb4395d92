"""Triggers that give a job's rows a new version whenever they change, whoever changes them: `JobVersion` in
`jobs/store/tables/` is what they keep.

They are made anew at the end of every upgrade, because a migration that copies a table on SQLite loses its
triggers. On PostgreSQL they run once a statement, and change a version once a transaction, before whose end
nobody else has seen it: else a hundred thousand rows that are stored at once would take as many updates of
one row.
"""

from sqlalchemy import Connection, inspect

TABLE = "job_versions"


def make_triggers(connection: Connection) -> None:
    """Make all triggers, over those that are there; nothing if this schema has no versions yet."""
    if not inspect(connection).has_table(TABLE):
        return
    statements = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in SQLITE_TRIGGERS:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for function in POSTGRESQL_FUNCTIONS:
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {function} CASCADE")


ANY = "hex(randomblob(8))"
"""On SQLite, a version that never was before: a count would begin again where a job's id is used again."""

SQLITE_TRIGGERS = {
    "job_inserted": f"""AFTER INSERT ON jobs BEGIN
        DELETE FROM job_versions WHERE job_id = NEW.id;
        INSERT INTO job_versions (job_id, job, losses, rewrites, samples)
            VALUES (NEW.id, {ANY}, {ANY}, {ANY}, {ANY});
    END""",
    "job_updated": f"""AFTER UPDATE ON jobs BEGIN
        UPDATE job_versions SET job = {ANY} WHERE job_id = NEW.id;
    END""",
    # Before, while a row of that step is still there which this one replaces.
    "evaluation_inserted": f"""BEFORE INSERT ON evaluations BEGIN
        UPDATE job_versions SET losses = {ANY}, rewrites = CASE WHEN EXISTS (
            SELECT 1 FROM evaluations WHERE job_id = NEW.job_id AND step >= NEW.step
        ) THEN {ANY} ELSE rewrites END WHERE job_id = NEW.job_id;
    END""",
    "evaluation_updated": f"""AFTER UPDATE ON evaluations BEGIN
        UPDATE job_versions SET losses = {ANY}, rewrites = {ANY} WHERE job_id IN (OLD.job_id, NEW.job_id);
    END""",
    "evaluation_deleted": f"""AFTER DELETE ON evaluations BEGIN
        UPDATE job_versions SET losses = {ANY}, rewrites = {ANY} WHERE job_id = OLD.job_id;
    END""",
    "sample_inserted": f"""AFTER INSERT ON samples BEGIN
        UPDATE job_versions SET samples = {ANY} WHERE job_id = NEW.job_id;
    END""",
    "sample_updated": f"""AFTER UPDATE ON samples BEGIN
        UPDATE job_versions SET samples = {ANY} WHERE job_id IN (OLD.job_id, NEW.job_id);
    END""",
    "sample_deleted": f"""AFTER DELETE ON samples BEGIN
        UPDATE job_versions SET samples = {ANY} WHERE job_id = OLD.job_id;
    END""",
}
SQLITE = [
    statement
    for name, body in SQLITE_TRIGGERS.items()
    for statement in (f"DROP TRIGGER IF EXISTS {name}", f"CREATE TRIGGER {name} {body}")
]

POSTGRESQL_FUNCTIONS = {
    # No transaction gets another's number. The second part is for a database that is restored elsewhere.
    "next_version()": """RETURNS text LANGUAGE sql VOLATILE AS $$
        SELECT pg_current_xact_id()::text || '-' || floor(random() * 1e9)::bigint::text
    $$""",
    "is_of_this_transaction(version text)": """RETURNS boolean LANGUAGE sql VOLATILE AS $$
        SELECT split_part(version, '-', 1) = pg_current_xact_id()::text
    $$""",
    "job_inserted()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO job_versions (job_id, job, losses, rewrites, samples)
            SELECT id, next_version(), next_version(), next_version(), next_version() FROM changed
            ON CONFLICT (job_id) DO UPDATE SET job = excluded.job, losses = excluded.losses,
                rewrites = excluded.rewrites, samples = excluded.samples;
        RETURN NULL;
    END $$""",
    "job_updated()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE job_versions SET job = next_version()
            WHERE job_id IN (SELECT id FROM changed) AND NOT is_of_this_transaction(job);
        RETURN NULL;
    END $$""",
    # The lock comes first: what another transaction has stored meanwhile is seen by the statement after it.
    "evaluations_inserted()": """RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
        of_job record;
        is_appended boolean;
    BEGIN
        FOR of_job IN SELECT job_id, min(step) AS first_step, count(*) AS rows
                FROM changed GROUP BY job_id ORDER BY job_id LOOP
            PERFORM 1 FROM job_versions WHERE job_id = of_job.job_id FOR UPDATE;
            SELECT count(*) = of_job.rows INTO is_appended FROM (
                SELECT 1 FROM evaluations WHERE job_id = of_job.job_id AND step >= of_job.first_step
                LIMIT of_job.rows + 1
            ) AS from_there;
            UPDATE job_versions SET losses = next_version(),
                    rewrites = CASE WHEN is_appended THEN rewrites ELSE next_version() END
                WHERE job_id = of_job.job_id AND NOT is_of_this_transaction(
                    CASE WHEN is_appended THEN losses ELSE rewrites END
                );
        END LOOP;
        RETURN NULL;
    END $$""",
    "evaluations_rewritten()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE job_versions SET losses = next_version(), rewrites = next_version()
            WHERE job_id IN (SELECT job_id FROM changed) AND NOT is_of_this_transaction(rewrites);
        RETURN NULL;
    END $$""",
    "evaluations_truncated()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE job_versions SET losses = next_version(), rewrites = next_version();
        RETURN NULL;
    END $$""",
    "samples_changed()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE job_versions SET samples = next_version()
            WHERE job_id IN (SELECT job_id FROM changed) AND NOT is_of_this_transaction(samples);
        RETURN NULL;
    END $$""",
    "samples_truncated()": """RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE job_versions SET samples = next_version();
        RETURN NULL;
    END $$""",
}
NEW_ROWS = "REFERENCING NEW TABLE AS changed"
OLD_ROWS = "REFERENCING OLD TABLE AS changed"
POSTGRESQL_TRIGGERS = [
    ("jobs", "jobs_inserted", f"AFTER INSERT ON jobs {NEW_ROWS}", "job_inserted()"),
    ("jobs", "jobs_updated", f"AFTER UPDATE ON jobs {NEW_ROWS}", "job_updated()"),
    (
        "evaluations",
        "evaluations_inserted",
        f"AFTER INSERT ON evaluations {NEW_ROWS}",
        "evaluations_inserted()",
    ),
    # A row that is given to another job changes what both have.
    (
        "evaluations",
        "evaluations_updated",
        f"AFTER UPDATE ON evaluations {NEW_ROWS}",
        "evaluations_rewritten()",
    ),
    (
        "evaluations",
        "evaluations_taken",
        f"AFTER UPDATE ON evaluations {OLD_ROWS}",
        "evaluations_rewritten()",
    ),
    (
        "evaluations",
        "evaluations_deleted",
        f"AFTER DELETE ON evaluations {OLD_ROWS}",
        "evaluations_rewritten()",
    ),
    ("evaluations", "evaluations_truncated", "AFTER TRUNCATE ON evaluations", "evaluations_truncated()"),
    ("samples", "samples_inserted", f"AFTER INSERT ON samples {NEW_ROWS}", "samples_changed()"),
    ("samples", "samples_updated", f"AFTER UPDATE ON samples {NEW_ROWS}", "samples_changed()"),
    ("samples", "samples_taken", f"AFTER UPDATE ON samples {OLD_ROWS}", "samples_changed()"),
    ("samples", "samples_deleted", f"AFTER DELETE ON samples {OLD_ROWS}", "samples_changed()"),
    ("samples", "samples_truncated", "AFTER TRUNCATE ON samples", "samples_truncated()"),
]
POSTGRESQL = [
    *(f"CREATE OR REPLACE FUNCTION {name} {body}" for name, body in POSTGRESQL_FUNCTIONS.items()),
    *(
        statement
        for table, name, event, function in POSTGRESQL_TRIGGERS
        for statement in (
            f"DROP TRIGGER IF EXISTS {name} ON {table}",
            f"CREATE TRIGGER {name} {event} FOR EACH STATEMENT EXECUTE FUNCTION {function}",
        )
    ),
]
