"""an index for the best evaluation, which was looked for among all of a job's"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("evaluations_by_loss", "evaluations", ["job_id", "val_loss", "step"])


def downgrade() -> None:
    op.drop_index("evaluations_by_loss", "evaluations")
