"""The control API under `/sandbox/outlook/`: what a test or a demo turns, orders and reads here.

JSON both ways, loopback only, beside `scp_sandbox.control` (whose clock and faults are for this
Microsoft, too). `{email}` is an account's address, `{id}` an item's id in any of its spellings.

- `GET /sandbox/outlook`: accounts with addresses, ids, tenants, counts and standing.
- `GET {email}/folders`; `POST {email}/folders {name, parent}`, `…/folders/{id}/rename {name}`,
  `…/folders/{id}/delete`. Folders go by id or well-known name.
- `GET {email}/messages`: `{count, messages: [{id, immutableId, folder, folderId, …}]}`, newest
  first (`?folder=inbox` for one); `POST {email}/mail {count}` or `{subject, from, from_name, body,
  shape, folder, conversation}` (`conversation`: a message's id to answer);
  `POST {email}/messages/{id}/move {folder}`, `/mark {read, flagged, importance}`,
  `/categorise {categories}`, `/bin` (to Deleted Items), `/delete` (for good).
- `GET {email}/events` (single events and series; `?start=…&end=…`: what that window shows),
  `POST {email}/events {subject, start, end, zone, recurrence, description, location}`,
  `…/events/{id}/update {…}`, `/move {minutes}`, `/delete`; an occurrence's id makes an exception.
- `GET|POST {email}/contacts {given, family, emails, …}`, `…/contacts/{id}/update|delete`;
  `GET|POST {email}/files {name, folder, parent, words}`, `…/files/{id}/update|move|trash|delete`.
- `POST {email}/bustle {mail, events, contacts, files, seed}`: so many random changes.
- `POST tokens/expire`, `consent/revoke`, `challenge` (CAE), each `{user}` or for everybody;
  `POST mfa {user, required, error}`; `POST secret {expired}`; `POST mailbox {user, enabled}`.
- `POST delta/expire {user, areas, code, status}`: delta tokens die; `areas` among `mail`,
  `calendar`, `contacts`, `drive`; the usual answer is 410 `SyncStateNotFound`.
- `GET|DELETE ledger`: calls and refusals per account, token counts; `GET|POST quotas {mode,
  requests_per_ten_minutes, concurrency, drive_units_per_minute}`.
"""
