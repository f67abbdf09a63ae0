import { payload } from "../error.ts";
import { imported } from "./imports.ts";
import { bytesOf } from "./text.ts";

/** Why there is no result. */
export class CryptoFailure extends Error {
  override name = "CryptoFailure";

  constructor(
    readonly kind: "no-such-key" | "mismatch" | "malformed" | "other",
    message: string,
  ) {
    super(`${kind}: ${message}`);
  }
}

function asked<T>(key: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const value = payload(thrown) as { tag?: CryptoFailure["kind"]; val?: string };
    throw value?.tag === undefined ? thrown : new CryptoFailure(value.tag, value.val ?? key);
  }
}

type Bytes = string | Uint8Array;

/**
 * Cryptography with keys that stay in the host; a key is a name. Needs
 * `[permissions.crypto]`. Every function throws `CryptoFailure`.
 */
export const crypto = {
  /** `rsa-sha256`, `hmac-sha256` … */
  sign(key: string, algorithm: string, message: Bytes): Uint8Array {
    return asked(key, () => imported("crypto").sign(key, algorithm, bytesOf(message)));
  },
  /** Whether a signature is right; other failures are thrown. */
  verify(key: string, algorithm: string, message: Bytes, signature: Uint8Array): boolean {
    try {
      asked(key, () => imported("crypto").verify(key, algorithm, bytesOf(message), signature));
      return true;
    } catch (thrown) {
      if (thrown instanceof CryptoFailure && thrown.kind === "mismatch") return false;
      throw thrown;
    }
  },
  open(key: string, algorithm: string, nonce: Bytes, aad: Bytes, sealed: Uint8Array): Uint8Array {
    return asked(key, () => imported("crypto").open(key, algorithm, bytesOf(nonce), bytesOf(aad), sealed));
  },
  seal(key: string, algorithm: string, plain: Bytes): Uint8Array {
    return asked(key, () => imported("crypto").seal(key, algorithm, bytesOf(plain)));
  },
  /** Checks a certificate chain; its key can then be used under `name`. Gives its serial number. */
  trust(name: string, certificate: Uint8Array): string {
    return asked(name, () => imported("crypto").trust(name, certificate));
  },
  /** `sha1`, `sha256`, `sha384`, `sha512`. */
  hash(algorithm: string, message: Bytes): Uint8Array {
    return asked(algorithm, () => imported("crypto").hash(algorithm, bytesOf(message)));
  },
  /** SubjectPublicKeyInfo in DER. */
  publicKey(key: string): Uint8Array {
    return asked(key, () => imported("crypto").publicKey(key));
  },
};
