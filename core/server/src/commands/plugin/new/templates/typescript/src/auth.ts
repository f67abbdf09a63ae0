/** Sign-in with id.example.com. */
import { defineAuthProvider, host, PluginError } from "@lyceum/sdk";

export default defineAuthProvider({
  labels: { en: "Sign in with Example", zh: "用 Example 登录" },
  begin({ redirectUri, state, codeChallenge }) {
    const query = Object.entries({ redirect_uri: redirectUri, state, code_challenge: codeChallenge });
    const text = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    return { url: `https://id.example.com/authorize?${text}` };
  },
  complete({ params, codeVerifier }) {
    const asked = { code: params["code"], code_verifier: codeVerifier };
    const response = host.http.post("https://id.example.com/identity", asked);
    if (!response.ok) throw new PluginError("denied", `id.example.com answered ${response.status}`);
    const { id, email } = response.json<{ id: string; email: string }>();
    return { subject: id, email };
  },
});
