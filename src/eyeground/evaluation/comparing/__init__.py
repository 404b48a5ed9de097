"""Models on the same photos: paired differences, tests, margins, and how they are shown."""
