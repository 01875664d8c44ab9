"""Grants taken back and tokens that expire early, as users and orders have it."""

from scp_sandbox.oauth.clients import Client
from scp_sandbox.oauth.grants import Grants
from scp_sandbox.oauth.tokens import TokenMint
from scp_sandbox.world.people import User


class Revocation:
    """Ends tokens before their time."""

    def __init__(self, *, mint: TokenMint, grants: Grants, client: Client) -> None:
        self._mint = mint
        self._grants = grants
        self._client = client

    def expire(self, user: User | None) -> None:
        """Lets access tokens given out so far expire, a user's or everybody's."""
        self._mint.expire_access(user.sub if user else None)

    def revoke(self, user: User | None) -> None:
        """Takes a user's grant back, or everybody's; the next consent is a first one again."""
        if user is None:
            self._mint.revoke_all()
            self._grants.forget_all()
            return
        self._mint.revoke(user.sub, self._client.id)
        self._grants.forget(user.sub, self._client.id)
