import pytest

from jobs.files.json_lines import looks_like_json_lines


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "one"}\n{"text": "two"}\n',
        '\n\n {"text": "one"} \r\n\r\n{"id": 2}',
        '{"text": "one"}',
        '{"text": "one"}\n{"text": "two"}\n{"a": {"b": [1, 2]}}\nwhat comes after three is not looked at',
    ],
)
def test_objects_one_a_line_are_json_lines(text: str) -> None:
    assert looks_like_json_lines(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "A story.\n",
        '{"text": "one"}\nA story.\n',
        '{\n  "text": "one"\n}\n',
        "[1, 2]\n[3]\n",
        '"a"\n"b"\n',
        "{}}\n",
        "{curly} prose {here}\n",
        '{"a":' * 100_000 + "1" + "}" * 100_000,
    ],
)
def test_other_text_is_not(text: str) -> None:
    assert not looks_like_json_lines(text)
