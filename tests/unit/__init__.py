"""Tests of decisions: no store, no processes, no clock."""
