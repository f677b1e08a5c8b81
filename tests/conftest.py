"""How hard Hypothesis looks, for all tests: `HYPOTHESIS_PROFILE=thorough` before a release, `ci` there, else `dev`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Whoever runs the tests may have preferences, which are not the tests'.
os.environ["XDG_CONFIG_HOME"] = os.devnull

_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("dev", _PATIENT)
settings.register_profile("ci", _PATIENT, derandomize=True, print_blob=True)
settings.register_profile("thorough", _PATIENT, max_examples=3000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
