import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pairforge.evaluation.shrinking.quantised import Int8Scale, as_seen, unit

VECTORS = arrays(np.float32, (5, 3), elements=st.floats(-100, 100, width=32))


@given(VECTORS)
def test_int8_is_off_by_half_a_step_at_most_and_knows_both_ends(vectors: np.ndarray):
    scale = Int8Scale.of(vectors)
    codes = scale.codes(vectors)
    assert codes.dtype == np.int8
    assert (np.abs(scale.numbers(codes) - vectors) <= scale.step * 0.51 + 1e-4).all()


def test_int8_takes_its_end_for_what_lies_outside_the_scale():
    scale = Int8Scale.of(np.array([[0.0], [1.0]], np.float32))
    assert scale.codes(np.array([[-5.0], [0.0], [1.0], [9.0]], np.float32)).ravel().tolist() == [-128, -128, 127, 127]


def test_binary_keeps_the_signs_alone():
    vectors = np.array([[0.2, -3.0, 0.0]], np.float32)
    assert as_seen(vectors, "binary", Int8Scale.of(vectors)).tolist() == [[1, -1, -1]]


def test_zero_vector_stays_zero_at_length_one():
    np.testing.assert_allclose(unit(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0, 0]])
