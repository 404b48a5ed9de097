"""Where the real photographs are: `shared/data` beside the repository; without them these tests skip, and say so."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photographs, one folder per dataset."""
    if not REAL_DATA.is_dir():
        # Their licences keep the photographs out of the repository, so a clone of it has none.
        pytest.skip(f"REAL PHOTOGRAPHS ABSENT: {REAL_DATA} is not there, so nothing was checked on real data")
    return REAL_DATA
