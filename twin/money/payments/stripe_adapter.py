"""Stripe as a payment provider: the official SDK behind the port, in threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import stripe

from twin.domain.clock import Activity, Clock, NoActivity
from twin.domain.payments import Notice, Operation, Outcome
from twin.money.payments.backoff import Backoff
from twin.money.payments.stripe_desk import Desk
from twin.money.payments.stripe_lanes import Lanes
from twin.money.payments.stripe_settings import StripeSettings

_NS = 1_000_000_000


class StripeAdapter:
    """Implements `domain.payments.Payments`.

    Operations of one payment are done in the order in which they were submitted, those of several side by side.
    Notices come by webhook: give `Inbox` this adapter.

    Args:
        settings: Keys and limits.
        clock: Whose time and epoch outcomes tell.
        deliver: Runs a callable on the thread on which the caller lives: `loop.call_soon_threadsafe`, or the `put` of a
            queue that the caller empties.
        accounts: Operator to connected account (`acct_…`); of one that is absent, everything stays with the platform.
        backoff: After a 429.
        seed: Of the back-off's jitter.
        activity: Told what is under way, by payment.
        resumed: This process takes up what an earlier one left, maybe days ago: see `Desk`.
        wait: Waits real seconds between tries, in a worker; None: as long as it says, or until `close`.
    """

    def __init__(
        self,
        settings: StripeSettings,
        clock: Clock,
        deliver: Callable[[Callable[[], None]], object],
        *,
        accounts: Mapping[str, str],
        backoff: Backoff | None = None,
        seed: int = 0,
        activity: Activity | None = None,
        resumed: bool = False,
        wait: Callable[[float], None] | None = None,
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._activity = activity or NoActivity()
        self._wait_by = wait
        self._closing = threading.Event()
        self._sinks: list[Callable[[Outcome | Notice], None]] = []
        self._http = stripe.RequestsClient(timeout=settings.timeout_s)
        client = stripe.StripeClient(
            settings.key.get_secret_value(),
            base_addresses={"api": settings.address},
            max_network_retries=settings.network_retries,
            http_client=self._http,
        )
        self._desk = Desk(
            client,
            accounts,
            clock.epoch_ns / _NS,
            backoff=backoff or Backoff(),
            seed=seed,
            wait=self._wait,
            confirm_s=settings.confirm_s,
            resumed=resumed,
        )
        self._lanes = Lanes(settings.workers, self._http.close)

    def submit(self, operation: Operation, /) -> None:
        """See `Payments.submit`."""
        self._put(operation.payment, partial(self._do, operation))

    def subscribe(self, sink: Callable[[Outcome | Notice], None], /) -> None:
        """See `Payments.subscribe`."""
        self._sinks.append(sink)

    def notice(self, notice: Notice) -> None:
        """Tell every sink of a notice; call it on the caller's thread."""
        self._tell(notice)

    def identify(self, event: str, intent: str, found: Callable[[str | None], None]) -> None:
        """Find our name of a payment intent that an event is about.

        Args:
            event: The event's id.
            intent: Stripe's name.
            found: Told our name on the caller's thread; empty: it is not ours; None: nobody knows now.
        """
        self._put(event, partial(self._identify, event, intent, found))

    def close(self) -> None:
        """End the workers: what is under way is awaited, what waits is left to the books."""
        self._closing.set()
        self._lanes.close()

    def _put(self, lane: str, job: Callable[[], None]) -> None:
        self._activity.begin(lane)
        self._lanes.put(lane, job)

    def _do(self, operation: Operation) -> None:
        try:
            outcome = self._desk.do(operation)
        except Exception as error:  # noqa: BLE001 -- raised on the caller's thread: a defect never dies in a worker
            self._deliver(partial(self._failed, operation.payment, error))
        else:
            self._deliver(partial(self._ended, outcome))

    def _ended(self, outcome: Outcome) -> None:
        try:
            self._tell(outcome._replace(happened_s=self._clock.now_s))
        finally:
            self._activity.end(outcome.payment)

    def _failed(self, lane: str, error: Exception) -> None:
        self._activity.end(lane)
        raise error

    def _identify(self, event: str, intent: str, found: Callable[[str | None], None]) -> None:
        try:
            name: str | None = self._desk.payment_of(intent)
        except stripe.StripeError:
            name = None
        self._deliver(partial(self._identified, event, name, found))

    def _identified(self, event: str, name: str | None, found: Callable[[str | None], None]) -> None:
        try:
            found(name)
        finally:
            self._activity.end(event)

    def _tell(self, news: Outcome | Notice) -> None:
        for sink in self._sinks:
            sink(news)

    def _wait(self, delay_s: float) -> bool:
        if self._wait_by is None:
            return not self._closing.wait(delay_s)
        self._wait_by(delay_s)
        return not self._closing.is_set()
