"""what succeeded jobs ended by, and no number that is infinite"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

jobs = sa.table(
    "jobs",
    sa.column("id", sa.Text()),
    sa.column("status", sa.Text()),
    sa.column("spec", sa.JSON()),
    sa.column("step", sa.BigInteger()),
    sa.column("total_steps", sa.BigInteger()),
    sa.column("tokens_per_s", sa.Double()),
    sa.column("ended_by", sa.Text()),
)
events = sa.table("events", sa.column("job_id", sa.Text()), sa.column("type", sa.Text()))
evaluations = sa.table(
    "evaluations", sa.column("grad_norm", sa.Double()), sa.column("tokens_per_s", sa.Double())
)

LARGEST = 1.7976931348623157e308
"""Of the finite numbers. PostgreSQL has NaN above all of them; SQLite stores it as NULL."""


def upgrade() -> None:
    op.add_column("jobs", sa.Column("ended_by", sa.Text(), nullable=True))
    stopped_early = sa.exists().where(events.c.job_id == jobs.c.id, events.c.type == "early_stop")
    op.execute(
        jobs.update()
        .where(jobs.c.status == "succeeded")
        .values(
            ended_by=sa.case(
                (sa.and_(stopped_early, jobs.c.step < jobs.c.total_steps), "early_stopping"),
                (jobs.c.spec["training"]["max_steps"].as_integer() == jobs.c.total_steps, "max_steps"),
                else_="epochs",
            )
        )
    )
    for table, name in ((evaluations, "grad_norm"), (evaluations, "tokens_per_s"), (jobs, "tokens_per_s")):
        op.execute(table.update().where(table.c[name] > LARGEST).values({name: None}))


def downgrade() -> None:
    op.drop_column("jobs", "ended_by")
