"""Content-Type and Accept as real clients write them."""

import pytest

from object2vec_container.serving.content_types import (
    CONTENT_TYPES,
    JSON,
    JSON_LINES,
    RequestForm,
    choose_answer,
    read_content_type,
)
from object2vec_container.serving.http_errors import (
    BadRequestFault,
    NotAcceptableFault,
    UnsupportedTypeFault,
)

LINES = JSON_LINES[0]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_every_name_of_a_form_is_read(content_type: str) -> None:
    assert read_content_type(content_type) == RequestForm(content_type)


@pytest.mark.parametrize(
    "header",
    [
        "Application/JSON",
        "  application/json  ",
        "application/json;charset=utf-8",
        'application/json ; Charset="UTF-8" ; boundary=x',
        "application/json;",
        "application/json;;;",
    ],
)
def test_case_spacing_and_other_parameters_mean_nothing(header: str) -> None:
    assert read_content_type(header) == RequestForm(JSON)


@pytest.mark.parametrize("header", [None, "", "  ", ";", "; charset=utf-8"])
def test_no_name_leaves_the_form_open(header: str | None) -> None:
    assert read_content_type(header) == RequestForm(None)


@pytest.mark.parametrize("header", ["text/csv", "application/x-recordio", "json", "*/*", "a" * 999])
def test_another_form_is_refused_with_the_forms_that_are_read(header: str) -> None:
    with pytest.raises(UnsupportedTypeFault) as caught:
        read_content_type(header)
    message = str(caught.value)
    assert caught.value.status == 415
    assert all(content_type in message for content_type in CONTENT_TYPES)
    assert header[:20] in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "parameter",
    [
        "infer_max_seqlens=20,10",
        "infer_max_seqlens = 20 , 10 ",
        'infer_max_seqlens="20,10"',
        "infer_max_seqlens='20, 10'",
        "INFER_MAX_SEQLENS=20,10",
        "charset=utf-8; infer_max_seqlens=020,10; x=y",
    ],
)
@pytest.mark.parametrize("name", ["application/json", "application/jsonlines", ""])
def test_the_lengths_to_keep_are_read_in_every_spelling(name: str, parameter: str) -> None:
    assert read_content_type(f"{name};{parameter}") == RequestForm(name or None, (20, 10))


def test_the_lengths_to_keep_are_taken_up_to_their_limits() -> None:
    form = read_content_type("application/json;infer_max_seqlens=1,5000")
    assert form.max_seq_lens == (1, 5000)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "20",
        "20,",
        ",10",
        "20,10,5",
        "20 10",
        "20;10",
        "0,10",
        "20,0",
        "-1,10",
        "+1,10",
        "5001,10",
        "20,5001",
        "1.0,10",
        "1e2,10",
        "0x10,10",
        "a,b",
        "None,10",
        "²,10",
        "٣,10",
        "1 0,10",
        "1" * 5000 + ",10",
        "[20,10]",
    ],
)
def test_lengths_that_cannot_be_are_refused_with_an_example(value: str) -> None:
    with pytest.raises(BadRequestFault) as caught:
        read_content_type(f"application/json; infer_max_seqlens={value}")
    message = str(caught.value)
    assert "must be two whole numbers 1..5000" in message
    assert "infer_max_seqlens=20,10" in message
    assert len(message) < 300


def test_the_form_is_judged_before_the_lengths() -> None:
    with pytest.raises(UnsupportedTypeFault):
        read_content_type("text/csv;infer_max_seqlens=x")


@pytest.mark.parametrize("header", [None, "", "  ", "*/*", "application/*", ",", "text/html, */*"])
@pytest.mark.parametrize("own", CONTENT_TYPES)
def test_an_answer_left_open_has_the_form_of_the_request(header: str | None, own: str) -> None:
    assert choose_answer(header, own, None) == own


def test_an_answer_left_open_has_the_default_form_where_there_is_one() -> None:
    assert choose_answer(None, JSON, LINES) == LINES
    assert choose_answer("*/*", LINES, JSON) == JSON
    assert choose_answer("application/*;q=0.1", LINES, JSON) == JSON
    assert choose_answer(LINES, LINES, JSON) == LINES


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_form_that_is_asked_for_is_given_under_its_name(content_type: str) -> None:
    for own in CONTENT_TYPES:
        assert choose_answer(content_type, own, None) == content_type
        assert choose_answer(f" {content_type.upper()} ;charset=utf-8", own, None) == content_type


@pytest.mark.parametrize(
    ("header", "own", "answer"),
    [
        # The weight decides.
        (f"{JSON};q=0.5, {LINES};q=0.6", JSON, LINES),
        (f"{JSON};q=0.5, {LINES}", JSON, LINES),
        (f"*/*;q=0.9, {LINES};q=0.1", LINES, JSON),
        # Then how exactly the form is named.
        (f"*/*, {LINES}", JSON, LINES),
        (f"application/*, {LINES}", JSON, LINES),
        # Then the order.
        (f"{JSON}, {LINES}", LINES, JSON),
        (f"{LINES}, {JSON}", JSON, LINES),
        # The most exact range says a form's weight, a q of 0 that it is unwanted.
        (f"{JSON};q=0, */*", JSON, LINES),
        (f"*/*, {JSON};q=0", JSON, LINES),
        (f"{LINES};q=0.0, application/*", LINES, JSON),
        (f"*/*;q=0, {JSON};q=0.001", LINES, JSON),
        # Other forms do not count, in whatever words.
        (f"text/csv, image/*;q=0.9, {LINES};q=0.2", JSON, LINES),
        (f"text/*, {JSON}", LINES, JSON),
        # Parameters, also ones with commas, leave the name as it is.
        (f"{LINES};q=0.3;x=y, {JSON};version=1; Q = 0.2", JSON, LINES),
        (f'{JSON};infer_max_seqlens="20,10"', LINES, JSON),
        # What is no weight counts as none.
        (f"{JSON};q=high, {LINES};q=0.9", LINES, JSON),
        (f"{JSON};q=nan, {LINES};q=0.9", LINES, JSON),
        (f"{JSON};q=-1, {LINES};q=0.9", LINES, JSON),
    ],
)
def test_weight_then_exactness_then_order_choose_the_answer(
    header: str, own: str, answer: str
) -> None:
    assert choose_answer(header, own, None) == answer


@pytest.mark.parametrize(
    "header",
    [
        "text/csv",
        "text/*",
        "application/xml, text/plain;q=0.5",
        "*/*;q=0",
        f"{JSON};q=0",
        "x" * 999,
    ],
)
def test_an_answer_that_no_form_fits_is_refused_with_the_forms_there_are(header: str) -> None:
    with pytest.raises(NotAcceptableFault) as caught:
        choose_answer(header, JSON, None)
    message = str(caught.value)
    assert caught.value.status == 406
    assert all(content_type in message for content_type in CONTENT_TYPES)
    assert len(message) < 300
