"""Tests of queuectl, in three tiers; see CONTRIBUTING.md."""
