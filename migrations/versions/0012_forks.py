"""forks, texts to validate on, and bits per byte"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("parent_step", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("takes_optimizer", sa.Boolean(), nullable=True))
    op.add_column("jobs", sa.Column("initial_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    # SQLite takes a reference with the column, and not as a constraint of its own.
    op.execute("ALTER TABLE jobs ADD COLUMN validation_dataset_id TEXT REFERENCES datasets (id)")
    op.add_column("evaluations", sa.Column("val_bpb", sa.Double(), nullable=True))
    for name in ("latest_val_bpb", "best_val_bpb"):
        op.add_column("jobs", sa.Column(name, sa.Double(), nullable=True))
    op.create_index("jobs_by_parent", "jobs", ["parent_id"])


def downgrade() -> None:
    op.drop_index("jobs_by_parent", "jobs")
    for name in ("best_val_bpb", "latest_val_bpb"):
        op.drop_column("jobs", name)
    op.drop_column("evaluations", "val_bpb")
    op.drop_column("jobs", "validation_dataset_id")
    op.drop_column("jobs", "initial_bytes")
    op.drop_column("jobs", "takes_optimizer")
    op.drop_column("jobs", "parent_step")
