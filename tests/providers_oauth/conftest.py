from collections.abc import AsyncIterator

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.google_sign_in import ScriptedGoogle, scripted_google
from support.time_and_chance import TurnedClock

from scp_server.providers.google.oauth import GoogleAuthority


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def foreign_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def google(clock: TurnedClock, key: rsa.RSAPrivateKey) -> AsyncIterator[ScriptedGoogle]:
    async with scripted_google(clock, key) as google:
        yield google


@pytest.fixture
async def authority(google: ScriptedGoogle, clock: TurnedClock) -> AsyncIterator[GoogleAuthority]:
    async with aiohttp.ClientSession() as http:
        yield GoogleAuthority(google.endpoints(), http, clock)
