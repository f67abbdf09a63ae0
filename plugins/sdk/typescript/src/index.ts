/**
 * What a Lyceum plugin in TypeScript is written against.
 *
 * A plugin's `src/plugin.ts` exports by default what one or more of the
 * `define…` functions return. `lyceum plugin build` makes a component of it.
 */
export { PluginError } from "./error.ts";
export { host } from "./host/index.ts";
export { secret, HttpFailure, type HttpRequest, HttpResponse, type HeaderValue } from "./host/http.ts";
export { CryptoFailure } from "./host/crypto.ts";
export type { Entry as ContentEntry, Query as ContentQuery } from "./host/content.ts";
export type { HostEvent } from "./host/events.ts";
export type { Envelope } from "./host/smtp.ts";
export { header, type Ext, type Pairs } from "./pairs.ts";
export { definePlugin, type Plugin } from "./plugin.ts";
export * from "./worlds/lifecycle.ts";
export * from "./worlds/moderation.ts";
export * from "./worlds/ranking.ts";
export * from "./worlds/payment.ts";
export * from "./worlds/content.ts";
export * from "./worlds/notify.ts";
export * from "./worlds/auth.ts";
export * from "./worlds/job.ts";
export * from "./worlds/graphql.ts";
