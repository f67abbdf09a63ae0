import { asking } from "../error.ts";
import { imported } from "./imports.ts";
import { bytesOf } from "./text.ts";

export interface Envelope {
  /** `smtps://mail.example.com:465`, or `smtp://mail.example.com:587` with STARTTLS. */
  server: string;
  /** The account, and the name of the secret that is its password. */
  login?: { user: string; secret: string };
  sender: string;
  recipients: string[];
  /** The whole message of RFC 5322, header lines first. */
  message: string | Uint8Array;
}

/** Mail to a server that the owner allowed. Needs `[permissions.smtp]`. */
export const smtp = {
  /** Makes one attempt and gives the server's last line. */
  send({ login, message, ...envelope }: Envelope): string {
    const wire = { ...envelope, login: login ?? null, message: bytesOf(message) };
    return asking(() => imported("smtp").send(wire));
  },
};
