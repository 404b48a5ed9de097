import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eyeground.imaging.structure import masked_quantile


@given(arrays(np.uint8, (6, 7)), arrays(np.uint8, (6, 7), elements=st.integers(0, 1)), st.floats(0, 1))
def test_the_quantile_from_a_histogram_is_numpys(plane: np.ndarray, mask: np.ndarray, share: float) -> None:
    if mask.any():
        assert masked_quantile(plane, mask, share) == pytest.approx(np.quantile(plane[mask > 0], share))
