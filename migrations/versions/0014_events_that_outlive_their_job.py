"""events that outlive their job, and whose numbers are never given again"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = "id, job_id, type, attempt, data, created_at"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("events_job_id_fkey", "events", type_="foreignkey")
    else:
        rebuild_for_sqlite(sqlite_autoincrement=True)
    op.create_index(
        "events_of_deleted_jobs",
        "events",
        ["created_at"],
        sqlite_where=sa.text("type = 'deleted'"),
        postgresql_where=sa.text("type = 'deleted'"),
    )


def downgrade() -> None:
    op.drop_index("events_of_deleted_jobs", "events")
    op.execute("DELETE FROM events WHERE job_id NOT IN (SELECT id FROM jobs)")
    if op.get_bind().dialect.name == "postgresql":
        op.create_foreign_key("events_job_id_fkey", "events", "jobs", ["job_id"], ["id"], ondelete="CASCADE")
    else:
        rebuild_for_sqlite(sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"))


def rebuild_for_sqlite(*constraints: sa.Constraint, **options: bool) -> None:
    """SQLite changes no constraint of a table that is there."""
    op.drop_index("events_by_job", "events")
    op.rename_table("events", "events_before")
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        *constraints,
        **options,
    )
    op.execute(f"INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM events_before")
    op.drop_table("events_before")
    op.create_index("events_by_job", "events", ["job_id", "id"])
