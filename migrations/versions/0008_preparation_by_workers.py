"""data sets that workers prepare, and jobs that wait for them"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "preparations",
        sa.Column(
            "dataset_id", sa.Text(), sa.ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("tokenizer", sa.Text(), primary_key=True),
        sa.Column("train_ratio", sa.Double(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("failures", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.Double(), nullable=True),
        sa.Column("fraction", sa.Double(), nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text(), nullable=True),
    )
    op.create_index("preparations_in_line", "preparations", ["status", "queued_at"])
    # The jobs that there are were counted when they were posted.
    op.add_column("jobs", sa.Column("is_prepared", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("jobs", "is_prepared")
    op.drop_table("preparations")
