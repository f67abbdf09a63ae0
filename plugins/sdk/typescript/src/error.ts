/** Why a call could not be answered, as it crosses the boundary. */
export interface WireError {
  code: string;
  message: string;
  retryable: boolean;
}

/** Throw it to answer a call with an error of your own code. */
export class PluginError extends Error {
  override name = "PluginError";

  constructor(
    /** A code of an open set: `invalid`, `unavailable`, `denied`, `gone` … */
    readonly code: string,
    message: string,
    /** Whether the same call may succeed later. */
    readonly retryable = false,
  ) {
    super(message);
  }
}

/** What the engine throws for an error of the host: the value, or an error around it. */
export function payload(thrown: unknown): unknown {
  return thrown instanceof Error && "payload" in thrown ? thrown.payload : thrown;
}

function isWire(value: unknown): value is WireError {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Anything that was thrown, as the host understands it. */
export function toWire(thrown: unknown): WireError {
  const value = payload(thrown);
  if (isWire(value)) {
    const { code, message, retryable } = value;
    return { code: String(code), message: String(message), retryable: retryable === true };
  }
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return { code: "internal", message, retryable: false };
}

/** Calls the host; its refusal becomes a `PluginError`. */
export function asking<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const { code, message, retryable } = toWire(thrown);
    throw new PluginError(code, message, retryable);
  }
}

/** Answers the host: whatever a plugin throws becomes an error on the wire. */
export function answering<A extends unknown[], T>(answer: (...values: A) => T): (...values: A) => T {
  return (...values) => {
    try {
      return answer(...values);
    } catch (thrown) {
      throw toWire(thrown);
    }
  };
}
