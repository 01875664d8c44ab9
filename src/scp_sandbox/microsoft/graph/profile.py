"""`GET /me` and `GET /oidc/userinfo`: who the caller is."""

from typing import Any

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.graph.asked import Asked, Method, path
from scp_sandbox.microsoft.graph.entities import Kind, single
from scp_sandbox.microsoft.identity.documents import userinfo

_USER: Kind[Account] = Kind(
    name="user",
    properties={
        "businessPhones": lambda _, __: [],
        "displayName": lambda a, _: a.name,
        "givenName": lambda a, _: a.name.partition(" ")[0],
        "jobTitle": lambda _, __: None,
        "mail": lambda a, _: a.email,
        "mobilePhone": lambda _, __: None,
        "officeLocation": lambda _, __: None,
        "preferredLanguage": lambda _, __: None,
        "surname": lambda a, _: a.name.partition(" ")[2],
        "userPrincipalName": lambda a, _: a.email,
        "id": lambda a, _: _identity(a),
    },
)


def profile_methods() -> tuple[Method, ...]:
    """`/me` and `/oidc/userinfo`."""
    return (
        Method(
            service="identity",
            name="me.get",
            path=path("/me"),
            scopes=frozenset(("User.Read", "User.ReadBasic.All")),
            answer=_profile,
        ),
        Method(
            service="identity",
            name="userinfo.get",
            path=path("/oidc/userinfo"),
            scopes=frozenset(("openid",)),
            answer=_userinfo,
        ),
    )


def _userinfo(asked: Asked) -> Reply:
    return asked.reply(userinfo(asked.account, tuple(asked.scopes)))


def _profile(asked: Asked) -> Reply:
    return single(_USER, asked.account, asked, context="users")


def _identity(account: Account) -> Any:  # noqa: ANN401
    """Personal accounts have the last 16 digits of the object id here."""
    return account.oid.replace("-", "")[-16:] if account.personal else account.oid
