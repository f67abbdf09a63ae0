"""Shows that each check can fail: a copy of a sound run is damaged in one way
after the other, and the check that guards it has to say so.

Nothing of the run itself is touched.
"""
import copy
import os
import shutil
import tempfile

import checks


def first(run, sql):
    rows = run.database.rows(sql)
    if not rows:
        raise LookupError(f"the run has nothing to damage: {sql}")
    return rows[0]


def sql(*statements):
    return lambda run: run.database.run(*statements)


def one(table, condition="1 = 1"):
    """The first row of a table."""
    return f"id = (SELECT MIN(id) FROM {table} WHERE {condition})"


def twice(table, condition="1 = 1", **changes):
    """A row is there twice; where a column must be unique, `changes` say what the copy has."""
    def damage(run):
        row = first(run, f"SELECT * FROM {table} WHERE {condition} ORDER BY id LIMIT 1")
        row.update(changes, id="0" * 26)
        values = ", ".join("NULL" if value is None else "'" + str(value).replace("'", "''") + "'" for value in row.values())
        run.database.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})")
    return damage


def other_answer(kind):
    """A client was told of two things by one key."""
    def damage(run):
        next(iter(run.records[kind].values()))["ids"].append("thing_" + "0" * 26)
    return damage


def outcome(key, value):
    return lambda run: run.outcome.update({key: value})


def found_otherwise(run):
    found = next(iter(run.outcome["found"].values()))
    slug = next(iter(found))
    found[slug] = not found[slug]


def forget_payment(run):
    run.gateway.payments.pop(next(ref for ref, p in run.gateway.payments.items() if p["status"] == "paid"))


def in_file(name, content, mode=0o600):
    def damage(run):
        path = os.path.join(run.data[0], name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
    return damage


def in_log(line):
    def damage(run):
        with open(run.logs[0], "a") as file:
            file.write(line.format(**run.keys) + "\n")
    return damage


STORM = "email LIKE '%@storm.example'"
THOUGHT = "body LIKE 'A thought%'"
BOUGHT = "order_id IS NOT NULL"

DAMAGES = [
    ("answers", "a client was told INTERNAL", outcome("problems", ["INTERNAL"])),
    ("accounts", "an account is gone", sql(f"DELETE FROM user_account WHERE {one('user_account', STORM)}")),
    ("accounts", "somebody cannot sign in", outcome("cannot_sign_in", ["a@storm.example"])),
    ("orders", "an order is gone", sql(f"DELETE FROM customer_order WHERE {one('customer_order')}")),
    ("orders", "two orders for one key", other_answer("orders")),
    ("orders", "an order has another price", sql(f"UPDATE customer_order SET amount_minor = 1 WHERE {one('customer_order')}")),
    ("paid_orders", "a paid order is open", sql("UPDATE customer_order SET state = 'placed' WHERE "
                                                + one("customer_order", "state = 'paid'"))),
    ("paid_orders", "an open order is paid", sql("UPDATE customer_order SET state = 'paid' WHERE "
                                                 + one("customer_order", "state <> 'paid'"))),
    ("paid_orders", "the provider does not know a payment", forget_payment),
    ("entitlements", "one is gone", sql(f"DELETE FROM entitlement WHERE {one('entitlement', BOUGHT)}")),
    ("entitlements", "one too many", twice("entitlement", BOUGHT, order_id="0" * 26)),
    ("entitlements", "one is revoked", sql("UPDATE entitlement SET revoked_at = 'x' WHERE "
                                           + one("entitlement", "revoked_at IS NULL AND " + BOUGHT))),
    ("refunds", "one is gone", sql(f"DELETE FROM refund WHERE {one('refund')}")),
    ("refunds", "one is there twice", twice("refund", refund_ref="0" * 26, idempotency_key="another")),
    ("refunds", "an order tells another sum", sql(f"UPDATE customer_order SET refunded_minor = 7 WHERE {one('customer_order')}")),
    ("ledger", "an entry is there twice", twice("ledger_entry")),
    ("ledger", "a transaction is gone", sql("DELETE FROM ledger_entry WHERE transaction_id = (SELECT MIN(id) FROM ledger_transaction)")),
    ("webhooks", "one is gone", sql(f"DELETE FROM webhook_inbox WHERE {one('webhook_inbox')}")),
    ("webhooks", "one is there twice", twice("webhook_inbox", account="another")),
    ("comments", "one is gone", sql(f"DELETE FROM comment WHERE {one('comment', THOUGHT)}")),
    ("comments", "one is there twice", twice("comment", THOUGHT, idempotency_key="another")),
    ("courses", "one is gone", sql("DELETE FROM course WHERE " + one("course", "slug LIKE 'storm-%'"))),
    ("courses", "one is hidden", sql("UPDATE course SET status = 'draft' WHERE "
                                     + one("course", "slug LIKE 'storm-%' AND status = 'published'"))),
    ("courses", "an update is lost", sql("""DELETE FROM revision WHERE number > 1 AND subject_id IN
        (SELECT id FROM course WHERE slug LIKE 'storm-%')""")),
    ("events", "one is gone", sql("DELETE FROM outbox WHERE position = (SELECT MIN(position) FROM outbox WHERE name = 'order.paid')")),
    ("events", "one is there twice", sql("""INSERT INTO outbox (position, name, subject_type, subject_id, data, occurred_at)
        SELECT (SELECT MAX(position) + 1 FROM outbox), name, subject_type, subject_id, data, occurred_at FROM outbox
        WHERE position = (SELECT MIN(position) FROM outbox WHERE name = 'comment.added')""")),
    ("events", "a consumer is behind", sql("UPDATE outbox_consumer SET position = position - 1")),
    ("search", "the index tells otherwise", found_otherwise),
    ("settled", "a payment needs a person", sql("""INSERT INTO payment_incident (id, provider, account, kind, detail, dedupe_key,
        created_at) VALUES ('0', 'sandbox', 'a', 'test', 'x', 'x', 'x')""")),
    ("settled", "a refund is under way", sql(f"UPDATE refund SET state = 'processing' WHERE {one('refund')}")),
    ("integrity", "a foreign key points at nothing", sql(f"DELETE FROM payment WHERE {one('payment')}")),
    ("files", "half a key", in_file("secrets/plugin.key", b"half")),
    ("files", "an empty file", in_file("plugin-usage.json", b"")),
    ("files", "a file that was begun", in_file("running.json.77-1", b"{")),
    ("files", "others may read", in_file("secrets/extra", b"x", 0o644)),
    ("starts", "one failed", outcome("failed_starts", ["exit 1"])),
    ("starts", "one was slow", outcome("starts", {"node 0": [checks.SLOWEST_START_SECONDS + 1]})),
    ("starts", "the end was no end", outcome("exit_codes", {"node 0": 101})),
    ("logs", "a panic", in_log("thread 'main' panicked at x.rs:1")),
    ("logs", "a secret", in_log("sent with {api_key}")),
]


def self_test(stored, folder):
    """Whether every damage was noticed by its check, and each check by one at least."""
    unnoticed, tried = 0, set()
    for number, (name, what, damage) in enumerate(DAMAGES):
        check = getattr(checks, name)
        with tempfile.TemporaryDirectory(prefix="lyceum-storm-damage-") as place:
            run = copied(stored(folder)[0], place, number)
            try:
                before = set(check(run))
                damage(run)
                noticed = set(check(run)) - before
            finally:
                if run.database.name == "PostgreSQL":
                    run.database.drop()
        tried.add(name)
        unnoticed += not noticed
        print(f"  {name:<14} {what:<40} {'noticed: ' + sorted(noticed)[0][:80] if noticed else 'NOT NOTICED'}")
    for check in checks.ALL:
        if check.__name__ not in tried:
            unnoticed += 1
            print(f"  {check.__name__}: nothing shows that it can fail")
    print("each check can fail" if not unnoticed else f"{unnoticed} damages went unnoticed")
    return not unnoticed


def copied(run, place, number):
    """A run of which everything may be damaged."""
    data, log = os.path.join(place, "data"), os.path.join(place, "log")
    shutil.copytree(run.data[0], data, ignore=shutil.ignore_patterns("lyceum.db*"))
    shutil.copyfile(run.logs[0], log)
    database = run.database.copy(os.path.join(place, f"copy{number}"))
    return checks.Run(database, copy.deepcopy(run.records), run.gateway, [data], [log], run.keys, copy.deepcopy(run.outcome))
