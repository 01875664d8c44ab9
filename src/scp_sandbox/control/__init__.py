"""The control API under `/sandbox/`: what a test or a demo turns, orders and reads.

JSON both ways, loopback only. `{email}` is a user's address.

- `GET state`: users with addresses and counts; `GET|POST clock {advance}` (seconds).
- `GET users/{email}/messages`: ids as the default listing has them (`?all=true`: all);
  `POST users/{email}/mail {count}` or `{subject, from, from_name, body, shape, thread_id, labels}`;
  `POST users/{email}/messages/{id}/labels {add, remove, thread}` and
  `…/{id}/trash|untrash|delete|read|unread {thread}`.
- `GET users/{email}/events`: ids by calendar; `POST users/{email}/events {calendar, summary,
  start, end, …}`, `…/events/{id}/update {…}`, `/move {minutes}`, `/cancel {original}`.
- `POST users/{email}/bustle {mail, events, seed}`: so many random changes.
- `POST|GET|DELETE faults`: see `scp_sandbox.faults.Order`; `path` is a regular expression.
- `POST tokens/expire`, `grants/revoke`, `history/expire`, `sync_tokens/expire`, each `{user}` or
  for everybody.
- `GET|DELETE ledger`: calls, refusals, refreshes, most calls at once; `GET|POST quotas {mode,
  gmail_units_per_minute, calendar_requests_per_minute, gmail_concurrency, refusal}`.
"""
