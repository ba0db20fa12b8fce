from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layercheck.errors import LayoutError
from layercheck.layout import LABELS, MAX_RANK, Layout, parse_layout_option

CHECKLAYER_ROWS = {
    "2-D images": ("SSCB:24,24,20,128", (24, 24, 20, 128)),
    "3-D images": ("SSSCB:8,8,8,3,16", (8, 8, 8, 3, 16)),
    "vector sequences": ("CBT:12,32,50", (12, 32, 50)),
    "2-D image sequences": ("SSCBT:24,24,3,8,10", (24, 24, 3, 8, 10)),
    "3-D image sequences": ("SSSCBT:6,6,6,3,8,10", (6, 6, 6, 3, 8, 10)),
    "features": ("CB:20,128", (20, 128)),
    "batch first": ("BCSS:128,20,24,24", (128, 20, 24, 24)),
    "batch first sequences": ("BTC:32,50,12", (32, 50, 12)),
    "unspecified": ("UU:3,4", (3, 4)),
    "unknown sizes": ("SSCB:?,?,3,?", (None, None, 3, None)),
}


@st.composite
def layouts(draw):
    once = draw(st.lists(st.sampled_from("CBT"), unique=True))
    repeated = draw(st.lists(st.sampled_from("SU"), max_size=4))
    labels = draw(st.permutations(once + repeated))
    size = st.one_of(st.none(), st.integers(1, 500))
    sizes = draw(st.lists(size, min_size=len(labels), max_size=len(labels)))
    return Layout("".join(labels), tuple(sizes))


@pytest.mark.parametrize("row", CHECKLAYER_ROWS)
def test_layout_parses_the_usual_formats(row):
    text, size = CHECKLAYER_ROWS[row]

    layout = Layout.parse(text)

    assert (layout.format, layout.size) == (text.partition(":")[0], size)
    assert str(layout) == text


@given(layouts())
def test_layout_round_trips_through_its_text(layout):
    assert Layout.parse(str(layout)) == layout


@given(layouts())
def test_layout_survives_pickle_and_copy(layout):
    assert pickle.loads(pickle.dumps(layout)) == layout
    assert copy.deepcopy(layout) == layout


@given(layouts())
def test_layout_resolved_keeps_known_sizes_and_leaves_no_unknown(layout):
    resolved = layout.resolved()

    assert not resolved.has_unknown
    assert all(a == b for a, b in zip(layout.size, resolved.size, strict=True) if a is not None)
    filled = [
        new
        for label, old, new in zip(layout.format, layout.size, resolved.size, strict=True)
        if old is None and label != "B"
    ]
    assert filled == [5, 7, 11, 13, 17, 19, 23][: len(filled)]


@given(st.text(alphabet=[*LABELS, *"scbX:,?=-0123456789 \n²e."], max_size=40))
def test_layout_parse_accepts_a_layout_or_raises_a_layout_error(text):
    try:
        layout = Layout.parse(text)
    except LayoutError:
        return

    assert len(layout.format) == len(layout.size)
    assert Layout.parse(str(layout)) == layout


def test_layout_allows_spaces_around_labels_and_sizes():
    assert Layout.parse(" SSCB : 24, 24 ,20,? ") == Layout("SSCB", (24, 24, 20, None))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The layout '' has no ':' before its sizes."),
        ("SSCB", "The layout 'SSCB' has no ':' before its sizes."),
        (
            "24,24,20,128",
            "has no ':' before its sizes. Write FORMAT:SIZES, as in SSCB:24,24,20,128",
        ),
        ("SXQ:1,2,3", "has the unknown labels 'X', 'Q'. The labels are S spatial, C channel"),
        ("sscb:1,2,3,4", "Did you mean 'SSCB'?"),
        ("NCHW:1,2,3,4", "has the unknown labels 'N', 'H', 'W'. Did you mean 'BCSS'?"),
        ("NCDHW:1,2,3,4,5", "Did you mean 'BCSSS'?"),
        ("nlc:1,2,3", "Did you mean 'BTC'?"),
        ("ND:1,2", "Did you mean 'BC'?"),
        ("NBC:1,2,3", "has the unknown label 'N'. The labels are"),
        ("SBBC:1,2,3,4", "has 2 axes B (batch); only S and U may repeat"),
        ("CC:1,2", "has 2 axes C (channel)"),
        ("TCTT:1,2,3,4", "has 3 axes T (time)"),
        ("SSCB:24,24,20", "has 4 labels and 3 sizes (24,24,20). Write one size for each label."),
        ("C:3,?", "has 1 label and 2 sizes (3,?)"),
        ("C:", "has 1 label and 0 sizes (none)"),
        ("CB:20,0", "has the size 0. Each size is a whole number above 0"),
        ("CB:-20,3", "has the size -20."),
        ("CB:20,", "has an empty size."),
        ("CB:20,many", "has the size 'many'."),
        ("CB:20,1.5", "has the size '1.5'."),
        ("CB:20,²", "has the size '²'."),
        ("CB:9223372036854775807,2", "has about 1e19 elements"),
        (f"C:{'9' * 30}", "has about 1e30 elements"),
        (f"C:{'9' * 5000}", "has a size of 5000 digits"),
        (f"{'S' * (MAX_RANK + 1)}:{','.join('1' * (MAX_RANK + 1))}", "arrays have at most 32"),
    ],
)
def test_layout_errors_say_what_was_found(text, message):
    with pytest.raises(LayoutError) as caught:
        Layout.parse(text)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("size", [True, 2.0, "2", float("nan")])
def test_layout_sizes_are_whole_numbers(size):
    with pytest.raises(LayoutError, match="whole number above 0"):
        Layout("C", (size,))


def test_layout_of_takes_the_shape_of_an_array_and_numpy_integers():
    layout = Layout.of("CB", np.array(np.zeros((20, 3)).shape))

    assert layout == Layout.parse("CB:20,3")
    assert [type(n) for n in layout.size] == [int, int]


def test_layout_find_returns_the_axis_of_a_label():
    layout = Layout.parse("SSCB:24,23,20,128")

    assert layout.find("C") == 2
    assert layout.size[layout.find("B")] == 128
    assert layout.axis("C") == 2
    assert layout.axis("T") is None
    assert layout.find_all("S") == (0, 1)
    assert layout.find_all("T") == ()


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("T", "The layout SSCB:24,23,20,128 has no axis T (time). Its labels are S, S, C, B."),
        ("S", "has 2 axes S, so none is the axis S. find_all('S') returns (0, 1)."),
        ("X", "There is no label 'X'. The labels are S spatial"),
    ],
)
def test_layout_find_refuses_absent_repeated_and_unknown_labels(label, message):
    with pytest.raises(LayoutError) as caught:
        Layout.parse("SSCB:24,23,20,128").find(label)

    assert message in str(caught.value)


def test_layout_with_size_changes_a_label_or_one_axis():
    layout = Layout.parse("SSCB:24,24,20,128")

    assert str(layout.with_size("B", 1)) == "SSCB:24,24,20,1"
    assert str(layout.with_size("S", None)) == "SSCB:?,?,20,128"
    assert str(layout.with_size(1, 9)) == "SSCB:24,9,20,128"
    assert str(layout.with_size(-1, 9)) == "SSCB:24,24,20,9"
    with pytest.raises(LayoutError, match="has no axis T"):
        layout.with_size("T", 3)


def test_layout_resolved_takes_other_sizes():
    layout = Layout.parse("SSCB:?,?,3,?")

    assert layout.resolved().size == (5, 7, 3, 4)
    assert layout.resolved(batch=9, others=[2]).size == (2, 5, 3, 9)


def test_layout_counts_elements_and_bytes():
    layout = Layout.parse("SSCB:24,24,20,128")

    assert layout.shape == (24, 24, 20, 128)
    assert layout.elements == 1_474_560
    assert layout.bytes(8) == 11_796_480
    assert layout.rank == 4
    assert layout.labels == ("S", "S", "C", "B")


def test_layout_with_unknown_sizes_has_no_shape():
    layout = Layout.parse("CB:20,?")

    assert layout.has_unknown
    with pytest.raises(LayoutError, match=r"CB:20,\? has an unknown size"):
        _ = layout.elements


def test_layout_along_broadcasts_a_vector_over_the_other_axes():
    layout = Layout.parse("SSCB:2,3,4,5")
    x = np.ones(layout.shape)
    alpha = np.arange(4.0)

    along = layout.along("C", alpha)

    assert along.shape == (1, 1, 4, 1)
    assert np.array_equal((along * x)[1, 2, :, 3], alpha)


def test_layout_option_names_an_input_or_not():
    assert parse_layout_option("CB:2,3") == (None, Layout("CB", (2, 3)))
    assert parse_layout_option("h0=CB:2,3") == ("h0", Layout("CB", (2, 3)))
    with pytest.raises(LayoutError, match="has no name before '='"):
        parse_layout_option("=CB:2,3")
