"""Any texts, for properties of tokenizers, and one character of each kind that they tell apart."""

from hypothesis import strategies as st

# No text holds a NUL: it is what ends a document.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
# What GPT-2's pattern looks at, and white space of every kind, often beside each other.
SCRAPS = st.sampled_from(
    [
        *" \n\t\r\v\f\x1c\x1f\x85\xa0\u200b\u2028\u3000",
        "  ",
        "\n\n",
        "\r\n",
        "'s",
        "'ll",
        "'",
        "word",
        " word",
        "Don't",
        "2024",
        "!?",
        "é",
        "你好",
        "。",
        "\uff0c",
        "カ",
        "🎉",
        "e\u0301",
        "<|endoftext|>",
    ]
)
TEXTS = st.lists(SCRAPS | CHARACTERS, max_size=40).map("".join)

# To be compared between libraries. These know different versions of Unicode: what one calls a letter is to
# another not assigned yet. Python's is older than theirs, and what it has assigned is the same to all.
ASSIGNED_TEXTS = st.lists(
    SCRAPS | st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=40
).map("".join)

ONE_OF_EACH_KIND = {
    "space": " ",
    "line feed": "\n",
    "line separator": "\u2028",
    "no-break space": "\xa0",
    "file separator": "\x1c",
    "letter": "a",
    "letter of two bytes": "é",
    "Chinese letter": "你",
    "digit": "7",
    "digit of four bytes": "𝟘",
    "punctuation": "!",
    "apostrophe": "'",
    "combining mark": "\u0301",
    "zero-width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "emoji": "🎉",
    "control": "\x01",
    "private use": "\U0010fffd",
    "not a character": "\uffff",
}
