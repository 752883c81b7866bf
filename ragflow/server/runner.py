"""How does a service carry out the runs of fires, and end in order?"""

import threading
from collections.abc import Callable
from contextlib import suppress

from ragflow.api.runs import find_run, resumption
from ragflow.api.schedules import Known, fire_request
from ragflow.core.fires import FireRecord, Firing
from ragflow.core.run_records import Request as Control
from ragflow.errors import BusyError, FireTakenError, RagflowError, RunCancelled, UsageError
from ragflow.runtime.home import Home
from ragflow.runtime.request import Request
from ragflow.runtime.run import run
from ragflow.scheduling.owners import sentence_of
from ragflow.server.leaving_out import leave_out


class ThreadRunner:
    """Carries out one run after the other in a thread of its own, each with a home of its own.

    What it was given and did not begin stays in the queue of the home, whatever happens here.
    """

    def __init__(self, home: Home, wake: Callable[[], None], told: Callable[[str], None]) -> None:
        self._home = home
        self._wake = wake
        self._told = told
        self._lock = threading.Lock()
        self._fire: FireRecord | None = None
        self._thread: threading.Thread | None = None
        self._is_ending = False
        # The run that was cancelled to be handed back, and not because somebody asked for it.
        self._stopped: int | None = None

    def start(self, fire: FireRecord, known: Known) -> None:
        """Begin the run of a fire that waits, or go on with it; returns at once."""
        with self._lock:
            self._fire = fire
            self._thread = threading.Thread(
                target=self._carry_out,
                args=(fire, known),
                name="ragflow-run",
                # A second signal ends the process with it; the run is taken up by who comes next.
                daemon=True,
            )
            self._thread.start()

    def has_room(self) -> bool:
        """Tell whether another run may begin."""
        with self._lock:
            return self._fire is None and not self._is_ending

    def is_at(self, fire: FireRecord) -> bool:
        """Tell whether it was given this fire and is not done with it."""
        with self._lock:
            return self._fire is not None and self._fire.id == fire.id

    def end(self, grace: float) -> None:
        """Let the run at work end within `grace` seconds, or hand it back; begin no other.

        What is handed back was cancelled in order, and waits for the next service, which goes on
        with it. Returns when the run is over.
        """
        with self._lock:
            self._is_ending = True
            thread = self._thread
        if thread is None:
            return
        thread.join(grace)
        while thread.is_alive():
            number = self._number()
            if number is None:  # it waits for what another process holds: nothing began
                return
            self._stop(number)
            thread.join(1.0)

    def _stop(self, number: int) -> None:
        """Cancel a run to hand it back, unless somebody asked to cancel it for good."""
        controls = self._home.metadata.controls
        if controls.asked(number) is Control.CANCEL:
            return
        self._stopped = number
        with suppress(UsageError):  # it is over
            controls.ask(number, Control.CANCEL, actor="service")

    def _number(self) -> int | None:
        """Return the number of the run at work; None before it began."""
        with self._lock:
            fire = self._fire
        left = self._home.metadata.schedules.left()
        return next((one.run for one in left if fire is not None and one.id == fire.id), None)

    def _carry_out(self, fire: FireRecord, known: Known) -> None:
        home = Home(self._home.project, self._home.clock)
        what = f"{known.name} for {fire.instant.isoformat()}"
        try:
            self._told(f"{what}: {self._outcome(home, fire, known)}")
        except Exception as error:  # noqa: BLE001 - the boundary: told, and the service goes on
            self._told(f"{what}: {type(error).__name__}: {error}")
        finally:
            home.close()
            with self._lock:
                self._fire = self._thread = None
            self._wake()

    def _outcome(self, home: Home, fire: FireRecord, known: Known) -> str:
        """Carry the run out and return what it came to, in words."""
        store = home.metadata
        try:
            summary = run(home, _request(home, fire, known))
        except FireTakenError:
            return "another service was first"
        except BusyError as error:
            return str(error)
        except RunCancelled:
            now = store.schedules.get(fire.id)
            number = None if now is None else now.run
            if (
                number is not None
                and number == self._stopped
                and store.schedules.hand_back(number, was_cancelled=True)
            ):
                return f"run {number} is handed back"
            return f"run {number} was cancelled"
        except Exception as error:
            # One that did not begin never will: what it is of, or its home, is not as it must be.
            leave_out(store, fire, sentence_of(error), has_failed=True)
            if not isinstance(error, RagflowError):
                raise
            return f"failed: {error}"
        return f"run {summary['run']} {summary['state'].replace('_', ' ')}"


def _request(home: Home, fire: FireRecord, known: Known) -> Request:
    firing = Firing(schedule_id=fire.schedule_id, instant=fire.instant)
    if fire.run is None:
        return fire_request(home, known, fire.instant, firing, wait=True)
    return resumption(
        home,
        find_run(home.metadata, fire.run),
        firing=firing,
        wait=True,
        trigger="schedule",
        actor=f"schedule {known.name}",
    )
