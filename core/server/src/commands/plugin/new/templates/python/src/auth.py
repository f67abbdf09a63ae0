"""Sign-in with id.example.com."""

from urllib.parse import urlencode

from lyceum_sdk import Callback, Identity, PluginError, Start, Way, auth_provider, host


@auth_provider(en="Sign in with Example", zh="用 Example 登录")
class Provider:
    def begin(self, start: Start) -> Way:
        query = {"redirect_uri": start.redirect_uri, "state": start.state, "code_challenge": start.code_challenge}
        return Way(f"https://id.example.com/authorize?{urlencode(query)}")

    def complete(self, callback: Callback) -> Identity:
        asked = {"code": callback.params.get("code"), "code_verifier": callback.code_verifier}
        response = host.http.post("https://id.example.com/identity", asked)
        if not response.ok:
            raise PluginError("denied", f"id.example.com answered {response.status}")
        who = response.json()
        return Identity(who["id"], email=who["email"])
