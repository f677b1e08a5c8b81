"""Two hosts of their own networks, names and data directories on one server; `nox -s hosts` does it at full size."""

from __future__ import annotations

import pytest

from tests import hosts
from tests.server import Unavailable


@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_with_a_pulled_cable_and_a_restart_every_job_ends_and_none_runs_on_two_hosts_at_once() -> None:
    if not hosts.can_have_hosts():
        pytest.skip("no network namespaces can be made here: that takes root, iproute2 and util-linux")
    try:
        with hosts.opened() as site:
            assert hosts.all_run_once(site, 400) == {1: 400}
            cut = hosts.cut_off(site, 80, cut=9.0, lease=6.0, seconds=0.4)
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL: {error}")
    assert cut.states == {"completed": 80}
    assert cut.runs >= 80
    assert cut.at_once == 0
