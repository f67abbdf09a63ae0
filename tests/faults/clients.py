"""The clients of a storm, and what they were answered.

A client that got no answer asks again, with the same idempotency key, until
there is one: what it was answered then is what the checks hold the server to.
"""
import collections
import http.client
import json
import random
import threading
import time
import urllib.parse

from processes import ADMIN

PASSWORD = "correct horse battery"
# Each is answered in the end, or the storm is not.
ANSWER_SECONDS = 180
# An order that was cut off is looked after before its buyer may go on; she buys other things meanwhile.
ASIDE_SECONDS = 5
# Answers that leave open what happened, or say that it did not: ask again.
AGAIN = {"UNAVAILABLE", "PAYMENT_UNKNOWN", "PAYMENT_PROVIDER_UNAVAILABLE", "QUERY_TIMEOUT"}

REGISTER = """mutation ($email: String!, $password: String!, $name: String!) {
    register(input: { email: $email, password: $password, name: $name }) { accessToken refreshToken user { id } } }"""
SIGN_IN = """mutation ($email: String!, $password: String!) {
    signIn(input: { email: $email, password: $password }) { accessToken refreshToken user { id } } }"""
REFRESH = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { accessToken refreshToken user { id } } }"
ME = "{ me { id } }"
CHECKOUT = """mutation ($plan: ID, $course: ID, $key: String!) {
    checkout(input: { planId: $plan, courseId: $course, provider: "sandbox", returnUrl: "http://localhost:3000/thanks",
        idempotencyKey: $key }) { redirectUrl order { id state amount { minor currency } } } }"""
ORDER = "query ($id: ID!) { order(id: $id) { state } }"
REFUND = """mutation ($order: ID!, $minor: Long!, $key: String!) {
    refundOrder(input: { orderId: $order, amountMinor: $minor, reason: "storm", idempotencyKey: $key }) { refundState } }"""
COMMENT = """mutation ($subject: ID!, $body: String!, $key: String!) {
    addComment(input: { subjectId: $subject, body: $body, idempotencyKey: $key }) { comment { id } } }"""
CREATE = "mutation ($slug: String!, $title: String!) { createCourse(input: { slug: $slug, title: $title }) { course { id } } }"
COURSE = "query ($slug: String!) { course(slug: $slug) { id } }"
UPDATE = "mutation ($id: ID!, $title: String!) { updateCourse(input: { id: $id, title: $title }) { course { id } } }"
PUBLISH = "mutation ($id: ID!) { publishCourse(input: { id: $id }) { course { id } } }"
UNPUBLISH = "mutation ($id: ID!) { unpublishCourse(input: { id: $id }) { course { id } } }"
GOODS = """{ tiers { nodes { plans { nodes { id interval price { minor } } } } }
    courses(first: 50) { nodes { id price { minor } access { granted } } } }"""
SEARCH = "query ($words: String!) { search(query: $words, first: 5) { nodes { node { ... on Course { id } } } } }"


class Refused(Exception):
    """An answer that is an error, and stays one."""

    def __init__(self, code, error):
        super().__init__(f"{code}: {error.get('message')}")
        self.code = code


class Later(Exception):
    """An answer that says to come again."""


class Records:
    """What the clients were answered. Kept in the folder of the run."""

    KINDS = ("accounts", "orders", "refunds", "comments", "courses")

    def __init__(self, stored=None):
        self.lock = threading.Lock()
        self.of = stored or {kind: {} for kind in self.KINDS}
        self.counts = collections.Counter()

    def answered(self, kind, key, id, **more):
        """All ids that one key was answered with are kept: there has to be one."""
        with self.lock:
            self.counts[kind] += 1
            record = self.of[kind].setdefault(key, {"ids": []})
            record.update(more)
            if id not in record["ids"]:
                record["ids"].append(id)
            return record

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


def bare(id):
    return id.rsplit("_", 1)[-1]


class Api:
    """The servers of a run, as a client behind a proxy sees them."""

    def __init__(self, ports, records):
        self.ports, self.records = ports, records
        self.problems = []

    def ask(self, document, variables=None, token=None, patient=True):
        """The data of the answer, however often it has to be asked for. Who is
        not patient is told when the answer was to come again."""
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            answer = self.once(random.choice(self.ports), document, variables, token)
            if answer is None:
                self.records.count("lost")
            elif "errors" not in answer:
                return answer["data"]
            else:
                error = answer["errors"][0]
                code = error.get("extensions", {}).get("code", "?")
                if code == "INTERNAL":
                    self.problem(f"{document.split('(')[1 if '(' in document else 0][:40]}: {error}")
                waits = "retryAfterSeconds" in error.get("extensions", {})
                if code not in AGAIN and code != "INTERNAL" and not waits:
                    raise Refused(code, error)
                self.records.count("again")
                if not patient:
                    raise Later
            time.sleep(0.05)
        self.problem(f"no answer in {ANSWER_SECONDS} s: {document[:80]} {variables}")
        raise Refused("NO_ANSWER", {})

    def problem(self, text):
        with self.records.lock:
            self.problems.append(text)

    def once(self, port, document, variables, token):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = "Bearer " + token
        body = json.dumps({"query": document, "variables": variables or {}})
        answer = request(port, "POST", "/graphql", body, headers)
        try:
            return json.loads(answer[1]) if answer else None
        except ValueError:
            return None


def request(port, method, path, body=None, headers=None):
    """Status, body and location; none when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("location")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Clients:
    """Threads that buy, talk, write and sign in until they are told to stop."""

    def __init__(self, api, records, seed):
        self.api, self.records, self.seed = api, records, seed
        self.running, self.threads, self.failed = True, [], []
        # Orders that were cut off and have to be asked for again, with the time for it.
        self.aside = collections.deque()
        # Where buyers were sent after they decided.
        self.ways_back = {}
        self.admin = self.sign_in(*ADMIN)["accessToken"]
        self.goods = self.for_sale()

    def for_sale(self):
        made = self.api.ask(GOODS, token=self.admin)
        plans = [plan for tier in made["tiers"]["nodes"] for plan in tier["plans"]["nodes"]]
        courses = made["courses"]["nodes"]
        self.readable = [course["id"] for course in courses]
        # Yearly plans begin with a trial, which costs nothing.
        goods = [{"plan": plan["id"]} for plan in plans if plan["interval"] == "MONTH"]
        return goods + [{"course": course["id"]} for course in courses if course["price"] and course["price"]["minor"]]

    def start(self, buyers, others):
        jobs = [self.buys] * buyers + [self.comments, self.writes, self.comes_and_goes] * others
        for number, job in enumerate(jobs):
            thread = threading.Thread(target=self.run, args=(job, number), daemon=True)
            self.threads.append(thread)
            thread.start()

    def run(self, job, number):
        chance = random.Random(self.seed * 1000 + number)
        turn = 0
        while self.running:
            turn += 1
            self.run_once(job, f"{number}-{turn}", chance)

    def run_once(self, job, *arguments):
        try:
            job(*arguments)
        except Exception as error:  # A client that dies must not look like a quiet one.
            with self.records.lock:
                self.failed.append(f"{job.__name__} {arguments[0]}: {type(error).__name__}: {error}")

    def stop(self):
        """Each ends what it is about, so that everything asked for was answered."""
        self.running = False
        until = time.monotonic() + 2 * ANSWER_SECONDS
        for thread in self.threads:
            thread.join(max(0, until - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            self.failed.append("a client did not end")
        chance = random.Random(self.seed)
        while self.aside:
            _, person, input = self.aside.popleft()
            self.run_once(self.buy, person, input, chance, True)

    def register(self, name):
        email = f"{name}@storm.example"
        try:
            made = self.api.ask(REGISTER, {"email": email, "password": PASSWORD, "name": name})["register"]
        except Refused as refused:
            # It was made, and the answer was lost.
            if refused.code != "CONFLICT":
                raise
            made = self.sign_in(email, PASSWORD)
        self.records.answered("accounts", email, made["user"]["id"])
        return made

    def sign_in(self, email, password):
        made = self.api.ask(SIGN_IN, {"email": email, "password": password})["signIn"]
        self.records.count("sign-ins")
        return made

    def buys(self, name, chance):
        person = self.register("buyer-" + name)
        for turn in range(4):
            if self.running:
                self.buy(person, {**chance.choice(self.goods), "key": f"{name}-{turn}"}, chance)
        if self.aside and self.aside[0][0] < time.monotonic():
            _, person, input = self.aside.popleft()
            self.buy(person, input, chance)

    def buy(self, person, input, chance, patient=False):
        key = input["key"]
        try:
            made = self.api.ask(CHECKOUT, input, person["accessToken"], patient)["checkout"]
        except Later:
            self.aside.append((time.monotonic() + ASIDE_SECONDS, person, input))
            return
        except Refused as refused:
            # A course is sold once.
            if refused.code != "INVALID_STATE":
                raise
            self.records.count("bought already")
            return
        order = made["order"]
        self.records.answered("orders", key, order["id"], user=person["user"]["id"], amount=order["amount"])
        action = chance.choices(["pay", "decline", "cancel", None], [80, 6, 6, 8])[0]
        if not action or not made["redirectUrl"]:
            return
        deliver = chance.choices(["normal", "twice", "late", "out-of-order", "never"], [70, 10, 7, 8, 5])[0]
        back = self.press(made["redirectUrl"], action, deliver)
        self.ways_back[back.rsplit("merchantRef=", 1)[1]] = back
        if chance.random() < 0.3:
            self.come_back(back)
        if action == "pay" and chance.random() < 0.4:
            self.refund(order, key, chance)

    def press(self, pay_page, action, deliver):
        page = urllib.parse.urlsplit(pay_page)
        form = urllib.parse.urlencode({"action": action, "deliver": deliver})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            answer = request(page.port, "POST", page.path, form, headers)
            if answer and answer[0] == 303:
                self.records.count("presses")
                return answer[2]
            time.sleep(0.05)
        raise Refused("NO_ANSWER", {"message": pay_page})

    def come_back(self, location):
        """The buyer's browser follows, once: nobody is sure that it does."""
        page = urllib.parse.urlsplit(location)
        request(page.port, "GET", f"{page.path}?{page.query}")

    def refund(self, order, key, chance):
        minor = order["amount"]["minor"]
        parts = chance.choice([[minor], [minor // 3], [minor // 3, minor - minor // 3]])
        for number, part in enumerate(parts):
            variables = {"order": order["id"], "minor": part, "key": f"{key}-{number}"}
            try:
                self.api.ask(REFUND, variables, self.admin)
            except Refused as refused:
                # Not paid yet, as far as the server knows.
                if refused.code != "INVALID_STATE":
                    raise
                self.records.count("refunds too early")
                return
            self.records.answered("refunds", variables["key"], order["id"], order=order["id"], minor=part)

    def comments(self, name, chance):
        person = self.register("reader-" + name)
        for turn in range(20):
            if self.running:
                self.comment(person, f"{name}-{turn}", chance)

    def comment(self, person, key, chance):
        variables = {"subject": chance.choice(self.readable), "body": f"A thought, number {key}.", "key": key}
        # Now and then it is sent again although it was answered.
        for _ in range(chance.choice([1, 1, 1, 2])):
            made = self.api.ask(COMMENT, variables, person["accessToken"])["addComment"]["comment"]
            self.records.answered("comments", key, made["id"], user=person["user"]["id"], body=variables["body"])

    def writes(self, name, chance):
        slug = "storm-" + name
        title = word = "stormword" + name.replace("-", "q")
        id = self.create(slug, title)
        record = self.records.answered("courses", slug, id, word=word, title=title, shown=None, published=False,
                                       publishes=0, unpublishes=0)
        for turn in range(chance.randrange(1, 5)):
            title = f"{word} revision {turn}"
            self.api.ask(UPDATE, {"id": id, "title": title}, self.admin)
            record["title"] = title
            self.records.count("updates")
            if chance.random() < 0.7:
                self.api.ask(PUBLISH, {"id": id}, self.admin)
                record.update(published=True, shown=title, publishes=record["publishes"] + 1)
                self.records.count("publishes")
            if record["published"] and chance.random() < 0.3:
                self.api.ask(UNPUBLISH, {"id": id}, self.admin)
                record.update(published=False, unpublishes=record["unpublishes"] + 1)
                self.records.count("unpublishes")

    def create(self, slug, title):
        try:
            return self.api.ask(CREATE, {"slug": slug, "title": title}, self.admin)["createCourse"]["course"]["id"]
        except Refused as refused:
            if refused.code != "CONFLICT":
                raise
            return self.api.ask(COURSE, {"slug": slug}, self.admin)["course"]["id"]

    def comes_and_goes(self, name, chance):
        person = self.register("member-" + name)
        for _ in range(chance.randrange(1, 4)):
            person = self.sign_in(f"member-{name}@storm.example", PASSWORD)
            self.api.ask(ME, token=person["accessToken"])
            self.refresh(person)

    def refresh(self, person):
        try:
            self.api.ask(REFRESH, {"token": person["refreshToken"]})
            self.records.count("refreshes")
        except Refused as refused:
            # The answer of the first try was lost; the token was good for one use.
            if refused.code != "SESSION_REFRESHED":
                raise

    def found(self):
        """The courses of the storm that search finds, by slug."""
        found = {}
        for slug, course in self.records.of["courses"].items():
            hits = self.api.ask(SEARCH, {"words": course["word"]})["search"]["nodes"]
            found[slug] = any(hit["node"].get("id") == course["ids"][0] for hit in hits)
        return found

    def can_sign_in(self, chance, most=20):
        """Of some of the accounts, those that cannot."""
        emails = list(self.records.of["accounts"])
        refused = []
        for email in chance.sample(emails, min(most, len(emails))):
            try:
                self.sign_in(email, PASSWORD)
            except Refused as why:
                refused.append(f"{email}: {why}")
        return refused
