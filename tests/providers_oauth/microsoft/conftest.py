from collections.abc import AsyncIterator

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.microsoft_sign_in import ScriptedMicrosoft, scripted_microsoft
from support.time_and_chance import TurnedClock

from scp_server.providers.microsoft.oauth import MicrosoftAuthority


@pytest.fixture
async def microsoft(clock: TurnedClock, key: rsa.RSAPrivateKey) -> AsyncIterator[ScriptedMicrosoft]:
    async with scripted_microsoft(clock, key) as microsoft:
        yield microsoft


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
def authority(
    microsoft: ScriptedMicrosoft, http: aiohttp.ClientSession, clock: TurnedClock
) -> MicrosoftAuthority:
    return MicrosoftAuthority(microsoft.endpoints(), http, clock)
