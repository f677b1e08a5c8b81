"""Where a store on a server is: what libpq is told, and what people and commands may see of it.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from queuectl.config import SECRETS, redact_url
from queuectl.errors import InvalidInput, quoted

if TYPE_CHECKING:
    from urllib.parse import SplitResult

DEFAULT_SCHEMA = "queuectl"
#: Of our advisory locks the first half: "qctd". The second half stands for the schema.
LOCKS = 0x71637464

#: How it is written.
_FORM = "write postgresql://user@host:port/database, with ?schema=NAME if it is not to be queuectl"
_NAME = re.compile("[a-z_][a-z0-9_]{0,62}")
#: What may be a password, up to the last place where one can end; and what in it ends it for libpq before that.
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^:@/?#\[]*:(.*)@", re.DOTALL)
_PORT = re.compile(r"[0-9]*(?:[,/?#]|$)")
_ENDS = re.compile(r"[/?#@\[\]\s]|%(?![0-9A-Fa-f]{2})")
#: What is said unless the URL says something else. A server that has gone without a word is noticed within ten seconds.
_DEFAULTS = {
    "application_name": "queuectl",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


#: Seconds; libpq takes less for this.
_HURRY = "2"


class Place(NamedTuple):
    """A schema in a database on a server."""

    conninfo: str  #: for libpq; may hold a password
    defaults: dict[str, str]  #: for libpq, where `conninfo` says nothing
    schema: str
    location: str  #: as a URL that leads to the same store; holds no password
    database: str  #: as a URL for PostgreSQL's own programs, which know no `schema=`; holds no password
    shown: str  #: the URL as it was given, with its password hidden

    def hurried(self) -> Place:
        """Return the same place for those who do not wait long for it, unless the URL says how long one waits."""
        if "connect_timeout" not in self.defaults:
            return self
        return self._replace(defaults=self.defaults | {"connect_timeout": _HURRY})

    @property
    def lock(self) -> tuple[int, int]:
        """The key of this store's advisory lock: whoever writes holds it together, who changes the tables alone."""
        return LOCKS, zlib.crc32(self.schema.encode()) - 2**31


def place_of(url: str) -> Place:
    """Take a URL apart: one of libpq's, and `schema=` for us.

    Raises:
        InvalidInput: it is no URL, or the name of the schema is none.
    """
    parts = _parts(url)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    schema = next((value for name, value in reversed(parameters) if name == "schema"), DEFAULT_SCHEMA)
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise InvalidInput(
            f"{quoted(schema)} is not a name for a schema of ours",
            "in ?schema=NAME use small letters, digits and _, a letter first",
        )
    others = [(name, value) for name, value in parameters if name != "schema"]
    public = [(name, value) for name, value in others if name.lower() not in SECRETS]
    ours = [("schema", schema)] if schema != DEFAULT_SCHEMA else []
    # The last one counts: no option of the user's leads to another schema.
    options = " ".join([*(value for name, value in others if name == "options"), f"-csearch_path={schema}"])
    libpq = [(name, value) for name, value in others if name != "options"]
    given = {name for name, _ in libpq}
    conninfo = _url(parts.netloc, parts.path, libpq)
    _check(conninfo)
    return Place(
        conninfo,
        {name: value for name, value in _DEFAULTS.items() if name not in given} | {"options": options},
        schema,
        _url(_without_password(parts.netloc), parts.path, public + ours),
        _url(_without_password(parts.netloc), parts.path, public),
        redact_url(url),
    )


def _parts(url: str) -> SplitResult:
    """Split a URL; whatever is wrong with it, nothing of it is told that may be a password."""
    found = _PASSWORD.match(url)
    if found and _ENDS.search(found[1]) and not _PORT.match(found[1]):
        raise InvalidInput(
            "the password in the location holds a character that cannot stand in a URL",
            "write % and its code for it: @ is %40, / is %2F, ? is %3F, # is %23, % is %25; or leave it to ~/.pgpass",
        )
    try:
        return urlsplit(url, allow_fragments=False)
    except ValueError:
        raise InvalidInput(f"{quoted(redact_url(url))} is not a URL", _FORM) from None


def _check(conninfo: str) -> None:
    """See whether libpq can read it. What libpq quotes of it is not told: it may be a password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(conninfo)
    except ProgrammingError as error:
        text = str(error).strip()
        if not text.startswith("invalid URI query parameter"):
            text = text.partition(': "')[0]
        raise InvalidInput(f"the location of the store is not one that libpq can read ({text})", _FORM) from None


def _url(netloc: str, path: str, parameters: list[tuple[str, str]]) -> str:
    """Put a URL together; not by `urlunsplit`, which leaves the slashes out if there is no host."""
    query = urlencode(parameters, quote_via=quote, safe="/")  # libpq does not read a plus as a blank
    return f"postgresql://{netloc}{path}" + (f"?{query}" if query else "")


def _without_password(netloc: str) -> str:
    user, at, hosts = netloc.rpartition("@")
    return user.partition(":")[0] + at + hosts
