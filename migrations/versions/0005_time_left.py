"""the time that a job will still take, as its trainer estimates it"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("remaining_s", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "remaining_s")
