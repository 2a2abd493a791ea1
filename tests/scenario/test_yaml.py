"""YAML 1.2, read line by line where that is enough, and by tokens where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from twin.errors import ScenarioError
from twin.scenario.scalars import plain
from twin.scenario.yaml_lines import read_lines
from twin.scenario.yaml_reader import read_scalar
from twin.scenario.yaml_tokens import read_tokens

FRAGMENTS = [
    "a",
    "b",
    "c-d",
    "x.y",
    " ",
    "  ",
    "    ",
    ": ",
    ":",
    "- ",
    "-",
    "1",
    "1.5",
    "'q'",
    '"r s"',
    "{",
    "}",
    "[",
    "]",
    ", ",
    ",",
    "#",
    " # c",
    "\n",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    "a: 1\n",
    "b: x y\n",
    "- k: v\n",
    "  - 2\n",
    "é",
    "~",
    "null",
    "!",
    "&",
    "*",
    "|",
    ">",
    "%",
    "@",
    "?",
    "? ",
    "=",
    "<<",
    "\\",
    "/",
    "_",
    "+",
    "\t",
    "0x1F",
    "12:30",
    "http://x",
    "it's",
    ".5",
    ".nan",
    "-1",
    "- - 1",
    "---\n",
    "...\n",
    "\x85",
    "\u2028",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14), st.booleans())
def test_the_line_reader_means_what_the_token_reader_means(pieces: list[str], as_value: bool) -> None:
    """Whatever the text, the fast reader declines or gives the same values on the same lines."""
    text = ("a: " if as_value else "") + "".join(pieces)
    fast = read_lines(text, "f")
    if fast is not None:
        full = read_tokens(text, "f")
        assert repr(fast.value) == repr(full.value)  # repr: NaN equals nothing
        assert fast.marks == full.marks


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(-9, 99), st.sampled_from(["x", "L1-L2", "a b", "06:00", ""])
        ),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b", "c-d", "e_f"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_both_readers_agree_with_ruamel_on_what_it_writes(value: object) -> None:
    """An independent oracle: what ruamel.yaml dumps comes back as it was."""
    from io import StringIO

    out = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump({"top": value}, out)
    assert read_tokens(out.getvalue(), "f").value == {"top": value}
    fast = read_lines(out.getvalue(), "f")
    assert fast is None or fast.value == {"top": value}


def test_plain_files_take_the_fast_way() -> None:
    """Comments, lists of mappings, flow mappings and quotes are plain; a block scalar is not."""
    text = "a: 1 # one\nb:\n  - {c: [x, 'y z'], d: 06:00}\n  - e: -1\n    f: B 3\n\ng:\n- 1\n"
    document = read_lines(text, "f")
    assert document is not None
    assert document.value == {
        "a": 1,
        "b": [{"c": ["x", "y z"], "d": "06:00"}, {"e": -1, "f": "B 3"}],
        "g": [1],
    }
    assert document.mark(("b", 1, "f")).line == 5
    assert read_lines("a: |\n  text\n", "f") is None


def test_yaml_1_2_reads_no_as_text_and_half_past_ten_as_text() -> None:
    """YAML 1.1 made them False and 1350."""
    text = "country: NO\nfrom: 22:30\nyes: on\noctal: 0o17\nhex: 0xff\nsum: 1_000\nexp: 1e3\nnone:\n"
    expected = {
        "country": "NO", "from": "22:30", "yes": "on", "octal": 15, "hex": 255, "sum": "1_000", "exp": 1000.0,
        "none": None,
    }  # fmt: skip
    assert read_tokens(text, "f").value == expected
    fast = read_lines(text, "f")
    assert fast is not None
    assert fast.value == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("True", True),
        ("-.inf", float("-inf")),
        ("+1", 1),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e", "1e"),
        ("-", "-"),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    """YAML 1.2.2, section 10.3.2."""
    assert plain(text) == value
    assert type(plain(text)) is type(value)


def test_a_number_of_a_thousand_digits_is_text() -> None:
    """Python would refuse to convert longer ones."""
    assert plain("9" * 1000) == "9" * 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  b: 1\n c: 2\n", "f:3: broken YAML: indentation does not fit the lines above"),
        ("a: 1\nkey\nb: 2\n", "f:2: broken YAML: could not find expected ':' while scanning a simple key"),
        ("a: 'x\nb: 2\n", "f:1: broken YAML: found unexpected end of stream while scanning a quoted scalar"),
        ("b: 1\na: [1, 2\nc: 2\n", "f:2: broken YAML: no `]` or comma where one is needed"),
        ("a: {b: 1\nc: 2\n", "f:1: broken YAML: no `}` or comma where one is needed"),
        ("a: {b}\n", "f:1: broken YAML: expected `key: value` inside `{ }`"),
        ("a: *b\n", "f:1: `*b` repeats an anchor that is not defined above it"),
        ("a: 1\nb: !t 1\n", "f:2: tags (`!name`) have no meaning in a scenario; remove it"),
        ("---\na: 1\n---\nb: 2\n", "f:3: a second document begins; a file holds one scenario"),
        ("? [a]\n: 1\n", "f:1: broken YAML: a key must be a word"),
        ("&x a: 1\n", "f:1: a key cannot have an anchor"),
        ("a: {b: 1, b: 2}\n", "f:1: a.b: duplicate key, first on line 1; keep one of them"),
    ],
)
def test_broken_yaml_names_the_line_where_it_was_broken(text: str, message: str) -> None:
    """The scanner notices some of it lines below."""
    with pytest.raises(ScenarioError) as raised:
        read_tokens(text, "f")
    assert str(raised.value) == message
    assert read_lines(text, "f") is None


def test_an_anchor_is_repeated_where_its_alias_stands() -> None:
    """Values inside an alias are found at the line of the alias."""
    document = read_tokens("a: &x {b: 1}\nc: *x\n", "f")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.mark(("c", "b")).line == 2


def test_a_bomb_of_aliases_is_refused() -> None:
    """Nine lines that would be a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ScenarioError) as raised:
        read_tokens("\n".join(lines), "f")
    assert str(raised.value) == "f:6: more than 1,000,000 values once aliases are written out"


def test_endless_nesting_is_refused() -> None:
    """Before Python's stack is."""
    with pytest.raises(ScenarioError) as raised:
        read_tokens("a: " + "[" * 500 + "]" * 500, "f")
    assert str(raised.value) == "f:1: nested deeper than 64 levels"


def test_a_setting_is_any_yaml_value() -> None:
    """Typed as in a file."""
    assert [read_scalar(text) for text in ("2", "0.5", "NO", "{a: [1]}", "'2'", "")] == [
        2, 0.5, "NO", {"a": [1]}, "2", None,
    ]  # fmt: skip
