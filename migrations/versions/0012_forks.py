"""jobs that go on from another one's checkpoint"""

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
    op.create_index("jobs_by_parent", "jobs", ["parent_id"])


def downgrade() -> None:
    op.drop_index("jobs_by_parent", "jobs")
    op.drop_column("jobs", "initial_bytes")
    op.drop_column("jobs", "takes_optimizer")
    op.drop_column("jobs", "parent_step")
