"""memory that a job needs and a worker has, a worker's trouble, jobs in line, a full disk as retryable"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("trouble", sa.Text(), nullable=True))
    op.create_index("jobs_in_line", "jobs", ["status", "queue", "priority", "queued_at"])

    jobs = sa.table("jobs", sa.column("id", sa.Text()), sa.column("error", sa.JSON()))
    connection = op.get_bind()
    full = sa.select(jobs).where(jobs.c.error["type"].as_string() == "disk_full")
    for row in connection.execute(full).all():
        retryable = {**row.error, "retryable": True}
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(error=retryable))


def downgrade() -> None:
    op.drop_index("jobs_in_line", "jobs")
    op.drop_column("workers", "trouble")
    op.drop_column("workers", "memory_bytes")
    op.drop_column("jobs", "memory_bytes")
