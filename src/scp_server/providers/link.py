"""HttpLink: the only code that talks to a provider.

A reading asks for several things at once. They are cut into errands (a batch where the provider
has one, else a single GET), the errands run side by side as far as the quota lets them, and each
is tried until it is answered, refused for good, or out of tries; of a batch only the parts that
were refused for rate or failed are asked again. An item that alone goes on failing, while another
of its kind is answered, is told as failed and holds up nothing.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar
from urllib.parse import urlencode

import anyio

from scp_server.domain import backoff
from scp_server.domain.errors import (
    ConsentLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScpError,
)
from scp_server.domain.secrets import Secret
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.ports.tokens import Tokens
from scp_server.providers.answers import Answer, json_object
from scp_server.providers.challenges import demanded_claims
from scp_server.providers.dialect import BatchPart, Dialect
from scp_server.providers.exchange import Exchange
from scp_server.providers.moments import http_date
from scp_server.providers.quota import Governor

T = TypeVar("T")

Outcome = Literal["ok", "absent", "unauthorised", "rate_limited", "unavailable", "odd", "refused"]
"""What became of one call, for counters: `odd` is an answer that no API of it gives."""
OnCall = Callable[[str, Outcome], None]
"""Told of every call made: the provider's method name and what became of it."""

TRIES: Final = 4
PATIENCE: Final = 64.0
"""Seconds. A longer wait is the engine's: the stream then says that it is rate limited."""
LONG: Final = 25.0
"""Seconds. Who was waited for so long in vain is left to the engine: consumers should know."""
ABSENT: Final = frozenset({404, 410})
WHOLE_BATCH: Final = frozenset({401, 403, 429})
"""Refusals of a batch that mean each of its parts; any other says something of the batch only."""


def ignore_call(_method: str, _outcome: Outcome) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What all links to one provider share."""

    dialect: Dialect
    exchange: Exchange
    tokens: Tokens
    governor: Governor
    clock: Clock
    chance: Chance
    batch_size: int = 20
    """Calls in one batch request; 1 sends each on its own."""
    tries: int = TRIES
    """How often a call is made that brings nothing, before the engine is told."""
    patience: float = PATIENCE
    on_call: OnCall = ignore_call
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(slots=True, eq=False)
class _Errand:
    """Some asks of one base on their way, and what has come of them so far."""

    open: dict[int, Ask]
    """Those not answered yet, by their place among the asks of the reading."""
    replies: dict[int, Reply] = field(default_factory=dict)
    apart: bool = False
    """Whether batches lead nowhere: the rest goes one by one."""
    fruitless: int = 0
    """Tries in a row that brought nothing."""
    waited: float = 0.0
    """Seconds that these tries took."""

    def next(self) -> dict[int, Ask]:
        """What to ask for now."""
        count = 1 if self.apart else len(self.open)
        return dict(list(self.open.items())[:count])


class HttpLink:
    """A link (ports.link) over HTTP for one session; streams of the same account share quota."""

    def __init__(
        self, line: Line, *, session_pk: int, account: str, endpoints: Mapping[str, str]
    ) -> None:
        self._line = line
        self._session_pk = session_pk
        self._account = account
        self._endpoints = endpoints
        self._answered: dict[str, Ask] = {}
        """By method, the last call that was answered."""

    async def perform(self, reading: Reading[T]) -> T:
        """Make the requests the reading asks for and return what it learned."""
        try:
            asks = next(reading)
            while True:
                try:
                    replies = await self._replies(asks)
                except ProviderError as error:
                    asks = reading.throw(error)
                else:
                    asks = reading.send(replies)
        except StopIteration as end:
            learned: T = end.value
            return learned
        finally:
            reading.close()

    def delayed(self) -> float:
        """Seconds that calls for this account still wait for quota; 0 when they hardly do."""
        return self._line.governor.delayed(self._account)

    # -- many asks -------------------------------------------------------------------------------

    async def _replies(self, asks: tuple[Ask, ...]) -> tuple[Reply, ...]:
        for ask in asks:
            _target(ask, self._endpoints[ask.base].rstrip("/"))
        errands = list(self._errands(asks))
        if len(errands) == 1:
            await self._run(errands[0])
        elif errands:
            await self._run_all(errands)
        done = {place: reply for errand in errands for place, reply in errand.replies.items()}
        return tuple(done[place] for place in range(len(asks)))

    def _errands(self, asks: tuple[Ask, ...]) -> Iterator[_Errand]:
        kinds: dict[tuple[str, str, bool], list[int]] = {}
        for place, ask in enumerate(asks):
            service = self._line.dialect.tariff.service(ask.method)
            kinds.setdefault((ask.base, service, ask.live), []).append(place)
        for (base, _, _), places in kinds.items():
            size = self._line.batch_size if base in self._line.dialect.batch_paths else 1
            for start in range(0, len(places), size):
                yield _Errand({place: asks[place] for place in places[start : start + size]})

    async def _run_all(self, errands: Sequence[_Errand]) -> None:
        failures: list[ScpError] = []

        async def run(errand: _Errand) -> None:
            try:
                await self._run(errand)
            except ScpError as error:
                # The reading fails as a whole, with the first thing that went wrong.
                failures.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for errand in errands:
                group.start_soon(run, errand)
        if failures:
            raise failures[0]

    # -- one errand ------------------------------------------------------------------------------

    async def _run(self, errand: _Errand) -> None:
        renewed = False
        while errand.open:
            before = len(errand.open)
            token, failure = await self._try(errand)
            if failure is None:
                errand.waited = 0.0
                continue
            if isinstance(failure, ConsentLost):
                if renewed:
                    raise failure
                renewed = True
                await self._line.tokens.refused(self._session_pk, token, claims=failure.claims)
                continue
            errand.fruitless = errand.fruitless + 1 if len(errand.open) == before else 1
            failure.lasting = errand.waited >= LONG
            if errand.fruitless < self._line.tries and not failure.lasting:
                await self._pause(failure, errand.fruitless)
            elif not await self._goes_on(errand, failure):
                raise failure

    async def _goes_on(self, errand: _Errand, failure: ProviderError) -> bool:
        """Whether an errand that led nowhere goes on, taken apart or without the item it failed on.

        It does when single items fail of which others are independent, and the provider is there.
        """
        asked = errand.next()
        if not _of_one_item(failure) or not all(ask.one_of_many for ask in asked.values()):
            return False
        if len(asked) > 1:
            # Whose fault it is shows when each goes by itself; those of which a batch has brought
            # all the others were tried often enough.
            errand.apart, errand.fruitless = True, self._line.tries - 1 if errand.replies else 0
            return True
        ((place, ask),) = asked.items()
        if not await self._others_are_answered(ask, alone=len(errand.open | errand.replies) == 1):
            return False
        errand.replies[place] = Reply(body={}, failed=failure.message)
        del errand.open[place]
        errand.fruitless = 0
        return True

    async def _others_are_answered(self, ask: Ask, *, alone: bool) -> bool:
        """Whether a call that was answered before is so now: then a failure is the item's own.

        One of the same method; for an item that was asked for alone any other will do.
        """
        witness = self._answered.get(ask.method)
        if witness is None and alone:
            others = (other for other in self._answered.values() if other.base == ask.base)
            witness = next(others, None)
        if witness is None:
            return False
        check = _Errand({0: witness})
        try:
            await self._try(check)
        except ProviderError:
            return False
        return not check.open

    async def _try(self, errand: _Errand) -> tuple[Secret, ProviderError | None]:
        asked = errand.next()
        live = next(iter(asked.values())).live
        methods = [ask.method for ask in asked.values()]
        async with self._line.governor.spend(
            self._account, methods, live=live, session_pk=self._session_pk
        ) as calls:
            # What the quota has no room for now is asked for next.
            asked = dict(list(asked.items())[:calls])
            asks = list(asked.values())
            token = await self._line.tokens.access_token(self._session_pk)
            began = self._line.clock.monotonic()
            try:
                answers = await self._exchange(asks, token)
            except (ProviderUnavailable, ProviderProtocolError) as error:
                unreadable = len(asks) > 1 and isinstance(error, ProviderProtocolError)
                errand.apart = errand.apart or unreadable
                for ask in asks:
                    self._line.on_call(ask.method, _outcome(error))
                return token, error
            finally:
                errand.waited += self._line.clock.monotonic() - began
        return token, self._settle(errand, asked, answers)

    def _settle(
        self, errand: _Errand, asked: Mapping[int, Ask], answers: Sequence[Answer | None]
    ) -> ProviderError | None:
        """Keep what was answered; return the failure that is worth another try.

        Raises: ProviderError, when there is one that is not.
        """
        failures: list[tuple[int, ProviderError]] = []
        for (place, ask), answer in zip(asked.items(), answers, strict=True):
            try:
                reply = self._reply(ask, answer)
            except ProviderError as error:
                failures.append((_gravity(ask, error), error))
                self._line.on_call(ask.method, _outcome(error))
            else:
                errand.replies[place] = reply
                del errand.open[place]
                self._answered[ask.method] = ask
                self._line.governor.granted(self._account, ask.method)
                self._line.on_call(ask.method, "absent" if reply.absent else "ok")
        self._slow_down(next(iter(asked.values())), [error for _, error in failures])
        gravity, worst = min(failures, key=lambda failed: failed[0], default=(None, None))
        if worst is not None and gravity == HOPELESS:
            raise worst
        return worst

    def _reply(self, ask: Ask, answer: Answer | None) -> Reply:
        if answer is None:
            raise ProviderProtocolError("The provider left a part of a batch unanswered.")
        if answer.ok:
            return Reply(body=json_object(answer), at=http_date(answer.headers.get("date", "")))
        error = self._line.dialect.refusal(ask, answer, self._line.clock.now())
        # Only a refusal in the provider's own words says that a thing is gone.
        if ask.absent_ok and answer.status in ABSENT and isinstance(error, RequestRefused):
            return Reply(body={}, absent=True)
        if isinstance(error, ConsentLost):
            error.claims = demanded_claims(answer.headers)
        raise error

    def _slow_down(self, ask: Ask, failures: Sequence[ProviderError]) -> None:
        limited = [e for e in failures if isinstance(e, ProviderRateLimited)]
        if limited:
            # Once for a batch, however many of its parts were refused.
            worst = max(limited, key=lambda e: e.retry_after or 0.0)
            said = None if worst.retry_after is None else backoff.delay(worst, 1, 0.0)
            self._line.governor.refused(
                self._account,
                ask.method,
                said,
                jitter=self._line.chance.uniform(),
                at_once=all(e.at_once for e in limited),
            )

    async def _pause(self, failure: ProviderError, fruitless: int) -> None:
        if isinstance(failure, ProviderRateLimited):
            # The governor holds the account still; waiting for it is all there is to do.
            if failure.retry_after is not None and failure.retry_after > self._line.patience:
                raise failure
            return
        if isinstance(failure, ProviderUnavailable) and _beyond(failure, self._line.patience):
            raise failure
        chance = self._line.chance.uniform()
        await self._line.sleep(backoff.delay(failure, fruitless, chance))

    # -- one request -----------------------------------------------------------------------------

    async def _exchange(self, asks: Sequence[Ask], token: Secret) -> list[Answer | None]:
        base = self._endpoints[asks[0].base].rstrip("/")
        if len(asks) == 1:
            url = base + _target(asks[0], base)
            return [await self._line.exchange.get(url, token, asks[0].headers)]
        dialect = self._line.dialect
        batch = dialect.write_batch(
            [BatchPart(target=_target(ask, base), headers=ask.headers) for ask in asks]
        )
        url = base + dialect.batch_paths[asks[0].base]
        answer = await self._line.exchange.post(url, token, batch)
        if answer.ok:
            return dialect.read_batch(answer, len(asks))
        if answer.status in WHOLE_BATCH or answer.status >= 500:
            return [answer] * len(asks)
        raise ProviderProtocolError(
            f"{dialect.name} answered {answer.status} to a batch request; if it goes on doing so, "
            f"set SCP_{dialect.name.upper()}__BATCH_SIZE=1."
        )


HOPELESS: Final = 0
_PLAIN: Final = re.compile(r"/[!-~]*")
"""What may follow the base of an address: nothing that needs escaping, no end of a line."""


def _gravity(ask: Ask, error: ProviderError) -> int:
    if isinstance(error, ConsentLost):
        return 1
    if isinstance(error, ProviderRateLimited):
        return 2
    passing = isinstance(error, ProviderUnavailable | ProviderProtocolError)
    return 3 if passing or (ask.one_of_many and _of_one_item(error)) else HOPELESS


def _of_one_item(error: ProviderError) -> bool:
    """Whether it may be that a single item cannot be given, and all else can."""
    return isinstance(error, ProviderUnavailable | ProviderProtocolError | RequestRefused)


def _beyond(failure: ProviderUnavailable, patience: float) -> bool:
    return failure.retry_after is not None and failure.retry_after > patience


def _outcome(error: ProviderError) -> Outcome:
    match error:
        case ConsentLost():
            return "unauthorised"
        case ProviderRateLimited():
            return "rate_limited"
        case ProviderUnavailable():
            return "unavailable"
        case ProviderProtocolError():
            return "odd"
        case _:
            return "refused"


def _target(ask: Ask, base: str) -> str:
    """Path and query of an ask. Its path is percent-encoded already.

    Raises: ProviderProtocolError for a link that leads away from `base`: the token stays here.
    """
    if ask.link is not None:
        target = ask.link.removeprefix(base)
        if len(target) == len(ask.link) or not _PLAIN.fullmatch(target):
            raise ProviderProtocolError(
                f"The provider's answer to {ask.method} leads to another address than its own; "
                "it is not followed."
            )
        return target
    return f"{ask.path}?{urlencode(ask.params)}" if ask.params else ask.path
