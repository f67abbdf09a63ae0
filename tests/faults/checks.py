"""What must hold after a storm. Each check returns what is wrong, one line a violation.

A check reads the database itself, beside the server, and compares it with what
the clients were answered (`Records`) and with what the provider wrote down.
"""
import collections
import dataclasses
import json
import os
import re

from clients import bare

# A kill may cut a start off anywhere, so the slowest start is no measure; one of these is.
SLOWEST_START_SECONDS = 15


@dataclasses.dataclass
class Run:
    """A run that has ended: the folder holds everything else."""
    database: object
    records: dict
    gateway: object
    data: list
    logs: list
    keys: dict
    outcome: dict


def duplicates(things):
    return [thing for thing, n in collections.Counter(things).items() if n > 1]


def answered(run, kind, rows):
    """Every key was answered with one id, and that row is there."""
    there = {row["id"] for row in rows}
    for key, record in run.records[kind].items():
        if len(record["ids"]) != 1:
            yield f"{kind} {key}: one key was answered with {record['ids']}"
        for id in record["ids"]:
            if bare(id) not in there:
                yield f"{kind} {key}: {id} was answered and is not there"


def accounts(run):
    rows = run.database.rows("SELECT id, email FROM user_account")
    yield from answered(run, "accounts", rows)
    for email in duplicates(row["email"] for row in rows):
        yield f"two accounts of {email}"
    yield from run.outcome["cannot_sign_in"]


def buyer(key):
    return key.rsplit("-", 1)[0]


def orders(run):
    rows = run.database.rows("SELECT id, user_id, idempotency_key AS key, amount_minor AS minor FROM customer_order")
    yield from answered(run, "orders", rows)
    for key in duplicates((row["user_id"], row["key"]) for row in rows):
        yield f"two orders of one key: {key}"
    by_id = {row["id"]: row for row in rows}
    for key, record in run.records["orders"].items():
        row = by_id.get(bare(record["ids"][0]))
        # What is bought once has one open order, whichever key of its buyer made it.
        if row and (buyer(row["key"]), row["minor"]) != (buyer(key), record["amount"]["minor"]):
            yield f"order {key} was answered otherwise than it is kept: {row}"


PAID = {"paid": "paid", "failed": "canceled", "closed": "canceled", "open": "placed"}


def paid_orders(run):
    """Orders are as the provider says, and each is told of once."""
    rows = run.database.rows("""SELECT o.id, o.state, o.paid_at, p.merchant_ref AS ref, p.amount_minor AS minor
        FROM customer_order o LEFT JOIN payment p ON p.order_id = o.id""")
    for row in rows:
        theirs = run.gateway.payments.get(row["ref"], {"status": "open"})
        if row["state"] != PAID[theirs["status"]]:
            yield f"order {row['id']} is {row['state']}, its payment {theirs['status']} at the provider"
        if (row["state"] == "paid") != (row["paid_at"] is not None):
            yield f"order {row['id']} is {row['state']} with paid_at {row['paid_at']}"
    ours = {row["ref"] for row in rows}
    for reference, payment in run.gateway.payments.items():
        if reference not in ours:
            yield f"the provider has {payment['status']} payment {reference}, which belongs to no order"


def entitlements(run):
    """A paid order has one, which ends when all of the money went back."""
    rows = run.database.rows("""SELECT o.id, o.state, o.refunded_minor AS refunded, o.amount_minor AS minor,
        COUNT(e.id) AS n, COUNT(e.revoked_at) AS revoked
        FROM customer_order o LEFT JOIN entitlement e ON e.order_id = o.id
        GROUP BY o.id, o.state, o.refunded_minor, o.amount_minor""")
    for row in rows:
        if row["n"] != (row["state"] == "paid"):
            yield f"order {row['id']} is {row['state']} and has {row['n']} entitlements"
        elif row["n"] and row["revoked"] != (row["refunded"] >= row["minor"]):
            yield f"order {row['id']}: {row['refunded']} of {row['minor']} went back, revoked: {row['revoked']}"
    for row in run.database.rows("""SELECT id, order_id FROM entitlement WHERE order_id IS NOT NULL
            AND order_id NOT IN (SELECT id FROM customer_order)"""):
        yield f"entitlement {row['id']} of an order that does not exist"


def refunds(run):
    rows = run.database.rows("""SELECT r.id, r.refund_ref AS ref, r.amount_minor AS minor, r.state, p.order_id,
        r.idempotency_key AS key, r.requested_by AS who FROM refund r JOIN payment p ON p.id = r.payment_id""")
    keys = [(row["who"], row["key"]) for row in rows]
    for key in duplicates(keys):
        yield f"two refunds of one key: {key}"
    found = {(row["key"], row["order_id"], row["minor"]) for row in rows}
    for key, record in run.records["refunds"].items():
        if (key, bare(record["order"]), record["minor"]) not in found:
            yield f"refund {key} of {record['minor']} was answered and is not there"
    ours = {(row["ref"], row["minor"]) for row in rows if row["state"] == "succeeded"}
    theirs = {(refund["refundRef"], refund["amountMinor"]) for refund in run.gateway.refunds.values()}
    for ref, minor in ours ^ theirs:
        yield f"refund {ref} of {minor} is {'only here' if (ref, minor) in ours else 'only at the provider'}"
    sums = collections.Counter()
    for row in rows:
        sums[row["order_id"]] += row["minor"] * (row["state"] == "succeeded")
    for row in run.database.rows("SELECT id, refunded_minor AS minor FROM customer_order"):
        if row["minor"] != sums[row["id"]]:
            yield f"order {row['id']} says that {row['minor']} went back, its refunds are {sums[row['id']]}"


def ledger(run):
    entries = run.database.rows("""SELECT e.transaction_id AS tx, a.key, e.currency, CAST(CASE e.side WHEN 'debit'
        THEN e.amount_minor ELSE -e.amount_minor END AS BIGINT) AS minor
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id""")
    by_currency, by_transaction, balance = (collections.Counter() for _ in range(3))
    for entry in entries:
        by_currency[entry["currency"]] += entry["minor"]
        by_transaction[entry["tx"], entry["currency"]] += entry["minor"]
        balance[entry["key"], entry["currency"]] += entry["minor"]
    for what, net in [*by_currency.items(), *by_transaction.items()]:
        if net:
            yield f"the ledger does not balance for {what}: {net}"
    expected = expected_balances(run)
    for account in expected.keys() | balance.keys():
        if balance[account] != expected[account]:
            yield f"account {account} is at {balance[account]}, orders and provider make {expected[account]}"


def expected_balances(run):
    """What orders owe, by our orders; what was paid and went back, by the provider's books."""
    expected = collections.Counter()
    for row in run.database.rows("SELECT id, state, amount_minor AS minor, amount_currency AS currency FROM customer_order"):
        if row["state"] != "canceled" and row["minor"]:
            expected["deferred-revenue", row["currency"]] -= row["minor"]
        if row["state"] == "placed":
            expected[f"receivable:{row['id']}", row["currency"]] = row["minor"]
    for row in run.database.rows("SELECT DISTINCT key, currency FROM ledger_account WHERE key LIKE 'clearing:%'"):
        paid = [p for p in run.gateway.payments.values() if p["status"] == "paid" and p["currency"] == row["currency"]]
        back = sum(payment["refundedMinor"] for payment in paid)
        expected[row["key"], row["currency"]] = sum(payment["amountMinor"] for payment in paid) - back
        expected["refunds", row["currency"]] = back
    return expected


def webhooks(run):
    """What was taken from the provider is in the inbox, once."""
    rows = [row["event_id"] for row in run.database.rows("SELECT event_id FROM webhook_inbox")]
    for event in run.gateway.acknowledged() - set(rows):
        yield f"event {event} was answered with 2xx and is not there"
    for event in duplicates(rows):
        yield f"event {event} is there twice"
    for event in set(rows) - run.gateway.events.keys():
        yield f"event {event} was never sent"


def comments(run):
    rows = run.database.rows("SELECT id, author_id, body, idempotency_key AS key FROM comment WHERE body LIKE 'A thought, number %'")
    yield from answered(run, "comments", rows)
    for author, body in duplicates((row["author_id"], row["body"]) for row in rows):
        yield f"a comment is there twice: {body} of {author}"
    bodies = {row["id"]: row["body"] for row in rows}
    for key, record in run.records["comments"].items():
        id = bare(record["ids"][0])
        if id in bodies and bodies[id] != record["body"]:
            yield f"comment {key} has another text"


def courses(run):
    """Each is as its editor was last told."""
    rows = run.database.rows("SELECT id, slug, status FROM course WHERE slug LIKE 'storm-%'")
    yield from answered(run, "courses", rows)
    titles = {row["course_id"]: row["title"] for row in run.database.rows("SELECT course_id, title FROM course_locale")}
    latest = latest_titles(run)
    for row in rows:
        record = run.records["courses"].get(row["slug"])
        if not record:
            yield f"course {row['slug']} was made, and nobody was told"
            continue
        if (row["status"] == "published") != record["published"]:
            yield f"course {row['slug']} is {row['status']}, its editor was told otherwise"
        if latest.get(row["id"]) != record["title"]:
            yield f"course {row['slug']}: the last saved title is {latest.get(row['id'])}, not {record['title']}"
        if record["published"] and titles.get(row["id"]) != record["shown"]:
            yield f"course {row['slug']} shows {titles.get(row['id'])}, published was {record['shown']}"


def latest_titles(run):
    rows = run.database.rows("""SELECT subject_id, snapshot FROM revision r WHERE subject_type = 'course' AND number =
        (SELECT MAX(number) FROM revision s WHERE s.subject_id = r.subject_id)""")
    return {row["subject_id"]: json.loads(row["snapshot"])["translations"].get("en", {}).get("title") for row in rows}


# What happens once to a thing, and so is told once: the event, and the things that it must tell of.
ONCE = {
    "order.placed": "SELECT id FROM customer_order",
    "order.paid": "SELECT id FROM customer_order WHERE state = 'paid'",
    "order.canceled": "SELECT id FROM customer_order WHERE state = 'canceled'",
    "entitlement.granted": "SELECT id FROM entitlement",
    "entitlement.revoked": "SELECT id FROM entitlement WHERE revoked_at IS NOT NULL",
    "refund.succeeded": "SELECT id FROM refund WHERE state = 'succeeded'",
    "comment.added": "SELECT id FROM comment",
    "course.created": "SELECT id FROM course",
    "user.registered": "SELECT id FROM user_account WHERE email LIKE '%@storm.example'",
}


def events(run):
    """None is lost or doubled, and every consumer has passed them all."""
    rows = run.database.rows("SELECT position, name, subject_id FROM outbox ORDER BY position")
    told = collections.Counter((row["name"], row["subject_id"]) for row in rows)
    for name, sql in ONCE.items():
        for row in run.database.rows(sql):
            if told[name, row["id"]] != 1:
                yield f"{name} of {row['id']} was told {told[name, row['id']]} times"
    yield from events_of_courses(run, told)
    positions = [row["position"] for row in rows]
    for position in duplicates(positions):
        yield f"two events at position {position}"
    # On PostgreSQL numbers are left out by transactions that were not committed.
    if run.database.name == "SQLite" and positions and len(positions) != positions[-1] - positions[0] + 1:
        yield f"{positions[-1] - positions[0] + 1 - len(positions)} positions are missing"
    for row in run.database.rows("SELECT name, position FROM outbox_consumer"):
        if row["position"] != (positions or [0])[-1]:
            yield f"consumer {row['name']} is at {row['position']}, the last event at {(positions or [0])[-1]}"


def events_of_courses(run, told):
    """A publication that was asked for again is told again; hiding what is hidden is not."""
    for slug, record in run.records["courses"].items():
        id = bare(record["ids"][0])
        if told["course.published", id] < record["publishes"]:
            yield f"{slug} was published {record['publishes']} times and told {told['course.published', id]} times"
        if told["course.unpublished", id] != record["unpublishes"]:
            yield f"{slug} was hidden {record['unpublishes']} times and told {told['course.unpublished', id]} times"


def search(run):
    """What was found through each node at the end is what is published."""
    published = {row["slug"] for row in run.database.rows("SELECT slug FROM course WHERE status = 'published'")}
    for port, found in run.outcome["found"].items():
        for slug, hit in found.items():
            if hit != (slug in published):
                yield f"port {port}: {slug} is {'found' if hit else 'not found'} and {'' if slug in published else 'not '}published"


def settled(run):
    """Nothing is left under way, and nothing needs a person."""
    yield from run.outcome["not_settled"]
    for row in run.database.rows("SELECT kind, detail FROM payment_incident"):
        yield f"incident {row['kind']}: {row['detail']}"
    for row in run.database.rows("SELECT id, state FROM refund WHERE state NOT IN ('succeeded', 'failed', 'canceled')"):
        yield f"refund {row['id']} is {row['state']}"
    decided = [ref for ref, payment in run.gateway.payments.items() if payment["status"] != "open"]
    for row in run.database.rows("""SELECT p.merchant_ref AS ref, a.state FROM payment_attempt a
            JOIN payment p ON p.id = a.payment_id WHERE a.state IN ('prepared', 'unknown')"""):
        if row["ref"] in decided:
            yield f"an attempt of payment {row['ref']} is {row['state']}"


def integrity(run):
    yield from run.database.broken()


# A file that is being written, as `replace` of the server names it.
TEMPORARY = re.compile(r"\.\d+-\d+$")
# A mark that says something by being there, and what locks and databases keep.
MAY_BE_EMPTY = re.compile(r"(/lyceum-filled|\.lock|-wal|-shm)$")


def files(run):
    """No half a key, nothing empty, nothing that somebody began to write."""
    for directory in run.data:
        for folder, _, names in os.walk(directory):
            for path in (os.path.join(folder, name) for name in names):
                yield from (f"{path}: {what}" for what in wrong_with_file(path))


def wrong_with_file(path):
    size = os.path.getsize(path)
    if TEMPORARY.search(path):
        yield "was begun and never put in place"
    elif size == 0 and not MAY_BE_EMPTY.search(path):
        yield "is empty"
    if path.endswith(".key") and size != 32:
        yield f"a key of {size} bytes"
    if path.endswith(".json") and size:
        try:
            json.load(open(path))
        except ValueError as error:
            yield str(error)
    if os.stat(path).st_mode & 0o077:
        yield "can be read by others"


def starts(run):
    """Every start became ready, and soon."""
    yield from run.outcome["failed_starts"]
    for node, seconds in run.outcome["starts"].items():
        slow = [round(each, 1) for each in seconds if each > SLOWEST_START_SECONDS]
        if slow:
            yield f"{node} was ready only after {slow} s"
    for node, code in run.outcome["exit_codes"].items():
        if code != 0:
            yield f"{node} ended with {code} when it was told to stop"


def logs(run):
    """No panic, no error, and none of our secrets."""
    for path in run.logs:
        for line in open(path, errors="replace"):
            if re.search(r"panicked at|\bERROR\b|stack backtrace", line):
                yield f"{os.path.basename(path)}: {line.strip()[:300]}"
            if any(key in line for key in run.keys.values()):
                yield f"{os.path.basename(path)}: a secret stands in the log"


def answers(run):
    """No client was told INTERNAL, or got something that it could not use."""
    yield from run.outcome["problems"]


ALL = [answers, accounts, orders, paid_orders, entitlements, refunds, ledger, webhooks, comments, courses, events, search,
       settled, integrity, files, starts, logs]
