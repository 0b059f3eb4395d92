"""versions of jobs, losses and samples, which triggers keep"""

import sqlalchemy as sa
from alembic import op

from migrations.triggers import drop_triggers

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_versions",
        sa.Column(
            "job_id",
            sa.Text(),
            sa.ForeignKey("jobs.id", ondelete="CASCADE", onupdate="CASCADE"),
            primary_key=True,
        ),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("losses", sa.Text(), nullable=False),
        sa.Column("rewrites", sa.Text(), nullable=False),
        sa.Column("samples", sa.Text(), nullable=False),
    )
    columns = "job_id, job, losses, rewrites, samples"
    op.execute(f"INSERT INTO job_versions ({columns}) SELECT id, '0', '0', '0', '0' FROM jobs")


def downgrade() -> None:
    drop_triggers(op.get_bind())
    op.drop_table("job_versions")
