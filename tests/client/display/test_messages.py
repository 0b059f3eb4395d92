"""What commands print for machines."""

import json
import math

import pytest

from client.display.messages import print_json


def test_json_for_machines_has_null_where_a_number_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rows": [{"loss": math.nan}, {"loss": math.inf}, {"loss": 1.5}]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "rows": [{"loss": None}, {"loss": None}, {"loss": 1.5}]
    }
