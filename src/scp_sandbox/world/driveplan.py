"""Plans a drive: which files and folders lie in it before anybody looks. Pure and seeded."""

import hashlib
import random
import string
from dataclasses import replace

from scp_sandbox.world import prose
from scp_sandbox.world.anchor import ANCHOR_MS, DAY_MS
from scp_sandbox.world.node import FOLDER, NATIVE, Node
from scp_sandbox.world.people import COLLEAGUES, User

SPAN_DAYS = 900
FOLDER_SHARE = 0.12
SHARED_SHARE = 0.05
TRASHED_SHARE = 0.04

_ALPHABET = string.ascii_letters + string.digits + "-_"
_KINDS = (
    (26, NATIVE + "document", ""),
    (14, NATIVE + "spreadsheet", ""),
    (6, NATIVE + "presentation", ""),
    (2, NATIVE + "form", ""),
    (18, "application/pdf", ".pdf"),
    (12, "image/jpeg", ".jpg"),
    (6, "image/png", ".png"),
    (6, "text/plain", ".txt"),
    (4, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    (3, "application/zip", ".zip"),
    (3, "video/mp4", ".mp4"),
)
_FOLDERS = (
    "Projects",
    "Receipts",
    "Survey 2026",
    "Travel",
    "写真",
    "Vorlagen für Köln",
    "O'Marlowe's",
)


def new_id(rng: random.Random) -> str:
    """33 characters, as ids of files are."""
    return "1" + "".join(rng.choices(_ALPHABET, k=32))


def plan_drive(user: User, seed: int, count: int) -> tuple[Node, list[Node]]:
    """A drive's root, and its `count` other nodes in order of their last change."""
    rng = random.Random(f"{seed}/{user.sub}/files")  # noqa: S311
    root = _root(user, rng)
    folders = [_folder(rng, user, root)]
    while len(folders) < max(1, round(count * FOLDER_SHARE)):
        folders.append(_folder(rng, user, rng.choice([root, *folders[-6:]])))
    folders = folders[:count]
    shared = round(count * SHARED_SHARE)
    nodes = [
        _file(rng, user, rng.choice([root, *folders])) for _ in range(count - len(folders) - shared)
    ]
    nodes += [_shared(rng, user) for _ in range(count - len(folders) - len(nodes))]
    planned = _binned(rng, [*folders, *nodes], folders[-3:])
    ordered = sorted(planned, key=lambda n: n.modified_us)
    # Their times are made to differ, so that every order is a strict one.
    return root, [
        replace(
            n, change=place + 2, modified_us=n.modified_us + place, changed_us=n.modified_us + place
        )
        for place, n in enumerate(ordered)
    ]


def _root(user: User, rng: random.Random) -> Node:
    born = (ANCHOR_MS - SPAN_DAYS * DAY_MS) * 1000
    return Node(
        id="0A" + "".join(rng.choices(_ALPHABET, k=11)) + "Uk9PVA",
        name="My Drive",
        mime_type=FOLDER,
        parent=None,
        owner=user.person,
        change=1,
        created_us=born,
        modified_us=born,
        changed_us=born,
    )


def _folder(rng: random.Random, user: User, parent: Node) -> Node:
    name = f"{rng.choice(_FOLDERS)} {rng.randint(1, 99)}"
    return _node(rng, user, name, FOLDER, parent)


def _file(rng: random.Random, user: User, parent: Node | None) -> Node:
    _, mime_type, ending = rng.choices(_KINDS, [weight for weight, _, _ in _KINDS])[0]
    subject = prose.subject(rng, user.person.tongue)
    return _node(rng, user, subject + ending, mime_type, parent)


def _shared(rng: random.Random, user: User) -> Node:
    node = _file(rng, user, None)
    return replace(node, owner=rng.choice(COLLEAGUES), shared=True, shared_us=node.modified_us)


def _node(rng: random.Random, user: User, name: str, mime_type: str, parent: Node | None) -> Node:
    modified = (ANCHOR_MS - int(SPAN_DAYS * DAY_MS * rng.random() ** 2)) * 1000
    born = (ANCHOR_MS - SPAN_DAYS * DAY_MS) * 1000
    words = "" if mime_type == FOLDER else prose.sentences(rng, user.person.tongue, 3)
    sized = not mime_type.startswith(NATIVE)
    return Node(
        id=new_id(rng),
        name=name,
        mime_type=mime_type,
        parent=parent.id if parent else None,
        owner=user.person,
        change=0,
        created_us=max(born, modified - rng.randrange(60 * DAY_MS) * 1000),
        modified_us=modified,
        changed_us=modified,
        size=int(rng.lognormvariate(11, 2)) if sized else None,
        md5=hashlib.md5(words.encode(), usedforsecurity=False).hexdigest() if sized else None,
        words=words,
        starred=rng.random() < 0.05,
        shared=rng.random() < 0.1,
        version=rng.randint(1, 60),
    )


def _binned(rng: random.Random, nodes: list[Node], disposable: list[Node]) -> list[Node]:
    """Some are in the bin, and so is what lies in those of them that are folders."""
    mine = [n.id for n in nodes if n.parent and (n.mime_type != FOLDER or n in disposable)]
    chosen = set(rng.sample(mine, min(len(mine), round(len(nodes) * TRASHED_SHARE))))
    parents = {n.id: n.parent for n in nodes}

    def trashed(identity: str | None) -> bool:
        while identity is not None:
            if identity in chosen:
                return True
            identity = parents.get(identity)
        return False

    return [replace(n, binned=n.id in chosen, trashed=trashed(n.id)) for n in nodes]
