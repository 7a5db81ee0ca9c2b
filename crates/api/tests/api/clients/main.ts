// What a client made by openapi-typescript can do; the compiler checks every name.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };

function expect(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

const baseUrl = process.argv[2];
const nobody = createClient<paths>({ baseUrl });
const somebody = createClient<paths>({ baseUrl, headers: { authorization: "Bearer all" } });

const health = await nobody.GET("/healthz");
expect(health.data?.status === "ok", health.error);
const who = await somebody.GET("/api/principal");
expect(who.data !== undefined && who.data.tenant_id.startsWith("ten_"), who.error);
expect(who.data.permissions.includes("TENANT_SAT_ASK"), who.data);
const left = await somebody.GET("/api/limits");
expect((left.data?.limits[0]?.remaining ?? 0) > 0, left.error);
const refused = await nobody.GET("/api/principal");
expect(refused.error?.code === "unauthenticated" && refused.error.outcome === "none", refused.error);
console.log("everything as it should be");
