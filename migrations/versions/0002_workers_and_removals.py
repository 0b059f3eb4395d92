"""workers, removals of deleted jobs, and when a job came to wait"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("listening", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "removals", sa.Column("job_id", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("job_id")
    )
    op.add_column("jobs", sa.Column("queued_at", sa.Double(), nullable=True))
    op.execute("UPDATE jobs SET queued_at = created_at WHERE status = 'queued'")


def downgrade() -> None:
    op.drop_column("jobs", "queued_at")
    op.drop_table("removals")
    op.drop_table("workers")
