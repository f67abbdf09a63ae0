import { answering, PluginError } from "../error.ts";
import { byName, toPairs, type Ext, type Pairs } from "../pairs.ts";
import type { Plugin } from "../plugin.ts";

/** A person wants to sign in. The host made state, nonce and PKCE challenge, and checks them. */
export interface Start {
  redirectUri: string;
  state: string;
  nonce: string;
  /** Method `S256`. */
  codeChallenge: string;
  locale: string;
  ext: Ext;
}

/** Where to go. */
export interface Way {
  /** The provider's page, `https` only. */
  url: string;
  /** Kept by the host and given to `complete`; at most 2048 bytes. */
  keep?: string;
}

/** The person came back; `state` was right. */
export interface Callback {
  params: Ext;
  redirectUri: string;
  /** The identity must carry it. */
  nonce: string;
  codeVerifier: string;
  keep: string;
}

/** Who it is, as the provider says. */
export interface Identity {
  /** The provider's id of the person. It never changes. */
  subject: string;
  email?: string;
  emailVerified?: boolean;
  name?: string;
  picture?: string;
  /** Kept by the host for `refresh`; at most 4096 bytes. */
  keep?: string;
  ext?: Ext;
}

export interface AuthProvider {
  /** What stands on the button, by language tag. */
  labels: Record<string, string>;
  begin(start: Start): Way;
  /** Checks signature, issuer, audience, times and the nonce. */
  complete(callback: Callback): Identity;
  /** Who it is now. Code `gone`: the provider does not know the person any more. */
  refresh?(keep: string): Identity;
}

type WireStart = Omit<Start, "ext"> & { ext: Pairs };
type WireCallback = Omit<Callback, "params"> & { params: Pairs };

function wire(identity: Identity) {
  const { subject, email = null, emailVerified = false, name = null, picture = null, keep = "", ext } = identity;
  return { subject, email, emailVerified, name, picture, keep, ext: toPairs(ext) };
}

export function defineAuthProvider(provider: AuthProvider): Plugin {
  return {
    authProvider: {
      describe: () => ({ labels: Object.entries(provider.labels), refreshes: provider.refresh !== undefined }),
      begin: answering((start: WireStart) => {
        const { url, keep = "" } = provider.begin({ ...start, ext: byName(start.ext) });
        return { url, keep };
      }),
      complete: answering((back: WireCallback) => wire(provider.complete({ ...back, params: byName(back.params) }))),
      refresh: answering((keep: string) => {
        if (provider.refresh === undefined) throw new PluginError("unsupported", "no refresh");
        return wire(provider.refresh(keep));
      }),
    },
  };
}
