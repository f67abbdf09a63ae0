"""The processes of a run: started, killed, and asked whether they are ready."""
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import gateway

HERE = os.path.dirname(os.path.abspath(__file__))
ADMIN = ("admin@demo.example", "correct horse battery 1")
READY_SECONDS = 60

CONFIG = """[server]
port = {port}
public_url = "http://127.0.0.1:{port}"

[identity]
access_token_minutes = 1440
register_per_address = 1000000
hash_memory_kib = 8192
hash_passes = 1

[payments]
open_orders = 1000
checkouts_per_person = 100000

[[payments.accounts]]
provider = "sandbox"
account = "{account}"
live = false
settings = {{ gateway-url = "http://127.0.0.1:{gateway_port}" }}

[community]
comments_per_person = 100000

[limits]
webhooks_per_minute = 1000000
payment_returns_per_minute = 1000000
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment(keys, database_url):
    """Ours, without settings of Lyceum from outside."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
    plain.update(LYCEUM_PLUGINS_SECRET_KEY=keys["secret_key"], LYCEUM_IDENTITY_TOKEN_KEY=keys["token_key"],
                 LYCEUM_LOG_FORMAT="text", LYCEUM_LOG_FILTER="info,sea_orm_migration=warn", RUST_BACKTRACE="1")
    if database_url:
        plain["LYCEUM_DATABASE_URL"] = database_url
    return plain


def new_keys():
    names = {"secret_key": 32, "token_key": 32, "api_key": 16, "webhook_secret": 16}
    return {name: secrets.token_hex(size) for name, size in names.items()}


class Process:
    """One that is killed and started again."""

    def __init__(self, command, log, env, ready_url):
        self.command, self.log, self.env, self.ready_url = command, log, env, ready_url
        self.process, self.starts = None, []

    def start(self):
        """Starts it and waits; how long it took stands in `starts`."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env, cwd=os.path.dirname(self.log))
        while not self.ready():
            if self.process.poll() is not None:
                raise StartFailed(f"exit {self.process.returncode} after {time.monotonic() - began:.1f} s; see {self.log}")
            if time.monotonic() - began > READY_SECONDS:
                raise StartFailed(f"not ready after {READY_SECONDS} s; see {self.log}")
            time.sleep(0.01)
        self.starts.append(time.monotonic() - began)

    def ready(self):
        try:
            return urllib.request.urlopen(self.ready_url, timeout=5).status == 200
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """As an operator does. Returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return "did not end"


class StartFailed(Exception):
    pass


def node(binary, folder, number, port, gateway_port, keys, database_url):
    """A server with its own data directory in the folder of the run."""
    data = os.path.join(folder, f"data{number}")
    os.makedirs(data, mode=0o700, exist_ok=True)
    config = os.path.join(folder, f"node{number}.toml")
    with open(config, "w") as file:
        file.write(CONFIG.format(port=port, gateway_port=gateway_port, account=gateway.ACCOUNT))
    command = [binary, "serve", "--dev", "--config", config, "--data-dir", data]
    log = os.path.join(folder, f"node{number}.log")
    return Process(command, log, environment(keys, database_url), f"http://127.0.0.1:{port}/readyz")


def provider(folder, port, keys):
    journal, log = os.path.join(folder, "gateway.jsonl"), os.path.join(folder, "gateway.log")
    command = [sys.executable, os.path.join(HERE, "gateway.py"), str(port), journal, keys["api_key"], keys["webhook_secret"]]
    return Process(command, log, dict(os.environ), f"http://127.0.0.1:{port}/control/ready")


def fill(binary, folder, port, gateway_port, keys, database_url):
    """Makes the demo community and gives its payment plugin the secrets of our provider."""
    data, env = os.path.join(folder, "data0"), environment(keys, database_url)
    # The demo does not make it when both keys are configured.
    os.makedirs(os.path.join(data, "secrets"), mode=0o700)
    command = [binary, "demo", "--port", str(port), "--gateway-port", str(gateway_port), "--data-dir", data,
               "--admin-password", ADMIN[1]]
    demo = Process(command, os.path.join(folder, "fill.log"), env, f"http://127.0.0.1:{port}/readyz")
    demo.start()
    demo.stop()
    for name in ("api_key", "webhook_secret"):
        command = [binary, "plugin", "set-secret", "lyceum/payment-sandbox", name, "--dev", "--data-dir", data]
        done = subprocess.run(command, input=keys[name], text=True, env=env, capture_output=True, cwd=folder, check=False)
        if done.returncode:
            raise StartFailed(f"{' '.join(command)}: {done.stderr}")
