"""The loop of the live screen: waits, reads, draws; all decisions are in `state`, all text is from `frame`."""

from __future__ import annotations

import sys
from contextlib import closing, suppress

from queuectl.cli.cells import ASCII, UNICODE
from queuectl.cli.session import Session, now
from queuectl.cli.top import state as states
from queuectl.cli.top.deeds import do
from queuectl.cli.top.facts import Wanted
from queuectl.cli.top.frame import frame, settled
from queuectl.cli.top.keys import REDRAW
from queuectl.cli.top.press import press
from queuectl.cli.top.reading import Reader
from queuectl.cli.top.screen import Screen, signals
from queuectl.cli.top.state import State, Verb
from queuectl.errors import StoreBusy

#: Seconds between two looks whether the store has changed.
INTERVAL = 0.25


class Top:
    """One run of the live screen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._screen = Screen(sys.stdout, sys.stdin)
        self._reader = Reader(session.repository)
        self._wanted = Wanted()
        glyphs = UNICODE if self._screen.shows_unicode else ASCII
        self._state = State(store=session.store, now=now(), glyphs=glyphs)
        self._drawn: object = None

    def run(self) -> None:
        """Show the store until somebody has seen enough, or nobody looks any more."""
        with signals() as wakeup, closing(self._screen):
            while not self._screen.is_gone:
                self._read()
                self._draw()
                if not self._obey(self._screen.wait(_pause(now()), wakeup)):
                    return

    def _read(self) -> None:
        """Find out how things are; of a store that is busy, it is known how they were."""
        with suppress(StoreBusy):
            facts = self._reader.read()
            is_news = facts is not self._state.facts
            self._state = states.with_facts(self._state, facts, now())
            wanted = states.wanted(self._state)
            if is_news or wanted != self._wanted:
                self._state = states.with_found(self._state, self._reader.find(wanted))
                self._wanted = wanted
        self._state = states.at(self._state, now())

    def _draw(self) -> None:
        if not self._screen.is_ready():
            return
        size = self._screen.size()
        self._state = settled(self._state, *size)
        # The clock has seconds: what differs only in less is not drawn again.
        known = (self._state._replace(now=self._state.now // 1000), size)
        if known != self._drawn or not self._screen.is_whole:
            self._screen.draw(frame(self._state, *size))
            self._drawn = known

    def _obey(self, pressed: list[str]) -> bool:
        """Do what keys ask for; False: leave."""
        for key in pressed:
            if key == REDRAW:
                self._screen.forget()
            self._state = press(self._state, key)
            act = self._state.act
            if act and act.verb is Verb.QUIT:
                return False
            if act:
                words, is_bad = do(self._session, act)
                self._state = states.said(self._state._replace(act=None), words, is_bad=is_bad)
        return True


def _pause(at: int) -> float:
    """Return the seconds to the next look, so that one comes with every full second."""
    step = int(INTERVAL * 1000)
    return (step - at % step) / 1000
