"""What all tests share: properties are checked quickly and the same way in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady",
    max_examples=20,
    deadline=None,  # the machine may be busy
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("steady")
