"""The control API under `/sandbox/`: what a test or a demo turns, orders and reads.

JSON both ways, loopback only. `{email}` is a user's address.

- `GET state`: users with addresses and counts; `GET|POST clock {advance}` (seconds).
- `GET users/{email}/messages`: ids as the default listing has them (`?all=true`: all);
  `POST users/{email}/mail {count}` or `{subject, from, from_name, body, shape, thread_id, labels}`;
  `POST users/{email}/messages/{id}/labels {add, remove, thread}` and
  `…/{id}/trash|untrash|delete|read|unread {thread}`.
- `GET users/{email}/events`: events by calendar (`?all=true`: deleted ones too);
  `POST users/{email}/events {calendar, summary, start, end, …}`, `…/events/{id}/update {…}`,
  `/move {minutes}`, `/cancel {original}`.
- `GET users/{email}/contacts`: ids (the world's own and Google's `resourceName`), names and more;
  `POST users/{email}/contacts {given, family, emails, phones, company, title, notes}`,
  `…/contacts/{id}/update {…}`, `/delete`, `/merge {other}`, `/rename` (another `resourceName`).
  `{id}` is either of the two.
- `GET users/{email}/files` (`?all=true`: trashed ones too);
  `POST users/{email}/files {name, mime_type, parent, words, size, shared_by}`,
  `…/files/{id}/update {name, description, starred, shared}`, `/edit {words}`, `/move {parent}`,
  `/trash`, `/untrash`, `/delete`.
- `POST users/{email}/bustle {mail, events, contacts, files, seed}`: so many random changes.
- `POST|GET|DELETE faults`: see `scp_sandbox.faults.Order`; `path` is a regular expression.
- `POST tokens/expire`, `grants/revoke`, `history/expire` (Gmail), `sync_tokens/expire` (Calendar
  and People; Drive's never die), each `{user}` or for everybody.
- `GET channels`: Google's watches that stand. Nothing is ever sent to their addresses.
- `GET|DELETE ledger`: calls, refusals, refreshes, most calls at once; `GET|POST quotas {mode,
  gmail_units_per_minute, calendar_requests_per_minute, gmail_concurrency, people_reads_per_minute,
  people_full_syncs_per_minute, drive_units_per_minute, refusal}`.
"""
