"""An account's OneDrive, over the drive that both providers share.

What others share with the user lies in no folder of the user's, so not here; what is in the bin
is gone here. Google's own documents are Office documents.
"""

import base64
import hashlib

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.graph.errors import GraphError
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import Node

APPLY, UPLOAD = "resyncChangesApplyDifferences", "resyncChangesUploadDifferences"


def resync(code: str = APPLY) -> GraphError:
    """410 for a delta token whose changes are no longer known."""
    words = "Resync required. Replace any local items with the server's version."
    return GraphError(status=410, code=code, message=words, inner_code=code)


class Files:
    """The files and folders of one account."""

    def __init__(self, account: Account, *, seed: int, count: int, clock: Clock) -> None:
        self.account = account
        self.drive = Drive(account.user, seed=seed, count=count, clock=clock)
        self.loss = resync()
        digest = hashlib.sha256(f"drive/{account.oid}".encode()).digest()
        self._opening = base64.b32encode(digest[:4]).decode()[:6]
        self.id = digest[:8].hex().upper() if account.personal else _business_id(digest)
        self._known: dict[str, str] = {}

    def stands(self, node: Node) -> bool:
        """Whether a node is here."""
        return not node.removed and not node.trashed

    def own(self, node: Node) -> bool:
        """Whether a node lies, or lay, in the user's own drive."""
        return node.parent is not None

    def id_of(self, identity: str) -> str:
        """A node's id as OneDrive has it, in the fashion of the account's kind."""
        digest = hashlib.sha256(identity.encode()).digest()
        if self.account.personal:
            return f"{self.id}!s{digest[:16].hex()}"
        return f"01{self._opening}{base64.b32encode(digest[:20]).decode()[:26]}"

    def found(self, text: str) -> Node | None:
        """The node of an id; None when there is none."""
        if text.lower() == "root" or text == self.id_of(self.drive.root.id):
            return self.drive.root
        if text not in self._known:
            self._known = {self.id_of(node.id): node.id for node in self.drive}
        node = self.drive.get(self._known.get(text, ""))
        return node if node and self.stands(node) and self.own(node) else None

    def children(self, node: Node) -> list[Node]:
        """What lies directly in a folder, by name."""
        found = (child for child in self.drive.children(node.id) if self.stands(child))
        return sorted(found, key=lambda child: (child.name.lower(), child.id))

    def forget_changes(self, loss: GraphError | None = None) -> None:
        """Lets every delta token given out so far die, to be refused with `loss`."""
        self.drive.forget_changes()
        self.loss = loss or resync()


def _business_id(digest: bytes) -> str:
    return "b!" + base64.urlsafe_b64encode(digest + digest).decode()[:64]
