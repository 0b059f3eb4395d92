"""`python -m migrations`: wait for the database, then bring its schema to this version."""

import sys
import time

from sqlalchemy.exc import OperationalError

from jobs.database import Database
from jobs.settings import load_settings_or_exit
from migrations.upgrade import UnknownSchema, upgrade

DATABASE_WAIT_S = 60


def main() -> int:
    database = Database(load_settings_or_exit().database)
    deadline = time.monotonic() + DATABASE_WAIT_S
    while True:
        try:
            revision = upgrade(database)
        except OperationalError as error:
            if time.monotonic() > deadline:
                print(f"the database does not answer: {error.orig}", file=sys.stderr)
                return 1
            time.sleep(1)
        except UnknownSchema as error:
            print(error, file=sys.stderr)
            return 1
        else:
            print(f"database at schema {revision}", flush=True)
            return 0


if __name__ == "__main__":
    sys.exit(main())
