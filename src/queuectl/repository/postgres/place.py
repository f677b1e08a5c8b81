"""Where a store on a server is: what libpq is told, and what people and commands may see of it.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from queuectl.config import redact_url
from queuectl.errors import InvalidInput, quoted

DEFAULT_SCHEMA = "queuectl"
#: Of our advisory locks the first half: "qctd". The second half stands for the schema.
LOCKS = 0x71637464

_NAME = re.compile("[a-z_][a-z0-9_]{0,62}")
_SECRETS = {"password", "sslpassword"}
#: What is said unless the URL says something else. A server that has gone without a word is noticed within ten seconds.
_DEFAULTS = {
    "application_name": "queuectl",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class Place(NamedTuple):
    """A schema in a database on a server."""

    conninfo: str  #: for libpq; may hold a password
    defaults: dict[str, str]  #: for libpq, where `conninfo` says nothing
    schema: str
    location: str  #: as a URL that leads to the same store; holds no password
    shown: str  #: the URL as it was given, with its password hidden

    @property
    def lock(self) -> tuple[int, int]:
        """The key of this store's advisory lock: whoever writes holds it together, who changes the tables alone."""
        return LOCKS, zlib.crc32(self.schema.encode()) - 2**31


def place_of(url: str) -> Place:
    """Take a URL apart: one of libpq's, and `schema=` for us.

    Raises:
        InvalidInput: the name of the schema is none.
    """
    parts = urlsplit(url)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    schema = next((value for name, value in reversed(parameters) if name == "schema"), DEFAULT_SCHEMA)
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise InvalidInput(
            f"{quoted(schema)} is not a name for a schema of ours", "use small letters, digits and _, a letter first"
        )
    others = [(name, value) for name, value in parameters if name != "schema"]
    shown = [(name, value) for name, value in others if name.lower() not in _SECRETS]
    shown += [("schema", schema)] if schema != DEFAULT_SCHEMA else []
    options = " ".join(
        [
            f"-csearch_path={schema}",
            *(value for name, value in others if name == "options"),
        ]
    )
    libpq = [(name, value) for name, value in others if name != "options"]
    given = {name for name, _ in libpq}
    return Place(
        urlunsplit(("postgresql", parts.netloc, parts.path, _query(libpq), "")),
        {name: value for name, value in _DEFAULTS.items() if name not in given} | {"options": options},
        schema,
        urlunsplit(("postgresql", _without_password(parts.netloc), parts.path, _query(shown), "")),
        redact_url(url),
    )


def _query(parameters: list[tuple[str, str]]) -> str:
    return urlencode(parameters, quote_via=quote)  # libpq does not read a plus as a blank


def _without_password(netloc: str) -> str:
    user, at, hosts = netloc.rpartition("@")
    return user.partition(":")[0] + at + hosts
