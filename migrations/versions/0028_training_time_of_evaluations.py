"""the training time at which evaluations were made"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evaluations", sa.Column("elapsed_s", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("evaluations", "elapsed_s")
