"""The signature of a dead job: what it died of, with all that differs from run to run folded away.

Jobs with the same signature died of the same error, as far as text can tell. Pure: no clock, no files.
"""

from __future__ import annotations

import re

#: Characters of a signature.
LONGEST = 200
#: Keys under which logs in JSON keep what happened.
_MESSAGES = ("message", "msg", "error", "err")
#: Characters of a line that are looked at.
_LOOKED_AT = 1000

_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"

# "…", `…` and '…'; the sign inside a word is an apostrophe.
_TEXT = r"""
    "[^"]*" | `[^`]*` | (?<!\w)'[^']*'(?!\w)
"""
_URL = r"""
    \b[A-Za-z][A-Za-z0-9+.-]*://[^\s<>"']+
"""
_TIME = r"""
    \b\d{4}[-/]\d\d?[-/]\d\d? (?: [T\ ]\d\d?:\d\d (?: :\d\d (?: [.,]\d+ )? )? )? (?: \ ?(?: Z\b | [+-]\d\d:?\d\d\b ) )?
    | \b(?: (?: Mon|Tue|Wed|Thu|Fri|Sat|Sun ),?\  )? (?: Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec )\ [\ \d]\d?
      (?: \ \d\d:\d\d (?: :\d\d (?: [.,]\d+ )? )? )? (?: \ \d{4}\b )?
    | \b\d\d?:\d\d:\d\d (?: [.,]\d+ )?
"""
# Absolute ones, those that begin with a dot or `~`, `C:\…`, and `a/b.c`; not `and/or`.
_PATH = r"""
    (?<![\w.<>/~-]) (?: ~ | \.{1,2} )? / [^\s:;,"'`()<>\[\]{}|]* [^\s:;,"'`()<>\[\]{}|.]
    | \b[A-Za-z]:\\ [^\s:;,"'`()<>|]+
    | (?<![\w.<>/-]) [\w.-]+ (?: /[\w.-]+ )+ \.\w+
"""
# Hexadecimal ones, and letters and digits in turn, as in `req8f3k2q`, unlike `sha256` or `utf8`.
_ID = r"""
    (?i: \b[0-9a-f]{8} (?: -[0-9a-f]{4} ){3} -[0-9a-f]{12}\b | \b0x[0-9a-f]+\b )
    | (?i: \b (?= [0-9a-f]*[0-9] ) (?= [0-9a-f]*[a-f] ) [0-9a-f]{7,}\b )
    | (?<![^\W_]) (?= [^\W_]*\d[^\W\d_]+\d ) [^\W_]{8,}
"""
_NUMBER = r"""
    (?: (?<![\w.])[+-] )? \d+ (?: [.,]\d+ )*
"""

#: What is folded, in this order. Every pattern needs a digit, a quote, a slash or a backslash, and no placeholder
#: has one: so folding again and again comes to an end.
_FOLDS = (
    (_TEXT, "<text>"), (_URL, "<url>"), (_TIME, "<time>"), (_PATH, "<path>"), (_ID, "<id>"), (_NUMBER, "<n>"),
)  # fmt: skip


def signature_of(error: str | None, last_line: str) -> str:
    """Return the signature of a job that died: of its last line of output, or without one of the reason.

    Numbers, ids, paths, times and quoted strings become placeholders such as `<path>`, characters that do not print
    are left out, and no more than 200 characters are kept. The signature of a signature is itself.
    """
    return _folded(_told(last_line)) or _folded(error or "")


def _told(line: str) -> str:
    """Return what a line says that a program wrote as a JSON object for its log; other lines as they are."""
    if not line.startswith('{"'):
        return line
    import json

    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return ": ".join(fields[key] for key in _MESSAGES if isinstance(fields.get(key), str)) or line


def _folded(line: str) -> str:
    text = _printable(line)[:_LOOKED_AT]
    while True:
        folded = text
        for pattern, placeholder in _FOLDS:
            folded = re.sub(pattern, placeholder, folded, flags=re.VERBOSE)
        folded = " ".join(folded.split())[:LONGEST].rstrip()
        if folded == text:
            return text
        text = folded


def _printable(line: str) -> str:
    """Return what a terminal would show of a line: the last of the texts that a carriage return has set apart."""
    bare = re.sub(_ESCAPES, "", line)
    shown = next((part for part in reversed(bare.split("\r")) if part.strip()), "")
    return "".join(character if character.isprintable() else " " for character in shown)
