import { payload } from "../error.ts";
import { byName, type Ext } from "../pairs.ts";
import { imported, type WireHeader } from "./imports.ts";
import { bytesOf, decode } from "./text.ts";

/** A secret in a header: the host puts it in, the plugin never sees it. */
export interface SecretHeader {
  readonly secret: string;
  readonly prefix: string;
}

export type HeaderValue = string | SecretHeader;

/** `secret("api_key", "Bearer ")`: the prefix, then the secret of this name. */
export function secret(name: string, prefix = ""): SecretHeader {
  return { secret: name, prefix };
}

export interface HttpRequest {
  /** `GET` when left out. */
  method?: string;
  /** Its origin must be granted. */
  url: string;
  headers?: Record<string, HeaderValue>;
  body?: string | Uint8Array;
  /** Sent as JSON, with its content type. In the place of `body`. */
  json?: unknown;
}

/** What came back. A status of 500 is a response, not a failure. */
export class HttpResponse {
  constructor(
    readonly status: number,
    /** By name, in lower case. */
    readonly headers: Ext,
    readonly body: Uint8Array,
  ) {}

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  text(): string {
    return decode(this.body);
  }
  json<T>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/** Why there is no response. */
export class HttpFailure extends Error {
  override name = "HttpFailure";

  constructor(
    /** `not-sent` surely had no effect; `maybe-sent` and `other` may have had one. */
    readonly kind: "not-sent" | "maybe-sent" | "denied" | "other",
    message: string,
  ) {
    super(`${kind}: ${message}`);
  }

  /** As the host is answered when nobody catches it. */
  get code(): string {
    return this.kind === "denied" ? "denied" : "unavailable";
  }
  get retryable(): boolean {
    return this.kind !== "denied";
  }
}

function wire(value: HeaderValue): WireHeader {
  return typeof value === "string"
    ? { tag: "plain", val: value }
    : { tag: "secret", val: [value.prefix, value.secret] };
}

function failure(thrown: unknown, url: string): unknown {
  const value = payload(thrown) as { tag?: HttpFailure["kind"]; val?: string };
  if (value?.tag === undefined) return thrown;
  return new HttpFailure(value.tag, value.val ?? `${url} is not granted`);
}

/** Requests to servers that the owner allowed. Needs `[permissions.http]`. */
export const http = {
  /** Makes one attempt and follows no redirect. Throws `HttpFailure`. */
  send(request: HttpRequest): HttpResponse {
    const { method = "GET", url, json } = request;
    const headers = { ...(json === undefined ? {} : { "content-type": "application/json" }), ...request.headers };
    const body = bytesOf(json === undefined ? (request.body ?? "") : JSON.stringify(json));
    try {
      const pairs = Object.entries(headers).map(([name, value]): [string, WireHeader] => [name, wire(value)]);
      const response = imported("http").send({ method, url, headers: pairs, body });
      return new HttpResponse(response.status, byName(response.headers), response.body);
    } catch (thrown) {
      throw failure(thrown, url);
    }
  },
  get(url: string, headers: Record<string, HeaderValue> = {}): HttpResponse {
    return http.send({ url, headers });
  },
  post(url: string, json: unknown, headers: Record<string, HeaderValue> = {}): HttpResponse {
    return http.send({ method: "POST", url, json, headers });
  },
};
