"""Tests against a real store and a real shell, inside the test process."""
